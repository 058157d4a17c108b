# SPDX-License-Identifier: MIT
"""A server whose disk fails, whose power is cut, or that is killed, at a chosen call; and the checker.

The calls are counted by fault_shim.c, which is preloaded into the server. A `Track` is one data
folder through many lives of the server: it remembers everything that players were told, and in
the end compares that with what the backend was told.
"""

import json
import mmap
import os
import re
import selectors
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

from paddock import BUILD, ENVIRONMENT, PADDOCK, PATIENCE, PHASE, RESULT, Closed, Player, Server

SHIM = os.path.join(BUILD, "tests", "fault_shim.so")

WRITE, SYNC, TRUNCATE, UNLINK, RENAME = 1, 2, 4, 8, 16
ALL = WRITE | SYNC | TRUNCATE | UNLINK | RENAME
KILL_BEFORE, KILL_AFTER, KILL_TORN, POWER, POWER_SOME, EIO, ENOSPC, SHORT = range(1, 9)
NAMES = ["none", "killed before", "killed after", "killed half way", "power cut", "power cut, some written",
         "EIO", "ENOSPC", "short write"]
DEADLY = (KILL_BEFORE, KILL_AFTER, KILL_TORN, POWER, POWER_SOME)

# A room of two begins at once; whoever stands still is out of time after a second.
QUICK = ("--players-per-session=2", "--min-players=2", "--lobby-ms=0", "--countdown-ms=0", "--intermission-ms=0",
         "--time-limit-ms=1000", "--tick-rate=20", "--snapshot-rate=1", "--connects-per-second=0",
         "--report-retry-ms=20", "--report-retry-max-ms=200", "--reports-per-second=0")


def preload():
    """What LD_PRELOAD must be: a sanitizer's library has to come first."""
    libraries = subprocess.run(["ldd", PADDOCK], capture_output=True, text=True, check=True).stdout
    sanitizer = re.search(r"=> (\S*/lib(?:asan|clang_rt\.asan)\S*)", libraries)
    return " ".join(([sanitizer.group(1)] if sanitizer else []) + [SHIM])


class Faults:
    """The control page that the shim maps; its layout is struct control in fault_shim.c."""

    FIELDS = ("clock_ms", "calls", "kinds", "at", "times", "action", "seed")

    def __init__(self, folder, files=".db"):
        self.path = os.path.join(folder, "faults")
        with open(self.path, "wb") as file:
            file.write(bytes(8 * len(self.FIELDS)))
        with open(self.path, "r+b") as file:
            self.page = mmap.mmap(file.fileno(), 8 * len(self.FIELDS))
        self.environment = {"LD_PRELOAD": preload(), "FAULT_CONTROL": self.path, "FAULT_FILES": files}

    def get(self, name):
        return struct.unpack_from("q", self.page, 8 * self.FIELDS.index(name))[0]

    def set(self, **fields):
        for name, value in fields.items():
            struct.pack_into("q", self.page, 8 * self.FIELDS.index(name), value)

    def plan(self, action, at, times=1, kinds=ALL, seed=1):
        """From now on: at the at-th call of these kinds."""
        self.set(at=0)
        self.set(calls=0, kinds=kinds, times=times, action=action, seed=seed)
        self.set(at=at)

    def clear(self):
        self.set(at=0, kinds=ALL)


# What a backend behind HTTP may do to a result: fail, say so twice, hang up, take it and say nothing or too late.
BAD_ANSWERS = ({"status": 500, "times": 2}, {"close": True}, {"process": True, "twice": True}, {"status": 500},
               {"process": True, "close": True}, {"process": True, "wait": 1}, {"process": True, "status": 503})


class Hooks:
    """A backend behind HTTP, hook_service.py, in a process of its own."""

    TOKEN = "server-token-of-the-crash-test"

    def __init__(self, folder, players):
        path = os.path.join(folder, "hook-players.json")
        with open(path, "w") as file:
            json.dump({player: {"token": f"token-of-{player}"} for player in players}, file)
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(os.path.dirname(__file__), "hook_service.py"), "--players", path],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
            env={**ENVIRONMENT, "FUSION_SERVER_TOKEN": self.TOKEN})
        self.url = json.loads(self.process.stdout.readline())["url"]

    def control(self, what, data=None):
        request = urllib.request.Request(self.url.replace("/hooks", "/control/" + what),
                                         None if data is None else json.dumps(data).encode())
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.loads(answer.read())

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Room:
    """Two players in one session who stand still and write down what they are told."""

    def __init__(self, server, name, tokens):
        self.players = []
        for token in tokens:
            player = Player(server.url("tcp"))
            self.players.append(player)
            player.hello(token, name)

    def close(self):
        for player in self.players:
            player.close()


class Track:
    """One data folder. What players heard: races that began, and results told as final, in order."""

    def __init__(self, rooms=1, http=False, files=".db", flags=()):
        self.folder = tempfile.mkdtemp(prefix="paddock-crash-")
        self.faults = Faults(self.folder, files)
        self.flags = (*QUICK, *flags)
        self.environment = self.faults.environment
        self.hooks = None
        self.begun = {}  # race id: room
        self.rooms = [f"room-{index}" for index in range(rooms)]
        self.lives = 0
        self.deaths = 0
        self.told = {room: [] for room in self.rooms}
        self.pauses = 0  # how often everything that had arrived was read
        self.tokens = self._meet_http() if http else self._meet_embedded()

    def players_of(self, room):
        return [f"{room}-{index}" for index in (1, 2)]

    def _meet_embedded(self):
        return {room: [subprocess.run([PADDOCK, "token", player, f"--data-dir={self.folder}"], capture_output=True,
                                      text=True, check=True, env=ENVIRONMENT).stdout.strip()
                       for player in self.players_of(room)] for room in self.rooms}

    def _meet_http(self):
        self.hooks = Hooks(self.folder, [player for room in self.rooms for player in self.players_of(room)])
        self.flags = (*self.flags, "--backend=http", f"--backend-url={self.hooks.url}", "--report-ms=300")
        self.environment = {**self.environment, "FUSION_SERVER_TOKEN": Hooks.TOKEN}
        return {room: [json.dumps({"unisavePlayerId": player, "fusionPlayerToken": f"token-of-{player}"})
                       for player in self.players_of(room)] for room in self.rooms}

    def spoil_answers(self):
        """The backend's next answers to results are bad ones, where it is behind HTTP."""
        if self.hooks:
            self.hooks.control("script", {"results": BAD_ANSWERS})

    def close(self):
        if self.hooks:
            self.hooks.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _hear(self, room, message):
        if message[0] == PHASE and message[4]:
            self.begun[message[4]] = room
        if message[0] == RESULT and message[2] and message[1] not in self.told[room]:
            self.told[room].append(message[1])

    def _listen(self, rooms, until):
        """Reads what players are told until all are closed, or `until` says that it is enough."""
        with selectors.DefaultSelector() as selector:
            for name, room in rooms.items():
                for player in room.players:
                    selector.register(player.socket, selectors.EVENT_READ, (name, player))
            end = time.monotonic() + PATIENCE
            while selector.get_map() and not until():
                if time.monotonic() > end:
                    raise TimeoutError("the server neither died nor raced on")
                ready = selector.select(timeout=0.05)
                self.pauses += not ready
                for key, _ in ready:
                    name, player = key.data
                    if not self._read(name, player):
                        selector.unregister(player.socket)

    def _read(self, name, player):
        """Everything that has arrived; False at the end of the connection."""
        try:
            while True:
                self._hear(name, player.receive())
                if len(player.buffer) < 4:
                    return True
                length = struct.unpack(">I", player.buffer[:4])[0]
                if len(player.buffer) < 4 + length:
                    return True
        except (Closed, OSError):
            return False

    def _join(self, server):
        """Rooms with both players in, as far as the server lived."""
        rooms = {}
        for name in self.rooms:
            try:
                rooms[name] = Room(server, name, self.tokens[name])
            except (Closed, OSError, KeyError):
                pass
        return rooms

    def live(self, until, *, during=None):
        """One life: races until it dies or `until(track)`. True when it died of its fault."""
        self.lives += 1
        server = Server(*self.flags, folder=self.folder, env=self.environment, wait=False)
        try:
            try:
                server.wait_event("ready")
            except AssertionError:  # ended before
                return self._judge_death(server)
            if during:
                threading.Thread(target=during, args=(server,), daemon=True).start()
            self._race(server, until)
            if server.process.poll() is None:
                self.faults.set(at=0)
                return False
            return self._judge_death(server)
        finally:
            server.stop()

    def _race(self, server, until):
        rooms = self._join(server)
        try:
            self._listen(rooms, lambda: until(self) or server.process.poll() is not None)
            if until(self):
                return
            server.wait()  # its sockets end before it does
            for name, room in rooms.items():  # what had arrived when it died
                for player in room.players:
                    player.socket.settimeout(1)
                    while self._read(name, player):
                        pass
        finally:
            for room in rooms.values():
                room.close()

    def _judge_death(self, server):
        status = server.wait()
        self.deaths += status == -9
        if status == -9 or (status == 1 and "paddock:" in server.errors):  # said why it does not start
            return True
        raise AssertionError(f"exit status {status}: {server.errors}")

    def wait_heard(self):
        """For a thread beside live(): until everything that the server has said was read."""
        goal = self.pauses + 2
        while self.pauses < goal:
            time.sleep(0.01)

    def count_told(self):
        return sum(len(told) for told in self.told.values())

    def finish(self):
        """A last life without faults delivers what is left. Then what was told must have arrived."""
        self.faults.clear()
        server = Server(*self.flags, folder=self.folder, env=self.environment)
        try:
            end = time.monotonic() + PATIENCE
            while server.status()["outbox"]["pending"] > 0:
                if time.monotonic() > end:
                    raise TimeoutError(server.status()["outbox"])
                time.sleep(0.02)
            outbox = server.status()["outbox"]
            stored = (self.hooks.control("results") if self.hooks else server.results())["races"]
            exported = server.command("outbox", "export", "-").splitlines()
            keys = [json.loads(line)["key"] for line in exported]
            server.signal()
            if server.wait() != 0 or server.errors:
                raise AssertionError(server.errors)
        finally:
            server.stop()
        verdict = Verdict(self, outbox, stored, keys)
        if self.hooks:
            verdict.problems += self.hooks.control("state")["complaints"]
        return verdict


class Verdict:
    """What the backend has, held against what players were told."""

    def __init__(self, track, outbox, stored, keys):
        self.problems = []
        self.told = track.count_told()
        self.stored = len(stored)
        self.deliveries = sum(race["deliveries"] for race in stored)
        ids = [race["race_id"] for race in stored]
        if outbox["dead"] or outbox["pending"]:
            self.problems.append(f"not delivered: {outbox}")
        if len(set(ids)) != len(ids):
            self.problems.append("stored twice")
        self.problems += [f"never happened: {race}" for race in ids if race not in track.begun]
        self.problems += [f"not of the outbox: {race}" for race in ids if race not in keys]
        for room, told in track.told.items():
            self.problems += [f"lost: {race} of {room}" for race in told if race not in ids]
            arrived = [race for race in ids if race in told]
            if arrived != [race for race in told if race in ids]:
                self.problems.append(f"out of order in {room}: {told} arrived as {arrived}")
        for race in stored:
            players = sorted(standing["player_id"] for standing in race["standings"])
            room = track.begun.get(race["race_id"])
            if room and players != track.players_of(room):
                self.problems.append(f"not the players of {race['race_id']}: {players}")
