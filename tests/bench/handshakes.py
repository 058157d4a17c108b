#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""TLS handshakes per second of CPU through our server, against the least that a GnuTLS server can be, for both kinds of
keys; and how late ticks begin while 50 bots race and handshakes take most of the server's core.

    cmake --build build/release --target paddock paddock-bots paddock-bench-handshakes
    tests/bench/handshakes.py [SECONDS]     of each measurement; servers on core 0, clients and bots on core 1

On a machine that has other things to do, `chrt -f 10` in front (as root) puts this before them.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

os.environ.setdefault("PADDOCK_BUILD", os.path.join(os.getcwd(), "build", "release"))
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from paddock import BOTS, BUILD, ENVIRONMENT, PADDOCK, PATIENCE  # noqa: E402

SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
CONNECTIONS, PLAYERS = 32, 50
SHARE = 0.85  # of what the server's core can do, while players race on it
TOOL = os.path.join(BUILD, "tests", "paddock-bench-handshakes")
KEYS = {"ECDSA P-256": ("ec", "-pkeyopt", "ec_paramgen_curve:P-256"), "RSA-2048": ("rsa:2048",)}
ON_SERVER_CORE, ON_CLIENT_CORE = ({"preexec_fn": lambda core=core: os.sched_setaffinity(0, {core})} for core in (0, 1))
TICKS = "paddock_tick_lateness_seconds"


def make(folder, name, key):
    pair = [os.path.join(folder, name + suffix) for suffix in (".pem", ".key")]
    subprocess.run(("openssl", "req", "-x509", "-nodes", "-newkey", *key, "-out", pair[0], "-keyout", pair[1], "-subj",
                    "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"), check=True, capture_output=True)
    return pair


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def drive(pid, port, rate=1e6):
    """(handshakes per second of the server's CPU, per second), of at most `rate`"""
    before = cpu_seconds(pid)
    done = subprocess.run([TOOL, "drive", str(port), str(SECONDS), str(CONNECTIONS), str(rate)], check=True, capture_output=True,
                          text=True, **ON_CLIENT_CORE)
    shaken, failed = map(int, done.stdout.split())
    assert shaken > 0 and failed == 0, done.stdout
    return shaken / (cpu_seconds(pid) - before), shaken / SECONDS


def bare(pair):
    with subprocess.Popen([TOOL, "serve", *pair], stdout=subprocess.PIPE, text=True, **ON_SERVER_CORE) as process:
        try:
            return drive(process.pid, int(process.stdout.readline()))
        finally:
            process.kill()


class Quiet:
    """A server that logs as it does by default, and to a file, as it should where speed is measured."""

    def __init__(self, folder, pair, *flags):
        self.data = tempfile.mkdtemp(dir=folder)
        self.log = os.path.join(self.data, "log")
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                [PADDOCK, "--log-format=json", "--admin=127.0.0.1:0", "--data-dir=" + self.data, "--tls-cert=" + pair[0],
                 "--tls-key=" + pair[1],
                 "--tls-handshake-rate=0", *flags], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                env={**ENVIRONMENT, "FUSION_SERVER_TOKEN": "secret"}, **ON_SERVER_CORE)
        end = time.monotonic() + PATIENCE
        while not self.event("ready"):
            assert time.monotonic() < end and self.process.poll() is None, self.log
            time.sleep(0.02)

    def event(self, name):
        with open(self.log) as log:
            return [event for event in map(json.loads, filter(lambda line: line.endswith("}\n"), log))
                    if event["event"] == name]

    def url(self, scheme):
        return next(event["url"] for event in self.event("listening") if event["url"].startswith(scheme + ":"))

    def port(self, scheme):
        return int(self.url(scheme).rsplit(":", 1)[1])

    def get(self, path):
        with urllib.request.urlopen(f"http://{self.event('admin_listening')[0]['address']}{path}") as answer:
            return answer.read().decode()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def lateness(server):
    """Ticks that began no later than each bound, by bound."""
    rows = {}
    for line in server.get("/metrics").splitlines():
        if line.startswith(TICKS + '_bucket{le="'):
            rows[float(line.split('"')[1])] = int(float(line.rsplit(" ", 1)[1]))
    return rows


def describe(before, after):
    """Quantiles, as the upper bounds of their buckets."""
    counts = {bound: after[bound] - before[bound] for bound in after}
    total = max(counts.values())
    quantiles = [min((bound for bound in counts if counts[bound] >= share * total)) * 1000 for share in (0.5, 0.99, 1)]
    return f"{total} ticks, late by at most {' / '.join(f'{one:g}' for one in quantiles)} ms (p50/p99/all)"


def skipped(server):
    return json.loads(server.get("/status"))["tick"]["skipped"]


def race(server):
    """Bots that race until they are killed, once all of them do."""
    bots = subprocess.Popen([BOTS, "--url", server.url("udp"), "--count", str(PLAYERS), "--token-db",
                             server.data + "/players.db", "--races", "0", "--duration", "3600"],
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **ON_CLIENT_CORE)
    end = time.monotonic() + PATIENCE
    while f'paddock_players{{state="racing"}} {PLAYERS}\n' not in server.get("/metrics"):
        assert time.monotonic() < end and bots.poll() is None
        time.sleep(0.1)
    return bots


def race_and_shake(folder, name, pair, rate):
    with Quiet(folder, pair, "--listen=tls://127.0.0.1:0", "--listen=udp://127.0.0.1:0", "--min-players=2",
               "--time-limit-ms=600000", "--laps=20") as server:
        bots = race(server)
        try:
            before = lateness(server)
            time.sleep(SECONDS)
            between = lateness(server)
            _, rate = drive(server.process.pid, server.port("tls"), rate)
            after = lateness(server)
            print(f"{PLAYERS} racing, no handshakes: {describe(before, between)}")
            print(f"{PLAYERS} racing, {rate:.0f} handshakes a second, {name}: {describe(between, after)}, "
                  f"{skipped(server)} skipped")
        finally:
            bots.kill()
            bots.wait()


def main():
    folder = tempfile.mkdtemp(prefix="paddock-handshakes-")
    try:
        for index, (name, key) in enumerate(KEYS.items()):
            pair = make(folder, f"key{index}", key)
            least, _ = bare(pair)
            with Quiet(folder, pair, "--listen=tls://127.0.0.1:0") as server:
                ours, rate = drive(server.process.pid, server.port("tls"))
            print(f"{name}: {ours:.0f} handshakes per second of CPU, bare GnuTLS {least:.0f}: {100 * ours / least:.0f} %; "
                  f"{rate:.0f} per second with {CONNECTIONS} at once")
            race_and_shake(folder, name, pair, SHARE * ours)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
