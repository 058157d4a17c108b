#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""One token, two sockets: on every transport exactly one of them lives, and which one is the operator's choice.

auth/README.md says what is promised. Timing of refusals is printed with PADDOCK_TEST_LONG set, and compared with a
generous bound only: what matters is that unknown ids and wrong tokens take the same path.
"""

import json
import os
import signal
import statistics
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from paddock import BOTS, PATIENCE, PING, PONG, WELCOME, Player, TestCase, has_ipv6  # noqa: E402

SCHEMES = ("udp", "dtls", "tcp", "tls", "ws", "wss")
WAITING = ("--lobby-ms=60000", "--min-players=2", "--connects-per-second=0")
DENIED, REPLACED, DUPLICATE = 4003, 4009, 4012


class Bot:
    """The client library in a process of its own, which stays until it is told to go."""

    def __init__(self, server, scheme, token, host):
        self.process = subprocess.Popen(
            [BOTS, "--url", server.url(f"{scheme}://{host}"), "--token", token, "--races", "0", "--insecure", "--duration", "120",
             "--json", "-"], stdout=subprocess.PIPE, text=True)

    def wait_code(self):
        """The close code with which the server ended it."""
        codes = list(json.loads(self.process.communicate(timeout=PATIENCE)[0])["codes"])
        return int(codes[0]) if len(codes) == 1 else codes

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait()
        self.process.stdout.close()


class SameToken(TestCase):
    def bot(self, server, scheme, token, host="127.0.0.1"):
        bot = Bot(server, scheme, token, host)
        self.addCleanup(bot.close)
        return bot

    def admitted(self, server, player, count):
        """Waits until the player was let in for the count-th time."""
        end = time.monotonic() + PATIENCE
        while sum(event["event"] == "player_admitted" and event["player"] == player
                  for event in list(server.events)) < count:
            if time.monotonic() > end:
                raise TimeoutError(f"{player} was not admitted {count} times")
            time.sleep(0.01)

    def living(self, server):
        """The transports of all seats whose player is there."""
        return [player["transport"] for session in server.status()["sessions"] for player in session["players"]
                if player["state"] != "dropped"]

    def leave(self, server, bot):
        bot.close()
        end = time.monotonic() + PATIENCE
        while self.living(server):
            if time.monotonic() > end:
                raise TimeoutError(self.living(server))
            time.sleep(0.01)

    def test_the_newer_one_lives_on_every_transport(self):
        server = self.serve(*WAITING, listen=SCHEMES)
        for index, scheme in enumerate(SCHEMES):
            for second in (scheme, SCHEMES[(index + 1) % len(SCHEMES)]):
                with self.subTest(first=scheme, second=second):
                    name = f"{scheme}-{second}"
                    token = server.token(name)
                    first = self.bot(server, scheme, token)
                    self.admitted(server, name, 1)
                    newer = self.bot(server, second, token)
                    self.admitted(server, name, 2)
                    self.assertEqual(first.wait_code(), REPLACED)
                    self.assertEqual(self.living(server), [second])
                    self.leave(server, newer)
        self.stop_cleanly(server)

    def test_or_the_older_one_where_the_operator_says_so(self):
        server = self.serve(*WAITING, "--duplicate-player=refuse", listen=SCHEMES)
        for index, scheme in enumerate(SCHEMES):
            second = SCHEMES[(index + 1) % len(SCHEMES)]
            with self.subTest(first=scheme, second=second):
                token = server.token(scheme)
                first = self.bot(server, scheme, token)
                self.admitted(server, scheme, 1)
                self.assertEqual(self.bot(server, second, token).wait_code(), DUPLICATE)
                self.assertEqual(self.living(server), [scheme])
                self.leave(server, first)
        self.stop_cleanly(server)

    def test_a_token_that_was_replaced_is_refused_on_every_transport(self):
        server = self.serve(*WAITING, listen=SCHEMES)
        for scheme in SCHEMES:
            with self.subTest(scheme):
                old = server.token(scheme)
                stays = self.bot(server, scheme, old)
                self.admitted(server, scheme, 1)
                new = server.token(scheme)
                # Who is in stays in; the old token opens no door any more, and disturbs nobody.
                self.assertEqual(self.bot(server, scheme, old).wait_code(), DENIED)
                self.assertEqual(self.living(server), [scheme])
                newer = self.bot(server, scheme, new)
                self.admitted(server, scheme, 2)
                self.assertEqual(stays.wait_code(), REPLACED)
                self.leave(server, newer)
        self.stop_cleanly(server)

    def test_a_token_replayed_from_another_address_is_the_same_player(self):
        """On every transport: the owner comes over IPv4, whoever has his token over IPv6."""
        if not has_ipv6():
            self.skipTest("this machine has no ::1")
        server = self.serve(*WAITING, listen=(*SCHEMES, *(f"{scheme}://[::1]:0" for scheme in SCHEMES)))
        for scheme in SCHEMES:
            with self.subTest(scheme):
                token = server.token(scheme)
                owner = self.bot(server, scheme, token)
                self.admitted(server, scheme, 1)
                thief = self.bot(server, scheme, token, host="[::1]")
                self.admitted(server, scheme, 2)
                self.assertEqual(owner.wait_code(), REPLACED)  # he sees that somebody else is he
                remotes = [event["remote"] for event in server.events
                           if event["event"] == "player_admitted" and event["player"] == scheme]
                self.assertEqual([remote.rsplit(":", 1)[0] for remote in remotes], ["127.0.0.1", "[::1]"])
                again = self.bot(server, scheme, server.token(scheme))
                self.admitted(server, scheme, 3)
                self.assertEqual(thief.wait_code(), REPLACED)
                late = self.bot(server, scheme, token, host="[::1]")
                self.assertEqual(late.wait_code(), DENIED)
                self.assertEqual(self.living(server), [scheme])
                self.leave(server, again)
        self.stop_cleanly(server)

    def test_whoever_takes_a_seat_back_has_the_same_one(self):
        server = self.serve(*WAITING)
        token = server.token("Alice")
        owner = server.player("Alice", token=token)
        slot = owner.wait_for(WELCOME)[4]
        thief = Player(server.url("tcp"), source="127.0.0.2")
        self.addCleanup(thief.close)
        thief.hello(token)
        self.assertEqual(thief.wait_for(WELCOME)[4], slot)
        self.assertEqual(owner.wait_closed(), REPLACED)  # he sees that somebody else is he
        again = server.player("Alice", token=server.token("Alice"))
        self.assertEqual(again.wait_for(WELCOME)[4], slot)
        self.assertEqual(thief.wait_closed(), REPLACED)
        late = Player(server.url("tcp"), source="127.0.0.2")
        self.addCleanup(late.close)
        late.hello(token)
        self.assertEqual(late.wait_closed(), DENIED)
        again.send(PING, 1)
        self.assertEqual(again.wait_for(PONG)[1], 1)
        self.stop_cleanly(server)

    def refuse(self, server, player_id, secret):
        """(code, reason, seconds) of a refusal."""
        player = Player(server.url("tcp"))
        began = time.perf_counter()
        player.hello(json.dumps({"unisavePlayerId": player_id, "fusionPlayerToken": secret}))
        try:
            while True:
                player.receive()
        except Exception as closed:
            return closed.code, closed.reason, time.perf_counter() - began
        finally:
            player.close()

    def test_unknown_ids_and_wrong_tokens_are_told_the_same(self):
        server = self.serve(*WAITING)
        server.token("known")
        wrong, unknown = (self.refuse(server, name, "A" * 44) for name in ("known", "stranger"))
        self.assertEqual(wrong[0], DENIED)
        self.assertEqual(wrong[:2], unknown[:2])
        if os.environ.get("PADDOCK_TEST_LONG"):
            pairs = [(self.refuse(server, "known", "A" * 44)[2], self.refuse(server, "stranger", "A" * 44)[2])
                     for _ in range(1000)]
            medians = [statistics.median(times) * 1000 for times in zip(*pairs)]
            print(f"\nmedian of 1000: wrong token {medians[0]:.3f} ms, unknown id {medians[1]:.3f} ms")
            self.assertLess(abs(medians[0] - medians[1]), 5)
        self.stop_cleanly(server)


if __name__ == "__main__":
    unittest.main(verbosity=1)
