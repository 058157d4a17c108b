#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Results reach the backend once, whatever happens to the server or the backend in between."""

import os
import signal
import sqlite3
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from paddock import PATIENCE, RESULT, Server, TestCase  # noqa: E402

# Players who stand still: the time limit ends the race.
SHORT = ("--lobby-ms=100", "--countdown-ms=100", "--time-limit-ms=1000", "--intermission-ms=60000",
         "--report-retry-ms=50", "--report-retry-max-ms=200")


class Results(TestCase):
    def race(self, server):
        """Two players race to the time limit; the race id once it is final."""
        players = [server.player("Alice"), server.player("Bob")]
        race_id = None
        for player in players:
            result = player.wait_for(RESULT)
            while not result[2]:
                result = player.wait_for(RESULT)
            race_id = result[1]
        return race_id

    def wait_stored(self, server, count):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            stored = server.results()
            if stored["results_stored"] >= count:
                return stored
            time.sleep(0.02)
        raise TimeoutError("not stored")

    def test_a_race_is_told_as_final_and_stored_once(self):
        server = self.serve(*SHORT)
        race_id = self.race(server)
        stored = self.wait_stored(server, 1)
        self.assertEqual(stored["results_stored"], 1)
        race = stored["races"][0]
        self.assertEqual((race["race_id"], race["deliveries"], race["winner"]), (race_id, 1, None))
        self.assertEqual({standing["player_id"] for standing in race["standings"]}, {"Alice", "Bob"})
        self.assertEqual({standing["dnf"] for standing in race["standings"]}, {"time_limit"})
        self.stop_cleanly(server)

    def test_kill_9_with_the_backend_away_loses_nothing(self):
        server = self.serve(*SHORT)
        database = sqlite3.connect(os.path.join(server.folder, "players.db"), isolation_level=None)
        tokens = {name: server.token(name) for name in ("Alice", "Bob")}
        database.execute("BEGIN IMMEDIATE") # keeps writers out; players are read
        players = [server.player(name, token=tokens[name]) for name in tokens]
        results = [player.wait_for(RESULT) for player in players]
        while not results[0][2]:
            results[0] = players[0].wait_for(RESULT)
        server.signal(signal.SIGKILL)
        server.wait()
        database.execute("ROLLBACK")
        self.assertEqual(server.results()["results_stored"], 0)
        again = Server(*SHORT, folder=server.folder)
        self.addCleanup(again.stop)
        race = self.wait_stored(again, 1)["races"][0]
        self.assertEqual((race["race_id"], race["deliveries"]), (results[0][1], 1))
        self.stop_cleanly(again)
        third = Server(*SHORT, folder=server.folder)
        self.addCleanup(third.stop)
        self.stop_cleanly(third)
        self.assertEqual(third.results()["races"][0]["deliveries"], 1)
        database.close()

    def test_a_replay_of_the_race_verifies_and_a_changed_one_does_not(self):
        server = self.serve(*SHORT)
        self.stop_cleanly(server)
        folder = os.path.join(server.folder, "replays")
        os.mkdir(folder)
        server = Server(*SHORT, f"--replay-dir={folder}", folder=server.folder)
        self.addCleanup(server.stop)
        race_id = self.race(server)
        self.stop_cleanly(server)
        path = os.path.join(folder, race_id + ".replay")
        self.assertIn("the same race", server.command("replay", "verify", path))
        with open(path, "r+b") as file:
            data = file.read()
            file.seek(len(data) - 1)
            file.write(bytes([data[-1] ^ 1]))
        self.assertEqual(server.command("replay", "verify", path, check=False).returncode, 1)


if __name__ == "__main__":
    unittest.main(verbosity=1)
