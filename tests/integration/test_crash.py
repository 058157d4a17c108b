#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What players are told is final reaches the backend once, wherever the server is killed or the disk fails.

The long version, every call and 500 random ones, is tests/soak/crash.py.
"""

import glob
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from faults import (ALL, DEADLY, EIO, ENOSPC, KILL_TORN, NAMES, POWER, SHORT, SYNC, TRUNCATE, WRITE,  # noqa: E402
                    Track)
from paddock import ENVIRONMENT, PADDOCK  # noqa: E402

SEED = int(os.environ.get("PADDOCK_CRASH_SEED", "1"))
TRACKS = 4
LIVES = 10


class Crash(unittest.TestCase):
    def track(self, **options):
        track = Track(**options)
        self.addCleanup(track.close)
        return track

    def verdict(self, track):
        verdict = track.finish()
        self.assertEqual(verdict.problems, [])
        return verdict

    def more(self, track, count):
        """Enough: so many more results than now were told."""
        goal = track.count_told() + count
        return lambda track: track.count_told() >= goal

    def test_killed_at_forty_calls(self):
        tracks = [self.track() for _ in range(TRACKS)]
        tracks[0].faults.plan(0, 0)
        tracks[0].live(self.more(tracks[0], 2))
        calls = tracks[0].faults.get("calls")
        self.assertGreater(calls, 20)

        def race(number):
            dice = random.Random(SEED * 100 + number)
            track = tracks[number]
            for life in range(LIVES):
                action = DEADLY[(number + life) % len(DEADLY)]
                track.faults.plan(action, dice.randint(1, calls), seed=dice.getrandbits(31))
                track.live(self.more(track, 3))
            return track

        with ThreadPoolExecutor(TRACKS) as pool:
            list(pool.map(race, range(TRACKS)))
        verdicts = [self.verdict(track) for track in tracks]
        deaths = sum(track.deaths for track in tracks)
        told = sum(verdict.told for verdict in verdicts)
        print(f"\n{deaths} deaths of {TRACKS * LIVES} lives; {told} results told as final, "
              f"{sum(verdict.stored for verdict in verdicts)} stored once each, "
              f"{sum(verdict.deliveries for verdict in verdicts)} deliveries")
        self.assertGreater(deaths, TRACKS * LIVES // 2)
        self.assertGreater(told, TRACKS)

    def test_a_backend_behind_http_that_fails_while_the_server_dies(self):
        """It answers 500 or twice, hangs up, or takes a result and never says so; and the server is killed meanwhile."""
        track = self.track(http=True)
        dice = random.Random(SEED)
        for life in range(6):
            track.spoil_answers()
            track.faults.plan(dice.choice(DEADLY), dice.randint(10, 60), seed=life)
            track.live(self.more(track, 3))
        verdict = self.verdict(track)
        print(f"\n{track.deaths} deaths; {verdict.told} results told, {verdict.stored} stored once each, "
              f"{verdict.deliveries} deliveries")
        self.assertGreater(verdict.deliveries, verdict.stored)  # it did come more than once

    def while_racing(self, action, kinds=ALL):
        """The disk fails for some time and then works again; the server lives on."""
        track = self.track()
        notes = {}

        def fail(server):
            while track.count_told() < 1:
                time.sleep(0.01)
            failures = server.metric("paddock_outbox_failures_total")
            track.faults.plan(action, 1, times=0, kinds=kinds)
            for count in (1, 3):  # with the first, what was under way has ended
                server.wait_metric_where("paddock_outbox_failures_total", lambda now: now >= failures + count)
                server.wait_ticks(2)
                track.wait_heard()
                notes[count] = track.count_told()
            track.faults.clear()

        self.assertFalse(track.live(self.more(track, 4), during=fail), NAMES[action])
        self.assertEqual(notes[1], notes[3], NAMES[action])
        self.assertGreaterEqual(self.verdict(track).stored, 4)

    def test_a_full_disk_delays_results_and_loses_none(self):
        self.while_racing(ENOSPC, kinds=WRITE | TRUNCATE)

    def test_a_sync_that_fails_is_not_taken_for_one_that_worked(self):
        self.while_racing(EIO, kinds=SYNC)

    def test_writes_that_fail_delay_results_and_lose_none(self):
        self.while_racing(EIO, kinds=WRITE)

    def test_short_writes_are_completed(self):
        track = self.track()
        track.faults.plan(SHORT, 1, times=0, kinds=WRITE)
        self.assertFalse(track.live(self.more(track, 2)))
        self.assertGreaterEqual(self.verdict(track).stored, 2)

    def test_a_sync_that_failed_and_then_the_power(self):
        """After a failed sync the pages count as written though the disk never got them."""
        track = self.track()

        def fail(server):
            while track.count_told() < 1:
                time.sleep(0.01)
            track.faults.plan(EIO, 1, times=1, kinds=SYNC)
            while track.faults.get("calls") < 8:
                time.sleep(0.01)
            track.faults.plan(POWER, 3)

        self.assertTrue(track.live(self.more(track, 100), during=fail))
        self.assertEqual(track.deaths, 1)
        self.verdict(track)

    def test_a_replay_is_whole_or_not_there(self):
        """Also when the power fails right after the file got its name."""
        with tempfile.TemporaryDirectory(prefix="paddock-replays-") as folder:
            track = self.track(files=".replay", flags=(f"--replay-dir={folder}",))
            # A replay is a write, a sync and a rename.
            for action, at in ((KILL_TORN, 1), (POWER, 3), (POWER, 4), (KILL_TORN, 6)):
                track.faults.plan(action, at)
                self.assertTrue(track.live(self.more(track, 20)), (NAMES[action], at))
            whole = glob.glob(os.path.join(folder, "*.replay"))
            self.assertGreaterEqual(len(whole), 3)
            for path in whole:
                subprocess.run([PADDOCK, "replay", "verify", path], check=True, capture_output=True, env=ENVIRONMENT)
            self.verdict(track)

    def test_a_wall_clock_that_jumps_changes_no_order_and_stops_no_race(self):
        track = self.track()
        steps = iter((86400000, -86400000 * 400, 3600000, -1500, 0))
        done = threading.Event()

        def step(_):
            for milliseconds in steps:
                goal = track.count_told() + 1
                while track.count_told() < goal:
                    time.sleep(0.01)
                track.faults.set(clock_ms=milliseconds)
            done.set()

        self.assertFalse(track.live(lambda track: done.is_set() and track.count_told() >= 6, during=step))
        self.assertGreaterEqual(self.verdict(track).stored, 6)


if __name__ == "__main__":
    unittest.main(verbosity=1)
