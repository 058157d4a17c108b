#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""python3-autobahn against the real server: the library of the people who wrote the conformance suite, strict in what
it takes. It races over ws and wss, with support/paddock_client.py on top."""

import asyncio
import os
import sys
import unittest

from autobahn.asyncio.websocket import WebSocketClientFactory, WebSocketClientProtocol

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from paddock import PATIENCE, TestCase  # noqa: E402
from paddock_client import BYE, RACING, Client, Closed, pack, race_drive, trust_anybody, unpack  # noqa: E402

FORGED = b'{"unisavePlayerId":"A","fusionPlayerToken":"x"}'


class Protocol(WebSocketClientProtocol):
    """Puts everything that happens into one queue."""

    def __init__(self):
        super().__init__()
        self.happened = asyncio.Queue()
        self.accepted = None

    def onConnect(self, response):
        self.accepted = response

    def onOpen(self):
        self.happened.put_nowait("open")

    def onMessage(self, payload, isBinary):
        self.happened.put_nowait(payload if isBinary else payload.decode())

    def onClose(self, wasClean, code, reason):
        self.happened.put_nowait(Closed(code, reason))


class AutobahnLink:
    """What paddock_client wants of a link."""

    @classmethod
    async def open(cls, url, protocols=("paddock.v1",)):
        factory = WebSocketClientFactory(url, protocols=list(protocols))
        factory.protocol = Protocol
        factory.setProtocolOptions(openHandshakeTimeout=PATIENCE, closeHandshakeTimeout=PATIENCE,
                                   serverConnectionDropTimeout=PATIENCE)
        link = cls()
        _, link.protocol = await asyncio.get_running_loop().create_connection(
            factory, factory.host, factory.port, ssl=trust_anybody() if factory.isSecure else None)
        first = await link.protocol.happened.get()
        if isinstance(first, Closed):
            raise first
        return link

    async def send(self, data, fragment=None):
        self.protocol.sendMessage(data, isBinary=True, fragmentSize=fragment)

    async def receive(self):
        happened = await self.protocol.happened.get()
        if isinstance(happened, Closed):
            raise happened
        return unpack(happened) if isinstance(happened, bytes) else happened

    def drop(self):
        if self.protocol.transport: # else it has dropped it by itself
            self.protocol.transport.abort()


class Racer(Client):
    """Knows when it has raced: its inputs are timed, its acknowledgements are used, its kart has moved."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.has_raced = asyncio.Event()
        self.timings = 0
        self.start = None

    def on_timing(self, *arguments):
        super().on_timing(*arguments)
        self.timings += 1

    def on_snapshot(self, *arguments):
        super().on_snapshot(*arguments)
        if self.phase == RACING and self.entity is not None and self.values:
            here = self.own_kart()[:2]
            self.start = self.start or here
            if self.timings >= 2 and self.counts["delta"] >= 20 and here != self.start:
                self.has_raced.set()


class Autobahn(TestCase):
    def setUp(self):
        self.server = self.serve("--min-players=1", "--players-per-session=2", "--lobby-ms=0", "--countdown-ms=500",
                                 "--max-sessions=4", listen=("ws", "wss"))

    def run_async(self, coroutine):
        return asyncio.run(asyncio.wait_for(coroutine, 2 * PATIENCE))

    def url(self, scheme):
        return self.server.url(scheme) + "/websocket"

    def token(self, name):
        return self.server.token(name).encode()

    def test_it_races_over_ws_and_wss(self):
        async def race(scheme):
            link = await AutobahnLink.open(self.url(scheme))
            self.assertEqual((link.protocol.accepted.protocol, link.protocol.accepted.extensions), ("paddock.v1", []))
            racer = await Racer.enter(link, self.token(scheme), scheme, race_drive)
            playing = asyncio.ensure_future(racer.play())
            await racer.has_raced.wait()
            await racer.send(BYE)
            closed = await playing
            return closed.code, closed.reason

        async def both():
            return await asyncio.gather(race("ws"), race("wss"))
        self.assertEqual(self.run_async(both()), [(1000, "bye")] * 2)

    def test_a_hello_in_fragments_is_one_message_and_a_forged_one_is_4003(self):
        async def closed_by(*messages):
            link = await AutobahnLink.open(self.url("wss"))
            for message in messages:
                await link.send(pack(message), fragment=7)
            while True:
                await link.receive()
        for messages, code, reason in (([[1, 1, self.token("Anna"), "", "autobahn"], [BYE]], 1000, "bye"),
                                       ([[1, 1, FORGED, "", ""]], 4003, "connection token is not valid")):
            with self.assertRaises(Closed) as caught:
                self.run_async(closed_by(*messages))
            self.assertEqual((caught.exception.code, caught.exception.reason), (code, reason))

    def test_text_is_echoed_and_our_own_close_is_answered(self):
        async def texts():
            link = await AutobahnLink.open(self.url("ws"), protocols=())
            link.protocol.sendMessage("WebSocket Test é".encode(), isBinary=False)
            text = await link.receive()
            link.protocol.sendClose(4321, "enough")
            with self.assertRaises(Closed) as caught:
                await link.receive()
            return link.protocol.accepted.protocol, text, caught.exception.code, link.protocol.wasClean
        self.assertEqual(self.run_async(texts()), (None, "WebSocket Test é", 4321, True))

    def test_what_is_no_upgrade_is_refused(self):
        for url, protocols in ((self.url("ws") + "2", ["paddock.v1"]), (self.url("wss"), ["GBinaryV18"])):
            with self.assertRaises(Closed):
                self.run_async(AutobahnLink.open(url, protocols))


if __name__ == "__main__":
    unittest.main()
