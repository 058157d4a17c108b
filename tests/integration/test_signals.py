#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""SIGTERM and SIGINT: races end, players are told, results are delivered, the exit status is 0."""

import os
import signal
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from paddock import PHASE, RESULT, WELCOME, TestCase  # noqa: E402

RACING = 2
QUICK = ("--lobby-ms=50", "--countdown-ms=50")


class Signals(TestCase):
    def racing(self, *flags):
        server = self.serve(*QUICK, *flags)
        players = [server.player(name) for name in ("Alice", "Bob")]
        for player in players:
            while player.wait_for(PHASE)[1] != RACING:
                pass
        return server, players

    def test_an_idle_server_ends_at_once(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            server = self.serve()
            server.signal(number)
            self.assertEqual(server.wait(), 0)

    def test_a_race_is_finished_reported_and_players_are_told_1001(self):
        server, players = self.racing("--time-limit-ms=2000")
        server.signal()
        server.wait_event("draining")
        with self.assertRaises(ConnectionRefusedError):
            server.connect()
        for player in players:
            result = player.wait_for(RESULT)
            while not result[2]:
                result = player.wait_for(RESULT)
            self.assertEqual(player.wait_closed(), 1001)
        server.close_players()
        self.assertEqual(server.wait(), 0)
        self.assertEqual(server.results()["results_stored"], 1)

    def test_the_drain_timeout_ends_a_race_that_goes_on(self):
        server, players = self.racing("--drain-timeout-ms=500")
        server.signal()
        for player in players:
            self.assertEqual(player.wait_closed(), 1001)
        server.close_players()
        self.assertEqual(server.wait(), 0)

    def test_a_second_signal_ends_it_at_once(self):
        server, _ = self.racing("--drain-timeout-ms=600000")
        server.signal()
        server.wait_event("draining")
        self.assertTrue(server.status()["draining"])
        server.signal()
        self.assertEqual(server.wait(), 0)

    def test_a_waiting_session_does_not_hold_up_the_end(self):
        server = self.serve()
        player = server.player("Alice")
        player.wait_for(WELCOME)
        server.signal()
        self.assertEqual(player.wait_closed(), 1001)
        server.close_players()
        self.assertEqual(server.wait(), 0)


if __name__ == "__main__":
    unittest.main(verbosity=1)
