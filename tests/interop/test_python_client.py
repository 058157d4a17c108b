#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""tests/support/paddock_client.py, written from net/README.md alone, races on the real server over every stream
transport; and sees the close codes that the document promises."""

import asyncio
import os
import math
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from paddock import PATIENCE, TestCase  # noqa: E402
from paddock_client import (BYE, GATES, HELLO, INPUT, PING, PLACE, STATUS, STATUS_FINISHED, TIME_MS,  # noqa: E402
                            Client, Closed, open_link, pack, race_drive, unpack)

SCHEMES = ("tcp", "tls", "ws", "wss")
FORGED = b'{"unisavePlayerId":"A","fusionPlayerToken":"x"}'


def small_track(folder):
    """A circle of 330 m, so that a lap takes a quarter of a minute; left turns only."""
    with open(os.path.join(folder, "circle.track"), "w") as file:
        file.write("name circle\ngrid 4 30\n")
        for index in range(32):
            turn = math.tau * index / 32
            file.write(f"point {round(525 * math.sin(turn))} {round(-525 * math.cos(turn))}\n")


def url_of(server, scheme):
    return server.url(scheme) + ("/websocket" if scheme.startswith("ws") else "")


async def close_of(link):
    """What the server closes this connection with."""
    try:
        while True:
            await link.receive()
    except Closed as closed:
        return closed.code
    finally:
        link.drop()


class Race(TestCase):
    def setUp(self):
        self.tracks = tempfile.TemporaryDirectory()
        self.addCleanup(self.tracks.cleanup)
        small_track(self.tracks.name)
        self.server = self.serve(f"--track-dir={self.tracks.name}", "--laps=1", "--races-per-session=1",
                                 "--players-per-session=4", "--min-players=4", "--countdown-ms=1000",
                                 "--intermission-ms=500", listen=SCHEMES)

    def test_four_players_race_over_four_transports(self):
        clients, closes = asyncio.run(asyncio.wait_for(self.race(), 2 * PATIENCE + 300)) # a race ends by then
        self.assertEqual([close.code for close in closes], [4013] * 4)
        stored = self.server.results()["races"][0]
        winner = next(row for row in clients[0].results[1][2] if row[1] == 1)
        self.assertEqual(stored["winner"], SCHEMES[winner[0]])
        for scheme, client in zip(SCHEMES, clients):
            first, last = client.results
            self.assertEqual((first[1], last[1]), (False, True))
            self.assertEqual((first[0], first[2]), (last[0], last[2]))
            self.assertEqual(last[0], stored["race_id"])
            self.assertEqual(last[2], clients[0].results[1][2])
            self.assertEqual(sorted(row[0] for row in client.roster), [0, 1, 2, 3])
            self.check_own_finish(scheme, client, stored)
            self.check_snapshots(client)

    async def race(self):
        clients = [await Client.join(url_of(self.server, scheme), self.server.token(scheme).encode(), drive=race_drive)
                   for scheme in SCHEMES]
        self.assertEqual([client.slot for client in clients], [0, 1, 2, 3])
        return clients, await asyncio.gather(*(client.play() for client in clients))

    def check_own_finish(self, scheme, client, stored):
        """The place and time in the last snapshot, in the result and at the backend are the same."""
        _, place, time_ms, reason = next(row for row in client.results[1][2] if row[0] == client.slot)
        kart = client.own_kart()
        self.assertEqual(reason, "")
        self.assertEqual((place, time_ms), (kart[PLACE], kart[TIME_MS]))
        self.assertTrue(kart[STATUS] & STATUS_FINISHED and kart[GATES] > 3)
        self.assertIn({"player_id": scheme, "place": place, "time_ms": time_ms, "dnf": None}, stored["standings"])

    def check_snapshots(self, client):
        """Most are deltas; a wrong checksum would have raised."""
        self.assertGreater(client.counts["delta"], 100)
        self.assertGreater(client.counts["delta"], 5 * client.counts["full"])
        self.assertGreater(len(client.round_trips), 5)
        self.assertLess(min(client.round_trips), PATIENCE)


class Closes(TestCase):
    def setUp(self):
        self.server = self.serve("--players-per-session=2", "--max-sessions=1", "--messages-per-second=20", listen=SCHEMES)

    def each(self, behaviour):
        """{transport: what the coroutine function `behaviour` returned over it}"""
        async def run():
            return {scheme: await asyncio.wait_for(behaviour(url_of(self.server, scheme), scheme), PATIENCE)
                    for scheme in SCHEMES}
        return asyncio.run(run())

    def assert_code(self, code, behaviour):
        self.assertEqual(self.each(behaviour), dict.fromkeys(SCHEMES, code))

    def after(self, *messages):
        async def behaviour(url, _):
            link = await open_link(url)
            for message in messages:
                await link.send(message if isinstance(message, bytes) else pack(message))
            return await close_of(link)
        return behaviour

    def test_what_a_hello_can_be_answered_with(self):
        self.assert_code(4003, self.after([HELLO, 1, FORGED, "", ""]))
        self.assert_code(4004, self.after([HELLO, 1, b"{}", "", ""]))
        self.assert_code(4004, self.after([HELLO, 1, bytes(129), "", ""]))
        self.assert_code(4010, self.after([HELLO, 2, FORGED, "", ""]))
        self.assert_code(4010, self.after([HELLO, 2, "nothing of this is known today"]))

    def test_what_cannot_be_used_closes_with_its_code(self):
        self.assert_code(1007, self.after(b"\xc1"))
        self.assert_code(1007, self.after([HELLO, 1.5.hex(), None]))
        self.assert_code(1007, self.after(["hello"]))
        self.assert_code(1007, self.after([70, 1, 1]))
        self.assert_code(1009, self.after([PING, bytes(40)]))
        self.assert_code(4029, self.after(*[[PING, stamp] for stamp in range(300)]))

    def test_what_is_only_dropped_leaves_the_connection_open(self):
        self.assert_code(1000, self.after([5, 1, 2], [INPUT, 0, 0, b""], [HELLO, 1], [PING, -1], [PING, 1, 2], [BYE]))

    def test_a_newer_connection_of_the_same_player_replaces_the_older(self):
        async def behaviour(url, scheme):
            token = self.server.token(scheme).encode()
            older = await Client.join(url, token)
            newer = await Client.join(url, token)
            code = await close_of(older.link)
            await newer.send(BYE)
            return code, await close_of(newer.link)
        self.assert_code((4009, 1000), behaviour)

    def test_a_client_that_closes_is_heard(self):
        async def behaviour(url, scheme):
            client = await Client.join(url, self.server.token(scheme).encode())
            await client.link.close(1001)
            return self.server.wait_event("player_left", player=scheme)["code"]
        self.assert_code(1001, behaviour)

    def test_a_full_server_says_so(self):
        async def behaviour(url, scheme):
            seated = [await Client.join(url, self.server.token(scheme + name).encode()) for name in "ab"]
            link = await open_link(url)
            await link.send(pack([HELLO, 1, self.server.token(scheme + "c").encode(), "", ""]))
            code = await close_of(link)
            for client in seated:
                await client.send(BYE)
                await close_of(client.link)
            return code
        self.assert_code(1013, behaviour)

    def test_sigterm_is_1001(self):
        async def behaviour():
            clients = [await Client.join(url_of(self.server, scheme), self.server.token(scheme).encode())
                       for scheme in SCHEMES[::3]]
            self.server.signal()
            return [await close_of(client.link) for client in clients]
        self.assertEqual(asyncio.run(asyncio.wait_for(behaviour(), PATIENCE)), [1001, 1001])
        self.assertEqual(self.server.wait(), 0)


class Msgpack(unittest.TestCase):
    def test_what_is_packed_is_unpacked_and_the_encoding_is_the_shortest(self):
        for value, size in ((0, 1), (127, 1), (128, 2), (-32, 1), (-33, 2), (255, 2), (256, 3), (2**32 - 1, 5),
                            (-2**31, 5), (True, 1), ("a" * 31, 32), ("a" * 32, 34), (bytes(255), 257),
                            (bytes(256), 259), ([1] * 15, 16), ([1] * 16, 19)):
            self.assertEqual((unpack(pack(value)), len(pack(value))), (value, size))


if __name__ == "__main__":
    unittest.main()
