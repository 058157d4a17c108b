#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The HTTP backend: the real server against a service in a process of its own, well and badly."""

import json
import os
import re
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

SUPPORT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support")
sys.path.insert(0, SUPPORT)
import json_schema  # noqa: E402
import ports  # noqa: E402
from paddock import (BYE, ENVIRONMENT, PADDOCK, PATIENCE, RESULT, ROSTER, SNAPSHOT, WELCOME, Closed,  # noqa: E402
                     TestCase, growth_kib_max)

TOKEN = "kJ3+/server-token-of-the-test=="
PLAYERS = {name: {"token": f"secret-of-{name}", "metadata": {"display_name": f"The {name}", "kart": kart}}
           for kart, name in enumerate(("Alice", "Bob", "Carol"))}
# Players who stand still: the time limit ends the race.
SHORT = ("--lobby-ms=100", "--countdown-ms=100", "--time-limit-ms=1000", "--intermission-ms=60000",
         "--report-retry-ms=50", "--report-retry-max-ms=200")


def connection_token(player_id, token=None):
    return json.dumps({"unisavePlayerId": player_id, "fusionPlayerToken": token or PLAYERS[player_id]["token"]})


class Hooks:
    """The stand-in as a process; the same `folder`, and the `port` if it was given one, let it come back as the same one."""

    def __init__(self, folder, *flags, port=0):
        self.folder = folder
        players = os.path.join(folder, "players.json")
        with open(players, "w") as file:
            json.dump(PLAYERS, file)
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(SUPPORT, "hook_service.py"), "--players", players, "--store",
             os.path.join(folder, "store.json"), "--port", str(port), *flags], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, text=True, env={**ENVIRONMENT, "FUSION_SERVER_TOKEN": TOKEN})
        self.url = json.loads(self.process.stdout.readline())["url"]
        self.port = int(self.url.split(":")[2].split("/")[0])
        self.context = None

    def control(self, what, data=None):
        request = urllib.request.Request(self.url.replace("/hooks", "/control/" + what),
                                         None if data is None else json.dumps(data).encode())
        with urllib.request.urlopen(request, timeout=PATIENCE, context=self.context) as answer:
            return json.loads(answer.read())

    def script(self, **steps):
        self.control("script", steps)

    @property
    def state(self):
        return self.control("state")

    def wait_came(self, hook, count):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            came = self.state["came"][hook]
            if len(came) >= count:
                return came
            time.sleep(0.02)
        raise TimeoutError(f"{len(came)} of {count} {hook}")

    def wait_gone(self):
        """Until somebody has hung up who was not answered."""
        end = time.monotonic() + PATIENCE
        while not self.state["gone"]:
            if time.monotonic() > end:
                raise TimeoutError("nobody hung up")
            time.sleep(0.02)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def run_openssl(folder, *words):
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


def make_certificates(folder):
    """Two authorities; the service's certificate and ours are of the first."""
    for name in ("ca", "other"):
        run_openssl(folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                    f"{name}.key", "-out", f"{name}.pem", "-subj", f"/CN={name}", "-days", "2")
    for name, extension in (("service", "subjectAltName=IP:127.0.0.1"), ("ours", "extendedKeyUsage=clientAuth")):
        run_openssl(folder, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                    f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        with open(os.path.join(folder, "extensions"), "w") as file:
            file.write(extension + "\n")
        run_openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-out",
                    f"{name}.pem", "-days", "2", "-extfile", "extensions")
    return lambda name: os.path.join(folder, name)


class BackendHttp(TestCase):
    def hooks(self, *flags, folder=None, port=0):
        if folder is None:
            temporary = tempfile.TemporaryDirectory(prefix="paddock-hooks-")
            self.addCleanup(temporary.cleanup)
            folder = temporary.name
        hooks = Hooks(folder, *flags, port=port)
        self.addCleanup(hooks.kill)
        return hooks

    def serve_with(self, hooks, *flags, **options):
        return self.serve("--backend=http", f"--backend-url={hooks.url}", *flags,
                          env={"FUSION_SERVER_TOKEN": TOKEN}, **options)

    def join(self, server, player_id, token=None, scheme="tcp", session=""):
        return server.player(player_id, scheme, session, token=connection_token(player_id, token))

    def is_let_in_at_last(self, server, name):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                return self.join(server, name).wait_for(WELCOME)
            except Closed as closed:
                self.assertEqual(closed.code, 4503)
            time.sleep(0.1)
        return None

    def assert_no_complaints(self, hooks):
        self.assertEqual(hooks.state["complaints"], [])

    # ---- players

    def test_valid_players_are_in_under_the_names_that_the_service_gives(self):
        hooks = self.hooks()
        server = self.serve_with(hooks, listen=("tcp", "tls"))
        for scheme, name in (("tcp", "Alice"), ("tls", "Bob")):
            player = self.join(server, name, scheme=scheme, session="friday")
            player.wait_for(WELCOME)
            self.assertEqual(player.wait_for(ROSTER)[1][-1][2:], ["The " + name, False, PLAYERS[name]["metadata"]["kart"]])
        state = hooks.state
        bodies = state["came"]["connect"]
        self.assertEqual(state["connections"], 2) # the server's, which it kept, and this question's
        self.assertEqual([body["transport"] for body in bodies], ["tcp", "tls"])
        for body, player in zip(bodies, server.players):
            remote = "127.0.0.1:%d" % player.socket.getsockname()[1]
            local = "127.0.0.1:%d" % player.socket.getpeername()[1]
            self.assertEqual((body["remote"], body["local"]), (remote, local))
            self.assertEqual((body["session"], body["client"]), ("friday", "integration-test"))
            self.assertTrue(body["session_id"].startswith(f"/{remote}/{local}-"))
        self.assertEqual(bodies[0]["node_id"], bodies[1]["node_id"])
        self.assert_no_complaints(hooks)
        self.stop_cleanly(server)

    def test_invalid_players_are_4003(self):
        hooks = self.hooks()
        server = self.serve_with(hooks)
        self.assertEqual(self.join(server, "Alice", token="guess").wait_closed(), 4003)
        self.assertEqual(self.join(server, "Nobody", token="guess").wait_closed(), 4003)
        hooks.script(connect=[{"status": 403}])
        self.assertEqual(self.join(server, "Alice").wait_closed(), 4003)
        self.join(server, "Alice").wait_for(WELCOME)
        self.assert_no_complaints(hooks)
        self.stop_cleanly(server)

    def test_a_service_that_says_yes_twice_has_let_in_one(self):
        hooks = self.hooks()
        server = self.serve_with(hooks)
        hooks.script(connect=[{"body": {"valid": True}, "twice": True}])
        self.join(server, "Alice").wait_for(WELCOME)
        self.assertEqual(self.join(server, "Bob", token="guess").wait_closed(), 4003)
        self.assertEqual(len(hooks.state["came"]["connect"]), 2)
        self.assert_no_complaints(hooks)
        self.stop_cleanly(server)

    def test_answers_that_are_no_answers_are_4503(self):
        hooks = self.hooks()
        server = self.serve_with(hooks, "--breaker-failures=1000")
        yes = {"valid": True}
        steps = [
            {"body": "true"}, {"body": '{"valid":1}'}, {"body": '{"valid":"true"}'}, {"body": '{"valid":null}'},
            {"body": "{}"}, {"body": ""}, {"body": '{"valid":true'}, {"body": '{"valid":false,"valid":true}'},
            {"body": '{"valid":true,"metadata":[]}'}, {"body": '{"valid":true,"metadata":{"display_name":1}}'},
            {"body": '{"valid":true,"metadata":{"a":{"b":{"c":{}}}}}'},
            {"body": '{"valid":true,"metadata":{"a":"%s"}}' % ("x" * 4096)},
            {"body": '{"valid":true,"x":%s}' % ("[" * 30000 + "]" * 30000)}, {"body": '{"valid":true}' + " " * 65536},
            {"body": "null"}, {"body": '["valid",true]'}, {"body": '\ufeff{"valid":true}'}, {"body": '{"valid":true}\0'},
            {"body": '{"valid":true}{"valid":true}'}, {"body": '{"valid":true,"metadata":{"kart":256}}'},
            {"body": '{"valid":true,"metadata":{"spectator":"no"}}'}, {"status": 206, "body": yes}, {"status": 304},
            {"status": 307, "body": yes, "headers": {"Location": "/hooks/connect"}}, {"status": 401, "body": yes},
            {"status": 204}, {"status": 201, "body": yes}, {"status": 500, "body": yes}, {"status": 502, "body": yes},
            {"status": 302, "body": yes, "headers": {"Location": hooks.url + "/connect"}},
            {"status": 200, "body": yes, "headers": {"Transfer-Encoding": "chunked"}},
            {"status": 200, "body": yes, "headers": {"Content-Length": "3"}},
            {"status": 200, "body": yes, "headers": {"X": "y" * 20000}},
        ]
        self.assertGreater(len(steps), 30)
        before = server.rss_kib()
        for step in steps:
            with self.subTest(step=str(step)[:80]):
                hooks.script(connect=[step])
                self.assertEqual(self.join(server, "Alice").wait_closed(), 4503)
        self.assertEqual(len(hooks.state["came"]["connect"]), len(steps)) # the redirect was not followed
        self.assertLess(server.rss_kib() - before, growth_kib_max(8192))
        hooks.script(connect=[])
        self.join(server, "Alice").wait_for(WELCOME)
        self.assert_no_complaints(hooks)
        self.stop_cleanly(server)

    def test_an_outage_keeps_players_out_and_those_inside_play_on(self):
        hooks = self.hooks(port=ports.take())
        server = self.serve_with(hooks, "--breaker-probe-ms=100", "--breaker-probe-max-ms=200")
        inside = self.join(server, "Alice", session="room")
        inside.wait_for(WELCOME)
        hooks.kill()
        for _ in range(7):
            self.assertEqual(self.join(server, "Bob").wait_closed(), 4503)
        inside.send(BYE)
        self.assertEqual(inside.wait_closed(), 1000) # until then he was there
        again = self.hooks(folder=hooks.folder, port=hooks.port)
        self.assertTrue(self.is_let_in_at_last(server, "Bob"))
        self.assert_no_complaints(again)
        self.stop_cleanly(server)

    def test_a_busy_service_is_asked_once_more_within_the_players_patience(self):
        hooks = self.hooks()
        server = self.serve_with(hooks)
        for step in ({"status": 503}, {"status": 429, "headers": {"Retry-After": "1"}}, {"close": True}):
            hooks.script(connect=[step])
            player = self.join(server, "Alice")
            player.wait_for(WELCOME)
            player.send(BYE)
            player.wait_closed()
        self.assertEqual(len(hooks.state["came"]["connect"]), 6)
        self.assert_no_complaints(hooks)
        self.stop_cleanly(server)

    def test_a_service_that_drips_holds_up_no_tick(self):
        hooks = self.hooks()
        server = self.serve_with(hooks, "--verify-ms=60000", "--max-sessions=16", "--rejoin-grace-ms=0",
                                 "--lobby-ms=100", "--countdown-ms=100", "--time-limit-ms=60000")
        racers = [self.join(server, name, session="race") for name in ("Alice", "Bob")]
        for racer in racers:
            racer.wait_for(SNAPSHOT)
        hooks.script(connect=[{"drip": 1, "body": {"valid": True}, "times": -1}])
        waiting = [self.join(server, "Carol", session=f"room{index % 8}") for index in range(20)]
        server.wait_metric("paddock_verifications_in_flight", 20)
        server.wait_ticks(60)
        self.assertEqual(server.metric("paddock_verifications_in_flight"), 20) # nobody was done meanwhile
        for player in waiting:
            player.close()
        server.wait_metric('paddock_verifications_total{outcome="cancelled"}', 20)
        self.assertEqual(server.metric("paddock_verifications_in_flight"), 0)
        self.assertEqual(server.metric("paddock_backend_requests_in_flight"), 0)
        for racer in racers:
            racer.wait_for(SNAPSHOT) # they race on
        self.assert_no_complaints(hooks)
        self.stop_cleanly(server)

    def test_a_service_that_drips_has_the_time_of_one_that_says_nothing(self):
        hooks = self.hooks()
        server = self.serve_with(hooks, "--verify-ms=300")
        hooks.script(connect=[{"drip": 1, "body": {"valid": True}}])
        self.assertEqual(self.join(server, "Alice").wait_closed(), 4503)
        self.assertEqual(server.metric("paddock_verifications_in_flight"), 0)
        self.assertEqual(server.metric("paddock_backend_requests_in_flight"), 0)
        self.stop_cleanly(server)

    def test_a_player_who_leaves_takes_his_request_with_him(self):
        hooks = self.hooks()
        server = self.serve_with(hooks, "--verify-ms=60000")
        hooks.script(connect=[{"hang": True, "process": True}])
        player = self.join(server, "Alice")
        hooks.wait_came("connect", 1)
        player.close()
        server.wait_event("player_left", player="Alice")
        self.assertEqual(server.metric('paddock_verifications_total{outcome="cancelled"}'), 1)
        self.assertEqual(server.metric("paddock_backend_requests_in_flight"), 0)
        hooks.wait_gone()
        self.assertFalse([event for event in server.events if event["event"] == "player_admitted"])
        self.stop_cleanly(server)

    def test_spectators_watch(self):
        hooks = self.hooks()
        hooks.control("players", {"Carol": {"token": PLAYERS["Carol"]["token"], "metadata": {"spectator": True}}})
        server = self.serve_with(hooks, *SHORT)
        watcher = self.join(server, "Carol", session="room")
        watcher.wait_for(WELCOME)
        self.assertEqual(watcher.wait_for(ROSTER)[1][0][3:], [True, 0])
        self.assertEqual(server.status()["sessions"][0]["players"][0]["state"], "watching")
        racers = [self.join(server, name, session="room") for name in ("Alice", "Bob")]
        result = watcher.wait_for(RESULT)
        self.assertEqual(len(result[3]), 2)
        racers[0].wait_for(RESULT)
        body = hooks.wait_came("results", 1)[0]
        self.assertEqual({row["player_id"] for row in body["standings"]}, {"Alice", "Bob"})
        hooks.control("players", {"Carol": PLAYERS["Carol"]}) # and is a spectator no longer
        again = self.join(server, "Carol", session="room")
        self.assertTrue(again.wait_for(WELCOME)[12])
        self.assertEqual(again.wait_for(ROSTER)[1][0][2:], ["The Carol", False, 2])
        self.assertEqual(watcher.wait_closed(), 4009)
        self.assert_no_complaints(hooks)
        self.stop_cleanly(server)

    def test_the_flashphoner_form(self):
        hooks = self.hooks("--flashphoner")
        server = self.serve_with(hooks, "--hook-flashphoner-compat", "--node-id=node7")
        self.join(server, "Alice").wait_for(WELCOME)
        self.assertEqual(self.join(server, "Bob", token="guess").wait_closed(), 4003)
        body = hooks.state["came"]["connect"][0]
        self.assertEqual((body["nodeId"], body["appKey"], body["clientVersion"]),
                         ("node7", "defaultApp", "integration-test"))
        self.assertTrue(re.fullmatch(r"/127\.0\.0\.1:\d+/127\.0\.0\.1:\d+-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
                                     body["sessionId"]))
        slashes = json.dumps({"unisavePlayerId": "Bob", "fusionPlayerToken": "/" * 70}, separators=(",", ":"))
        for _ in range(6):  # the breaker hears of a verdict each time, not of a failure
            player = server.player("Bob", token=slashes)
            self.assertEqual(player.wait_closed(), 4003)
        done = self.check(hooks.url, "--hook-flashphoner-compat")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assert_no_complaints(hooks)
        self.stop_cleanly(server)

    def test_who_left_and_who_was_kicked_is_told_when_wanted(self):
        hooks = self.hooks()
        server = self.serve_with(hooks, "--hook-notify", "--messages-per-second=10")
        alice = self.join(server, "Alice", session="room")
        alice.wait_for(WELCOME)
        self.join(server, "Alice", session="room").wait_for(WELCOME)
        self.assertEqual(alice.wait_closed(), 4009)
        bob = self.join(server, "Bob", session="room")
        bob.wait_for(WELCOME)
        bob.send(BYE)
        notices = hooks.wait_came("disconnect", 2)
        seen = {(body["player_id"], body["event"], body["code"], body["reason"]) for body in notices}
        self.assertEqual(seen, {("Alice", "kicked", 4009, "replaced"), ("Bob", "left", 1000, "normal")})
        self.assert_no_complaints(hooks)
        self.stop_cleanly(server)

    # ---- results

    def race(self, server, session="race"):
        """Two players race to the time limit; the race id once it is final."""
        players = [self.join(server, name, session=session) for name in ("Alice", "Bob")]
        race_id = None
        for player in players:
            result = player.wait_for(RESULT)
            while not result[2]:
                result = player.wait_for(RESULT)
            race_id = result[1]
        return race_id

    def wait_delivered(self, server):
        server.wait_metric('paddock_reports_total{outcome="delivered"}', 1)

    def stored(self, hooks):
        return [(entry["key"], entry["deliveries"]) for entry in hooks.state["stored"]]

    def test_a_result_is_delivered_once(self):
        hooks = self.hooks()
        server = self.serve_with(hooks, *SHORT)
        race_id = self.race(server)
        self.wait_delivered(server)
        self.assertEqual(self.stored(hooks), [(race_id, 1)])
        self.assert_no_complaints(hooks) # signature, key and schema were right
        self.stop_cleanly(server)

    def test_failures_are_repeated_under_the_same_key(self):
        hooks = self.hooks()
        server = self.serve_with(hooks, *SHORT, "--report-ms=60000")
        hooks.script(results=[
            {"status": 500},
            {"status": 500, "process": True}, # has it, and says that it failed
            {"close": True, "process": True},
            {"status": 401},
            {"status": 429},
            {"status": 409, "twice": True}, # has it already, and says so twice
            {"status": 500}, # which is no word about the next one
        ])
        race_id = self.race(server)
        self.wait_delivered(server)
        self.assertEqual(len(hooks.state["came"]["results"]), 6)
        self.assertEqual(self.stored(hooks), [(race_id, 2)])
        next_id = self.race(server, "the next")
        server.wait_metric('paddock_reports_total{outcome="delivered"}', 2)
        self.assertEqual(len(hooks.state["came"]["results"]), 8)
        self.assertEqual(self.stored(hooks), [(race_id, 2), (next_id, 1)])
        self.assert_no_complaints(hooks) # above all: the key and the body were the same each time
        self.stop_cleanly(server)

    def test_a_service_that_takes_a_result_and_says_nothing_is_told_again(self):
        hooks = self.hooks()
        server = self.serve_with(hooks, *SHORT, "--report-ms=500")
        hooks.script(results=[{"hang": True, "process": True}])
        race_id = self.race(server)
        self.wait_delivered(server)
        hooks.wait_gone()
        (key, deliveries), = self.stored(hooks)
        self.assertEqual(key, race_id)
        self.assertGreaterEqual(deliveries, 2) # more where the real answer comes late, too
        self.assert_no_complaints(hooks)
        self.stop_cleanly(server)

    def test_a_service_that_is_away_gets_it_when_it_is_back_and_so_does_a_server(self):
        hooks = self.hooks(port=ports.take())
        server = self.serve_with(hooks, *SHORT)
        players = [self.join(server, name) for name in ("Alice", "Bob")]
        for player in players:
            player.wait_for(WELCOME)
        hooks.kill()
        result = players[0].wait_for(RESULT)
        while not result[2]:
            result = players[0].wait_for(RESULT)
        server.wait_event("report_failed")
        server.signal(signal.SIGKILL)
        server.wait()
        back = self.hooks(folder=hooks.folder, port=hooks.port)
        again = self.serve_with(back, *SHORT, folder=server.folder)
        self.wait_delivered(again)
        self.assertEqual(self.stored(back), [(result[1], 1)])
        self.assert_no_complaints(back)
        self.stop_cleanly(again)

    def test_a_result_that_is_refused_holds_up_nothing(self):
        hooks = self.hooks()
        server = self.serve_with(hooks, *SHORT)
        hooks.script(results=[{"status": 422}])
        self.race(server)
        server.wait_metric("paddock_outbox_dead", 1)
        race_id = self.race(server, "the next")
        self.wait_delivered(server)
        self.assertEqual(self.stored(hooks), [(race_id, 1)])
        self.assert_no_complaints(hooks)
        self.stop_cleanly(server)

    # ---- the documentation

    def test_the_readmes_examples_are_of_the_schemas(self):
        with open(os.path.join(SUPPORT, "..", "..", "auth", "README.md"), encoding="utf-8") as file:
            examples = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", file.read(), re.DOTALL)]
        hooks = ("connect", "connect_answer", "results", "disconnect")
        self.assertEqual(len(examples), len(hooks))
        for hook, example in zip(hooks, examples):
            with open(os.path.join(SUPPORT, "..", "golden", f"hook_{hook}.schema.json"), encoding="utf-8") as file:
                schema = json.load(file)
            self.assertEqual(list(json_schema.check(schema, example)), [])
            for key in schema["required"]: # and the validator does object
                broken = {name: value for name, value in example.items() if name != key}
                self.assertEqual(list(json_schema.check(schema, broken)), [f"body: lacks {key}"])

    # ---- who speaks to whom

    def test_https_needs_the_right_authority_and_may_ask_for_our_certificate(self):
        folder = tempfile.TemporaryDirectory(prefix="paddock-hooks-")
        self.addCleanup(folder.cleanup)
        path = make_certificates(folder.name)
        hooks = self.hooks("--tls", path("service.pem"), path("service.key"), "--client-ca", path("ca.pem"),
                           folder=folder.name)
        hooks.context = ssl.create_default_context(cafile=path("ca.pem"))
        hooks.context.load_cert_chain(path("ours.pem"), path("ours.key"))
        ours = (f"--backend-cert={path('ours.pem')}", f"--backend-key={path('ours.key')}")
        for flags in (ours, (f"--backend-ca={path('other.pem')}", *ours), (f"--backend-ca={path('ca.pem')}",)):
            with self.subTest(flags=flags):
                server = self.serve_with(hooks, *flags)
                self.assertEqual(self.join(server, "Alice").wait_closed(), 4503)
                self.stop_cleanly(server)
        self.assertEqual(hooks.state["came"]["connect"], [])
        server = self.serve_with(hooks, f"--backend-ca={path('ca.pem')}", *ours, *SHORT)
        race_id = self.race(server)
        self.wait_delivered(server)
        self.assertEqual(self.stored(hooks), [(race_id, 1)])
        self.assert_no_complaints(hooks)
        self.stop_cleanly(server)

    def check(self, url, *flags):
        return subprocess.run([PADDOCK, "check", "--backend=http", f"--backend-url={url}", *flags], capture_output=True,
                              text=True, timeout=30, env={**ENVIRONMENT, "FUSION_SERVER_TOKEN": TOKEN})

    def test_check_tells_how_it_is(self):
        hooks = self.hooks()
        done = self.check(hooks.url)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("a player who does not exist is denied", done.stdout)
        for url, flags, script, wanted in (
                (hooks.url, (), {"status": 404}, "is --backend-url right?"),
                ("http://127.0.0.1:1", (), None, "no answer from http://127.0.0.1:1/connect"),
                (hooks.url, (), {"status": 401}, "FUSION_SERVER_TOKEN"),
                (hooks.url, (), {"status": 500}, "status 500"),
                (hooks.url, (), {"status": 200, "body": "[]"}, "status 200, but"),
                (hooks.url, (), {"status": 200, "body": '{"valid":true}'}, "says yes to a player who does not exist")):
            if script:
                hooks.script(connect=[script])
            done = self.check(url, *flags)
            self.assertEqual(done.returncode, 1, done.stdout)
            self.assertIn(wanted, done.stderr)
            self.assertNotIn(TOKEN, done.stdout + done.stderr)

    def test_a_wrong_server_token_admits_nobody(self):
        hooks = self.hooks()
        server = self.serve("--backend=http", f"--backend-url={hooks.url}", env={"FUSION_SERVER_TOKEN": "another"})
        self.assertEqual(self.join(server, "Alice").wait_closed(), 4503) # it is not he who is refused
        self.assertIn("FUSION_SERVER_TOKEN", server.wait_event("hook_failed", hook="connect", status=401)["why"])
        left = server.wait_event("player_left", code=4503)
        server.wait_event("verification_unanswered", conn=left["conn"], remote=left["remote"], why="error")
        self.assertEqual(hooks.state["complaints"], ["connect: Authorization is not what it should be"])
        self.stop_cleanly(server)

    def test_the_log_says_why_an_answer_was_none(self):
        hooks = self.hooks()
        server = self.serve("--backend=http", f"--backend-url={hooks.url}", env={"FUSION_SERVER_TOKEN": TOKEN})
        for status, body, why in ((302, "", "its status says so"), (200, "[]", "")):
            hooks.script(connect=[{"status": status, "body": body}])
            self.assertEqual(self.join(server, "Alice").wait_closed(), 4503)
            told = server.wait_event("hook_failed", hook="connect", status=status)
            self.assertIn(why, told["why"])
            self.assertNotEqual(told["why"], "")
        self.stop_cleanly(server)

    def test_plain_http_to_another_machine_is_refused_at_the_start(self):
        def check(*flags):
            return subprocess.run([PADDOCK, "--dev", "--check-config", "--backend=http", *flags], capture_output=True,
                                  text=True, timeout=PATIENCE, env={**ENVIRONMENT, "FUSION_SERVER_TOKEN": TOKEN})
        done = check("--backend-url=http://hooks.example/paddock")
        self.assertEqual(done.returncode, 1)
        self.assertIn("would send the server token where anybody on the way can read it", done.stderr)
        self.assertEqual(check("--backend-url=http://hooks.example/", "--allow-plaintext-backend").returncode, 0)
        self.assertEqual(check("--backend-url=https://hooks.example/paddock").returncode, 0)
        self.assertIn("the http backend needs it", check().stderr)

    def test_no_secret_is_in_any_log_line(self):
        hooks = self.hooks()
        server = self.serve_with(hooks, *SHORT)
        hooks.script(connect=[{"status": 500, "body": "the body"}])
        self.assertEqual(self.join(server, "Alice").wait_closed(), 4503)
        self.race(server)
        self.wait_delivered(server)
        self.stop_cleanly(server)
        text = json.dumps(server.events)
        for secret in (TOKEN, json.dumps(TOKEN)[1:-1], PLAYERS["Alice"]["token"], "the body", "Bearer", "sha256="):
            self.assertNotIn(secret, text)


if __name__ == "__main__":
    unittest.main(verbosity=1)
