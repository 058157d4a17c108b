#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Slow clients by the thousand while 50 bots race over every transport: slowhttptest sends heads and bodies in drops and
reads answers in drops, on ws and wss. No tick may be skipped, no bot kicked or lost, and when it is over, somebody new
gets in.

    tests/soak/slow_http.py [SECONDS]     of each attack
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("PADDOCK_BUILD", os.path.join(os.getcwd(), "build", "release"))
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from paddock import BOTS, PATIENCE, WELCOME, Server  # noqa: E402

SECONDS = int(sys.argv[1]) if len(sys.argv) > 1 else 30
CONNECTIONS, BOTS_COUNT = 1000, 50
ATTACKS = (("headers", "-H", "-i", "1"), ("body", "-B", "-i", "1"), ("read", "-X", "-w", "1", "-y", "8", "-n", "1", "-z", "1"))
SCHEMES = {"ws": "http", "wss": "https"}


def start_bots(server, folder):
    urls = [word for scheme in ("udp", "tcp", "tls", "ws", "wss") for word in ("--url", server.url(scheme))]
    # --duration is only for when this program is gone; they are ended by a signal.
    return subprocess.Popen([BOTS, *urls, "--count", str(BOTS_COUNT), "--token-db", server.folder + "/players.db",
                             "--insecure", "--races", "0", "--duration", "3600", "--json", os.path.join(folder, "bots"),
                             "--expect", f"joined={BOTS_COUNT}", "--expect", "kicked=0", "--expect", "lost=0",
                             "--expect", "unfit=0", "--expect", "checksum_failures=0"],
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def wait_for_race(server):
    end = time.monotonic() + PATIENCE
    while server.metric('paddock_players{state="racing"}') < BOTS_COUNT:
        assert time.monotonic() < end, server.status()
        time.sleep(0.1)


def count_connections(port):
    """How many the server has on this port."""
    with open("/proc/net/tcp") as file:
        return sum(line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "01" for line in list(file)[1:])


def attack(server, scheme, name, *flags):
    """Over and over, since the tool ends when the server has ended all of its connections; ticks skipped meanwhile."""
    port = int(server.url(scheme).rsplit(":", 1)[1])
    before = server.metric("paddock_ticks_skipped_total")
    end = time.monotonic() + SECONDS
    rounds = most = 0
    while time.monotonic() < end:
        process = subprocess.Popen(["slowhttptest", "-c", str(CONNECTIONS), "-r", "500", "-l", str(SECONDS), *flags, "-u",
                                    f"{SCHEMES[scheme]}://127.0.0.1:{port}/websocket"],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        rounds += 1
        try:
            while process.poll() is None and time.monotonic() < end:
                most = max(most, count_connections(port))
                time.sleep(0.2)
        finally:
            process.kill()
            process.wait()
    skipped = server.metric("paddock_ticks_skipped_total") - before
    print(f"{scheme}, slow {name}: {rounds} times {CONNECTIONS} connections in {SECONDS} s, up to {most} open at once, "
          f"{skipped:.0f} ticks skipped", flush=True)
    return skipped


def main():
    if not shutil.which("slowhttptest"):
        sys.exit("there is no slowhttptest; tests/tools/install_dependencies long")
    folder = tempfile.mkdtemp(prefix="paddock-slow-")
    # Nobody is spared by the rate of handshakes.
    server = Server("--max-sessions=16", "--laps=3", "--tls-handshake-rate=0", listen=("udp", "tcp", "tls", "ws", "wss"))
    bots = start_bots(server, folder)
    try:
        wait_for_race(server)
        skipped = sum(attack(server, scheme, *words) for scheme in SCHEMES for words in ATTACKS)
        server.player("Late", "tls").wait_for(WELCOME)
        server.close_players()
        bots.terminate()
        output, _ = bots.communicate(timeout=PATIENCE)
        print(output, end="")
        with open(os.path.join(folder, "bots")) as file:
            print(json.dumps(json.load(file)["total"]))
        print(f"ticks: {server.status()['tick']}")
        assert bots.returncode == 0, "a bot was kicked, lost or could not race"
        assert skipped == 0, "a tick was missed"
        server.signal()
        assert server.wait(120) == 0 and server.errors == "", server.errors
    finally:
        bots.kill()
        bots.wait()
        server.stop()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
