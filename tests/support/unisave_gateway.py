#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A stand-in for Unisave's request gateway and a game's backend behind it, for tests and the demo.

Takes facet calls over HTTP/1.1 as the real gateway documents them, is strict about what it gets
(every objection is a line in complaints.txt), and behaves like the facets of Unisave's guide, holes
included: an unknown id throws, a player without a token is equal to no token. What is asked of it
instead stands in script.json. All of its state is files in one folder, so that tests in any language
can read and write it:

  players.json    {"<player id>": "<token>" or null}
  script.json     what to do with the next calls, see Backend.scripted(); entries are used up
  calls.jsonl     every call that was a facet call, in order of arrival
  complaints.txt  what was wrong with requests
  coins.json      {"<player id>": coins}
  paid.jsonl      every payment, in order

Run as a program it prints its URL and serves until it is ended. Gateway runs it for tests.
"""

import argparse
import base64
import http.server
import json
import os
import secrets
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

GAME_TOKEN = "X6Mn9QTp51GYYfbCACelq9mL"
BACKEND_HASH = "220783ec00546c5a9e05585049853e90"
BUILD_GUID = "raceServerBuild"
SERVER_TOKEN = "Zt0Wn8Rk5bYq3cVx7LmJ2hGf9sPd4aEu6iOo1pQwKjM="
FLAGS = ("--backend=unisave", f"--unisave-game-token={GAME_TOKEN}", f"--unisave-backend-hash={BACKEND_HASH}",
         f"--unisave-build-guid={BUILD_GUID}")
ENVIRONMENT = {"FUSION_SERVER_TOKEN": SERVER_TOKEN}
VALIDATE = ("MyFusionAuthFacet", "IsFusionConnectionTokenValid")
RESULT = ("MyRaceFacet", "PlayerWonRace")
COINS = 420

TEXT, TEXT_OR_NULL, NULL = (str,), (str, type(None)), (type(None),)
DEVICE_KEYS = ("platform", "deviceModel", "graphicsDeviceName", "graphicsDeviceID", "graphicsDeviceVendorID",
               "graphicsMemorySize", "graphicsDeviceType", "systemMemorySize", "processorCount",
               "processorFrequency", "processorType")
FIELDS = {"facetName": TEXT, "methodName": TEXT, "arguments": (list,), "sessionId": TEXT_OR_NULL, "deviceId": TEXT,
          "device": (dict,), "gameToken": TEXT, "editorKey": NULL, "client": (dict,)}
CLIENT_KEYS = ("backendHash", "buildGuid", "frameworkVersion", "assetVersion", "versionString")
HEADERS = {"host", "user-agent", "content-type", "content-length", "accept"}
ARGUMENT_TYPES = {"server_token": str, "player_id": str, "place": int, "time_ms": int, "race_id": str}


class Thrown(Exception):
    """What a facet throws: class name and message, as the framework serializes them."""

    def __init__(self, name, message, **more):
        super().__init__(message)
        self.fields = {"ClassName": name, "Message": message, "Data": None, "InnerException": None,
                       "HResult": -2146233088, "StackTraceString": f"  at {name}\r\n  at Facet", **more}


class Backend:
    """The game's backend: facets, database, and the script that overrules them."""

    def __init__(self, folder, arguments, dedupe):
        self.folder = folder
        self.arguments = arguments.split()
        self.dedupe = dedupe
        self.lock = threading.Lock()
        self.sessions = set()

    def path(self, name):
        return os.path.join(self.folder, name)

    def read(self, name, default):
        try:
            with open(self.path(name), encoding="utf-8") as file:
                return json.load(file)
        except FileNotFoundError:
            return default

    def append(self, name, line):
        with open(self.path(name), "a", encoding="utf-8") as file:
            file.write(line + "\n")

    def complain(self, what):
        with self.lock:
            self.append("complaints.txt", what)

    def scripted(self, what):
        """The next entry for "validate" or "result". Its keys: `on` (either of them; missing: both), `times` (1),
        and what to do: `raw` (base64 of the answer's very bytes), `status` and `body`, `returned`, `exception`, or
        nothing (what the facet does); with `before_s` (a pause), `drip_s` (a pause after each byte), `hang` (say
        nothing), `close` (then hang up), `run` (the facet runs, whatever is answered)."""
        with self.lock:
            script = self.read("script.json", [])
            for index, entry in enumerate(script):
                if entry.get("on", what) == what:
                    entry["times"] = entry.get("times", 1) - 1
                    if entry["times"] == 0:
                        del script[index]
                    replace_json(self.path("script.json"), script)
                    return entry
        return {}

    def session(self, given):
        if given in self.sessions:
            return given
        session = base64.b64encode(secrets.token_bytes(15)).decode().replace("/", "-")
        self.sessions.add(session)
        return session

    def find(self, player_id):
        if "/" not in player_id:
            raise Thrown("Unisave.Arango.ArangoException", "illegal document handle", HttpStatus=400,
                         ErrorNumber=1221, ErrorMessage="illegal document handle")
        if not player_id.startswith("e_PlayerEntity/"):
            raise Thrown("System.ArgumentException", "wrong collection")
        players = self.read("players.json", {})
        if player_id not in players:
            raise Thrown("System.NullReferenceException", "Object reference not set to an instance of an object")
        return players[player_id]

    def validate(self, token):
        return self.find(token.get("unisavePlayerId")) == token.get("fusionPlayerToken")

    def result(self, arguments):
        given = dict(zip(self.arguments, arguments))
        if given["server_token"] != SERVER_TOKEN:
            raise Thrown("System.Exception", "Given Fusion server token is invalid")
        self.find(given["player_id"])
        with self.lock:
            payment = {key: value for key, value in given.items() if key != "server_token"}
            if self.dedupe and json.dumps(payment) in lines_of(self.folder, "paid.jsonl"):
                return
            coins = self.read("coins.json", {})
            coins[given["player_id"]] = coins.get(given["player_id"], 0) + COINS
            replace_json(self.path("coins.json"), coins)
            self.append("paid.jsonl", json.dumps(payment))

    def run(self, facet, method, arguments):
        """What the framework's kernel does: find the method, check the arguments, call it."""
        if facet not in (VALIDATE[0], RESULT[0]):
            raise Thrown("Unisave.Facets.FacetSearchException", f"Facet '{facet}' was not found.")
        if (facet, method) not in (VALIDATE, RESULT):
            raise Thrown("Unisave.Facets.MethodSearchException", f"Method '{method}' was not found.")
        wanted = [dict] if method == VALIDATE[1] else [ARGUMENT_TYPES[name] for name in self.arguments]
        if [type(argument) for argument in arguments] != wanted:
            raise Thrown("Unisave.Serialization.UnisaveSerializationException", "Wrong arguments")
        return self.validate(arguments[0]) if method == VALIDATE[1] else self.result(arguments)


def refuse_duplicates(pairs):
    keys = [key for key, _ in pairs]
    if len(set(keys)) != len(keys):
        raise ValueError("a key stands there twice")
    return dict(pairs)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1 # head and body in one piece; flushed by finish_answer()
    backend = None
    connections = 0

    def setup(self):
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self.backend.lock:
            Handler.connections += 1
            self.number = Handler.connections

    def log_message(self, *arguments):
        pass

    def objection(self, text):
        """What is wrong with this request, in one line; None when it is as the gateway wants it."""
        names = [name.lower() for name in self.headers.keys()]
        if self.path != "/_api/call-facet":
            return f"path {self.path}"
        if len(set(names)) != len(names) or not set(names) <= HEADERS:
            return f"headers {names}"
        if (self.headers["content-type"], self.headers["accept"]) != ("application/json", "application/json"):
            return f"content-type {self.headers['content-type']}, accept {self.headers['accept']}"
        try:
            body = json.loads(text.decode("utf-8"), object_pairs_hook=refuse_duplicates)
        except ValueError as error:
            return f"body: {error}"
        if not isinstance(body, dict) or set(body) != set(FIELDS):
            return f"fields {sorted(body)}"
        wrong = [name for name, types in FIELDS.items() if not isinstance(body[name], types)]
        if wrong:
            return f"types of {wrong}"
        if tuple(body["device"]) != DEVICE_KEYS or body["device"]["platform"] != "Custom":
            return f"device {body['device']}"
        if tuple(body["client"]) != CLIENT_KEYS or not all(isinstance(value, str) for value in body["client"].values()):
            return f"client {body['client']}"
        if body["gameToken"] != GAME_TOKEN or body["client"]["backendHash"] != BACKEND_HASH or not body["deviceId"]:
            return "game token, backend hash or device id"
        if None in body["arguments"] or "" in body["arguments"]:
            return "an argument that is null or empty"
        return None

    def do_POST(self):
        text = self.rfile.read(int(self.headers["content-length"]))
        objection = self.objection(text)
        if objection:
            self.backend.complain(objection)
            self.send(400, {"type": "https://tools.ietf.org/html/rfc7231#section-6.5.1", "status": 400,
                            "title": "One or more validation errors occurred.", "traceId": "00-0-0-00",
                            "errors": {"Request": [objection]}}, "application/problem+json")
            return
        self.call_facet(json.loads(text))

    def call_facet(self, call):
        what = "validate" if call["methodName"] == VALIDATE[1] else "result"
        entry = self.backend.scripted(what)
        with self.backend.lock:
            session = self.backend.session(call["sessionId"])
            self.backend.append("calls.jsonl", json.dumps({
                "what": what, "facet": call["facetName"], "method": call["methodName"], "session": call["sessionId"],
                "arguments": call["arguments"], "device": call["deviceId"], "connection": self.number,
                "at": time.time()}))
        if call["client"]["buildGuid"] != BUILD_GUID:
            self.send(400, "Build hasn't been registered", "text/plain")
            return
        time.sleep(entry.get("before_s", 0))
        answer = {"result": "ok", "returned": None, "exception": None,
                  "special": {"sessionId": session, "executionDuration": 0.537}}
        try:
            overruled = {"raw", "status", "returned", "exception", "hang"} & set(entry)
            if not overruled or entry.get("run"):
                answer["returned"] = self.backend.run(call["facetName"], call["methodName"], call["arguments"])
            if "returned" in entry:
                answer["returned"] = entry["returned"]
            if "exception" in entry:
                raise Thrown(**entry["exception"])
        except Thrown as thrown:
            answer.update(result="exception", exception=thrown.fields)
            answer["special"]["sessionId"] = None
        self.answer(entry, answer)

    def answer(self, entry, answer):
        if "raw" in entry:
            self.send_raw(base64.b64decode(entry["raw"]), entry.get("drip_s", 0))
        elif "status" in entry:
            self.send(entry["status"], entry.get("body", ""), "application/json")
        elif not entry.get("hang"):
            self.send(200, {"executionResult": answer}, "application/json")
        if entry.get("hang"):
            self.wait_until_gone()
        if "raw" in entry or entry.get("hang") or entry.get("close"):
            self.close_connection = True

    def send(self, status, body, kind):
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()

    def send_raw(self, data, drip_s):
        for at in range(len(data)) if drip_s else [slice(None)]:
            self.wfile.write(data[at:at + 1] if drip_s else data)
            self.wfile.flush()
            time.sleep(drip_s)

    def wait_until_gone(self):
        while self.connection.recv(4096):
            pass


class Listener(http.server.ThreadingHTTPServer):
    request_queue_size = 128

    def finish_request(self, request, client_address):
        # The handshake belongs to the connection's own thread.
        try:
            if self.tls:
                request.do_handshake()
            super().finish_request(request, client_address)
        except OSError:
            pass # whoever called has gone: his choice

    def shutdown_request(self, request):
        try:
            super().shutdown_request(request)
        except OSError:
            pass


def serve(arguments):
    Handler.backend = Backend(arguments.folder, arguments.arguments, arguments.dedupe)
    listener = Listener(("127.0.0.1", arguments.port), Handler)
    listener.tls = bool(arguments.cert)
    if arguments.cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(arguments.cert, arguments.key)
        listener.socket = context.wrap_socket(listener.socket, server_side=True, do_handshake_on_connect=False)
    print(f"{'https' if arguments.cert else 'http'}://127.0.0.1:{listener.server_address[1]}/", flush=True)
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    if arguments.watch_stdin:
        sys.stdin.buffer.read()
    else:
        threading.Event().wait()


# ---- the other side: who sets the stage

def replace_json(path, value):
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(value, file)
    os.rename(path + ".new", path)


def register(folder, player_ids):
    """Makes the players valid; their connection tokens as the framework's serializer writes them."""
    path = os.path.join(folder, "players.json")
    players = {}
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            players = json.load(file)
    for player_id in player_ids:
        players[player_id] = base64.b64encode(secrets.token_bytes(32)).decode()
    replace_json(path, players)
    return [json.dumps({"unisavePlayerId": player_id, "fusionPlayerToken": players[player_id]},
                       separators=(",", ":")).replace("/", "\\/") for player_id in player_ids]


def lines_of(folder, name):
    try:
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            return file.read().splitlines()
    except FileNotFoundError:
        return []


# ---- for tests: the gateway as a process

def make_certificates(folder):
    """A CA of our own and a certificate from it for 127.0.0.1."""
    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)
    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
    openssl("req", "-x509", *new, "-subj", "/CN=test CA", "-keyout", "ca.key", "-out", "ca.pem")
    openssl("req", *new[:-2], "-subj", "/CN=gateway", "-keyout", "gateway.key", "-out", "gateway.csr")
    with open(os.path.join(folder, "gateway.ext"), "w", encoding="utf-8") as file:
        file.write("subjectAltName=IP:127.0.0.1\n")
    openssl("x509", "-req", "-in", "gateway.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
            "-extfile", "gateway.ext", "-out", "gateway.pem")


class Gateway:
    """One stand-in process over TLS, with a folder of its own."""

    def __init__(self, *flags, folder=None):
        self.own_folder = folder is None
        self.folder = folder or tempfile.mkdtemp(prefix="paddock-gateway-")
        if not os.path.exists(self.path("gateway.pem")):
            make_certificates(self.folder)
        self.process = subprocess.Popen(
            [sys.executable, os.path.abspath(__file__), self.folder, "--cert", self.path("gateway.pem"), "--key",
             self.path("gateway.key"), "--watch-stdin", *flags], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()
        self.ca = self.path("ca.pem")

    def path(self, name):
        return os.path.join(self.folder, name)

    def flags(self, *others):
        """What paddock needs to speak to this gateway, with ENVIRONMENT; the others may say otherwise."""
        said = [flag.split("=")[0] for flag in others]
        ours = (*FLAGS, f"--backend-url={self.url}", f"--backend-ca={self.ca}")
        return [flag for flag in ours if flag.split("=")[0] not in said] + list(others)

    def register(self, *player_ids):
        return register(self.folder, player_ids)

    def script(self, *entries):
        for entry in entries:
            if isinstance(entry.get("raw"), bytes):
                entry["raw"] = base64.b64encode(entry["raw"]).decode()
        replace_json(self.path("script.json"), entries)

    def calls(self, what=None):
        calls = [json.loads(line) for line in lines_of(self.folder, "calls.jsonl")]
        return [call for call in calls if what in (None, call["what"])]

    @property
    def paid(self):
        return [json.loads(line) for line in lines_of(self.folder, "paid.jsonl")]

    @property
    def complaints(self):
        return lines_of(self.folder, "complaints.txt")

    def stop(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(timeout=60)
        self.process.stdout.close()
        if self.own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="stand-in for Unisave's request gateway")
    parser.add_argument("folder")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--watch-stdin", action="store_true", help="end when standard input does")
    parser.add_argument("--cert")
    parser.add_argument("--key")
    parser.add_argument("--arguments", default="server_token player_id", help="parameters of the result method")
    parser.add_argument("--dedupe", action="store_true", help="the result method pays once for equal arguments")
    serve(parser.parse_args())
