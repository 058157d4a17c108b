#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Strangers who send rubbish, stall or flood, while honest players race and notice nothing."""

import os
import random
import resource
import socket
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from paddock import PATIENCE, WELCOME, Closed, TestCase, growth_kib_max  # noqa: E402

STREAMS = ("tcp", "tls", "ws", "wss")
RACE = ("--laps=1", "--track=oval", "--lobby-ms=500", "--countdown-ms=100", "--connects-per-second=0",
        "--connections-per-address=0", "--players-per-session=5", "--min-players=5")


def where(url):
    host, _, port = url.partition("://")[2].rpartition(":")
    return host, int(port)


class Hostile(TestCase):
    def race_under(self, server, attack):
        """Five bots, one a transport, race while attack(stop event) runs; everybody must finish."""
        before = server.rss_kib()
        stop = threading.Event()
        attacker = threading.Thread(target=attack, args=(stop,))
        attacker.start()
        try:
            status, report = server.bots("--races=1", "--expect=finished=5", "--expect=checksum_failures=0",
                                         schemes=("udp",) + STREAMS, count=5, duration=120)
        finally:
            stop.set()
            attacker.join()
        self.assertEqual(status, 0, report)
        self.assertEqual(server.get("/healthz")[0], 200)
        self.assertLess(server.rss_kib() - before, growth_kib_max(64 * 1024))

    def test_rubbish_on_every_port(self):
        server = self.serve(*RACE, listen=("udp",) + STREAMS)
        source = random.Random(7)

        def attack(stop):
            udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            for _ in range(2000):
                if stop.wait(0.005):
                    break
                size = source.choice((0, 1, 4, 10, 52, 300, 1400, 5000))
                udp.sendto(source.randbytes(size), where(server.url("udp")))
                try:
                    with socket.create_connection(where(server.url(source.choice(STREAMS))), 5) as stream:
                        stream.sendall(source.randbytes(source.randrange(1, 3000)))
                except OSError:
                    pass
            udp.close()

        self.race_under(server, attack)
        self.stop_cleanly(server)

    def test_connections_that_say_nothing(self):
        server = self.serve(*RACE, "--hello-ms=4000", "--tls-handshake-ms=4000", "--upgrade-ms=4000",
                            listen=("udp",) + STREAMS)

        def attack(stop):
            silent = []
            while not stop.wait(0.05):
                try:
                    silent.append(socket.create_connection(where(server.url(source.choice(STREAMS))), 5))
                except OSError:
                    pass
                while len(silent) > 150:
                    silent.pop(0).close()
            for stream in silent:
                stream.close()

        source = random.Random(8)
        self.race_under(server, attack)
        self.stop_cleanly(server)

    def test_an_upgrade_that_drips_is_given_up(self):
        server = self.serve("--upgrade-ms=1000", listen=("ws",))
        with socket.create_connection(where(server.url("ws")), 5) as stream:
            with self.assertRaises(OSError):
                for byte in b"GET /websocket HTTP/1.1\r\nHost: example\r\nX-Slow: " + b"a" * 1000:
                    stream.sendall(bytes([byte]))
                    time.sleep(0.05)
        self.stop_cleanly(server)

    def test_running_out_of_descriptors_spares_those_who_play(self):
        def few_descriptors():
            resource.setrlimit(resource.RLIMIT_NOFILE, (48, 48))

        server = self.serve("--connects-per-second=0", "--connections-per-address=0", preexec_fn=few_descriptors)
        player = server.player("Alice")
        player.wait_for(WELCOME)
        crowd = []
        for _ in range(100):
            try:
                crowd.append(socket.create_connection(where(server.url("tcp")), 2))
            except OSError:
                pass
        begin = self.cpu_seconds(server)
        time.sleep(1)
        self.assertLess(self.cpu_seconds(server) - begin, 0.5)
        player.send(3, 9)
        self.assertEqual(player.wait_for(70)[1], 9)
        for stream in crowd:
            stream.close()
        self.assertTrue(self.is_welcome_at_last(server, "Bob"))
        self.stop_cleanly(server)

    @staticmethod
    def is_welcome_at_last(server, name):
        """Those who wait for a descriptor may be turned away, one each 100 ms."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                return server.player(name).wait_for(WELCOME)
            except (Closed, OSError):
                time.sleep(0.05)
        return None

    @staticmethod
    def cpu_seconds(server):
        with open(f"/proc/{server.process.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    unittest.main(verbosity=1)
