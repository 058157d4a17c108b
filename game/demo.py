# SPDX-License-Identifier: MIT
"""The race behind game/demo: starts the built server and bots, watches, prints, cleans up.

Trusts nobody's word for success: who raced and what was stored is read back from the backend's
database, who was kicked from the server's log. Everything lives in one private folder that goes
away at the end, with the processes, however the end comes.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from demo_backends import BACKENDS

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, "build", "release")
TRANSPORTS = ("udp", "tcp", "tls", "ws", "wss", "dtls")
NAMES = ("ada", "brendan", "chen", "dennis", "edsger", "frances", "grace", "hedy", "ivan", "joan",
         "ken", "lynn", "margaret", "niklaus", "oluwa", "peter", "radia", "shafi")
SESSION = "demo"
CERTIFICATE = "dev-certificate.pem"  # which --dev makes and puts beside the databases
FORGED = {"unisavePlayerId": "mallory", "fusionPlayerToken": "Zm9yZ2VkIGJ5IG1hbGxvcnk="}
CODE_AUTH_DENIED = 4003  # net/close_codes.def
START_SECONDS = 30
RACE_SECONDS = 100
STOP_SECONDS = 10


class Shortfall(Exception):
    """What did not come out as it should, in one line."""


def clean_environment():
    """The caller's own Paddock settings are for his own server."""
    return {name: value for name, value in os.environ.items()
            if not name.startswith(("PADDOCK_", "FUSION_"))}


def write_private(path, text):
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    return path


class Processes:
    """Children in groups of their own: Ctrl-C reaches this script first, which then ends them."""

    def __init__(self):
        self.running = []

    def start(self, arguments, environment=None, **options):
        process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, start_new_session=True,
                                   env={**clean_environment(), **(environment or {})}, **options)
        self.running.append(process)
        return process

    def stop_all(self):
        for process in reversed(self.running):
            if process.poll() is None:
                process.terminate()
        for process in reversed(self.running):
            try:
                process.wait(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class Server:
    def __init__(self, processes, folder, backend, settings):
        self.folder = folder
        self.backend = backend
        self.log_path = os.path.join(folder, "server.log")
        with open(self.log_path, "wb") as log:
            self.process = processes.start(
                [os.path.join(BUILD, "paddock"), "--dev", "--data-dir", folder, "--log-format",
                 "json", "--admin", "127.0.0.1:0", *backend.settings, *settings],
                environment=backend.environment, stdout=log, stderr=log)

    def events(self, name):
        """The log's lines with this event, as far as the log goes now."""
        found = []
        with open(self.log_path, encoding="utf-8") as log:
            for line in log:
                if line.startswith("{") and line.endswith("\n"):
                    event = json.loads(line)
                    if event["event"] == name:
                        found.append(event)
        return found

    def wait_for(self, name, seconds):
        deadline = time.monotonic() + seconds
        while not self.events(name):
            if self.process.poll() is not None:
                with open(self.log_path, encoding="utf-8") as log:
                    said = log.read().strip().splitlines()
                raise Shortfall(f"the server ended: {said[-1] if said else 'without a word'}")
            if time.monotonic() > deadline:
                raise Shortfall(f"the server did not say '{name}' within {seconds} s")
            time.sleep(0.02)

    def urls(self):
        return {event["url"].split(":")[0]: event["url"] for event in self.events("listening")}

    def ask(self, *words):
        """Runs a paddock command on the server's databases and returns what it prints."""
        done = subprocess.run(
            [os.path.join(BUILD, "paddock"), *words, "--data-dir", self.folder], timeout=10,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, env=clean_environment())
        if done.returncode != 0:
            raise Shortfall(f"paddock {words[0]}: {done.stderr.strip()}")
        return done.stdout

    def stop(self):
        self.process.terminate()
        try:
            status = self.process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise Shortfall("the server did not stop after SIGTERM") from None
        if status != 0:
            raise Shortfall(f"the server ended with status {status}")


def run_bots(processes, server, name, urls, tokens, expected):
    """Bots spread over the URLs, one for each token; their own report must be as expected."""
    token_file = write_private(os.path.join(server.folder, f"{name}.tokens"),
                               "".join(f"{token}\n" for token in tokens))
    log_path = os.path.join(server.folder, f"{name}.log")
    with open(log_path, "wb") as log:
        bots = processes.start(
            [os.path.join(BUILD, "tests", "paddock-bots"), *[f"--url={url}" for url in urls],
             f"--ca={os.path.join(server.folder, CERTIFICATE)}", f"--session={SESSION}",
             f"--count={len(tokens)}",
             f"--tokens={token_file}", "--races=1", f"--duration={RACE_SECONDS}",
             *[f"--expect={condition}" for condition in expected]], stdout=log, stderr=log)
    try:
        status = bots.wait(timeout=RACE_SECONDS + START_SECONDS)
    except subprocess.TimeoutExpired:
        raise Shortfall(f"the bots '{name}' did not end") from None
    with open(log_path, encoding="utf-8") as log:
        said = log.read()
    if status != 0:
        raise Shortfall(f"the bots '{name}' failed:\n{said.rstrip()}")
    return said


def show_the_kick(processes, server, url):
    """A player with a forged token: the backend says no, the server says why and hangs up."""
    run_bots(processes, server, "forged", [url], [json.dumps(FORGED)],
             ["joined=0", "kicked=1", f"code.{CODE_AUTH_DENIED}=1"])
    kicks = [event for event in server.events("player_left")
             if event["player"] == FORGED["unisavePlayerId"] and event["code"] == CODE_AUTH_DENIED]
    if server.events("player_admitted"):
        raise Shortfall("the player with the forged token was admitted")
    for kick in kicks:
        print(f"  {kick['player']} is kicked with code {kick['code']} ({kick['reason']})")
    return len(kicks)


def race(processes, server, urls):
    """Returns {player: transport} as the server admitted them."""
    tokens = [server.backend.token(server, name) for name in NAMES]
    count = len(NAMES)
    run_bots(processes, server, "race", urls, tokens,
             [f"joined={count}", f"finished={count}", "kicked=0", "checksum_failures=0"])
    return {event["player"]: event["transport"] for event in server.events("player_admitted")}


def stored_results(server):
    """What the backend has, once it has something: delivery comes after the race."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        stored = server.backend.results(server)
        if stored["results_stored"] > 0 or time.monotonic() > deadline:
            return stored
        time.sleep(0.05)


def time_text(milliseconds):
    return f"{milliseconds // 60000}:{milliseconds % 60000 / 1000:06.3f}"


def print_standings(result, players):
    width = max(len(row["player_id"]) for row in result["standings"])
    print(f"  {'place':>5}  {'player':<{width}} {'over':<5} time")
    for row in result["standings"]:
        reached = time_text(row["time_ms"]) if row["dnf"] is None else f"DNF ({row['dnf']})"
        name = row["player_id"]
        print(f"  {row['place']:>5}  {name:<{width}} {players.get(name, '?'):<5} {reached}")


def check(summary, result):
    """Every sentence that game/demo promises, against what was stored."""
    wanted = {transport: len(NAMES) // len(TRANSPORTS) for transport in TRANSPORTS}
    if summary["kicked"] != 1:
        raise Shortfall(f"{summary['kicked']} players were kicked, not 1")
    if summary["results_stored"] != 1 or result["deliveries"] != 1:
        raise Shortfall(f"{summary['results_stored']} results are stored, the first delivered "
                        f"{result['deliveries']} times, instead of one, once")
    if summary["players"] != wanted or len(result["standings"]) != len(NAMES):
        raise Shortfall(f"finished by transport: {summary['players']}, not {wanted}")
    if result["standings"][0]["player_id"] != summary["winner"]:
        raise Shortfall(f"the winner is {summary['winner']}, who is not first")


def demo(processes, folder, backend, summary):
    began = time.monotonic()
    count = len(NAMES)
    server = Server(processes, folder, backend, [
        *[f"--listen={transport}://127.0.0.1:0" for transport in TRANSPORTS],
        f"--players-per-session={count}", f"--min-players={count}", "--track=oval", "--laps=1",
        "--countdown-ms=1000", "--races-per-session=1", "--time-limit-ms=90000"])
    server.wait_for("ready", START_SECONDS)
    urls = server.urls()
    print("the server listens on")
    for transport in TRANSPORTS:
        print(f"  {urls[transport]}")

    print("one player comes with a forged token")
    summary["kicked"] = show_the_kick(processes, server, urls["udp"])

    print(f"{count} players race a lap, {count // len(TRANSPORTS)} over each transport; "
          "it takes half a minute")
    players = race(processes, server, [urls[transport] for transport in TRANSPORTS])

    stored = stored_results(server)
    summary["results_stored"] = stored["results_stored"]
    if not stored["races"]:
        raise Shortfall("the backend stored no result")
    result = stored["races"][0]
    summary["race_id"] = result["race_id"]
    summary["winner"] = result["winner"]
    for row in result["standings"]:
        if row["dnf"] is None:
            summary["players"][players[row["player_id"]]] += 1
    where = f" on track {result['track']}" if "track" in result else ""
    print(f"standings of race {result['race_id']}{where}")
    print_standings(result, players)
    print("the backend stored")
    print(f"  winner {result['winner']}, {len(result['standings'])} standings, "
          f"delivered {result['deliveries']} time{'s' if result['deliveries'] != 1 else ''}")
    for line in backend.tell(server):
        print(f"  {line}")
    complaints = backend.complaints()
    if complaints:
        raise Shortfall(f"the backend complains: {complaints[0]}")
    server.stop()
    check(summary, result)
    print(f"all of it in {time.monotonic() - began:.0f} s")


def serve(processes, folder, backend):
    server = Server(processes, folder, backend, [
        *[f"--listen={transport}://127.0.0.1:0" for transport in TRANSPORTS], "--min-players=1",
        "--laps=1"])
    server.wait_for("ready", START_SECONDS)
    urls = server.urls()
    admin = server.events("admin_listening")[0]["address"]
    token = backend.token(server, "you")
    more_players, results = backend.hints(f"{os.path.relpath(BUILD)}/paddock")
    bot_tokens = write_private(os.path.join(folder, "bots.tokens"), "".join(
        backend.token(server, f"bot{i}") + "\n" for i in range(1, 5)))
    print("the server listens on")
    for transport in TRANSPORTS:
        print(f"  {urls[transport]}")
    print(f"  http://{admin}/status   /metrics /healthz /readyz")
    print("a connection token for a player called 'you' (sessions start with one player)")
    print(f"  {token}")
    print("more players")
    print(f"  {more_players}")
    print("four bots")
    print(f"  {os.path.relpath(BUILD)}/tests/paddock-bots --url {urls['wss']} "
          f"--ca {os.path.join(folder, CERTIFICATE)} --count 4 --tokens {bot_tokens} --races 1")
    print("what the backend stored")
    print(f"  {results}")
    print("Ctrl-C ends it", flush=True)
    status = server.process.wait()
    raise Shortfall(f"the server ended with status {status}; {server.log_path} would have said why")


def on_signal(number, frame):
    raise KeyboardInterrupt


def main():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_signal)
    sys.stdout.reconfigure(line_buffering=True)
    parser = argparse.ArgumentParser()
    parser.add_argument("--serve", action="store_true")
    parser.add_argument("--backend", choices=BACKENDS, default="embedded")
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="paddock-demo-")
    processes = Processes()
    serving = options.serve
    summary = {"race_id": None, "players": dict.fromkeys(TRANSPORTS, 0), "kicked": 0,
               "winner": None, "results_stored": 0, "ok": False}
    try:
        backend = BACKENDS[options.backend](processes, folder)
        if serving:
            serve(processes, folder, backend)
        demo(processes, folder, backend, summary)
        summary["ok"] = True
    except Shortfall as shortfall:
        print(f"FAILED: {shortfall}")
    except KeyboardInterrupt:
        print()
        summary["ok"] = serving
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        processes.stop_all()
        shutil.rmtree(folder, ignore_errors=True)
    if not serving:
        print(json.dumps(summary, separators=(",", ":")))
    sys.exit(0 if summary["ok"] else 1)


main()
