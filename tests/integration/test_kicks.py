#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Every reason to be kicked, over real sockets, with the code that net/README.md promises."""

import json
import os
import sqlite3
import struct
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from paddock import PING, PONG, INPUT, WELCOME, BYE, TestCase, pack  # noqa: E402

SCHEMES = ("udp", "dtls", "tcp", "tls", "ws", "wss")


def frame(body):
    return struct.pack(">I", len(body)) + body


class Kicks(TestCase):
    def test_a_valid_player_is_welcome_on_tcp_and_tls(self):
        server = self.serve(listen=("tcp", "tls"))
        for scheme in ("tcp", "tls"):
            player = server.player("P-" + scheme, scheme)
            welcome = player.wait_for(WELCOME)
            self.assertEqual((welcome[1], welcome[9]), (1, "race"))
            player.close()
        self.stop_cleanly(server)

    def test_wrong_and_unknown_tokens_are_4003(self):
        server = self.serve()
        token = json.loads(server.token("Alice"))
        for changed in ({"fusionPlayerToken": "A" * 44}, {"unisavePlayerId": "Bob"}):
            player = server.player("Alice", token=json.dumps({**token, **changed}))
            self.assertEqual(player.wait_closed(), 4003)
        self.assertEqual(server.metric('paddock_closes_total{code="auth_denied"}'), 2)
        self.stop_cleanly(server)

    def test_a_new_token_ends_the_old_one(self):
        server = self.serve()
        old = server.token("Alice")
        new = server.token("Alice")
        self.assertEqual(server.player("Alice", token=old).wait_closed(), 4003)
        server.player("Alice", token=new).wait_for(WELCOME)
        self.stop_cleanly(server)

    def test_tokens_that_no_backend_is_asked_about_are_4004(self):
        server = self.serve()
        good = '{"unisavePlayerId":"A","fusionPlayerToken":"B"}'
        reasons = {
            "too_large": good[:-1] + " " * (129 - len(good)) + "}",
            "not_json": good + "x",
            "not_utf8": good.encode().replace(b"A", b"\xff"),
            "not_object": '["A","B"]',
            "missing_player_token": '{"unisavePlayerId":"A"}',
            "missing_player_id": '{"fusionPlayerToken":"B"}',
            "null_player_token": good.replace('"B"', "null"),
            "null_player_id": good.replace('"A"', "null"),
            "empty_player_token": good.replace('"B"', '""'),
            "empty_player_id": good.replace('"A"', '""'),
            "wrong_type": good.replace('"B"', "1"),
            "duplicate_field": '{"unisavePlayerId":"A","unisavePlayerId":"A","fusionPlayerToken":"B"}',
        }
        for reason, token in reasons.items():
            with self.subTest(reason):
                player = server.connect()
                player.hello(token)
                self.assertEqual(player.wait_closed(), 4004)
                self.assertEqual(server.metric(f'paddock_tokens_refused_total{{reason="{reason}"}}'), 1)
        self.assertEqual(server.metric('paddock_verifications_total{outcome="denied"}'), 0)
        self.stop_cleanly(server)

    def test_exactly_128_bytes_reach_the_backend(self):
        server = self.serve()
        token = '{"unisavePlayerId":"A","fusionPlayerToken":"%s"}'
        token = token % ("B" * (128 - len(token) + 2))
        self.assertEqual(len(token), 128)
        self.assertEqual(server.player("A", token=token).wait_closed(), 4003)
        self.stop_cleanly(server)

    def test_silence_is_4001(self):
        server = self.serve("--hello-ms=300")
        self.assertEqual(server.connect().wait_closed(), 4001)
        self.stop_cleanly(server)

    def test_another_version_is_4010(self):
        server = self.serve()
        player = server.connect()
        player.hello(server.token("Alice"), version=2)
        self.assertEqual(player.wait_closed(), 4010)
        self.stop_cleanly(server)

    def test_the_newest_connection_of_a_player_replaces_the_older(self):
        server = self.serve(listen=("tcp", "tls"))
        token = server.token("Alice")
        first = server.player("Alice", token=token)
        slot = first.wait_for(WELCOME)[4]
        second = server.player("Alice", "tls", token=token)
        welcome = second.wait_for(WELCOME)
        self.assertEqual(first.wait_closed(), 4009)
        self.assertEqual(welcome[4], slot)
        self.assertTrue(welcome[12])
        self.stop_cleanly(server)

    def test_or_is_refused_where_the_operator_says_so(self):
        server = self.serve("--duplicate-player=refuse")
        token = server.token("Alice")
        first = server.player("Alice", token=token)
        first.wait_for(WELCOME)
        self.assertEqual(server.player("Alice", token=token).wait_closed(), 4012)
        first.send(PING, 7)
        self.assertEqual(first.wait_for(PONG)[1], 7)
        self.stop_cleanly(server)

    def test_a_claimed_id_without_its_token_moves_nobody(self):
        server = self.serve()
        first = server.player("Alice")
        first.wait_for(WELCOME)
        thief = server.player("Alice", token='{"unisavePlayerId":"Alice","fusionPlayerToken":"guess"}')
        self.assertEqual(thief.wait_closed(), 4003)
        first.send(PING, 8)
        self.assertEqual(first.wait_for(PONG)[1], 8)
        self.stop_cleanly(server)

    def test_a_full_server_is_1013_and_a_full_session_4011(self):
        server = self.serve("--max-sessions=1", "--players-per-session=2", "--lobby-ms=60000", "--countdown-ms=60000")
        for name in ("A", "B"):
            server.player(name, session="only").wait_for(WELCOME)
        self.assertEqual(server.player("C", session="only").wait_closed(), 4011)
        self.assertEqual(server.player("D").wait_closed(), 1013)
        self.assertEqual(server.player("E", session="other").wait_closed(), 1013)
        self.stop_cleanly(server)

    def test_flooding_is_4029(self):
        server = self.serve("--messages-per-second=10")
        player = server.player("Alice")
        player.wait_for(WELCOME)
        player.send_raw(frame(pack([PING, 1])) * 40)
        self.assertEqual(player.wait_closed(), 4029)
        self.stop_cleanly(server)

    def test_a_backend_that_cannot_answer_is_4503(self):
        server = self.serve()
        token = server.token("Alice")
        database = sqlite3.connect(os.path.join(server.folder, "players.db"), isolation_level=None)
        database.execute("ALTER TABLE players RENAME TO gone")
        self.assertEqual(server.player("Alice", token=token).wait_closed(), 4503)
        database.execute("ALTER TABLE gone RENAME TO players")
        database.close()
        server.player("Alice", token=token).wait_for(WELCOME)
        self.stop_cleanly(server)

    def test_bytes_that_are_no_message(self):
        server = self.serve()
        cases = {
            "zero length frame": (frame(b""), 1002),
            "too long a frame": (struct.pack(">I", 16385), 1009),
            "no msgpack": (frame(b"\xc1"), 1007),
            "a huge array": (frame(b"\xdd\x03\x00\x00\x00"), 1007),
            "a server's message": (frame(pack([PONG, 1, 1])), 1007),
        }
        for name, (data, code) in cases.items():
            with self.subTest(name):
                player = server.connect()
                player.send_raw(data)
                self.assertEqual(player.wait_closed(), code)
        self.stop_cleanly(server)

    def test_early_and_unknown_messages_are_dropped_and_counted(self):
        server = self.serve()
        player = server.connect()
        player.send(INPUT, 0, 1, b"\0\0\0\0")
        player.send(99)
        player.hello(server.token("Alice"))
        player.wait_for(WELCOME)
        self.assertEqual(server.metric('paddock_messages_dropped_total{reason="wrong_state"}'), 1)
        self.assertEqual(server.metric('paddock_messages_dropped_total{reason="unknown_type"}'), 1)
        self.stop_cleanly(server)

    def test_goodbye_frees_the_seat_at_once(self):
        server = self.serve("--max-sessions=1", "--players-per-session=2", "--min-players=2")
        one, two = server.player("A"), server.player("B")
        one.wait_for(WELCOME)
        two.wait_for(WELCOME)
        two.send(BYE)
        self.assertEqual(two.wait_closed(), 1000)
        server.player("C").wait_for(WELCOME)
        self.stop_cleanly(server)


class KicksOnEveryTransport(TestCase):
    """The server ends each of these with one code, whatever carries it."""

    def each(self, server, code, player, *arguments):
        """On every transport, the player that is made so hears the code."""
        for scheme in SCHEMES:
            with self.subTest(scheme=scheme, code=code):
                self.assertEqual(player(server, scheme, *arguments).wait_closed(), code)

    def joins(self, server, scheme, token, session="", version=1):
        player = server.connect(scheme)
        player.hello(token, session, version)
        return player

    def says(self, server, scheme, *messages):
        player = self.joins(server, scheme, server.token(scheme))
        player.wait_for(WELCOME)
        for message in messages:
            player.send_message(message)
        return player

    def test_what_players_say(self):
        server = self.serve("--messages-per-second=2", "--connects-per-second=0", "--players-per-session=32", listen=SCHEMES)
        token = server.token("Alice")
        forged = json.dumps({**json.loads(token), "fusionPlayerToken": "A" * 44})
        self.each(server, 1000, self.says, pack([BYE]))
        self.each(server, 1007, self.says, b"\xc1")
        self.each(server, 4003, self.joins, forged)
        self.each(server, 4004, self.joins, token[:-1] + " " * 129 + "}")
        self.each(server, 4010, self.joins, token, "", 2)
        self.each(server, 4029, self.says, *[pack([PING, 1])] * 40)
        database = sqlite3.connect(os.path.join(server.folder, "players.db"), isolation_level=None)
        database.execute("ALTER TABLE players RENAME TO gone")
        self.each(server, 4503, self.joins, token)
        database.close()
        self.stop_cleanly(server)

    def test_seats(self):
        server = self.serve("--max-sessions=1", "--players-per-session=2", "--lobby-ms=60000", "--duplicate-player=refuse",
                            "--connects-per-second=0", listen=SCHEMES)
        token = server.token("A")
        for name in ("A", "B"):
            server.player(name, session="only", token=token if name == "A" else None).wait_for(WELCOME)
        self.each(server, 4011, self.joins, server.token("C"), "only")
        self.each(server, 1013, self.joins, server.token("C"))
        self.each(server, 4012, self.joins, token)
        self.stop_cleanly(server)

    def test_silence_a_newer_connection_and_the_end_of_the_server(self):
        impatient = self.serve("--hello-ms=1000", listen=SCHEMES)
        server = self.serve("--lobby-ms=60000", "--connects-per-second=0", "--players-per-session=32", listen=SCHEMES)
        silent = {scheme: impatient.connect(scheme) for scheme in SCHEMES}
        newest = {}
        for scheme in SCHEMES:
            with self.subTest(scheme=scheme):
                token = server.token(scheme)
                older = self.joins(server, scheme, token)
                older.wait_for(WELCOME)
                newest[scheme] = self.joins(server, scheme, token)
                newest[scheme].wait_for(WELCOME)
                self.assertEqual(older.wait_closed(), 4009)
        for scheme in SCHEMES:
            self.assertEqual(silent[scheme].wait_closed(), 4001, scheme)
        server.signal()
        for scheme in SCHEMES:
            self.assertEqual(newest[scheme].wait_closed(), 1001, scheme)
        self.stop_cleanly(server)
        self.stop_cleanly(impatient)


if __name__ == "__main__":
    unittest.main(verbosity=1)
