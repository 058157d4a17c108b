#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A thousand reloads by SIGHUP while players come and go and certificates change under the server, some of them half
written: nobody who stays may be disconnected, everybody who comes gets in, and AddressSanitizer has nothing to say.

    tests/soak/reload.py [RELOADS [SEED]]     looks for build/asan beside $PADDOCK_BUILD
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

BUILD = os.environ.get("PADDOCK_BUILD", os.path.join(os.getcwd(), "build", "asan"))
ASAN = os.path.join(os.path.dirname(BUILD), "asan")
if os.path.exists(os.path.join(ASAN, "paddock")):
    os.environ["PADDOCK_BUILD"] = ASAN

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from paddock import PING, PONG, WELCOME, Player, Server  # noqa: E402

RELOADS = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
STAYING, COMING = 50, 16  # players
KINDS = ("ec", "rsa", "both", "half")


def make(folder):
    """One folder for each state that the operator's files can be in; `live` leads to one of them."""
    def openssl(*words):
        subprocess.run(("openssl", *words), check=True, capture_output=True, cwd=folder, stdin=subprocess.DEVNULL)
    for name, key in (("ec", ("ec", "-pkeyopt", "ec_paramgen_curve:P-256")), ("rsa", ("rsa:2048",))):
        openssl("req", "-x509", "-nodes", "-newkey", *key, "-keyout", name + ".key", "-out", name + ".pem", "-subj",
                "/CN=game.example.com", "-addext", "subjectAltName=DNS:game.example.com")
    for kind in KINDS:
        os.mkdir(os.path.join(folder, "v-" + kind))
        for number, name in enumerate({"ec": ("ec", "ec"), "rsa": ("rsa", "rsa"), "both": ("ec", "rsa"),
                                       "half": ("ec", "rsa")}[kind]):
            for suffix in (".pem", ".key"):
                to = os.path.join(folder, "v-" + kind, f"{number}{suffix}")
                shutil.copy(os.path.join(folder, name + suffix), to)
                if kind == "half" and suffix == ".key":
                    os.truncate(to, 100)


def point_at(folder, kind):
    link = os.path.join(folder, "next")
    os.symlink("v-" + kind, link)
    os.rename(link, os.path.join(folder, "live"))


def reloads(server):
    """(done, refused)"""
    return [int(server.metric(f'paddock_certificate_reloads_total{{result="{result}"}}')) for result in ("ok", "failed")]


class Comer(threading.Thread):
    """Comes, is welcomed, and leaves in one of three ways, until told to stop."""

    def __init__(self, url, token, seed, ending):
        super().__init__(daemon=True)
        self.url, self.token, self.ending = url, token, ending
        self.dice = random.Random(seed)
        self.visits = 0
        self.problem = None

    def run(self):
        try:
            while not self.ending.is_set():
                player = Player(self.url)
                way = self.dice.randrange(3)
                if way > 0:
                    player.hello(self.token)
                if way > 1:
                    player.wait_for(WELCOME)
                    player.send(PING, 1)
                    player.wait_for(PONG)
                player.close()
                self.visits += 1
        except Exception as problem:  # pylint: disable=broad-except
            self.problem = problem


def main():
    dice = random.Random(SEED)
    folder = tempfile.mkdtemp(prefix="paddock-reload-")
    make(folder)
    point_at(folder, "ec")
    pairs = [f"--tls-{kind}={folder}/live/{number}.{suffix}" for number in (0, 1)
             for kind, suffix in (("cert", "pem"), ("key", "key"))]
    server = Server(*pairs, "--cert-poll-ms=0", "--max-sessions=64", "--connects-per-second=0", "--lobby-ms=600000",
                    "--connections-per-address=0", "--tls-handshake-ms=60000", listen=("tls",), dev=False,
                    env={"FUSION_SERVER_TOKEN": "secret"})
    try:
        staying = [server.player(f"Staying{number}", "tls") for number in range(STAYING)]
        for player in staying:
            player.wait_for(WELCOME)
        ending = threading.Event()
        coming = [Comer(server.url("tls"), server.token(f"Coming{number}"), dice.random(), ending) for number in range(COMING)]
        for comer in coming:
            comer.start()
        for number in range(RELOADS):
            if dice.random() < 0.3:
                point_at(folder, dice.choice(KINDS))
            before = sum(reloads(server))
            for _ in range(dice.choice((1, 1, 1, 5))):  # those that come during a reload are one more
                server.signal(signal.SIGHUP)
            end = time.monotonic() + 60
            while sum(reloads(server)) == before:
                assert time.monotonic() < end, "a signal was not heard"
            if number % 10 == 0:
                index = dice.randrange(STAYING)
                staying[index].send(PING, number)
                assert staying[index].wait_for(PONG)[1] == number
        ending.set()
        for comer in coming:
            comer.join()
            assert comer.problem is None, comer.problem
        for index, player in enumerate(staying):
            player.send(PING, index)
            assert player.wait_for(PONG)[1] == index, "a player who stayed was disconnected"
        good, bad = reloads(server)
        visits = sum(comer.visits for comer in coming)
        print(f"seed {SEED}: {good} reloads, {bad} refused because of what was in the files, {visits} visits, "
              f"{STAYING} stayed, {server.rss_kib()} KiB")
        assert good > 0 and bad > 0 and visits > RELOADS / 10
        server.close_players()
        server.signal()
        assert server.wait(60) == 0, server.errors
        assert server.errors == "", server.errors
    finally:
        print(server.errors, end="", file=sys.stderr)
        server.stop()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
