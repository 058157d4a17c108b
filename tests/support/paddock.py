# SPDX-License-Identifier: MIT
"""Runs the real paddock binary for integration tests, and talks to it as a stranger would.

A Player says exactly what a test makes it say; paddock_client.py has one that races. Every process is
started and ended by this file; ports are chosen by the kernel; all files live in one temporary folder.
"""

import json
import os
import queue
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.request
import urllib.error

# Some of it only for the tests, which have it from here.
from paddock_client import (BYE, CLOSING, HELLO, INPUT, PHASE, PING, PONG, RESULT, ROSTER, SNAPSHOT,  # noqa: F401
                            TIMING, WELCOME, Closed, pack, trust_anybody, unpack)

BUILD = os.environ.get("PADDOCK_BUILD", os.path.join(os.getcwd(), "build", "dev"))
PADDOCK = os.path.join(BUILD, "paddock")
BOTS = os.path.join(BUILD, "tests", "paddock-bots")
TALK = os.path.join(BUILD, "tests", "paddock-talk")
# Sanitizers make everything slower; nothing here asserts speed, it only waits longer.
PATIENCE = float(os.environ.get("PADDOCK_TEST_PATIENCE", "30"))
# What the server inherits: nothing of ours that it would take for a setting.
ENVIRONMENT = {key: value for key, value in os.environ.items() if not key.startswith(("PADDOCK_", "FUSION_"))}


def is_sanitized():
    """With AddressSanitizer, which needs memory of its own and writes cores itself."""
    with open(PADDOCK, "rb") as file:
        return b"__asan_init" in file.read()


def growth_kib_max(kib):
    """How much a server may grow that may grow by so much; a sanitizer holds back what is freed."""
    return kib + 65536 if is_sanitized() else kib


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
        return True
    except OSError:
        return False


# ---- players

class Speaker:
    """What a player can say over any transport. Beneath are send_message(bytes) and receive(end), which raises Closed, or
    TimeoutError when nothing has come by then."""

    def send(self, *message):
        self.send_message(pack(list(message)))

    def hello(self, token, session="", version=1):
        token = token.encode() if isinstance(token, str) else token
        self.send(HELLO, version, token, session, "integration-test")

    def wait_for(self, kind, patience=PATIENCE):
        end = time.monotonic() + patience
        while time.monotonic() < end:
            message = self.receive(end)
            if message[0] == kind:
                return message
        raise TimeoutError(f"no message {kind}")

    def wait_closed(self, patience=PATIENCE):
        """The code with which the server ends this connection."""
        end = time.monotonic() + patience
        while time.monotonic() < end:
            try:
                self.receive(end)
            except Closed as closed:
                return closed.code
        raise TimeoutError("still open")


class Player(Speaker):
    """Over tcp or tls, by hand."""

    def __init__(self, url, timeout=PATIENCE, source=None, server_name=None):
        scheme, _, where = url.partition("://")
        host, _, port = where.rpartition(":")
        self.socket = socket.create_connection((host.strip("[]"), int(port)), timeout,
                                               (source, 0) if source else None)
        if scheme == "tls":
            self.socket = trust_anybody().wrap_socket(self.socket, server_hostname=server_name)
        self.buffer = b""

    def send_raw(self, data):
        self.socket.sendall(data)

    def send_message(self, data):
        self.send_raw(struct.pack(">I", len(data)) + data)

    def _fill(self, count):
        while len(self.buffer) < count:
            try:
                data = self.socket.recv(65536)
            except ConnectionError as error:
                raise Closed() from error
            if not data:
                raise Closed()
            self.buffer += data

    def receive(self, end=None):
        if end is not None:
            self.socket.settimeout(max(0.01, end - time.monotonic()))
        self._fill(4)
        length = struct.unpack(">I", self.buffer[:4])[0]
        self._fill(4 + length)
        message = unpack(self.buffer[4:4 + length])
        self.buffer = self.buffer[4 + length:]
        if message[0] == CLOSING:
            raise Closed(message[1], message[2])
        return message

    def close(self):
        self.socket.close()


class Talker(Speaker):
    """Over any transport, through paddock-talk; connected when it is made."""

    def __init__(self, url):
        self.process = subprocess.Popen([TALK, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.lines = queue.Queue()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        if (line := self._line(time.monotonic() + PATIENCE)) != "open":
            raise AssertionError(f"{url}: {line}")

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.strip())
        self.lines.put("closed 0")

    def _line(self, end):
        try:
            return self.lines.get(timeout=max(0.01, end - time.monotonic()))
        except queue.Empty:
            raise TimeoutError("the server says nothing") from None

    def send_message(self, data):
        self.process.stdin.write(data.hex() + "\n")
        self.process.stdin.flush()

    def receive(self, end):
        line = self._line(end)
        if line.startswith("closed "):
            raise Closed(int(line.split()[1]))
        return unpack(bytes.fromhex(line))

    def close(self):
        self.process.kill()
        self.process.wait()
        self.reader.join()
        self.process.stdin.close()
        self.process.stdout.close()


# ---- the server

class Server:
    """One paddock process with a data folder of its own."""

    def __init__(self, *flags, listen=("tcp",), admin="127.0.0.1:0", folder=None, env=None, dev=True, wait=True,
                 **popen):
        self.folder = folder or tempfile.mkdtemp(prefix="paddock-test-")
        self.own_folder = folder is None
        self.events = []
        self.players = []
        self.lines = queue.Queue()
        command = [PADDOCK, "--log-format=json", "--log-level=debug", f"--data-dir={self.folder}"]
        command += [f"--admin={admin}"] if admin else []
        command += ["--dev"] if dev else []
        for scheme in listen:
            command.append(f"--listen={scheme}://127.0.0.1:0" if "://" not in scheme else f"--listen={scheme}")
        self.error_file = tempfile.TemporaryFile(mode="w+")
        self.process = subprocess.Popen(command + list(flags), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=self.error_file, env={**ENVIRONMENT, **(env or {})}, **popen)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        if wait:
            self.wait_event("ready")

    def _read(self):
        for line in self.process.stdout:
            event = json.loads(line)
            self.events.append(event)
            self.lines.put(event)
        self.lines.put(None)

    @property
    def errors(self):
        self.error_file.seek(0)
        return self.error_file.read()

    def wait_event(self, name, patience=PATIENCE, **fields):
        """The first event so named with these fields, past or future."""
        end = time.monotonic() + patience
        seen = 0
        while True:
            for event in self.events[seen:]:
                if event["event"] == name and all(event.get(key) == value for key, value in fields.items()):
                    return event
            seen = len(self.events)
            if self.process.poll() is not None and not self.reader.is_alive() and seen == len(self.events):
                raise AssertionError(f"server ended with {self.process.returncode} before {name}: {self.errors}")
            if time.monotonic() > end:
                raise TimeoutError(f"no event {name} {fields}; last: {self.events[-5:]}")
            try:
                self.lines.get(timeout=0.05)
            except queue.Empty:
                pass

    def url(self, scheme):
        """Of the first listener with this scheme, or whose URL begins so."""
        for event in self.events:
            if event["event"] == "listening" and event["url"].startswith(scheme + ("" if "://" in scheme else "://")):
                return event["url"].split("?")[0].replace("/websocket", "")
        raise KeyError(scheme)

    @property
    def admin(self):
        return self.wait_event("admin_listening")["address"]

    def get(self, path):
        """(status, body text) of the admin port."""
        try:
            with urllib.request.urlopen(f"http://{self.admin}{path}", timeout=PATIENCE) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def status(self):
        return json.loads(self.get("/status")[1])

    def metric(self, name):
        """The value of one sample, by its full text: 'paddock_closes_total{code=\"flooding\"}'."""
        for line in self.get("/metrics")[1].splitlines():
            if line.startswith(name + " "):
                return float(line.rsplit(" ", 1)[1])
        return 0.0

    def wait_metric(self, name, value, patience=PATIENCE):
        """For what the server counts a moment after the event that tells of it."""
        self.wait_metric_where(name, lambda now: now == value, patience)

    def wait_metric_where(self, name, is_wanted, patience=PATIENCE):
        end = time.monotonic() + patience
        while not is_wanted(value := self.metric(name)):
            if time.monotonic() > end:
                raise TimeoutError(f"{name} is {value}")
            time.sleep(0.02)

    def wait_ticks(self, count):
        """Until the server made so many ticks more."""
        before = self.metric("paddock_ticks_total")
        self.wait_metric_where("paddock_ticks_total", lambda now: now >= before + count)

    def command(self, *words, check=True):
        done = subprocess.run([PADDOCK, *words, f"--data-dir={self.folder}"], capture_output=True, text=True,
                              timeout=PATIENCE, env=ENVIRONMENT)
        if check and done.returncode != 0:
            raise AssertionError(f"paddock {words}: {done.returncode} {done.stderr}")
        return done.stdout.strip() if check else done

    def token(self, player_id):
        return self.command("token", player_id)

    def results(self):
        return json.loads(self.command("results", "json"))

    def connect(self, scheme="tcp"):
        """A connection that has said nothing yet; the server holds on to it, so that it stays open."""
        self.players.append((Player if scheme in ("tcp", "tls") else Talker)(self.url(scheme)))
        return self.players[-1]

    def player(self, player_id, scheme="tcp", session="", token=None):
        player = self.connect(scheme)
        player.hello(token or self.token(player_id), session)
        return player

    def close_players(self):
        while self.players:
            self.players.pop().close()

    def bots(self, *flags, schemes=("tcp",), count=2, tokens=None, duration=60):
        """Runs bots to their end; (exit status, report)."""
        path = os.path.join(self.folder, "tokens")
        with open(path, "w") as file:
            for index in range(count):
                file.write((tokens[index] if tokens else self.token(f"Bot{index}")) + "\n")
        report = os.path.join(self.folder, "bots.json")
        urls = [word for scheme in schemes for word in ("--url", self.url(scheme))]
        done = subprocess.run([BOTS, *urls, "--count", str(count), "--tokens", path, "--insecure", "--duration",
                               str(duration), "--json", report, *flags], capture_output=True, text=True,
                              timeout=duration + PATIENCE)
        try:
            with open(report) as file:
                return done.returncode, json.load(file)
        except FileNotFoundError:
            raise AssertionError(f"no report: {done.returncode} {done.stdout} {done.stderr}") from None

    def rss_kib(self):
        with open(f"/proc/{self.process.pid}/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))

    def signal(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def wait(self, patience=PATIENCE):
        """The exit status."""
        status = self.process.wait(timeout=patience)
        self.reader.join(timeout=PATIENCE)
        return status

    def stop(self):
        self.close_players()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.reader.join(timeout=PATIENCE)
        self.process.stdout.close()
        self.error_file.close()
        if self.own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)


class TestCase(unittest.TestCase):
    """A server that is gone when the test is; it must not have died before, or complained on stderr."""

    def serve(self, *flags, **options):
        server = Server(*flags, **options)
        self.addCleanup(server.stop)
        return server

    def stop_cleanly(self, server):
        server.close_players()
        if server.process.poll() is None:
            server.signal()
        self.assertEqual(server.wait(), 0, server.errors)
        self.assertEqual(server.errors, "")
