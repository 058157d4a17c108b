#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""No token where it does not belong: logs, pages, /proc, files, what a crash leaves, and memory."""

import glob
import hashlib
import http.server
import json
import os
import signal
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from memory import contains, find, regions  # noqa: E402
from paddock import BOTS, BYE, HELLO, PATIENCE, RESULT, WELCOME, TestCase, is_sanitized, pack  # noqa: E402
import unisave_gateway  # noqa: E402

# Every way of writing it down differs from the others.
SERVER_TOKEN = 'srv/"tok+en=0123456789&~abcdefghij'
GUESS = "guessed/token+0123456789abcdefghijklmnop"
QUICK = ("--lobby-ms=0", "--countdown-ms=0", "--time-limit-ms=1000", "--players-per-session=2", "--intermission-ms=0")
SCHEMES = ("tcp", "tls", "ws", "wss", "udp", "dtls")


class Backend(http.server.BaseHTTPRequestHandler):
    """Says yes to everybody but Hanna, who never hears, takes every result, and writes down what it was sent."""

    protocol_version = "HTTP/1.1"
    requests = []
    ended = threading.Event()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.requests.append((self.path, dict(self.headers), body))
        if b"Hanna" in body:
            self.ended.wait(60)
            self.close_connection = True
            return
        answer = b'{"valid":true}' if self.path.endswith("/connect") else b"{}"
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *arguments):
        pass


class Secrets(TestCase):
    def play(self, server):
        """Players of every transport come, race and go; others are kicked. All their tokens."""
        tokens = {}
        for scheme in ("tcp", "tls"):
            players = []
            for name in ("A", "B"):
                token = server.token(name + scheme)
                tokens[name + scheme] = json.loads(token)["fusionPlayerToken"]
                players.append(server.player(name + scheme, scheme, session=scheme, token=token))
            while not players[0].wait_for(RESULT)[2]:
                pass
            for player in players:
                player.send(BYE)
                player.wait_closed()
        for scheme in ("ws", "wss", "udp", "dtls"):
            issued = [server.token(f"{scheme}{index}") for index in range(2)]
            tokens.update({f"{scheme}{index}": json.loads(token)["fusionPlayerToken"]
                           for index, token in enumerate(issued)})
            status, report = server.bots("--races", "0", schemes=(scheme,), tokens=issued, duration=2)
            self.assertEqual(status, 0, report)
        kicked = server.player("C", token=json.dumps({"unisavePlayerId": "C", "fusionPlayerToken": GUESS}))
        self.assertEqual(kicked.wait_closed(), 4003)
        malformed = server.connect()
        malformed.hello('{"unisavePlayerId":"C","fusionPlayerToken":"%s",}' % GUESS)
        self.assertEqual(malformed.wait_closed(), 4004)
        tokens["guess"] = GUESS
        tokens.update(self.stay(server))
        return tokens

    def stay(self, server):
        """Players of every transport who are still there, among them some whose hello came in two pieces. Their tokens."""
        issued = {f"stays over {scheme}": server.token(f"stays over {scheme}") for scheme in SCHEMES}
        path = os.path.join(server.folder, "stay")
        with open(path, "w") as file:
            file.write("\n".join(issued.values()) + "\n")
        urls = [word for scheme in SCHEMES for word in ("--url", server.url(scheme))]
        bots = subprocess.Popen([BOTS, *urls, "--count", str(len(SCHEMES)), "--tokens", path, "--insecure", "--races", "0",
                                 "--duration", "600"], stdout=subprocess.DEVNULL)
        self.addCleanup(bots.wait)
        self.addCleanup(bots.kill)
        for scheme in ("tcp", "tls"):
            name = f"halves over {scheme}"
            issued[name] = server.token(name)
            hello = pack([HELLO, 1, issued[name].encode(), "", "integration-test"])
            frame = struct.pack(">I", len(hello)) + hello
            player = server.connect(scheme)
            player.send_raw(frame[:100])
            server.status()  # by when it has read them
            player.send_raw(frame[100:])
            player.wait_for(WELCOME)
        for name in issued:
            server.wait_event("player_admitted", player=name)
        return {name: json.loads(token)["fusionPlayerToken"] for name, token in issued.items()}

    def assert_nowhere(self, text, secrets, where):
        for name, secret in secrets.items():
            self.assertEqual(contains(text, secret), [], f"{name} in {where}")

    def assert_memory_is_clean(self, server, secrets):
        if is_sanitized() or os.geteuid() != 0:
            return  # sanitizers keep what is freed; others may not look
        end = time.monotonic() + PATIENCE  # for what is still under way
        while True:
            found = [f"{name} as {form} in {region.name or 'memory'} at {address:#x}"
                     for name, form, region, address in find(server.process.pid, secrets)
                     if name != "server" or not region.dontdump]
            if not found or time.monotonic() > end:
                break
            time.sleep(0.1)
        self.assertEqual(found, [])

    def assert_image_is_clean(self, server, secrets):
        """What a debugger of root's saves: without the locked page, which it is asked to leave out."""
        if is_sanitized() or os.geteuid() != 0:
            return
        with tempfile.TemporaryDirectory(prefix="paddock-image-") as folder:
            image = os.path.join(folder, "image")
            subprocess.run(["gcore", "-o", image, str(server.process.pid)], check=True, capture_output=True,
                           timeout=PATIENCE)
            with open(f"{image}.{server.process.pid}", "rb") as file:
                data = file.read()
        self.assertTrue(b"stays over udp" in data, "it is not the server's memory")
        self.assert_nowhere(data, secrets, "the image")

    def test_nothing_that_can_be_seen_holds_a_token(self):
        server = self.serve(*QUICK, listen=SCHEMES, env={"FUSION_SERVER_TOKEN": SERVER_TOKEN})
        secrets = {"server": SERVER_TOKEN, **self.play(server)}
        server.command("outbox", "list")
        for path in ("/status", "/metrics", "/healthz"):
            self.assert_nowhere(server.get(path)[1], secrets, path)
        for name in ("cmdline", "environ"):
            with open(f"/proc/{server.process.pid}/{name}", "rb") as file:
                self.assert_nowhere(file.read(), secrets, name)
        self.assert_memory_is_clean(server, secrets)
        self.assert_image_is_clean(server, secrets)
        self.stop_cleanly(server)
        self.assert_nowhere(json.dumps(server.events), secrets, "the log")
        for path in glob.glob(server.folder + "/*.db*"):
            with open(path, "rb") as file:
                self.assert_nowhere(file.read(), secrets, path)

    def test_the_log_tells_tokens_apart_by_their_fingerprint(self):
        server = self.serve()
        token = server.token("Alice")
        server.player("Alice", token=token).wait_for(WELCOME)
        secret = json.loads(token)["fusionPlayerToken"]
        fingerprint = hashlib.sha256(secret.encode()).hexdigest()[:8]
        self.assertEqual(server.wait_event("player_joined", player="Alice")["token"], fingerprint)
        self.stop_cleanly(server)

    def backend(self, tls=None):
        """A service in this process; the settings that lead to it."""
        service = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Backend)
        service.daemon_threads = True
        flags = ["--backend=http", f"--backend-url={'https' if tls else 'http'}://127.0.0.1:{service.server_port}/"]
        if tls:
            folder = tempfile.TemporaryDirectory(prefix="paddock-secrets-")
            self.addCleanup(folder.cleanup)
            key, certificate = (os.path.join(folder.name, name) for name in ("key.pem", "cert.pem"))
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                            "-keyout", key, "-out", certificate, "-subj", "/CN=backend", "-addext",
                            "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            context.minimum_version = context.maximum_version = tls
            service.socket = context.wrap_socket(service.socket, server_side=True)
            flags.append(f"--backend-ca={certificate}")
        Backend.ended.clear()
        threading.Thread(target=service.serve_forever, daemon=True).start()
        self.addCleanup(service.server_close)
        self.addCleanup(service.shutdown)
        self.addCleanup(Backend.ended.set)
        return flags

    def race_and_leave(self, server, tokens):
        """A race of two whose result is delivered; a third one is tired of waiting for the backend."""
        players = {name: server.player(name, session="waiting" if name == "Hanna" else "racing",
                                       token=json.dumps({"unisavePlayerId": name, "fusionPlayerToken": token}))
                   for name, token in tokens.items()}
        racer = next(player for name, player in players.items() if name != "Hanna")
        while not racer.wait_for(RESULT)[2]:
            pass
        server.wait_metric_where('paddock_reports_total{outcome="delivered"}', lambda count: count > 0)
        end = time.monotonic() + PATIENCE
        while "Hanna" in tokens and not any(b"Hanna" in body for _, _, body in Backend.requests):
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)
        server.close_players()
        for name in tokens:
            server.wait_event("player_left", player=name)

    def assert_no_trace(self, server, secrets):
        """What a request left behind is gone once the server has turned to something else."""
        self.race_and_leave(server, secrets["players"])
        known = {"server": secrets["server"], **secrets["players"]}
        self.assert_memory_is_clean(server, known)
        self.stop_cleanly(server)
        self.assert_nowhere(json.dumps(server.events), known, "the log")

    def test_nor_with_a_backend_that_the_token_is_sent_to(self):
        tokens = {name: f"token/of {name} 0123456789+abcdefghijk" for name in ("A", "B", "Hanna")}
        for tls in (None, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with self.subTest(tls=tls):
                Backend.requests.clear()
                server = self.serve(*QUICK, *self.backend(tls), env={"FUSION_SERVER_TOKEN": SERVER_TOKEN})
                self.assert_no_trace(server, {"server": SERVER_TOKEN, "players": tokens})
                self.assertTrue(all(SERVER_TOKEN in headers["Authorization"] for _, headers, _ in Backend.requests))
                self.assertEqual({path for path, _, _ in Backend.requests}, {"/connect", "/results"})

    def test_nor_with_unisave_where_it_is_in_every_result(self):
        gateway = unisave_gateway.Gateway("--arguments", "server_token player_id place")
        self.addCleanup(gateway.stop)
        names = ("e_PlayerEntity/1", "e_PlayerEntity/2")
        issued = gateway.register(*names)
        server = self.serve(*QUICK, *gateway.flags("--unisave-result-placings=all",
                                                   "--unisave-result-arguments=server_token player_id place"),
                            env=unisave_gateway.ENVIRONMENT)
        tokens = {name: json.loads(token)["fusionPlayerToken"] for name, token in zip(names, issued)}
        self.assert_no_trace(server, {"server": unisave_gateway.SERVER_TOKEN, "players": tokens})
        self.assertEqual({call["arguments"][0] for call in gateway.calls("result")}, {unisave_gateway.SERVER_TOKEN})

    def test_a_token_from_a_file_or_the_command_line_leaves_no_trace_either(self):
        server = self.serve()
        path = os.path.join(server.folder, "server-token")
        with open(path, "w") as file:
            file.write(SERVER_TOKEN + "\n")
        for flags, env in (((), {"FUSION_SERVER_TOKEN_FILE": path}), ((f"--fusion-server-token={SERVER_TOKEN}",), {}),
                           (("--fusion-server-token", SERVER_TOKEN), {})):
            with self.subTest(flags=flags, env=env):
                other = self.serve(*flags, env=env)
                for name in ("cmdline", "environ"):
                    with open(f"/proc/{other.process.pid}/{name}", "rb") as file:
                        self.assert_nowhere(file.read(), {"server": SERVER_TOKEN}, name)
                self.assert_memory_is_clean(other, {"server": SERVER_TOKEN})
                self.assertEqual(bool(flags), any(event["event"] == "token_on_command_line" for event in other.events))
                self.stop_cleanly(other)
                self.assert_nowhere(json.dumps(other.events), {"server": SERVER_TOKEN}, "the log")
        self.stop_cleanly(server)

    @unittest.skipIf(is_sanitized(), "sanitizers trace the process and write cores themselves")
    def test_a_crash_leaves_no_core_and_says_nothing(self):
        server = self.serve(env={"FUSION_SERVER_TOKEN": SERVER_TOKEN}, cwd=None)
        with open(f"/proc/{server.process.pid}/limits") as file:
            limits = file.read()
        self.assertRegex(limits, r"Max core file size +0 +0 ")
        # Not dumpable: what is in /proc belongs to root, whoever the server is.
        self.assertEqual(os.stat(f"/proc/{server.process.pid}/environ").st_uid, 0)
        self.assertTrue(any(region.dontdump for region in regions(server.process.pid)))
        before = set(glob.glob("core*"))
        server.signal(signal.SIGSEGV)
        self.assertEqual(server.wait(), -signal.SIGSEGV)
        self.assertEqual(set(glob.glob("core*")), before)
        self.assert_nowhere(server.errors, {"server": SERVER_TOKEN}, "stderr")

    def test_no_descriptor_would_be_inherited(self):
        server = self.serve(listen=SCHEMES)
        server.player("A").wait_for(WELCOME)
        server.player("B", "tls").wait_for(WELCOME)
        descriptors = [int(name) for name in os.listdir(f"/proc/{server.process.pid}/fd")]
        self.assertGreater(len(descriptors), 12)
        for descriptor in descriptors:
            if descriptor > 2:
                with open(f"/proc/{server.process.pid}/fdinfo/{descriptor}") as file:
                    flags = next(int(line.split()[1], 8) for line in file if line.startswith("flags:"))
                target = os.readlink(f"/proc/{server.process.pid}/fd/{descriptor}")
                self.assertTrue(flags & os.O_CLOEXEC, f"{descriptor}: {target}")
        self.stop_cleanly(server)


if __name__ == "__main__":
    unittest.main(verbosity=1)
