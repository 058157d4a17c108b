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


BACKENDS = {"embedded": Embedded, "http": Hooks}
