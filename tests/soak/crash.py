#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Results against every way to die: killed or unpowered at each single call that writes to the disk, at 500
random ones, and at random moments; nothing that players were told may be missing, doubled or out of order.

Half of the lives have the embedded backend, half one behind HTTP, which fails, answers twice or too late, and
hangs up in every other one.

    tests/soak/crash.py [LIVES [SEED]]     the binaries are in $PADDOCK_BUILD
"""

import os
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from faults import DEADLY, NAMES, Track  # noqa: E402

LIVES = int(sys.argv[1]) if len(sys.argv) > 1 else 500
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
TRACKS = 8
SIGNALS = 64  # lives that end by a signal from outside, at a random moment


def told_more(track, count):
    goal = track.count_told() + count
    return lambda track: track.count_told() >= goal


def count_calls():
    """Of a first life that makes its files, and of one that finds them: start, and two races."""
    calls = []
    track = Track(rooms=2)
    for _ in range(2):
        track.faults.plan(0, 0)
        track.live(told_more(track, 4))
        calls.append(track.faults.get("calls"))
    track.close()
    return max(calls)


def plans(calls, dice):
    """Every call in every way to die, then random ones, in an order that is random, too."""
    lives = [(action, at) for action in DEADLY for at in range(1, calls + 1)]
    lives += [(dice.choice(DEADLY), dice.randint(1, calls)) for _ in range(LIVES)]
    lives += [(None, dice.uniform(0, 3)) for _ in range(SIGNALS)]
    dice.shuffle(lives)
    return lives


def live(track, action, at, seed):
    if seed % 2:
        track.spoil_answers()
    if action is not None:
        track.faults.plan(action, at, seed=seed)
        track.live(told_more(track, 6))
        return

    def kill(server):
        time.sleep(at)
        server.process.kill()

    track.faults.clear()
    track.live(lambda track: False, during=kill)


def run(lives, seed):
    dice = random.Random(seed)
    track = Track(rooms=2, http=seed % 2 == 1)
    try:
        for action, at in lives:
            live(track, action, at, dice.getrandbits(31))
        return track, track.finish()
    finally:
        track.close()


def main():
    began = time.monotonic()
    calls = count_calls()
    lives = plans(calls, random.Random(SEED))
    print(f"seed {SEED}: {len(lives)} lives; start and two races in two rooms are {calls} calls that change files; "
          f"{', '.join(NAMES[action] for action in DEADLY)} at each of them", flush=True)
    with ThreadPoolExecutor(TRACKS) as pool:
        ends = list(pool.map(run, [lives[index::TRACKS] for index in range(TRACKS)],
                             [SEED + index for index in range(TRACKS)]))
    problems = [problem for _, verdict in ends for problem in verdict.problems]
    for problem in problems:
        print("PROBLEM", problem)
    print(f"{sum(track.deaths for track, _ in ends)} deaths in {sum(track.lives for track, _ in ends)} lives; "
          f"{sum(len(track.begun) for track, _ in ends)} races begun, {sum(verdict.told for _, verdict in ends)} results "
          f"told as final, {sum(verdict.stored for _, verdict in ends)} stored, once each, after "
          f"{sum(verdict.deliveries for _, verdict in ends)} deliveries; {len(problems)} problems; "
          f"{time.monotonic() - began:.0f} s")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
