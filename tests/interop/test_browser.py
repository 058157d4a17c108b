#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What players' browsers do: Debian's Chromium with the test page, and with a page as people write it, over wss
directly and through nginx. Screenshots are left in build/*/screenshots."""

import http.server
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from browser import Browser, why_not  # noqa: E402
from paddock import BUILD, HELLO, PADDOCK, WELCOME, ENVIRONMENT, Server, is_sanitized, pack, unpack  # noqa: E402
from proxies import HOST, PASSWORD, TOKEN, Site, password_hash, program  # noqa: E402

SKIPPED = 77 # what ctest takes for "skipped"
SUCCESS = ["CONNECTED", "SENT: WebSocket Test", "RESPONSE: WebSocket Test", "DISCONNECTED"]
LINES = "Array.from(document.querySelectorAll('#output p'), line => line.textContent)"
# After DISCONNECTED come only the lines that explain it.
IS_OVER = f"{LINES}.includes('DISCONNECTED')"
PAGE = b"""<!DOCTYPE html><meta charset="utf-8"><title>WebSocket test</title><h2>WebSocket test</h2>
<div id="output"></div>
<script>
function write(text) { output.innerHTML += "<p>" + text + "</p>"; }
function test(uri, protocols) {
  const socket = new WebSocket(uri, protocols || []);
  socket.onopen = () => { write("CONNECTED"); write("SENT: WebSocket Test"); socket.send("WebSocket Test"); };
  socket.onmessage = (event) => { write("RESPONSE: " + event.data); socket.close(); };
  socket.onerror = (event) => write("ERROR: " + event.data);
  socket.onclose = (event) => write("DISCONNECTED");
}
</script>
"""
# Resolves to what became of a WebSocket: its protocol, or how it was closed.
OPEN = """new Promise((resolve) => {
  const socket = new WebSocket(%s, %s);
  socket.onopen = () => { resolve("open " + socket.protocol); socket.close(); };
  socket.onclose = (event) => resolve("closed " + event.code);
})"""


class OtherSite(http.server.BaseHTTPRequestHandler):
    """A web page that is none of the game server's."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *_):
        pass


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="paddock-browser-test-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        for words in (("ca",), ("issue", HOST)):
            subprocess.run([PADDOCK, "cert", *words, f"--cert-dir={cls.folder}"], check=True, capture_output=True,
                           env=ENVIRONMENT)
        cls.ca, cls.cert, cls.key, cls.old_cert, cls.old_key = (
            os.path.join(cls.folder, name) for name in ("ca.pem", HOST + ".pem", HOST + ".key", "old.pem", "old.key"))
        # As a widely read guide has it: neither TLS 1.3 nor forward secrecy can be had with this keyUsage.
        subprocess.run(["openssl", "req", "-x509", "-nodes", "-days", "730", "-newkey", "rsa:2048",
                        "-keyout", cls.old_key, "-out", cls.old_cert, "-subj", f"/CN={HOST}",
                        "-addext", f"subjectAltName=DNS:{HOST}",
                        "-addext", "keyUsage=keyEncipherment,dataEncipherment"], check=True, capture_output=True)
        cls.browser = Browser([cls.ca], [cls.old_cert])
        cls.addClassCleanup(cls.browser.stop)
        cls.web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), OtherSite)
        cls.addClassCleanup(cls.web.server_close)
        cls.addClassCleanup(cls.web.shutdown)
        threading.Thread(target=cls.web.serve_forever, daemon=True).start()
        cls.web_origin = f"http://localhost:{cls.web.server_port}"

    def serve(self, *flags, cert=None, key=None):
        server = Server(f"--tls-cert={cert or self.cert}", f"--tls-key={key or self.key}", *flags, listen=("wss",))
        return self.served(server)

    def serve_untrusted(self):
        """With the certificate that --dev makes."""
        return self.served(Server(listen=("wss",)))

    def served(self, server):
        self.addCleanup(server.stop)
        self.port = server.url("wss").rpartition(":")[2]
        return server

    def screenshot(self, page, name):
        page.screenshot(os.path.join(BUILD, "screenshots", name + ".png"))

    def page(self):
        page = self.browser.page()
        self.addCleanup(page.close)
        return page

    def other_page(self):
        page = self.page()
        self.assertIsNone(page.open(self.web_origin))
        page.wait("typeof test === 'function'")
        return page

    def try_socket(self, page, url, protocols="[]"):
        return page.run(OPEN % (repr(url), protocols))


class Direct(Case):
    def test_the_test_page_shows_that_the_way_is_open(self):
        server = self.serve()
        page = self.page()
        self.assertIsNone(page.open(f"https://{HOST}:{self.port}/"))
        page.wait(IS_OVER)
        self.assertEqual(page.run(LINES), SUCCESS)
        self.screenshot(page, "direct")
        server.wait_event("connection_closed", transport="wss", code=1000)

    def test_a_page_as_people_write_it_works_too(self):
        self.serve()
        page = self.other_page()
        page.run(f"test('wss://{HOST}:{self.port}/websocket')")
        page.wait(IS_OVER)
        self.assertEqual(page.run(LINES), SUCCESS)

    def test_a_player_in_a_browser_is_welcomed(self):
        server = self.serve()
        page = self.other_page()
        hello = list(pack([HELLO, 1, server.token("Anna").encode(), "", "browser"]))
        first = page.run("""new Promise((resolve, reject) => {
            const socket = new WebSocket(%r, "paddock.v1");
            socket.binaryType = "arraybuffer";
            socket.onopen = () => socket.send(new Uint8Array(%r));
            socket.onmessage = (event) => resolve(Array.from(new Uint8Array(event.data)));
            socket.onclose = (event) => reject(new Error("closed " + event.code));
        })""" % (f"wss://{HOST}:{self.port}/websocket", hello))
        self.assertEqual(unpack(bytes(first))[:2], [WELCOME, 1])
        server.wait_event("player_admitted", player="Anna")

    def test_pages_of_other_origins_are_refused(self):
        server = self.serve(f"--allow-origins=https://{HOST}:*")
        page = self.other_page()
        page.run(f"test('wss://{HOST}:{self.port}/websocket')")
        page.wait(IS_OVER)
        self.assertEqual(page.run(LINES), ["ERROR: undefined", "DISCONNECTED"])
        self.assertEqual(server.wait_event("origin_refused")["origin"], self.web_origin)

    def test_subprotocols(self):
        server = self.serve()
        page = self.other_page()
        url = f"wss://{HOST}:{self.port}/websocket"
        self.assertEqual(self.try_socket(page, url), "open ")
        self.assertEqual(self.try_socket(page, url, "['paddock.v1']"), "open paddock.v1")
        self.assertEqual(self.try_socket(page, url, "['GBinaryV18', 'paddock.v1']"), "open paddock.v1")
        self.assertEqual(self.try_socket(page, url, "['GBinaryV18']"), "closed 1006")
        self.assertEqual(server.wait_event("subprotocol_unknown")["text"], "Subprotocol GBinaryV18 is unknown")

    def test_a_page_that_asked_for_a_password_has_opened_the_door_for_its_websocket(self):
        path = os.path.join(self.folder, "passwords")
        with open(path, "w") as file:
            file.write(f"alice:{password_hash('-6')}\n")
        server = self.serve(f"--basic-auth-file={path}", f"--allow-origins=https://{HOST}:*")
        page = self.page()
        password = PASSWORD.replace(" ", "%20")
        self.assertIsNone(page.open(f"https://alice:{password}@{HOST}:{self.port}/"))
        page.wait(IS_OVER)
        self.assertEqual(page.run(LINES), SUCCESS)
        server.wait_event("connection_closed", transport="wss", code=1000)

    def test_close_codes_reach_the_page(self):
        self.serve("--hello-ms=300")
        page = self.other_page()
        self.assertEqual(page.run("""new Promise((resolve) => {
            const socket = new WebSocket(%r);
            socket.onclose = (event) => resolve([event.code, event.wasClean]);
        })""" % f"wss://{HOST}:{self.port}/websocket"), [4001, True])


class Certificates(Case):
    """What a guide to troubleshooting says of Chrome."""

    def test_a_self_signed_certificate_fails_without_a_word_until_a_person_has_said_yes(self):
        server = self.serve_untrusted()
        url = f"localhost:{self.port}"
        page = self.other_page()
        page.run(f"test('wss://{url}/websocket')")
        page.wait(IS_OVER)
        self.assertEqual(page.run(LINES), ["ERROR: undefined", "DISCONNECTED"])
        server.wait_event("tls_handshake_failed")

        self.assertEqual(page.open(f"https://{url}/"), "net::ERR_CERT_AUTHORITY_INVALID")
        self.screenshot(page, "self-signed")
        page.click("details-button")
        page.click("proceed-link")
        page.wait(IS_OVER)
        self.assertEqual(page.run(LINES), SUCCESS)

        self.assertIsNone(page.open(self.web_origin))
        page.wait("typeof test === 'function'")
        page.run(f"test('wss://{url}/websocket')")
        page.wait(IS_OVER)
        self.assertEqual(page.run(LINES), SUCCESS)

    def test_an_address_that_the_certificate_does_not_name(self):
        self.serve()
        page = self.page()
        for address in ("localhost", "127.0.0.1"):
            self.assertEqual(page.open(f"https://{address}:{self.port}/"), "net::ERR_CERT_COMMON_NAME_INVALID")

    def test_a_certificate_for_key_encipherment_only_works_in_the_old_way(self):
        server = self.serve(cert=self.old_cert, key=self.old_key)
        self.assertIn("digitalSignature", str(server.events))
        page = self.page()
        self.assertIsNone(page.open(f"https://{HOST}:{self.port}/"))
        page.wait(IS_OVER)
        self.assertEqual(page.run(LINES), SUCCESS)

    def test_plain_http_to_the_port_is_told_so(self):
        self.serve()
        page = self.page()
        self.assertIsNone(page.open(f"http://localhost:{self.port}/"))
        self.assertIn("wss://", page.wait("document.body.innerText"))


class BehindNginx(Case):
    def site(self, doors=(), origins=()):
        site = Site(public=(self.cert, self.key))
        self.addCleanup(site.stop)
        origins = " ".join([f"https://{HOST}:{site.ports[443]}", *origins])
        self.node = site.start_node("one-node", flags=("--test-page=on",),
                                    edits={f"allow-origins = https://{HOST}": f"allow-origins = {origins}"})
        site.start_proxy("nginx", "one-node", doors=doors)
        self.where = f"{HOST}:{site.ports[443]}"
        return site

    def test_the_test_page_shows_that_the_way_is_open(self):
        self.site()
        page = self.page()
        self.assertIsNone(page.open(f"https://{self.where}/websockets.html"))
        page.wait(IS_OVER)
        self.assertEqual(page.run(LINES), SUCCESS)
        self.screenshot(page, "nginx")
        closed = self.node.wait_event("connection_closed", transport="ws", code=1000)
        self.assertTrue(closed["remote"].startswith("127.0.0.1:"))

    def test_pages_of_other_origins_are_refused(self):
        self.site()
        page = self.other_page()
        self.assertEqual(self.try_socket(page, f"wss://{self.where}/websocket"), "closed 1006")
        self.assertEqual(self.node.wait_event("origin_refused")["origin"], self.web_origin)

    def test_the_cookie_that_a_page_sets_opens_the_door(self):
        self.site(doors=("cookie",))
        page = self.page()
        self.assertIsNone(page.open(f"https://{self.where}/websockets.html"))
        url = f"wss://{self.where}/websocket"
        self.assertEqual(self.try_socket(page, url), "closed 1006")
        page.run(f"document.cookie = 'AUTH=' + encodeURIComponent('{TOKEN}') + '; path=/; secure; max-age=3600'")
        self.assertEqual(self.try_socket(page, url), "open ")
        page.run("document.cookie = 'AUTH=; path=/; secure; max-age=-1'")
        self.assertEqual(self.try_socket(page, url), "closed 1006")

    def test_a_page_that_asked_for_a_password_has_opened_the_door_for_its_websocket(self):
        self.site(doors=("basic-auth",))
        page = self.page()
        password = PASSWORD.replace(" ", "%20")
        self.assertIsNone(page.open(f"https://alice:{password}@{self.where}/websockets.html"))
        page.wait(IS_OVER)
        self.assertEqual(page.run(LINES), SUCCESS)

    def test_a_password_in_a_websockets_address_is_dropped_by_the_browser(self):
        """wss://login:password@host, as guides have it, opens nothing from the page of another origin any more."""
        self.site(doors=("basic-auth",), origins=(self.web_origin,))
        password = PASSWORD.replace(" ", "%20")
        self.assertEqual(self.try_socket(self.other_page(), f"wss://alice:{password}@{self.where}/websocket"),
                         "closed 1006")


if __name__ == "__main__":
    WHY_NOT = ("sanitizers find nothing more in what a browser says" if is_sanitized() else
               None if program("nginx") else "there is no nginx") or why_not()
    if WHY_NOT:
        print(f"skipped: {WHY_NOT}")
        sys.exit(SKIPPED)
    unittest.main()
