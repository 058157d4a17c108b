#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The load tester against the real server: it must be right about what happened, or every other test that uses it is
worth nothing."""

import json
import os
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from paddock import BOTS, PATIENCE, TestCase  # noqa: E402

TRANSPORTS = ("udp", "dtls", "tcp", "tls", "ws", "wss")
QUICK = ("--lobby-ms", "500", "--countdown-ms", "500", "--laps", "1", "--track", "oval")
# The race is over as soon as all are there, and the bots leave.
BRIEF = (*QUICK, "--time-limit-ms", "1000")


def run(*arguments):
    return subprocess.run([BOTS, *arguments], capture_output=True, text=True, timeout=120)


class Bots(TestCase):
    def test_they_race_to_the_end_over_every_transport(self):
        server = self.serve(*QUICK, listen=TRANSPORTS)
        status, report = server.bots("--expect", "finished=12", "--expect", "checksum_failures=0",
                                     schemes=TRANSPORTS, count=12, duration=200)
        self.assertEqual(status, 0, report)
        for transport in TRANSPORTS:
            numbers = report["transports"][transport]
            self.assertEqual((numbers["joined"], numbers["finished"], numbers["dnf"]), (2, 2, 0), transport)
            self.assertGreater(numbers["snapshots"], 400)
            self.assertGreater(numbers["wire_in_bytes_per_s"], numbers["in_bytes_per_s"], transport)
        self.assertEqual(report["codes"], {})
        self.stop_cleanly(server)
        standings = [entry for race in server.results()["races"] for entry in race["standings"]]
        self.assertEqual(sorted(entry["player_id"] for entry in standings), sorted(f"Bot{index}" for index in range(12)))

    def test_kicks_are_counted_by_code_and_transport(self):
        server = self.serve(*BRIEF, "--min-players", "1", listen=("udp", "tcp"))
        good = server.token("Good")
        forged = json.dumps({**json.loads(good), "fusionPlayerToken": "A" * 44})
        status, report = server.bots("--expect", "udp.joined=1", "--expect", "tcp.kicked=1", "--expect", "code.4003=1",
                                     schemes=("udp", "tcp"), tokens=[good, forged])
        self.assertEqual(status, 0, report)
        self.assertEqual(report["total"]["lost"], 0)
        self.stop_cleanly(server)

    def test_a_condition_that_fails_is_status_1_and_named(self):
        server = self.serve(*BRIEF, "--min-players", "1", listen=("udp",))
        done = run("--url", server.url("udp"), "--token", server.token("A"), "--expect", "joined=2")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr, "paddock-bots: expected joined=2, but it is 1\n")
        self.stop_cleanly(server)

    def test_they_issue_tokens_of_their_own(self):
        server = self.serve(*BRIEF, "--min-players", "3", listen=("udp",))
        database = os.path.join(server.folder, "players.db")
        done = run("--url", server.url("udp"), "--token-db", database, "--name", "load", "--count", "3",
                   "--expect", "joined=3")
        self.assertEqual(done.returncode, 0, done.stderr)
        server.wait_event("player_admitted", player="load-0003")
        self.stop_cleanly(server)

    def test_a_signal_ends_them_with_a_report(self):
        server = self.serve(*QUICK, listen=("udp",))
        bots = subprocess.Popen([BOTS, "--url", server.url("udp"), "--token", server.token("A"), "--races", "0",
                                 "--duration", "600", "--json", "-"], stdout=subprocess.PIPE, text=True)
        server.wait_event("player_admitted")
        bots.send_signal(signal.SIGINT)
        output = bots.communicate(timeout=PATIENCE)[0]
        self.assertEqual(bots.returncode, 0)
        self.assertEqual(json.loads(output)["total"]["joined"], 1)
        server.wait_event("player_left", code=1000)
        self.stop_cleanly(server)

    def test_nobody_there_is_lost(self):
        done = run("--url", "tcp://127.0.0.1:9", "--token", "t", "--expect", "lost=1", "--expect", "code.1006=1")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_wrong_arguments_are_status_2_and_named(self):
        for arguments, line in (
            (("--bogus",), "unknown option --bogus"),
            (("--url", "nonsense", "--token", "t"), "nonsense"),
            (("--url", "udp://127.0.0.1"), "one of --token-db, --tokens and --token is needed"),
        ):
            done = run(*arguments)
            self.assertEqual(done.returncode, 2)
            self.assertIn(line, done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1)

    def test_help_names_every_number(self):
        done = run("--help")
        self.assertEqual(done.returncode, 0)
        for name in ("joined", "finished", "kicked", "rtt_p99_ms", "gap_p50_ms", "checksum_failures"):
            self.assertIn(name, done.stdout)


if __name__ == "__main__":
    unittest.main()
