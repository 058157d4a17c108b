#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A stand-in for a studio's own service: the HTTP hooks of auth/README.md, as a process of its own.

    FUSION_SERVER_TOKEN=… hook_service.py [--players FILE] [--store FILE] [--port N] [--tls CERT KEY]
                                          [--client-ca FILE] [--flashphoner]

Lets in the players of a JSON file {"id": {"token": "…", "metadata": {…}}, …} and stores results once
per key, over restarts too when it has a store. Distrusts its caller: whatever is not as the README
and the schemas promise is a complaint, which the test reads at the end. On stdout it says one line,
{"url": "…"}, once it listens.

GET /control/state tells what came, GET /control/results what is stored. POST /control/script makes the
next requests go wrong: {"connect": [step, …], "results": [step, …], "disconnect": [step, …]}; steps
are used up in order, "times" says how often (-1: always), and the rest is

    status, body, headers   the answer, instead of the real one
    process                 does what was asked all the same, before the answer
    wait                    seconds before the answer
    drip                    seconds between its bytes
    close                   hangs up without an answer
    hang                    says nothing, until the caller has hung up
    twice                   says it again, as soon as it has said it
"""

import argparse
import base64
import hashlib
import hmac
import http.server
import json
import os
import ssl
import sys
import threading
import time

import json_schema

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden")


def golden(name):
    with open(os.path.join(GOLDEN, name), encoding="utf-8") as file:
        return json.load(file)


class Service:
    def __init__(self, options):
        self.options = options
        self.server_token = os.environ["FUSION_SERVER_TOKEN"].encode()
        self.lock = threading.Lock()
        self.schemas = {hook: golden(f"hook_{hook}.schema.json") for hook in ("connect", "results", "disconnect")}
        self.answer_schema = golden("hook_connect_answer.schema.json")
        self.document = golden("flashphoner_connect.json")
        self.players = {}
        self.script = {"connect": [], "results": [], "disconnect": []}
        self.came = {"connect": [], "results": [], "disconnect": []}
        self.connections = 0
        self.gone = 0 # callers who hung up before they were answered
        self.complaints = []
        self.stored = []
        if options.players:
            with open(options.players, encoding="utf-8") as file:
                self.players = json.load(file)
        if options.store and os.path.exists(options.store):
            with open(options.store, encoding="utf-8") as file:
                self.stored = json.load(file)

    def complain(self, text):
        self.complaints.append(text)

    # ---- what comes

    def check_head(self, hook, headers, version, body):
        if not self.is_ours(headers):
            self.complain(f"{hook}: Authorization is not what it should be")
        wanted = {"Content-Type": "application/json", "Accept": "application/json", "Content-Length": str(len(body))}
        for name, value in wanted.items():
            if headers.get_all(name) != [value]:
                self.complain(f"{hook}: {name} is not what it should be")
        for name in ("Cookie", "Expect", "Accept-Encoding", "Transfer-Encoding"):
            if name in headers:
                self.complain(f"{hook}: {name}: {headers[name]}")
        if not headers.get("User-Agent", "").startswith("paddock/"):
            self.complain(f"{hook}: User-Agent {headers.get('User-Agent')}")
        if version != "HTTP/1.1":
            self.complain(f"{hook}: {version}")

    def is_ours(self, headers):
        wanted = b"Bearer " + self.server_token
        return hmac.compare_digest(headers.get("Authorization", "").encode(), wanted)

    def check_signature(self, headers, body):
        wanted = "sha256=" + hmac.new(self.server_token, body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(headers.get("X-Paddock-Signature", ""), wanted):
            self.complain("results: signed wrong or not at all")

    def check_document(self, body):
        """The Flashphoner form has the document's keys, in its order, with values of the same types."""
        mapped = [key for key in body if key.startswith("X-")]
        keys = [key for key in self.document if not key.startswith("X-")]
        if list(body) != keys + mapped:
            self.complain(f"connect: keys {list(body)}")
        for key in keys:
            if type(body.get(key)) is not type(self.document[key]):
                self.complain(f"connect: {key} is {body.get(key)!r}")

    def read(self, hook, headers, data):
        try:
            body = json.loads(data)
        except ValueError:
            self.complain(f"{hook}: no JSON")
            return {}
        if hook == "connect" and self.options.flashphoner:
            self.check_document(body)
        else:
            self.complaints.extend(f"{hook}: {text}" for text in json_schema.check(self.schemas[hook], body))
        return body

    # ---- what is done

    def claim(self, headers, body):
        """(player id, token) that a /connect is about."""
        if not self.options.flashphoner:
            return body.get("player_id"), body.get("player_token")
        token = json.loads(base64.b64decode(headers.get("X-Paddock-Connection-Token", "")))
        return token["unisavePlayerId"], token["fusionPlayerToken"]

    def connect(self, headers, body):
        player_id, token = self.claim(headers, body)
        player = self.players.get(player_id)
        # Compared in constant time, and never with a token that is not there.
        if not player or not token or not hmac.compare_digest(token.encode(), player["token"].encode()):
            return 200, {"valid": False}
        answer = {"valid": True, "metadata": player.get("metadata", {})}
        self.complaints.extend(f"own answer: {text}" for text in json_schema.check(self.answer_schema, answer))
        return 200, answer

    def results(self, headers, body):
        key = headers.get("Idempotency-Key")
        if not key or key != body.get("race_id"):
            self.complain(f"results: key {key} for race {body.get('race_id')}")
        for entry in self.stored:
            if entry["key"] == key:
                entry["deliveries"] += 1
                if entry["body"] != body:
                    self.complain(f"results: {key} has changed")
                break
        else:
            self.stored.append({"key": key, "deliveries": 1, "body": body})
        if self.options.store:
            with open(self.options.store + ".new", "w", encoding="utf-8") as file:
                json.dump(self.stored, file)
            os.replace(self.options.store + ".new", self.options.store)
        return 204, None

    def disconnect(self, headers, body):
        return 204, None

    # ---- a request

    def take_step(self, hook):
        for step in self.script[hook]:
            if step.get("times", 1) != 0:
                step["times"] = step.get("times", 1) - 1
                return step
        return None

    def handle(self, hook, headers, version, data):
        """(step, status, answer or None, further headers)"""
        with self.lock:
            complaints_before = len(self.complaints)
            self.check_head(hook, headers, version, data)
            if hook == "results":
                self.check_signature(headers, data)
            body = self.read(hook, headers, data)
            self.came[hook].append(body)
            step = self.take_step(hook)
            if len(self.complaints) > complaints_before:
                return {}, 400 if self.is_ours(headers) else 401, None
            if step is None:
                return {}, *getattr(self, hook)(headers, body)
            if step.get("process"):
                status, answer = getattr(self, hook)(headers, body)
                return step, step.get("status", status), step.get("body", answer)
            return step, step.get("status", 200), step.get("body")

    def control(self, path, data):
        with self.lock:
            if path == "/control/state":
                return {"complaints": self.complaints, "came": self.came, "stored": self.stored,
                        "connections": self.connections, "gone": self.gone}
            if path == "/control/results":
                return summary(self.stored)
            if path == "/control/script":
                self.script.update(json.loads(data))
            elif path == "/control/players":
                self.players.update(json.loads(data))
            return {}


def summary(stored):
    """In the form of `paddock results json`."""
    races = []
    for entry in stored:
        standings = entry["body"]["standings"]
        winner = next((row["player_id"] for row in standings if row["place"] == 1 and row["dnf"] is None), None)
        races.append({"race_id": entry["key"], "deliveries": entry["deliveries"], "winner": winner,
                      "track": entry["body"]["track"], "standings": standings})
    return {"results_stored": len(races), "races": races}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    service = None
    hooks = {"/hooks/connect": "connect", "/hooks/results": "results", "/hooks/disconnect": "disconnect"}

    def setup(self):
        super().setup()
        with self.service.lock:
            self.service.connections += 1

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.send_json({}, 200, self.service.control(self.path, b""))

    def do_POST(self):
        data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path not in self.hooks:
            if not self.path.startswith("/control/"):
                self.service.complain(f"POST {self.path}")
            self.send_json({}, 200, self.service.control(self.path, data))
            return
        step, status, answer = self.service.handle(self.hooks[self.path], self.headers, self.request_version, data)
        time.sleep(step.get("wait", 0))
        if step.get("hang"):
            self.wait_until_gone()
        if step.get("hang") or step.get("close"):
            self.close_connection = True
            return
        self.send_json(step, status, answer)

    def wait_until_gone(self):
        try:
            while self.connection.recv(4096):
                pass
        except OSError:
            pass
        with self.service.lock:
            self.service.gone += 1

    def send_json(self, step, status, answer):
        text = "" if answer is None else answer if isinstance(answer, str) else json.dumps(answer)
        lines = [f"HTTP/1.1 {status} Status"]
        lines += [f"{name}: {value}" for name, value in step.get("headers", {}).items()]
        if status != 204:
            lines += ["Content-Type: application/json", f"Content-Length: {len(text.encode())}"]
        data = ("\r\n".join(lines) + "\r\n\r\n" + text).encode() * (2 if step.get("twice") else 1)
        try:
            for part in ([bytes([byte]) for byte in data] if step.get("drip") else [data]):
                self.wfile.write(part)
                self.wfile.flush()
                time.sleep(step.get("drip", 0))
        except OSError:
            self.close_connection = True # the caller had enough


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        """Callers come and go as they like; faults of our own are complaints."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            Handler.service.complain(f"fault: {error!r}")


class TlsServer(Server):
    """The handshake is done in the connection's thread, so that nobody waits for a slow one."""

    context = None

    def finish_request(self, request, client_address):
        super().finish_request(self.context.wrap_socket(request, server_side=True), client_address)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--players")
    parser.add_argument("--store")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--tls", nargs=2)
    parser.add_argument("--client-ca")
    parser.add_argument("--flashphoner", action="store_true")
    options = parser.parse_args()
    Handler.service = Service(options)
    server = (TlsServer if options.tls else Server)(("127.0.0.1", options.port), Handler)
    if options.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*options.tls)
        if options.client_ca:
            context.load_verify_locations(options.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
        server.context = context
    scheme = "https" if options.tls else "http"
    print(json.dumps({"url": f"{scheme}://127.0.0.1:{server.server_port}/hooks"}), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
