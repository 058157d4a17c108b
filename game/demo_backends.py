# SPDX-License-Identifier: MIT
"""The backends that game/demo can race against, one class each.

    settings      what the server is started with
    environment   beside what it inherits
    token         makes a player valid and gives his connection token
    results       what the backend holds, in the form of `paddock results json`
    tell          the same in lines for people
    complaints    what the backend found wrong with the server
    hints         how a person adds players and looks at results while the server runs
"""

import json
import os
import secrets
import sys
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "support"))
import unisave_gateway  # noqa: E402


class Embedded:
    """One SQLite file beside the server, read with the server's own commands."""

    settings = []
    environment = {}

    def __init__(self, processes, folder):
        self.folder = folder

    def token(self, server, player_id):
        return server.ask("token", player_id).strip()

    def results(self, server):
        return json.loads(server.ask("results", "json"))

    def tell(self, server):
        return server.ask("results").splitlines()

    def complaints(self):
        return []

    def hints(self, program):
        return (f"{program} token PLAYER_ID --data-dir {self.folder}",
                f"{program} results --data-dir {self.folder}")


class Hooks:
    """A service of its own behind HTTP hooks: the stand-in that the tests use. It checks signatures, keys
    and the form of all that comes."""

    def __init__(self, processes, folder):
        self.environment = {"FUSION_SERVER_TOKEN": secrets.token_urlsafe(32)}
        script = os.path.join(ROOT, "tests", "support", "hook_service.py")
        # Its one line on stdout stays in the pipe until we read it.
        process = processes.start([sys.executable, script], environment=self.environment, stdout=-1)
        self.url = json.loads(process.stdout.readline())["url"]
        self.control_url = self.url.replace("/hooks", "/control/")
        self.settings = ["--backend=http", f"--backend-url={self.url}"]
        print(f"the backend is a service at {self.url}")

    def control(self, what, data=None):
        body = None if data is None else json.dumps(data).encode()
        with urllib.request.urlopen(self.control_url + what, body, timeout=10) as answer:
            return json.load(answer)

    def token(self, server, player_id):
        token = secrets.token_urlsafe(32)
        self.control("players", {player_id: {"token": token, "metadata": {"display_name": player_id.title()}}})
        return json.dumps({"unisavePlayerId": player_id, "fusionPlayerToken": token}, separators=(",", ":"))

    def results(self, server):
        return self.control("results")

    def tell(self, server):
        came = self.control("state")["came"]
        return [f"after {len(came['connect'])} POST /connect and {len(came['results'])} POST /results"]

    def complaints(self):
        return self.control("state")["complaints"]

    def hints(self, program):
        player = '{"PLAYER_ID":{"token":"SECRET"}}'
        return (f"curl -d '{player}' {self.control_url}players", f"curl {self.control_url}results")


class Unisave:
    """A stand-in for Unisave's request gateway, with the facets of its guide behind it."""

    environment = unisave_gateway.ENVIRONMENT
    arguments = "server_token player_id place time_ms race_id"

    def __init__(self, processes, folder):
        self.folder = os.path.join(folder, "unisave")
        os.mkdir(self.folder)
        script = os.path.join(ROOT, "tests", "support", "unisave_gateway.py")
        process = processes.start([sys.executable, script, self.folder, "--arguments", self.arguments], stdout=-1)
        self.url = process.stdout.readline().decode().strip()
        self.settings = [*unisave_gateway.FLAGS, f"--backend-url={self.url}", "--unisave-result-placings=all",
                         f"--unisave-result-arguments={self.arguments}",
                         "--unisave-id-prefix="]  # else the forged token would be denied unasked
        print(f"the backend is a Unisave gateway at {self.url}")

    def token(self, server, player_id):
        return unisave_gateway.register(self.folder, [f"e_PlayerEntity/{player_id}"])[0]

    def results(self, server):
        paid = [json.loads(line) for line in unisave_gateway.lines_of(self.folder, "paid.jsonl")]
        if not paid or json.loads(server.ask("outbox", "list", "json"))["pending"] > 0:
            return {"results_stored": 0, "races": []}
        standings = sorted(({**row, "dnf": None if row["place"] else "did not finish"} for row in paid),
                           key=lambda row: row["place"] or len(paid))
        deliveries = max(paid.count(row) for row in paid)
        return {"results_stored": len({row["race_id"] for row in paid}), "races": [
            {"race_id": paid[0]["race_id"], "winner": standings[0]["player_id"], "deliveries": deliveries,
             "standings": standings}]}

    def tell(self, server):
        calls = [json.loads(line)["what"] for line in unisave_gateway.lines_of(self.folder, "calls.jsonl")]
        return [f"after {calls.count('validate')} IsFusionConnectionTokenValid and {calls.count('result')} "
                "PlayerWonRace, one for each player"]

    def complaints(self):
        return unisave_gateway.lines_of(self.folder, "complaints.txt")

    def hints(self, program):
        return (f"add \"e_PlayerEntity/NAME\": \"SECRET\" to {self.folder}/players.json",
                f"cat {self.folder}/paid.jsonl")


BACKENDS = {"embedded": Embedded, "http": Hooks, "unisave": Unisave}
