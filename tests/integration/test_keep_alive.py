#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A player who has nothing to say is kept by the server's pings: proxies cut what is silent (nginx after 60 s unless
told otherwise), and a peer that answers none is gone. The proxy here cuts when either direction was silent too long."""

import asyncio
import os
import sys
import unittest

import websockets

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from paddock import HELLO, PATIENCE, WELCOME, TestCase, pack, trust_anybody, unpack  # noqa: E402
from ws_peer import BINARY, PING, Peer  # noqa: E402

# A pong may take as long as the pause between pings: what a busy machine makes of a short one is no proof.
PING_MS = 4000
IDLE_S = 10
PINGS = 3 # longer than the proxy would wait
SCHEMES = ("ws", "wss")
LOBBY = ("--min-players=8",) # in which nothing happens


async def pump(reader, writer):
    """Until the stream ends or is silent for too long."""
    try:
        while data := await asyncio.wait_for(reader.read(65536), IDLE_S):
            writer.write(data)
            await writer.drain()
    except (asyncio.TimeoutError, ConnectionError):
        pass


async def idle_proxy(url):
    """Listens for one server; returns the proxy and the URL to use."""
    scheme, _, where = url.partition("://")
    host, _, port = where.rpartition(":")

    async def serve(reader, writer):
        upstream, server = await asyncio.open_connection(host, int(port))
        ways = [asyncio.ensure_future(pump(reader, server)), asyncio.ensure_future(pump(upstream, writer))]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        for side in (writer, server):
            side.transport.abort()
    proxy = await asyncio.start_server(serve, "127.0.0.1", 0)
    return proxy, f"{scheme}://127.0.0.1:{proxy.sockets[0].getsockname()[1]}/websocket"


class Pings:
    def __init__(self):
        self.count = 0
        self.enough = asyncio.Event()

    def add(self):
        self.count += 1
        if self.count == PINGS:
            self.enough.set()


class KeepAlive(TestCase):
    def join_message(self, server, name):
        return pack([HELLO, 1, server.token(name).encode(), "", "idle"])

    async def sit(self, server, scheme):
        """The close code after saying nothing for PINGS pings, or for as long as it lasts."""
        proxy, url = await idle_proxy(server.url(scheme))
        seen = Pings()

        class Counting(websockets.WebSocketClientProtocol):
            async def pong(self, data=b""): # how the library answers a ping
                seen.add()
                await super().pong(data)
        async with websockets.connect(url, ping_interval=None, create_protocol=Counting,
                                      ssl=trust_anybody() if scheme == "wss" else None) as peer:
            await peer.send(self.join_message(server, scheme))
            self.assertEqual(unpack(await peer.recv())[0], WELCOME)
            closed = asyncio.ensure_future(peer.wait_closed())
            pinged = asyncio.ensure_future(seen.enough.wait())
            await asyncio.wait((closed, pinged), return_when=asyncio.FIRST_COMPLETED)
            pinged.cancel()
        proxy.close()
        return peer.close_code

    def be_deaf(self, scheme):
        """What kinds of frames the server sends to somebody who answers nothing."""
        with Peer(self.lively.url(scheme) + "/websocket", PATIENCE) as peer:
            peer.send(BINARY, self.join_message(self.lively, "deaf " + scheme))
            kinds = []
            while frame := peer.receive():
                kinds.append(frame[0])
        return kinds

    async def all_of_them(self):
        return await asyncio.gather(*(self.sit(self.lively, scheme) for scheme in SCHEMES),
                                    *(self.sit(self.quiet, scheme) for scheme in SCHEMES),
                                    *(asyncio.to_thread(self.be_deaf, scheme) for scheme in SCHEMES))

    def test_pings_keep_the_silent_behind_a_proxy_and_find_those_who_are_gone(self):
        self.lively = self.serve(*LOBBY, f"--ping-ms={PING_MS}", listen=SCHEMES)
        self.quiet = self.serve(*LOBBY, "--ping-ms=300000", listen=SCHEMES)
        seen = asyncio.run(asyncio.wait_for(self.all_of_them(), PATIENCE + 2 * IDLE_S))
        self.assertEqual(seen[:2], [1000, 1000]) # it is we who closed
        self.assertEqual(seen[2:4], [1006, 1006]) # without pings the proxy did
        for scheme, kinds in zip(SCHEMES, seen[4:]):
            self.assertEqual(kinds.count(PING), 1) # and no close frame: there is nobody to read it
            self.assertEqual(set(kinds), {BINARY, PING})
            self.assertEqual(self.lively.wait_event("player_left", player="deaf " + scheme)["code"], 1006)


if __name__ == "__main__":
    unittest.main()
