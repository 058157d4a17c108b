#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""curl at the HTTP side of ws and wss ports: what a person sees who looks for the mistake in a set-up. (The curl of
Debian 12 cannot speak WebSocket itself; it can ask for one.)"""

import contextlib
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from paddock import ENVIRONMENT, PATIENCE, TestCase  # noqa: E402
from ws_peer import Failed, Peer  # noqa: E402

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
UPGRADE = ("-H", "Connection: Upgrade", "-H", "Upgrade: websocket", "-H", "Sec-WebSocket-Version: 13",
           "-H", "Sec-WebSocket-Key: " + KEY)


class Curl(TestCase):
    def setUp(self):
        # Whoever says nothing after the upgrade is let go after 0.1 s: that ends curl as well.
        self.server = self.serve("--hello-ms=100", "--close-ms=100", "--node-id=node1", "--ip-header=X-Real-IP",
                                 "--allow-origins=https://play.example.com", listen=("ws", "wss"))
        self.plain = self.server.url("ws").split("//")[1]
        self.secure = self.server.url("wss").split("//")[1]

    def curl(self, *arguments):
        """(exit status, head, body)"""
        done = subprocess.run(["curl", "-q", "-ski", "--noproxy", "*", "--max-time", str(PATIENCE), *arguments],
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=2 * PATIENCE, env=ENVIRONMENT)
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        return done.returncode, head.decode(), body

    def test_every_mistake_is_answered_with_what_to_do_over_http_and_https(self):
        for where in (f"http://{self.plain}", f"https://{self.secure}"):
            for arguments, path, status, part in (
                    ((), "/", 200, "WebSocket Test"),
                    ((), "/websockets.html", 200, "WebSocket Test"),
                    ((), "/websocket", 426, "'Upgrade: websocket'"),
                    (("-H", "Connection: Upgrade"), "/websocket", 426, "A proxy in front must pass them on"),
                    (UPGRADE[:4], "/websocket", 426, "Sec-WebSocket-Version"),
                    (UPGRADE[:6], "/websocket", 400, "Sec-WebSocket-Key"),
                    (UPGRADE, "/websocket2", 404, "The WebSocket is at /websocket"),
                    (UPGRADE, "/websocket/node12", 404, "The WebSocket is at /websocket"),
                    (("--path-as-is",), "/../etc/passwd", 404, "The WebSocket is at /websocket"),
                    (("-X", "POST"), "/websocket", 405, "GET"),
                    (("-d", "a=b"), "/websocket", 405, "GET"),
                    ((*UPGRADE, "-X", "GET", "-d", "a=b"), "/websocket", 400, "no body"),
                    (("--http1.0", "--no-alpn"), "/websocket", 505, "proxy_http_version 1.1"),
                    (("-H", "Host:"), "/websocket", 400, "Host"),
                    ((), "/" + "x" * 2100, 414, "2048"),
                    (("-H", "X-Long: " + "x" * 4100), "/", 431, "4096"),
                    (tuple(word for index in range(64) for word in ("-H", f"X-{index}: y")), "/", 431, "64"),
                    ((*UPGRADE, "-H", "Origin: https://evil.example.org"), "/websocket", 403, "--allow-origins"),
                    ((*UPGRADE, "-H", "X-Real-IP: 192.0.2.1", "-H", "X-Real-IP: 192.0.2.2"), "/websocket", 400, "once"),
                    ((*UPGRADE, "-H", "Sec-WebSocket-Protocol: GBinaryV18"), "/websocket", 400, "paddock.v1")):
                code, head, body = self.curl(*arguments, where + path)
                self.assertEqual((code, head.split(" ")[:2]), (0, ["HTTP/1.1", str(status)]), (arguments, path))
                self.assertIn(part, body.decode(), (arguments, path))
                self.check_head(head, status, body)

    def check_head(self, head, status, body):
        fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:])
        self.assertEqual(int(fields["content-length"]), len(body))
        self.assertEqual(fields["connection"], "upgrade, close" if status == 426 else "close")
        self.assertEqual(fields.get("upgrade"), "websocket" if status == 426 else None)
        self.assertEqual(fields.get("allow"), "get" if status == 405 else None)
        self.assertNotIn("server", fields)

    def test_a_good_request_is_switched(self):
        for where in (f"http://{self.plain}", f"https://{self.secure}"):
            for path, fields, protocol in (("/websocket", (), None), ("/websocket/node1", (), None),
                                           ("/websocket?a=b", ("-H", "Sec-WebSocket-Protocol: a, paddock.v1"),
                                            "paddock.v1")):
                _, head, body = self.curl("--http1.1", "-N", *UPGRADE, *fields,
                                          "-H", "Sec-WebSocket-Extensions: permessage-deflate", where + path)
                lines = head.split("\r\n")
                self.assertEqual(lines[:4], ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket",
                                             "Connection: Upgrade",
                                             "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="])
                self.assertEqual(lines[4:], [f"Sec-WebSocket-Protocol: {protocol}"] if protocol else [])
                self.assertIn(b"no connection token in time", body) # the close frame of 4001

    def test_the_wrong_port_says_which_is_right_here_and_in_the_log(self):
        code, head, body = self.curl(f"http://{self.secure}/websocket")
        self.assertEqual((code, head.split(" ")[1]), (0, "400"))
        self.assertIn("Use wss:// (or https://)", body.decode())
        event = self.server.wait_event("plain_http_on_tls_listener", level="warn")
        self.assertIn(self.secure, event["listener"])
        self.assertTrue(event["remote"].startswith("127.0.0.1:"))
        self.assertIn("use wss://", event["text"])
        code, _, _ = self.curl(f"https://{self.plain}/websocket")
        self.assertEqual(code, 35) # CURLE_SSL_CONNECT_ERROR
        event = self.server.wait_event("tls_on_plain_listener", level="warn")
        self.assertIn(self.plain, event["listener"])
        self.assertIn("connect with ws://", event["text"])

    def test_a_full_house_is_503_until_somebody_leaves(self):
        server = self.serve("--max-sessions=1", "--players-per-session=2", "--hello-ms=60000", listen=("ws",))
        url = server.url("ws") + "/websocket"
        with contextlib.ExitStack() as seated:
            peers = []
            with self.assertRaisesRegex(Failed, "HTTP/1.1 503 "):
                while len(peers) < 256:
                    peers.append(seated.enter_context(Peer(url, PATIENCE)))
            code, head, body = self.curl(*UPGRADE, url.replace("ws://", "http://"))
            self.assertEqual((code, head.split(" ")[1]), (0, "503"))
            self.assertIn("\r\nRetry-After: ", head)
            self.assertIn("This server is full", body.decode())
            self.assertEqual(server.metric('paddock_closes_total{code="overloaded"}'), 2)
            peers[0].close()
            seated.enter_context(Peer(url, PATIENCE))

    def test_http_2_is_refused_and_what_speaks_both_gets_http_1_1(self):
        code, head, _ = self.curl("--http2", f"https://{self.secure}/")
        self.assertEqual((code, head.split(" ")[:2]), (0, ["HTTP/1.1", "200"]))
        code, _, _ = self.curl("--http2-prior-knowledge", f"http://{self.plain}/")
        self.assertNotEqual(code, 0)

    def test_an_unknown_subprotocol_is_logged_in_the_two_lines_that_people_search_for(self):
        self.curl(*UPGRADE, "-H", "Sec-WebSocket-Protocol: GBinaryV18", f"https://{self.secure}/websocket")
        self.assertEqual(self.server.wait_event("subprotocol_unknown", level="warn")["text"],
                         "Subprotocol GBinaryV18 is unknown")
        self.assertRegex(self.server.wait_event("websocket_init_failed", level="warn")["text"],
                         r"^Failed to parse init request for WebSocket peer: \d+ bytes$")
        self.curl(*UPGRADE, "-H", "Sec-WebSocket-Protocol: \"a\x1b[2J\"", f"http://{self.plain}/websocket")
        self.curl(*UPGRADE, "-H", "Sec-WebSocket-Protocol: a b", f"http://{self.plain}/websocket")
        self.server.wait_event("subprotocol_unknown", text="Subprotocol (not a token) is unknown")


if __name__ == "__main__":
    unittest.main()
