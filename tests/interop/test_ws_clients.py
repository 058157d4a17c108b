#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Clients that nobody here wrote, against the real server: python3-websockets over ws and wss, plain HTTP without an
upgrade, OpenSSL's s_client for what TLS may and may not be."""

import asyncio
import base64
import hashlib
import http.client
import json
import os
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import unittest

import websockets

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from paddock import ENVIRONMENT, HELLO, PING, PONG, WELCOME, TestCase, pack, trust_anybody, unpack  # noqa: E402

PROTOCOL = "paddock.v1"


class WebSockets(TestCase):
    def setUp(self):
        self.server = self.serve(listen=("ws", "wss"))

    def connect(self, scheme="ws", path="/websocket", **options):
        options.setdefault("subprotocols", [PROTOCOL])
        if scheme == "wss":
            options["ssl"] = trust_anybody()
        return websockets.connect(self.server.url(scheme) + path, **options)

    def run_async(self, coroutine):
        return asyncio.run(asyncio.wait_for(coroutine, 30))

    def test_a_player_is_welcomed_over_ws_and_wss(self):
        async def play(scheme):
            async with self.connect(scheme) as peer:
                self.assertEqual(peer.subprotocol, PROTOCOL)
                self.assertNotIn("Sec-WebSocket-Extensions", peer.response_headers)
                await peer.send(pack([HELLO, 1, self.server.token("Anna").encode(), "", "interop"]))
                message = unpack(await peer.recv())
                while message[0] != WELCOME:
                    message = unpack(await peer.recv())
                await peer.send(pack([PING, 7]))
                while message[0] != PONG:
                    message = unpack(await peer.recv())
                self.assertEqual(message[1], 7)
        for scheme in ("ws", "wss"):
            self.run_async(play(scheme))

    def test_a_fragmented_hello_is_one_message(self):
        async def play():
            hello = pack([HELLO, 1, self.server.token("Anna").encode(), "", "interop"])
            async with self.connect() as peer:
                await peer.send([hello[:1], hello[1:60], hello[60:]])
                self.assertEqual(unpack(await peer.recv())[0], WELCOME)
        self.run_async(play())

    def test_a_forged_token_is_closed_with_code_and_reason(self):
        async def play(scheme):
            async with self.connect(scheme) as peer:
                await peer.send(pack([HELLO, 1, b'{"unisavePlayerId":"A","fusionPlayerToken":"x"}', "", ""]))
                await peer.wait_closed()
                return peer.close_code, peer.close_reason
        for scheme in ("ws", "wss"):
            self.assertEqual(self.run_async(play(scheme)), (4003, "connection token is not valid"))

    def test_text_is_echoed_and_a_close_is_answered(self):
        async def play():
            async with self.connect(subprotocols=None) as peer:
                self.assertIsNone(peer.subprotocol)
                await peer.send("WebSocket Test é")
                self.assertEqual(await peer.recv(), "WebSocket Test é")
                await asyncio.wait_for(await peer.ping(b"data"), 30)
                await peer.close(1000, "bye")
                return peer.close_code
        self.assertEqual(self.run_async(play()), 1000)

    def test_a_message_over_the_limit_is_1009(self):
        async def play():
            async with self.connect() as peer:
                await peer.send(bytes(16385))
                await peer.wait_closed()
                return peer.close_code
        self.assertEqual(self.run_async(play()), 1009)

    def test_other_paths_and_subprotocols_are_refused(self):
        async def status(**options):
            try:
                async with self.connect(**options):
                    return 101
            except websockets.exceptions.InvalidStatusCode as error:
                return error.status_code
        self.assertEqual(self.run_async(status(path="/websocket2")), 404)
        self.assertEqual(self.run_async(status(path="/websocket/")), 404)
        self.assertEqual(self.run_async(status(subprotocols=["GBinaryV18"])), 400)
        self.assertEqual(self.run_async(status(subprotocols=["foo", PROTOCOL])), 101)
        self.assertEqual(self.run_async(status(path="/websocket?a=b")), 101)
        event = self.server.wait_event("subprotocol_unknown")
        self.assertEqual(event["text"], "Subprotocol GBinaryV18 is unknown")

    def test_plain_http_is_told_what_to_do(self):
        where = self.server.url("ws").split("//")[1]
        secure = self.server.url("wss").split("//")[1]
        connections = {
            "ws": lambda: http.client.HTTPConnection(where, timeout=30),
            "http on wss": lambda: http.client.HTTPConnection(secure, timeout=30),
            "wss": lambda: http.client.HTTPSConnection(secure, timeout=30, context=trust_anybody()),
        }
        for port, method, path, status, part in (
                ("ws", "GET", "/", 200, "WebSocket Test"),
                ("ws", "GET", "/websocket", 426, "'Upgrade: websocket'"),
                ("ws", "POST", "/websocket", 405, "GET"),
                ("wss", "GET", "/", 200, "WebSocket Test"),
                ("wss", "GET", "/websockets.html", 200, "WebSocket Test"),
                ("wss", "GET", "/favicon.ico", 404, "/websocket"),
                ("http on wss", "GET", "/", 400, "wss://")):
            connection = connections[port]()
            connection.request(method, path)
            answer = connection.getresponse()
            self.assertEqual(answer.status, status, (port, path))
            self.assertIn(part, answer.read().decode())
            connection.close()


class Paths(TestCase):
    """What an operator chose for the HTTP side of the port."""

    def get(self, server, path):
        connection = http.client.HTTPConnection(server.url("ws").split("//")[1], timeout=30)
        self.addCleanup(connection.close)
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer, answer.read()

    def test_the_page_may_run_exactly_its_own_script(self):
        answer, body = self.get(self.serve("--websocket-path=/a&b", listen=("ws",)), "/")
        self.assertEqual(answer.getheader("Content-Type"), "text/html; charset=utf-8")
        self.assertIn(b'data-path="/a&amp;b"', body)
        script = body.split(b"<script>")[1].split(b"</script>")[0]
        digest = base64.b64encode(hashlib.sha256(script).digest()).decode()
        policy = answer.getheader("Content-Security-Policy")
        self.assertIn("default-src 'none'", policy)
        self.assertIn(f"script-src 'sha256-{digest}'", policy)
        self.assertNotIn(b"innerHTML", body)
        self.assertEqual(body.count(b"<script"), 1)

    def test_the_page_can_be_switched_off(self):
        server = self.serve("--test-page=off", listen=("ws",))
        self.assertEqual(self.get(server, "/")[0].status, 426)
        self.assertEqual(self.get(server, "/websockets.html")[0].status, 404)

    def test_a_node_has_its_own_path(self):
        server = self.serve("--node-id=node1", listen=("ws",))

        async def status(path):
            try:
                async with websockets.connect(server.url("ws") + path):
                    return 101
            except websockets.exceptions.InvalidStatusCode as error:
                return error.status_code
        for path, expected in (("/websocket", 101), ("/websocket/node1", 101), ("/websocket/node12", 404),
                               ("/websocket/node1/x", 404), ("/websocket2", 404), ("/websocket/%6eode1", 404)):
            self.assertEqual(asyncio.run(asyncio.wait_for(status(path), 30)), expected, path)


class Origins(TestCase):
    def status(self, server, **headers):
        async def connect():
            try:
                async with websockets.connect(server.url("ws") + "/websocket", **headers):
                    return 101
            except websockets.exceptions.InvalidStatusCode as error:
                return error.status_code
        return asyncio.run(asyncio.wait_for(connect(), 30))

    def test_only_pages_that_are_listed_may_connect(self):
        server = self.serve("--allow-origins=!https://old.example.com https://*.example.com", listen=("ws",))
        for origin, expected in ((None, 101), ("https://play.example.com", 101), ("https://old.example.com", 403),
                                 ("https://example.com.evil.tld", 403), ("null", 403)):
            self.assertEqual(self.status(server, origin=origin), expected, origin)
        twice = [("Origin", "https://play.example.com"), ("Origin", "https://play.example.com")]
        self.assertEqual(self.status(server, extra_headers=twice), 403)
        self.assertEqual(server.wait_event("origin_refused")["origin"], "https://old.example.com")

    def test_programs_that_are_no_browsers_can_be_kept_out(self):
        server = self.serve("--require-origin", listen=("ws",))
        self.assertEqual(self.status(server), 403)
        self.assertEqual(self.status(server, origin="https://anywhere.org"), 101)


class Addresses(TestCase):
    """127.0.0.1 is a trusted proxy unless the operator says otherwise."""

    def play(self, server, address, name, header="X-Real-IP"):
        """Joins and leaves; the address as the log has it, or the HTTP status of the refusal."""
        async def connect():
            async with websockets.connect(server.url("ws") + "/websocket",
                                          extra_headers=[(header, address)]) as peer:
                await peer.send(pack([HELLO, 1, server.token(name).encode(), "", "interop"]))
                self.assertEqual(unpack(await peer.recv())[0], WELCOME)
        try:
            asyncio.run(asyncio.wait_for(connect(), 30))
        except websockets.exceptions.InvalidStatusCode as error:
            return error.status_code
        admitted = server.wait_event("player_admitted", player=name)
        left = server.wait_event("player_left", player=name)
        self.assertEqual((admitted["remote"], admitted["conn"]), (left["remote"], left["conn"]))
        return admitted["remote"]

    async def crowd(self, server, address, count):
        """The HTTP statuses of so many upgrades at once."""
        async def knock():
            try:
                async with websockets.connect(server.url("ws") + "/websocket",
                                              extra_headers=[("X-Real-IP", address)]):
                    return 101
            except websockets.exceptions.InvalidStatusCode as error:
                return error.status_code
        return await asyncio.gather(*(knock() for _ in range(count)))

    def test_log_lines_and_limits_are_about_the_client_behind_the_proxy(self):
        server = self.serve("--ip-header=X-Real-IP", "--connects-per-second=1", listen=("ws",))
        self.assertEqual(self.play(server, "192.0.2.1:65520", "Anna"), "192.0.2.1:65520")
        self.assertEqual(self.play(server, "2001:db8::1", "Bert"), "[2001:db8::1]:0")
        # Burst 2: a crowd from there is refused in part, others behind the same proxy are not.
        self.assertIn(429, asyncio.run(asyncio.wait_for(self.crowd(server, "192.0.2.7", 20), 30)))
        self.assertEqual(self.play(server, "192.0.2.8", "Carl"), "192.0.2.8:0")

    def test_whoever_tries_tokens_is_kept_out_for_a_while_and_nobody_else(self):
        server = self.serve("--ip-header=X-Real-IP", "--auth-failures=2", listen=("ws",))

        async def guess():
            async with websockets.connect(server.url("ws") + "/websocket",
                                          extra_headers=[("X-Real-IP", "192.0.2.1")]) as peer:
                await peer.send(pack([HELLO, 1, b'{"unisavePlayerId":"Eve","fusionPlayerToken":"x"}', "", ""]))
                await peer.wait_closed()
                return peer.close_code
        for _ in range(3):
            self.assertEqual(asyncio.run(asyncio.wait_for(guess(), 30)), 4003)
        self.assertEqual(server.wait_event("address_blocked")["remote"], "192.0.2.1:0")
        self.assertEqual(self.play(server, "192.0.2.1", "Anna"), 429)
        self.assertEqual(self.play(server, "192.0.2.2", "Anna"), "192.0.2.2:0")

    def test_other_headers_and_nonsense_leave_the_peers_own_address(self):
        server = self.serve("--ip-header=X-Real-IP", listen=("ws",))
        self.assertTrue(self.play(server, "7.7.7.7", "Anna", header="X-Forwarded-For").startswith("127.0.0.1:"))
        self.assertTrue(self.play(server, "7.7.7.7 or so", "Bert").startswith("127.0.0.1:"))
        self.assertEqual(server.wait_event("ip_header_ignored")["why"], "not an address")

    def test_a_stranger_cannot_choose_an_address(self):
        server = self.serve("--ip-header=X-Real-IP", "--trusted-proxies=10.0.0.0/8", listen=("ws",))
        self.assertTrue(self.play(server, "7.7.7.7", "Anna").startswith("127.0.0.1:"))
        self.assertIn("--trusted-proxies", server.wait_event("ip_header_ignored")["why"])


class ProxyProtocol(TestCase):
    V1 = b"PROXY TCP4 192.0.2.1 192.0.2.2 65520 443\r\n"
    V2 = (b"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24" + socket.inet_pton(socket.AF_INET6, "2001:db8::1") +
          socket.inet_pton(socket.AF_INET6, "2001:db8::2") + b"\0\7\0\x08")

    def connect(self, server, scheme, header):
        host, port = server.url(scheme).split("//")[1].split("?")[0].split(":")
        peer = socket.create_connection((host, int(port)), 30)
        self.addCleanup(peer.close)
        peer.sendall(header)
        if scheme == "tls":
            peer = trust_anybody().wrap_socket(peer)
            self.addCleanup(peer.close)
        return peer

    def test_streams_of_every_kind_have_the_address_that_the_proxy_says(self):
        listen = [f"--listen={scheme}://127.0.0.1:0?proxy=1" for scheme in ("tcp", "tls", "ws", "wss")]
        server = self.serve(*listen, listen=())
        for index, (scheme, header, remote) in enumerate((("tcp", self.V1, "192.0.2.1:65520"),
                                                          ("tcp", self.V2, "[2001:db8::1]:7"),
                                                          ("tls", self.V2, "[2001:db8::1]:7"),
                                                          ("tls", self.V1, "192.0.2.1:65520"))):
            hello = pack([HELLO, 1, server.token(f"P{index}").encode(), "", "interop"])
            self.connect(server, scheme, header).sendall(struct.pack(">I", len(hello)) + hello)
            self.assertEqual(server.wait_event("player_admitted", player=f"P{index}")["remote"], remote)

        async def play(scheme, name):
            peer = self.connect(server, scheme, self.V1)
            options = {"ssl": trust_anybody(), "server_hostname": "localhost"} if scheme == "wss" else {}
            async with websockets.connect(f"{scheme}://localhost/websocket", sock=peer, **options) as link:
                await link.send(pack([HELLO, 1, server.token(name).encode(), "", "interop"]))
                self.assertEqual(unpack(await link.recv())[0], WELCOME)
        for scheme in ("ws", "wss"):
            asyncio.run(asyncio.wait_for(play(scheme, scheme), 30))
            self.assertEqual(server.wait_event("player_admitted", player=scheme)["remote"], "192.0.2.1:65520")

    def test_without_the_header_or_from_a_stranger_there_is_no_connection(self):
        for flags in ((), ("--trusted-proxies=10.0.0.0/8",)):
            server = self.serve(*flags, "--listen=tcp://127.0.0.1:0?proxy=1", listen=())
            peer = self.connect(server, "tcp", self.V1 if flags else b"GET / HTTP/1.1\r\n")
            try:
                self.assertEqual(peer.recv(100), b"")
            except ConnectionResetError:
                pass
            server.wait_event("proxy_header_refused")

    def test_the_header_on_a_listener_that_wants_none_is_said_in_the_log(self):
        for scheme in ("ws", "wss", "tls"):
            for header in (self.V1, self.V2):
                server = self.serve(listen=(scheme,))
                host, port = server.url(scheme).split("//")[1].split(":")
                with socket.create_connection((host, int(port)), 30) as peer:
                    remote = "%s:%d" % peer.getsockname()
                    peer.sendall(header + b"GET /websocket HTTP/1.1\r\n\r\n")
                    try:
                        self.assertEqual(peer.recv(100), b"")
                    except ConnectionResetError:
                        pass
                event = server.wait_event("proxy_header_unexpected", conn=1, remote=remote)
                self.assertIn("?proxy=1", event["text"])


class Cookies(TestCase):
    TOKEN = "ABCDEF1234565789"

    def status(self, server, cookie, origin="https://play.example.com"):
        async def connect():
            headers = [("Cookie", cookie)] if cookie else []
            try:
                async with websockets.connect(server.url("ws") + "/websocket", origin=origin, extra_headers=headers):
                    return 101
            except websockets.exceptions.InvalidStatusCode as error:
                return error.status_code
        return asyncio.run(asyncio.wait_for(connect(), 30))

    def test_the_door_is_open_while_the_file_is_there(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = os.path.join(folder.name, self.TOKEN)
        open(path, "w").close()
        server = self.serve("--auth-cookie=AUTH", f"--auth-token-dir={folder.name}",
                            "--allow-origins=https://play.example.com", listen=("ws",))
        self.assertEqual(self.status(server, f"a=b; AUTH={self.TOKEN}"), 101)
        for cookie in (None, "AUTH=", "AUTH=zzz", f"AUTH=../{os.path.basename(folder.name)}/{self.TOKEN}",
                       "AUTH=../../../../etc/passwd", f"AUTH=..%2f{self.TOKEN}"):
            self.assertEqual(self.status(server, cookie), 403, cookie)
        self.assertEqual(self.status(server, f"AUTH={self.TOKEN}", origin="https://evil.org"), 403)
        os.unlink(path)
        self.assertEqual(self.status(server, f"AUTH={self.TOKEN}"), 403)
        server.wait_event("cookie_refused")
        self.assertNotIn(self.TOKEN, json.dumps(server.events))


class Tls(TestCase):
    def setUp(self):
        self.server = self.serve(listen=("wss", "tls"))

    def handshake(self, scheme, *options):
        where = self.server.url(scheme).split("//")[1]
        # Debian's OpenSSL offers nothing under TLS 1.2 unless asked to.
        done = subprocess.run(["openssl", "s_client", "-connect", where, "-cipher", "ALL:@SECLEVEL=0", *options],
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=30, env=ENVIRONMENT)
        return (done.stdout + done.stderr).decode(errors="replace")

    def test_only_tls_1_2_and_1_3_are_spoken(self):
        self.assertIn("TLSv1.3, Cipher is TLS_", self.handshake("wss", "-tls1_3"))
        self.assertIn("TLSv1.2, Cipher is ECDHE-ECDSA-AES128-GCM-SHA256", self.handshake("wss", "-tls1_2"))
        for version in ("-tls1_1", "-tls1"):
            self.assertIn("alert protocol version", self.handshake("wss", version))

    def test_alpn_is_http_1_1_and_only_where_there_is_http(self):
        self.assertIn("ALPN protocol: http/1.1", self.handshake("wss", "-alpn", "h2,http/1.1"))
        self.assertIn("no application protocol", self.handshake("wss", "-alpn", "h2"))
        self.assertIn("No ALPN negotiated", self.handshake("tls"))

    def test_the_dev_certificate_is_for_this_machine(self):
        output = self.handshake("tls", "-verify_hostname", "localhost", "-verify_ip", "127.0.0.1")
        self.assertIn("Verify return code: 18 (self-signed certificate)", output)

    def test_a_failed_handshake_is_one_line_with_the_alert(self):
        host, port = self.server.url("tls").split("//")[1].split(":")
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = ssl.create_default_context()
            context.maximum_version = version
            with socket.create_connection((host, int(port))) as plain:
                with self.assertRaises(ssl.SSLCertVerificationError):
                    context.wrap_socket(plain, server_hostname="localhost")
        self.server.wait_event("tls_handshake_failed", error="GNUTLS_E_FATAL_ALERT_RECEIVED", alert="CA is unknown")
        self.server.wait_event("tls_handshake_failed", error="GNUTLS_E_DECRYPTION_FAILED", alert="CA is unknown")


if __name__ == "__main__":
    unittest.main()
