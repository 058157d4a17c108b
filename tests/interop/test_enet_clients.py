#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Clients that nobody here wrote, against the real server: ENet as python3-enet and a plain C program have it over udp,
and inside the DTLS of Godot (mbedTLS) over dtls, one datagram one record; Godot's own multiplayer peer; OpenSSL.

Debian builds Godot 3 with the system's ENet, whose multiplayer peer ignores use_dtls. So Godot's PacketPeerDTLS, which
is what its ENet is wrapped in elsewhere, carries the datagrams of a stock ENet."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import queue
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import ports  # noqa: E402
from paddock import BYE, ENVIRONMENT, HELLO, PATIENCE, PING, PONG, WELCOME, TestCase, pack, unpack  # noqa: E402

try:
    import enet
except ImportError:
    enet = None


class StockPlayer:
    """A player over python3-enet; `address` is a port of this machine."""

    def __init__(self, port):
        self.host = enet.Host(None, 1, 2, 0, 0)
        self.peer = self.host.connect(enet.Address(b"127.0.0.1", port), 2, 0)
        self.received = []
        self.connected = False
        self.closed = None

    def turn(self):
        event = self.host.service(5)
        if event.type == enet.EVENT_TYPE_CONNECT:
            self.connected = True
        elif event.type == enet.EVENT_TYPE_DISCONNECT:
            self.closed = event.data
        elif event.type == enet.EVENT_TYPE_RECEIVE:
            self.received.append(unpack(event.packet.data))

    def until(self, condition, patience=PATIENCE):
        end = time.monotonic() + patience
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError(f"connected {self.connected}, closed {self.closed}, {self.received[-3:]}")
            self.turn()

    def send(self, *message):
        self.peer.send(0, enet.Packet(pack(list(message)), enet.PACKET_FLAG_RELIABLE))

    def wait_for(self, kind):
        self.until(lambda: any(message[0] == kind for message in self.received))
        return next(message for message in self.received if message[0] == kind)

    def join(self, token):
        self.until(lambda: self.connected)
        self.send(HELLO, 1, token.encode(), "", "stock-enet")


class Program:
    """A child whose lines are read as they come."""

    def __init__(self, test, *arguments, **options):
        self.process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, **options)
        test.addCleanup(self.end)
        self.lines = queue.Queue()
        self.said = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.strip())
        self.lines.put(None)

    def wait_line(self, begin):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            line = self.lines.get(timeout=PATIENCE)
            if line is None:
                break
            self.said.append(line)
            if line.startswith(begin):
                return line
        raise AssertionError(f"never said '{begin}': {self.said}")

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def port_of(url):
    return int(url.rpartition(":")[2])


@unittest.skipUnless(enet, "python3-enet is not installed")
class StockEnet(TestCase):
    def test_python_enet_plays_over_udp(self):
        server = self.serve(listen=("udp",))
        player = StockPlayer(port_of(server.url("udp")))
        player.join(server.token("Anna"))
        self.assertEqual(player.wait_for(WELCOME)[1], 1)
        player.send(PING, 7)
        self.assertEqual(player.wait_for(PONG)[1], 7)
        player.send(BYE)
        player.until(lambda: player.closed is not None)
        self.assertEqual(player.closed, 1000)
        self.stop_cleanly(server)

    def test_a_plain_c_program_plays_over_udp(self):
        compiler = shutil.which("cc") or shutil.which("gcc")
        self.assertIsNotNone(compiler, "what built the server is gone")
        server = self.serve(listen=("udp",))
        with tempfile.TemporaryDirectory() as folder:
            program = os.path.join(folder, "enet_client")
            subprocess.run([compiler, "-o", program, os.path.join(HERE, "enet_client.c"), "-lenet"], check=True)
            hello = pack([HELLO, 1, server.token("Anna").encode(), "", "plain-enet"])
            done = subprocess.run([program, str(port_of(server.url("udp"))), hello.hex(), pack([BYE]).hex()],
                                  capture_output=True, text=True, timeout=2 * PATIENCE)
        self.assertEqual(done.returncode, 0, done.stderr)
        welcome, closed = done.stdout.splitlines()
        self.assertEqual(unpack(bytes.fromhex(welcome))[0], WELCOME)
        self.assertEqual(closed, "closed 1000")
        self.stop_cleanly(server)


@unittest.skipUnless(shutil.which("godot3-server"), "godot3-server is not installed")
class Godot(TestCase):
    def setUp(self):
        self.home = tempfile.TemporaryDirectory()
        self.addCleanup(self.home.cleanup)

    def godot(self, script, *arguments):
        return Program(self, "godot3-server", "-s", os.path.join(HERE, script), *arguments, cwd=self.home.name,
                       env={**ENVIRONMENT, "HOME": self.home.name})

    def wrap(self, server, trust):
        """A port of this machine whose datagrams go through Godot's DTLS."""
        port = ports.take()  # Godot would share one with whoever has it
        godot = self.godot("godot_dtls.gd", str(port), "127.0.0.1", str(port_of(server.url("dtls"))), trust)
        return godot, port

    @unittest.skipUnless(enet, "python3-enet is not installed")
    def test_enet_inside_godots_dtls_plays(self):
        server = self.serve(listen=("dtls",))
        # Godot 3 knows certificates by the ending of their file.
        certificate = os.path.join(self.home.name, "server.crt")
        shutil.copy(os.path.join(server.folder, "dev-certificate.pem"), certificate)
        for trust in (certificate, "insecure"):
            with self.subTest(trust=trust):
                godot, port = self.wrap(server, trust)
                godot.wait_line("up")
                player = StockPlayer(port)
                player.join(server.token("Anna"))
                self.assertEqual(player.wait_for(WELCOME)[1], 1)
                for stamp in range(50):
                    player.send(PING, stamp)
                player.until(lambda: sum(message[0] == PONG for message in player.received) >= 10)
                player.send(BYE)
                player.until(lambda: player.closed is not None)
                self.assertEqual(player.closed, 1000)
                godot.wait_line("down closed")  # the server's close_notify
        self.assertEqual(server.metric('paddock_dtls_handshakes_total{outcome="done"}'), 2)
        self.stop_cleanly(server)

    @unittest.skipUnless(enet, "python3-enet is not installed")
    def test_godots_close_notify_ends_the_player(self):
        server = self.serve(listen=("dtls",))
        godot, port = self.wrap(server, "insecure")
        godot.wait_line("up")
        player = StockPlayer(port)
        player.join(server.token("Anna"))
        player.wait_for(WELCOME)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as quitter:
            quitter.sendto(b"quit", ("127.0.0.1", port))
        godot.wait_line("down quit")
        self.assertEqual(server.wait_event("player_left", player="Anna")["code"], 1000)
        self.stop_cleanly(server)

    def test_godot_refuses_a_certificate_that_it_does_not_know(self):
        server = self.serve(listen=("dtls",))
        other = self.serve(listen=("dtls",))
        certificate = os.path.join(self.home.name, "other.crt")
        shutil.copy(os.path.join(other.folder, "dev-certificate.pem"), certificate)
        self.wrap(server, certificate)[0].wait_line("down error")
        self.assertEqual(server.wait_event("tls_handshake_failed")["error"], "GNUTLS_E_FATAL_ALERT_RECEIVED")
        self.stop_cleanly(other)
        self.stop_cleanly(server)

    def test_godots_multiplayer_peer_connects_talks_and_is_told_to_go(self):
        server = self.serve(listen=("udp",))
        godot = self.godot("godot_peer.gd", "127.0.0.1", str(port_of(server.url("udp"))))
        godot.wait_line("up")
        godot.wait_line("down")  # what it says with its own header in front is no message
        server.wait_event("connection_closed", code=1007)
        self.stop_cleanly(server)


@unittest.skipUnless(shutil.which("openssl"), "openssl is not installed")
class OpenSSL(TestCase):
    def s_client(self, server, version, *options):
        host, port = server.url("dtls").split("//")[1].split(":")
        return ["openssl", "s_client", version, "-connect", f"{host}:{port}", "-servername", "localhost", *options]

    def connect(self, server, *options):
        done = subprocess.run(self.s_client(server, "-dtls1_2", *options), input="", capture_output=True, text=True,
                              timeout=PATIENCE)
        return done.stdout + done.stderr

    def test_the_suites_and_the_cookie_are_as_they_should(self):
        server = self.serve(listen=("dtls",))
        said = self.connect(server, "-CAfile", os.path.join(server.folder, "dev-certificate.pem"))
        self.assertEqual(server.metric("paddock_dtls_cookies_total"), 1)
        self.assertIn("Verify return code: 0 (ok)", said)
        self.assertRegex(said, r"Protocol *: DTLSv1.2")
        self.assertRegex(said, r"Cipher *: ECDHE-ECDSA-AES128-GCM-SHA256")
        for suites in ("ECDHE-ECDSA-AES128-SHA", "AES128-GCM-SHA256", "DHE-RSA-AES128-GCM-SHA256"):
            with self.subTest(suites=suites):
                self.assertIn("Cipher is (NONE)", self.connect(server, "-cipher", suites))
        self.assertEqual(server.metric('paddock_dtls_handshakes_total{outcome="done"}'), 1)
        self.stop_cleanly(server)

    def test_dtls_1_0_is_refused(self):
        server = self.serve(listen=("dtls",))
        Program(self, *self.s_client(server, "-dtls1", "-cipher", "ALL:@SECLEVEL=0"))
        server.wait_event("tls_handshake_failed", error="GNUTLS_E_UNSUPPORTED_VERSION_PACKET")
        self.stop_cleanly(server)


if __name__ == "__main__":
    if not enet and not shutil.which("godot3-server") and not shutil.which("openssl"):
        print("skipped: neither python3-enet nor godot3-server nor openssl is installed")
        sys.exit(77)
    unittest.main(verbosity=1)
