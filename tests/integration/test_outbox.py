#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The commands for operators: what is in the outbox, sending it again, and whether the backend is there."""

import json
import os
import sqlite3
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from paddock import PATIENCE, RESULT, TestCase  # noqa: E402

SHORT = ("--lobby-ms=100", "--countdown-ms=100", "--time-limit-ms=1000", "--intermission-ms=60000",
         "--report-retry-ms=50", "--report-retry-max-ms=200")


class Outbox(TestCase):
    def race(self, server, session):
        """The race id of a race that was told as final."""
        players = [server.player(name + session, session=session) for name in ("A", "B")]
        result = players[0].wait_for(RESULT)
        while not result[2]:
            result = players[0].wait_for(RESULT)
        server.close_players()
        return result[1]

    def listed(self, server):
        return json.loads(server.command("outbox", "list", "json"))

    def wait_listed(self, server, **counts):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            listed = self.listed(server)
            if all(listed[state] == count for state, count in counts.items()):
                return listed
            time.sleep(0.1)
        raise TimeoutError(f"{counts}: {listed}")

    def test_dead_letters_are_seen_and_sent_again_while_the_server_runs(self):
        server = self.serve(*SHORT)
        first = self.race(server, "one")
        self.wait_listed(server, delivered=1)
        # The backend refuses for good what breaks the rules of its tables.
        backend = sqlite3.connect(os.path.join(server.folder, "players.db"), isolation_level=None)
        backend.execute("CREATE TRIGGER refuse BEFORE INSERT ON results BEGIN SELECT RAISE(ABORT, 'no'); END")
        second = self.race(server, "two")
        self.wait_listed(server, pending=0, dead=1, delivered=1)
        backend.execute("DROP TRIGGER refuse")
        backend.close()
        third = self.race(server, "three")
        row, = self.wait_listed(server, pending=0, dead=1, delivered=2)["rows"]
        self.assertEqual((row["key"], row["state"], row["attempts"], row["subject"]), (second, "dead", 1, ""))
        server.wait_metric("paddock_outbox_dead", 1)
        self.assertEqual(server.status()["outbox"], {"pending": 0, "delivered": 2, "dead": 1})
        self.assertIn(second, server.command("outbox", "list"))
        self.assertEqual(server.results()["results_stored"], 2)

        self.assertEqual(server.command("outbox", "retry", second), "1 dead result moved back to pending")
        self.wait_listed(server, pending=0, dead=0, delivered=3)
        stored = [race["race_id"] for race in server.results()["races"]]
        self.assertEqual(stored, [first, third, second])
        server.wait_metric("paddock_outbox_dead", 0)
        self.assertEqual(server.status()["outbox"], {"pending": 0, "delivered": 3, "dead": 0})
        self.stop_cleanly(server)

    def test_an_export_can_be_read_line_by_line(self):
        server = self.serve(*SHORT)
        race = self.race(server, "one")
        self.wait_listed(server, delivered=1)
        line, = server.command("outbox", "export", "-").splitlines()
        row = json.loads(line)
        self.assertEqual((row["key"], row["state"], row["result"]["race_id"]), (race, "delivered", race))
        path = os.path.join(server.folder, "export.jsonl")
        self.assertEqual(server.command("outbox", "export", path, "delivered"), f"1 result written to {path}")
        with open(path) as file:
            self.assertEqual(json.loads(file.read()), row)
        self.assertEqual(server.command("outbox", "export", "-", "dead"), "")
        full = server.command("outbox", "export", "/dev/full", check=False)
        self.assertEqual(full.returncode, 1)
        self.assertIn("/dev/full: No space left", full.stderr)
        self.stop_cleanly(server)

    def test_words_that_mean_nothing_are_said(self):
        server = self.serve()
        for words, status, text in ((("outbox",), 2, "usage: paddock outbox list [json]\n"),
                                    (("outbox", "list", "xml"), 2, "usage: paddock outbox list [json]\n"),
                                    (("outbox", "retry"), 2, "outbox retry KEY|all\n"),
                                    (("outbox", "retry", "all", "twice"), 2, "outbox retry KEY|all\n"),
                                    (("outbox", "retry", "no-such-race"), 1, "no-such-race"),
                                    (("outbox", "drop"), 2, "outbox export FILE|- [pending|delivered|dead]\n"),
                                    (("outbox", "export"), 2, "outbox export FILE|- ["),
                                    (("outbox", "export", "-", "lost"), 2, "outbox export FILE|- ["),
                                    (("results", "xml"), 2, "usage: paddock results [json]\n"),
                                    (("replay", "watch", "x"), 2, "usage: paddock replay verify FILE\n"),
                                    (("replay", "verify", "/no/such"), 1, "cannot read /no/such"),
                                    (("no-such",), 2, "no command \"no-such\"")):
            done = server.command(*words, check=False)
            self.assertEqual((done.returncode, done.stdout), (status, ""), words)
            self.assertIn(text, done.stderr)
        self.assertEqual(server.command("outbox", "retry", "all"), "0 dead results moved back to pending")
        self.stop_cleanly(server)


class Check(TestCase):
    def test_the_embedded_backend_says_what_it_has(self):
        server = self.serve()
        server.token("Alice")
        self.assertRegex(server.command("check"), r"players.db can be read and written: 1 players with a token, "
                                                  r"0 results\nbackend embedded: ready$")
        self.stop_cleanly(server)

    def test_a_file_that_is_not_there_is_not_made(self):
        server = self.serve()
        path = os.path.join(server.folder, "elsewhere.db")
        self.assertIn("does not exist yet", server.command("check", f"--embedded-db={path}"))
        self.assertFalse(os.path.exists(path))
        self.stop_cleanly(server)

    def test_a_file_that_is_no_database_is_a_failure(self):
        server = self.serve()
        path = os.path.join(server.folder, "other.db")
        with open(path, "w") as file:
            file.write("no database " * 1000)
        done = server.command("check", f"--embedded-db={path}", check=False)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("paddock check: backend embedded: embedded backend", done.stderr)
        missing = server.command("check", "--embedded-db=/nowhere/at/all.db", check=False)
        self.assertEqual(missing.returncode, 1)
        self.assertIn("/nowhere/at/all.db", missing.stderr)
        self.stop_cleanly(server)


if __name__ == "__main__":
    unittest.main(verbosity=1)
