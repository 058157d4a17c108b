#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Who is calling: what the server finds out about a player's way to it, from the outside and to the end."""

import asyncio
import json
import os
import re
import sys
import tempfile
import unittest

import websockets

SUPPORT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support")
sys.path.insert(0, SUPPORT)
from paddock import HELLO, PATIENCE, WELCOME, TestCase, pack, trust_anybody, unpack  # noqa: E402
from test_backend_http import TOKEN, Hooks, connection_token  # noqa: E402

ORIGIN = "https://wcs.yourdomain.com"
BROWSER = ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
           "Chrome/84.0.4147.135 Safari/537.36")
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"


class Caller(TestCase):
    def temporary(self):
        folder = tempfile.TemporaryDirectory(prefix="paddock-caller-")
        self.addCleanup(folder.cleanup)
        return folder.name

    def request(self, server, scheme, *headers, then=None):
        """The HTTP status of an upgrade with these headers; 101 when `then`, a coroutine on the open socket, is over."""
        async def connect():
            options = {"ssl": trust_anybody()} if scheme == "wss" else {}
            try:
                async with websockets.connect(server.url(scheme) + "/websocket", extra_headers=headers,
                                              **options) as peer:
                    if then:
                        await then(peer)
                    return 101
            except websockets.exceptions.InvalidStatusCode as error:
                return error.status_code
        return asyncio.run(asyncio.wait_for(connect(), PATIENCE))

    def join(self, server, scheme, *headers, name="Alice", client="integration-test"):
        async def hello(peer):
            await peer.send(pack([HELLO, 1, connection_token(name).encode(), "", client]))
            self.assertEqual(unpack(await peer.recv())[0], WELCOME)
        self.assertEqual(self.request(server, scheme, *headers, then=hello), 101)


class ToTheHook(Caller):
    """F-10 to F-13: what reaches the backend's /connect."""

    def start(self, *flags, hook_flags=(), listen=("ws", "wss")):
        self.hooks = Hooks(self.temporary(), *hook_flags)
        self.addCleanup(self.hooks.kill)
        return self.serve("--backend=http", f"--backend-url={self.hooks.url}", *flags, listen=listen,
                          env={"FUSION_SERVER_TOKEN": TOKEN})

    def came(self, count):
        body = self.hooks.wait_came("connect", count)[count - 1]
        self.assertEqual(self.hooks.state["complaints"], []) # it is as the schema says
        return body

    def test_a_browser_behind_a_proxy_is_told_in_full(self):
        server = self.start("--ip-header=X-Client-IP", "--map-headers=X-Client-IP X-Country X-Missing")
        for count, scheme in enumerate(("ws", "wss"), 1):
            self.join(server, scheme, ("Origin", ORIGIN), ("User-Agent", BROWSER), ("X-Country", "\"NO\" \\ é"),
                      ("X-Client-IP", "192.168.23.83:65520"), ("X-Other", "1"), ("Authorization", "Basic c2VjcmV0"))
            body = self.came(count)
            local = re.escape(server.url(scheme).split("//")[1])
            self.assertTrue(re.fullmatch(f"/192.168.23.83:65520/{local}-{UUID}", body.pop("session_id")))
            self.assertEqual({key: body[key] for key in body if key not in ("node_id", "local", "player_token")}, {
                "player_id": "Alice", "transport": scheme, "remote": "192.168.23.83:65520",
                "client": "integration-test", "origin": ORIGIN, "user_agent": BROWSER,
                "headers": {"X-Client-IP": "192.168.23.83:65520", "X-Country": body["headers"]["X-Country"]}})
            self.assertTrue(body["headers"]["X-Country"].startswith("\"NO\" \\ "))
        self.stop_cleanly(server)

    def test_the_flashphoner_form_is_the_documents_own(self):
        with open(os.path.join(SUPPORT, "..", "golden", "flashphoner_connect.json"), encoding="utf-8") as file:
            document = json.load(file)
        server = self.start("--hook-flashphoner-compat", "--ip-header=X-Client-IP", hook_flags=("--flashphoner",))
        for count, scheme in enumerate(("ws", "wss"), 1):
            self.join(server, scheme, ("Origin", document["origin"]), ("User-Agent", document["clientBrowserVersion"]),
                      ("X-Client-IP", document["X-Client-IP"]), client=document["clientVersion"])
            body = self.came(count)
            local = re.escape(server.url(scheme).split("//")[1])
            self.assertTrue(re.fullmatch(f"/192.168.23.83:65520/{local}-{UUID}", body["sessionId"]))
            self.assertTrue(re.fullmatch(r"[A-Za-z0-9]{32}@[0-9.]+", body["nodeId"]))
            self.assertEqual({**body, "sessionId": "", "nodeId": ""}, {**document, "sessionId": "", "nodeId": ""})
            self.assertEqual(list(body), list(document))
        self.stop_cleanly(server)

    def test_other_transports_say_nothing_of_this(self):
        server = self.start("--ip-header=X-Client-IP", listen=("tcp", "tls", "udp"))
        for count, scheme in enumerate(("tcp", "tls", "udp"), 1):
            if scheme == "udp":
                server.bots(schemes=("udp",), count=1,
                                        tokens=[connection_token("Alice")], duration=1)
            else:
                server.player("Alice", scheme, token=connection_token("Alice")).wait_for(WELCOME)
            body = self.came(count)
            self.assertEqual(body["transport"], scheme)
            self.assertEqual(set(body) & {"origin", "user_agent", "headers"}, set())
            self.assertTrue(re.fullmatch(f"/127.0.0.1:[0-9]+/127.0.0.1:[0-9]+-{UUID}", body["session_id"]))
        self.stop_cleanly(server)

    def test_a_stranger_maps_no_header_and_chooses_no_address(self):
        server = self.start("--ip-header=X-Client-IP", "--map-headers=X-Client-IP X-Country",
                            "--trusted-proxies=192.0.2.0/24")
        self.join(server, "ws", ("X-Client-IP", "7.7.7.7"), ("X-Country", "NO"), ("X-Forwarded-For", "7.7.7.7"))
        body = self.came(1)
        self.assertNotIn("headers", body)
        self.assertTrue(body["remote"].startswith("127.0.0.1:"))
        self.stop_cleanly(server)

    def test_a_header_that_cannot_be_handed_on_is_400(self):
        server = self.start("--map-headers=X-Country")
        self.assertEqual(self.request(server, "ws", ("X-Country", 257 * "x")), 400)
        self.assertEqual(self.request(server, "ws", ("X-Country", "a\tb")), 400)
        self.assertEqual(self.request(server, "ws", ("X-Country", 256 * "x")), 101)
        self.stop_cleanly(server)


if __name__ == "__main__":
    unittest.main(verbosity=1)
