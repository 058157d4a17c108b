#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Who is calling: what the server finds out about a player's way to it, from the outside and to the end."""

import asyncio
import base64
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse

import websockets

SUPPORT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support")
sys.path.insert(0, SUPPORT)
import memory  # noqa: E402
from paddock import (BYE, ENVIRONMENT, HELLO, PADDOCK, PATIENCE, WELCOME, TestCase, is_sanitized, pack,  # noqa: E402
                     trust_anybody, unpack)
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
            name, _, query = scheme.partition("?")
            options = {"ssl": trust_anybody()} if name == "wss" else {}
            try:
                async with websockets.connect(f"{server.url(name)}/websocket?{query}", extra_headers=headers,
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
            player = server.player("Alice", scheme, token=connection_token("Alice"))
            player.wait_for(WELCOME)
            player.send(BYE)
            self.assertEqual(player.wait_closed(), 1000)
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


class Cookies(Caller):
    ORIGIN = "https://play.example.com"

    def cookie(self, name, token):
        return f"{name}={base64.urlsafe_b64encode(token.encode()).decode().rstrip('=')}"

    def first_answer(self, server, scheme, *headers, token=b""):
        """What a page hears whose hello has this token: the welcome, or the close code."""
        async def hello(peer):
            await peer.send(pack([HELLO, 1, token, "", "page"]))
            try:
                self.answer = unpack(await peer.recv())[0]
            except websockets.exceptions.ConnectionClosed:
                self.answer = peer.close_code
        status = self.request(server, scheme, ("Origin", self.ORIGIN), *headers, then=hello)
        return self.answer if status == 101 else status

    def test_a_cookie_may_carry_the_connection_token(self): # F-07, F-19
        server = self.serve("--token-cookie=TOKEN", f"--allow-origins={self.ORIGIN}", listen=("ws", "wss"))
        tokens = {name: server.token(name) for name in ("Anna", "Bert")}
        for scheme in ("ws", "wss"):
            cookie = ("Cookie", "a=b; " + self.cookie("TOKEN", tokens["Anna"]))
            self.assertEqual(self.first_answer(server, scheme, cookie), WELCOME)
            # What the first message says counts before it.
            self.assertEqual(self.first_answer(server, scheme, cookie, token=tokens["Bert"].encode()), WELCOME)
            self.assertEqual(self.first_answer(server, scheme, cookie, token=b"{}"), 4004)
            self.assertEqual(self.first_answer(server, scheme), 4004)
            self.assertEqual(self.first_answer(server, scheme, ("Cookie", "TOKEN=%%%")), 4004)
            forged = tokens["Anna"].replace("Anna", "Carl")
            self.assertEqual(self.first_answer(server, scheme, ("Cookie", self.cookie("TOKEN", forged))), 4003)
            self.assertEqual(self.request(server, scheme, cookie, ("Origin", "https://evil.org")), 403)
        server.wait_event("token_cookie_malformed")
        server.wait_event("player_admitted", player="Bert")
        text = json.dumps(server.events)
        for token in tokens.values():
            self.assertNotIn(json.loads(token)["fusionPlayerToken"], text)
            self.assertNotIn(self.cookie("", token)[1:], text)
        # A token in the address is none: addresses end in the logs of proxies.
        query = urllib.parse.urlencode({"token": tokens["Anna"], "TOKEN": tokens["Anna"]})
        self.assertEqual(self.first_answer(server, f"ws?{query}"), 4004)
        self.stop_cleanly(server)

    def test_whose_file_goes_has_to_go(self): # F-08
        folder = self.temporary()
        names = {name: f"{name}-0123456789abcdef" for name in ("Anna", "Bert")}
        for name in names.values():
            open(os.path.join(folder, name), "w").close()
        server = self.serve("--auth-cookie=AUTH", f"--auth-token-dir={folder}", f"--allow-origins={self.ORIGIN}",
                            "--auth-token-poll-ms=20", "--listen=ws://127.0.0.1:0", listen=("tcp",))

        async def play():
            peers = {}
            for name, file in names.items():
                peer = await websockets.connect(server.url("ws") + "/websocket", origin=self.ORIGIN,
                                                extra_headers=[("Cookie", f"AUTH={file}")])
                await peer.send(pack([HELLO, 1, server.token(name).encode(), "", "page"]))
                self.assertEqual(unpack(await peer.recv())[0], WELCOME)
                peers[name] = peer
            os.unlink(os.path.join(folder, names["Anna"]))
            await peers["Anna"].wait_closed()
            os.rename(folder, folder + "-away") # a disk that is away says nothing of anybody
            await asyncio.to_thread(server.wait_event, "auth_token_dir_unreadable")
            os.rename(folder + "-away", folder)
            await (await peers["Bert"].ping())
            self.assertTrue(peers["Bert"].open)
            await peers["Bert"].close()
            return peers["Anna"].close_code
        native = server.player("Carl")
        native.wait_for(WELCOME)
        self.assertEqual(asyncio.run(asyncio.wait_for(play(), 2 * PATIENCE)), 4003)
        native.send(BYE)
        self.assertEqual(native.wait_closed(), 1000) # came by no cookie and was left alone
        self.assertEqual(self.request(server, "ws", ("Origin", self.ORIGIN), ("Cookie", f"AUTH={names['Anna']}")), 403)
        self.assertNotIn(names["Anna"], json.dumps(server.events))
        self.stop_cleanly(server)

    def test_origins_are_read_again_at_sighup(self): # F-09
        path = os.path.join(self.temporary(), "origins")

        def write(text):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        write("# pages\nhttps://one.example.com\n")
        server = self.serve(f"--allow-origins-file={path}", listen=("ws",))

        def statuses():
            return [self.request(server, "ws", ("Origin", f"https://{name}.example.com")) for name in ("one", "two")]
        self.assertEqual(statuses(), [101, 403])
        write("https://two.example.com\n")
        self.assertEqual(statuses(), [101, 403])
        server.signal(signal.SIGHUP)
        server.wait_event("origins_reloaded", rules=1)
        self.assertEqual(statuses(), [403, 101])
        write("two.example.com\n")
        server.signal(signal.SIGHUP)
        self.assertIn("origins:1", server.wait_event("origins_reload_failed")["error"])
        self.assertEqual(statuses(), [403, 101])
        self.stop_cleanly(server)
        done = subprocess.run([PADDOCK, "--dev", "--check-config", f"--allow-origins-file={path}"], capture_output=True,
                              text=True, timeout=PATIENCE, env=ENVIRONMENT)
        self.assertEqual(done.returncode, 1)
        self.assertIn("origins:1: \"two.example.com\" is not an origin", done.stderr)


class BasicAuth(Caller):
    """F-03, F-04: a name and a password in front of a WebSocket."""
    ORIGIN = ("Origin", "https://play.example.com")

    def authorization(self, name, password):
        return ("Authorization", "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode())

    def write(self, path, **passwords):
        """As an operator does it."""
        with open(path, "w", encoding="utf-8") as file:
            for name, password in passwords.items():
                done = subprocess.run(["openssl", "passwd", "-6", "-stdin"], input=password, capture_output=True,
                                      text=True, check=True)
                file.write(f"{name}:{done.stdout}")

    def test_who_knows_it_plays_and_nobody_else(self):
        path = os.path.join(self.temporary(), "passwords")
        self.write(path, anna="rosebud", bert="open sesame")
        server = self.serve(f"--basic-auth-file={path}", f"--allow-origins={self.ORIGIN[1]}", listen=("ws", "wss"))

        async def hello(peer):
            await peer.send(pack([HELLO, 1, token, "", "page"]))
            self.assertEqual(unpack(await peer.recv())[0], WELCOME)
        for scheme, name, password in (("ws", "anna", "rosebud"), ("wss", "bert", "open sesame")):
            token = server.token(name).encode()
            self.assertEqual(self.request(server, scheme, self.ORIGIN), 401)
            self.assertEqual(self.request(server, scheme, self.ORIGIN, self.authorization(name, password), then=hello),
                             101)
            for wrong in ((name, "wrong"), ("nobody", password), (name, "")):
                self.assertEqual(self.request(server, scheme, self.ORIGIN, self.authorization(*wrong)), 401, wrong)
        self.assertEqual(self.request(server, "ws", self.authorization("anna", "rosebud"),
                                      ("Origin", "https://evil.org")), 403)
        connection = http.client.HTTPConnection(server.url("ws").split("//")[1], timeout=PATIENCE)
        self.addCleanup(connection.close)
        connection.request("GET", "/")
        answer = connection.getresponse()
        self.assertEqual((answer.status, answer.getheader("WWW-Authenticate")),
                         (401, 'Basic realm="Restricted Area"'))
        self.write(path, carl="xanadu")
        server.signal(signal.SIGHUP)
        server.wait_event("passwords_reloaded", names=1)
        self.assertEqual(self.request(server, "ws", self.ORIGIN, self.authorization("anna", "rosebud")), 401)
        self.assertEqual(self.request(server, "ws", self.ORIGIN, self.authorization("carl", "xanadu")), 101)
        server.wait_event("password_refused")
        text = json.dumps(server.events)
        for secret in ("rosebud", "open sesame", "xanadu", self.authorization("anna", "rosebud")[1].split()[1]):
            self.assertNotIn(secret, text)
        self.stop_cleanly(server)

    def test_neither_password_nor_token_stays_in_memory(self): # TM-12
        path = os.path.join(self.temporary(), "passwords")
        password = "kq8-a-password-that-is-nowhere-else-31z"
        self.write(path, anna=password)
        server = self.serve(f"--basic-auth-file={path}", f"--allow-origins={self.ORIGIN[1]}", "--token-cookie=TOKEN",
                            listen=("ws", "wss"))
        token = server.token("Anna")

        async def hello(peer):
            await peer.send(pack([HELLO, 1, b"", "", "page"]))
            self.assertEqual(unpack(await peer.recv())[0], WELCOME)
            if is_sanitized() or os.geteuid() != 0:
                return # sanitizers keep what is freed; others may not look
            secrets = {"password": password, "token": json.loads(token)["fusionPlayerToken"]}
            end = time.monotonic() + PATIENCE
            while memory.find(server.process.pid, secrets) and time.monotonic() < end:
                await asyncio.sleep(0.1) # a hash may still be under way
            self.assertEqual([hit[:2] for hit in memory.find(server.process.pid, secrets)], [])
        cookie = "TOKEN=" + base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")
        for scheme in ("ws", "wss"):
            self.assertEqual(self.request(server, scheme, self.ORIGIN, ("Cookie", cookie),
                                          self.authorization("anna", password), then=hello), 101)
        self.stop_cleanly(server)

    def test_a_password_for_the_proxy_is_none_of_ours(self): # F-03
        server = self.serve(listen=("ws",))
        self.assertEqual(self.request(server, "ws", self.authorization("login", "password-of-the-proxy")), 101)
        self.assertNotIn("password-of-the-proxy", json.dumps(server.events))
        self.stop_cleanly(server)

    def test_who_guesses_is_shut_out_and_others_behind_the_same_proxy_are_not(self):
        path = os.path.join(self.temporary(), "passwords")
        self.write(path, anna="rosebud")
        server = self.serve(f"--basic-auth-file={path}", f"--allow-origins={self.ORIGIN[1]}", "--ip-header=X-Real-IP",
                            "--auth-failures=2", listen=("ws",))

        def knock(address, password):
            return self.request(server, "ws", self.ORIGIN, ("X-Real-IP", address),
                                self.authorization("anna", password))
        self.assertEqual([knock("192.0.2.1", f"guess{number}") for number in range(4)], [401, 401, 401, 429])
        self.assertEqual(knock("192.0.2.1", "rosebud"), 429)
        self.assertEqual(knock("192.0.2.2", "rosebud"), 101)
        self.assertEqual(server.metric('paddock_addresses_refused_total{reason="blocked"}'), 2)
        self.stop_cleanly(server)


class Log(Caller):
    """F-15: what happened to one player can be found by his address, and by the number of his connection."""

    PAGE = ("Origin", "https://play.example.com")
    BEGIN, END = ["connection_behind_proxy", "connection_opened"], ["connection_closed", "player_left"]

    def start(self, *flags, **options):
        return self.serve("--ip-header=X-Real-IP", f"--allow-origins={self.PAGE[1]}", "--require-origin", *flags,
                          **options)

    def address(self, number):
        return ("X-Real-IP", f"192.0.2.{number}:{number}")

    def lines(self, server):
        """The names of the lines about each connection, by its address. Nothing is said here more often than five
        times, or the log would be right to hold it back."""
        self.stop_cleanly(server)
        found = {}
        for event in server.events:
            self.assertEqual("conn" in event, "remote" in event, event)
            if "conn" in event:
                found.setdefault(event["conn"], []).append(event)
        names = {}
        for events in found.values():
            remotes = {event["remote"] for event in events}
            self.assertEqual(len(remotes), 1, events)
            self.assertNotIn(events[0]["remote"], names, events) # one address, one connection
            names[events[0]["remote"]] = [event["event"] for event in events]
        return {int(remote.split(":")[1]): events for remote, events in names.items() if remote.startswith("192.0.2.")}

    def test_every_line_of_a_player_has_the_connections_number_and_the_real_address(self):
        server = self.start(listen=("ws", "wss"))

        def hello(token):
            async def send(peer):
                await peer.send(pack([HELLO, 1, token, "", "page"]))
                try:
                    await peer.recv()
                except websockets.exceptions.ConnectionClosed:
                    pass
            return send
        for number, scheme, token in ((1, "ws", server.token("P1").encode()), (2, "wss", server.token("P2").encode()),
                                      (3, "ws", b"{}"),
                                      (4, "ws", b'{"unisavePlayerId":"A","fusionPlayerToken":"x"}'), (5, "ws", None)):
            self.request(server, scheme, self.PAGE, self.address(number), then=token and hello(token))
            server.wait_event("connection_closed", remote=f"192.0.2.{number}:{number}")
        admitted = self.BEGIN + ["player_joined", "player_admitted"] + self.END
        kicked = ["token_refused", "connection_closed", "stranger_kicked"]
        self.assertEqual(self.lines(server), {1: admitted, 2: admitted, 3: self.BEGIN + kicked,
                                              4: self.BEGIN + ["player_joined"] + self.END,
                                              5: self.BEGIN + ["connection_closed"]})

    def test_so_has_every_line_about_who_did_not_come_in_and_other_transports(self):
        server = self.start("--listen=tcp://127.0.0.1:0?proxy=1", listen=("ws", "udp"))
        self.assertEqual(self.request(server, "ws", ("Origin", "https://evil.org"), self.address(5)), 403)
        self.assertEqual(self.request(server, "ws", self.address(6)), 403)
        unknown = ("Sec-WebSocket-Protocol", "GBinaryV18")
        self.assertEqual(self.request(server, "ws", self.PAGE, unknown, self.address(7)), 400)
        player = server.connect("tcp")
        player.send_raw(b"PROXY TCP4 192.0.2.8 192.0.2.9 8 9\r\n")
        player.hello(server.token("P8"))
        player.wait_for(WELCOME)
        player.send_raw(b"\0\0\0\1\xc1")
        self.assertEqual(player.wait_closed(), 1007)
        player = server.player("P9", "udp")
        player.wait_for(WELCOME)
        player.send(BYE)
        self.assertEqual(player.wait_closed(), 1000)
        self.assertEqual(self.lines(server), {
            5: self.BEGIN[:1] + ["origin_refused", "http_answered"],
            6: self.BEGIN[:1] + ["origin_refused", "http_answered"],
            7: self.BEGIN[:1] + ["subprotocol_unknown", "websocket_init_failed", "http_answered"],
            8: self.BEGIN + ["player_joined", "player_admitted", "message_dropped"] + self.END})

    def test_a_proxy_that_hides_its_clients_is_told_of(self): # L-03
        server = self.serve(listen=("ws",))
        self.assertEqual(self.request(server, "ws"), 101)
        self.assertEqual(self.request(server, "ws", ("X-Forwarded-For", "192.0.2.1")), 101)
        self.assertIn("--ip-header", server.wait_event("client_address_unknown")["text"])
        self.stop_cleanly(server)
        self.assertEqual(len([event for event in server.events if event["event"] == "client_address_unknown"]), 1)


if __name__ == "__main__":
    unittest.main(verbosity=1)
