#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The Unisave backend: the real server against a stand-in gateway over TLS, in a process of its own."""

import json
import os
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from paddock import (ENVIRONMENT, PADDOCK, PATIENCE, RESULT, WELCOME, Closed, TestCase,  # noqa: E402
                     growth_kib_max)
import ports  # noqa: E402
import unisave_gateway  # noqa: E402
from unisave_gateway import Gateway  # noqa: E402

ADA, BOB = "e_PlayerEntity/8445747209", "e_PlayerEntity/391935"
# Players who stand still: the time limit ends the race, and there is no winner.
SHORT = ("--lobby-ms=100", "--countdown-ms=100", "--time-limit-ms=1000", "--intermission-ms=60000",
         "--report-retry-ms=50", "--report-retry-max-ms=200")
EVERYBODY = "server_token player_id place time_ms race_id"
ALL = ("--unisave-result-placings=all", f"--unisave-result-arguments={EVERYBODY}")

TRUE = b'{"executionResult":{"result":"ok","returned":true,"exception":null,"special":{"sessionId":"s"}}}'
LENGTH = b"Content-Length: %d\r\n\r\n"


def http(body, status=b"200 OK", headers=b""):
    return b"HTTP/1.1 " + status + b"\r\nContent-Type: application/json\r\n" + headers + LENGTH % len(body) + body


def returned(json_text):
    return http(TRUE.replace(b"true", json_text, 1))


def chunked(body, sizes=None):
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + (sizes or b"%x" % len(body)) + b"\r\n" + body + b"\r\n0\r\n\r\n"


EXCEPTION = {"ClassName": "System.Exception", "Message": "boom"}
WORKER = '{"statusCode":%d,"error":true,"errorNumber":%d,"errorMessage":"no"}'
PROBLEM = '{"type":"about:blank","title":"One or more validation errors occurred.","status":400,"errors":{"GameToken":["no"]}}'
# What a gateway, a proxy before it or an attacker may answer, the real answer apart, and the close code
# that the player gets: 4003 says that he is not valid, 4503 that nobody could tell.
HOSTILE = {
    "false": (returned(b"false"), 4003),
    "an exception": (http(b'{"executionResult":{"result":"exception","exception":{"ClassName":"X"}}}'), 4003),
    "null": (returned(b"null"), 4503),
    "1": (returned(b"1"), 4503),
    "1.0": (returned(b"1.0"), 4503),
    "the text true": (returned(b'"true"'), 4503),
    "an object": (returned(b'{"valid":true}'), 4503),
    "a list": (returned(b"[true]"), 4503),
    "True": (returned(b"True"), 4503),
    "true and false": (returned(b'false,"returned":true'), 4503),
    "true and an exception": (http(TRUE.replace(b"null", b'{"ClassName":"X"}')), 4503),
    "true and result exception": (http(TRUE.replace(b'"ok"', b'"exception"')), 4503),
    "result OK": (http(TRUE.replace(b'"ok"', b'"OK"')), 4503),
    "result true": (http(TRUE.replace(b'"ok"', b"true")), 4503),
    "no result": (http(TRUE.replace(b'"result":"ok",', b"")), 4503),
    "the worker's form": (http(b'{"status":"ok","returned":true,"logs":[]}'), 4503),
    "no executionResult": (http(b'{"result":"ok","returned":true}'), 4503),
    "only true": (http(b"true"), 4503),
    "an empty body": (http(b""), 4503),
    "an empty object": (http(b"{}"), 4503),
    "HTML": (http(b"<html><body>true</body></html>"), 4503),
    "not UTF-8": (http(TRUE.replace(b'"s"', b'"\xff\xfe"')), 4503),
    "UTF-16": (http(TRUE.decode().encode("utf-16")), 4503),
    "a byte order mark": (http(b"\xef\xbb\xbf" + TRUE), 4503),
    "a NUL at the end": (http(TRUE + b"\0"), 4503),
    "another answer at the end": (http(TRUE + TRUE), 4503),
    "deep": (http(b'{"executionResult":' * 5000 + b"}" * 5000), 4503),
    "deep lists": (http(b"[" * 60000), 4503),
    "many lists": (http(b"[" + b"[]," * 20000 + b"[]]"), 4503),
    "a huge number": (returned(b"9" * 60000), 4503),
    "65537 bytes": (http(TRUE + b" " * (65537 - len(TRUE))), 4503),
    "endless": (b"HTTP/1.1 200 OK\r\n\r\n" + TRUE + b" " * 8000000, 4503),
    "a false length": (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n" + TRUE, 4503),
    "truncated": (http(TRUE)[:-5], 4503),
    "truncated JSON": (http(TRUE[:-1]), 4503),
    "two lengths": (http(TRUE, headers=b"Content-Length: 3\r\n"), 4503),
    "length and chunks": (chunked(TRUE).replace(b"\r\n\r\n", b"\r\nContent-Length: 97\r\n\r\n", 1), 4503),
    "a chunk bomb": (chunked(TRUE, b"ffffffffffffffff"), 4503),
    "truncated chunks": (chunked(TRUE)[:-20], 4503),
    "a huge header": (http(TRUE, headers=b"X: " + b"x" * 20000 + b"\r\n"), 4503),
    "many headers": (http(TRUE, headers=b"X-Y: z\r\n" * 4000), 4503),
    "gzip that nobody asked for": (http(TRUE, headers=b"Content-Encoding: gzip\r\n")[:-40], 4503),
    "HTTP/0.9": (TRUE, 4503),
    "HTTP/2.0": (b"HTTP/2.0 200 OK\r\n" + LENGTH % len(TRUE) + TRUE, 4503),
    "another protocol": (b"220 smtp ready\r\n", 4503),
    "nothing": (b"", 4503),
    "continue for ever": (b"HTTP/1.1 100 Continue\r\n\r\n" * 3000, 4503),
    "201": (http(TRUE, b"201 Created"), 4503),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", 4503),
    "206": (http(TRUE, b"206 Partial Content"), 4503),
    "301 elsewhere": (http(TRUE, b"301 Moved", b"Location: /_api/elsewhere\r\n"), 4503),
    "307 elsewhere": (http(TRUE, b"307 Moved", b"Location: /_api/elsewhere\r\n"), 4503),
    "400": (http(PROBLEM.encode(), b"400 Bad Request"), 4503),
    "401": (http(TRUE, b"401 Unauthorized"), 4503),
    "an unregistered build": (http(b"Build hasn't been registered"), 4503),
    "an unregistered build, 404": (http(b"Build hasn't been registered", b"404 Not Found"), 4503),
    "500": (http((WORKER % (500, 1)).encode(), b"500 Oops"), 4503),
    "502": (http(TRUE, b"502 Bad Gateway"), 4503),
    "a missing facet": (http(b'{"executionResult":{"result":"exception","exception":{"ClassName":'
                             b'"Unisave.Facets.FacetSearchException"}}}'), 4503),
    "header injection": (http(TRUE, b"500 Oops\r\nHTTP/1.1 200 OK"), 4503),
    "a forged log line": (http(b'{"executionResult":{"result":"exception","exception":{"ClassName":'
                               b'"X\\n{\\"event\\":\\"player_admitted\\"}"}}}'), 4003),
}
RSS_KIB_MAX = 4096


class Unisave(TestCase):
    def gateway(self, *flags):
        gateway = Gateway(*flags)
        self.addCleanup(gateway.stop)
        return gateway

    def serve_with(self, gateway, *flags, env=None, **options):
        return self.serve(*gateway.flags(*flags), env={**unisave_gateway.ENVIRONMENT, **(env or {})}, **options)

    def is_admitted(self, server, player_id, token):
        """None, or the code that he was closed with."""
        player = server.player(player_id, token=token)
        try:
            player.wait_for(WELCOME)
            return None
        except Closed as closed:
            return closed.code
        finally:
            player.close()

    def race(self, server, gateway):
        """Both players race to the time limit; the race id once the result is final."""
        tokens = gateway.register(ADA, BOB)
        players = [server.player(player_id, token=token) for player_id, token in zip((ADA, BOB), tokens)]
        for player in players:
            result = player.wait_for(RESULT)
            while not result[2]:
                result = player.wait_for(RESULT)
        return result[1]

    def until(self, what, wanted):
        end = time.monotonic() + PATIENCE
        while what() != wanted:
            if time.monotonic() > end:
                self.fail(f"{what()} instead of {wanted}")
            time.sleep(0.02)

    def outbox(self, server):
        lines = server.command("outbox", "export", "-").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def states(self, server):
        return sorted(row["state"] for row in self.outbox(server))

    # ---- players

    def test_the_backend_says_who_comes_in(self):
        gateway = self.gateway()
        server = self.serve_with(gateway)
        token = gateway.register(ADA)[0]
        self.assertIn("\\/", token) # as the real serializer writes it
        self.assertIsNone(self.is_admitted(server, ADA, token))
        other = json.dumps({**json.loads(token), "fusionPlayerToken": "QUFB"})
        self.assertEqual(self.is_admitted(server, ADA, other), 4003)
        unknown = json.dumps({**json.loads(token), "unisavePlayerId": "e_PlayerEntity/1"})
        self.assertEqual(self.is_admitted(server, ADA, unknown), 4003) # the facet throws
        again = gateway.register(ADA)[0]
        self.assertEqual(self.is_admitted(server, ADA, token), 4003) # the new one replaces it
        self.assertIsNone(self.is_admitted(server, ADA, again))
        self.assertEqual(gateway.complaints, [])
        self.stop_cleanly(server)

    def test_a_gateway_that_says_true_twice_has_let_in_one(self):
        gateway = self.gateway()
        server = self.serve_with(gateway)
        token = gateway.register(ADA)[0]
        gateway.script({"raw": http(TRUE) * 2})
        self.assertIsNone(self.is_admitted(server, ADA, token))
        other = json.dumps({**json.loads(token), "fusionPlayerToken": "QUFB"})
        self.assertEqual(self.is_admitted(server, BOB, other.replace(ADA, BOB)), 4003)
        self.assertEqual(len(gateway.calls("validate")), 2)
        self.stop_cleanly(server)

    def test_nobody_is_asked_about_players_who_cannot_be_the_backends(self):
        gateway = self.gateway()
        server = self.serve_with(gateway)
        with open(gateway.path("players.json"), "w", encoding="utf-8") as file:
            json.dump({ADA: None}, file) # has never fetched a token: null is equal to null there
        for token in ('{"unisavePlayerId":"%s"}', '{"unisavePlayerId":"%s","fusionPlayerToken":null}',
                      '{"unisavePlayerId":"%s","fusionPlayerToken":""}'):
            self.assertEqual(self.is_admitted(server, ADA, token % ADA), 4004)
        for player_id in ("8445747209", "e_Other/1", "e_PlayerEntity/", "e_playerentity/1"):
            token = json.dumps({"unisavePlayerId": player_id, "fusionPlayerToken": "QUFB"})
            self.assertEqual(self.is_admitted(server, player_id, token), 4003)
        self.assertEqual(gateway.calls(), [])
        self.assertEqual(server.metric('paddock_verifications_total{outcome="foreign_id"}'), 4)
        self.assertEqual(server.metric('paddock_verifications_total{outcome="denied"}'), 0)
        self.stop_cleanly(server)

    def test_one_connection_and_one_session_serve_all_calls(self):
        gateway = self.gateway("--arguments", EVERYBODY)
        server = self.serve_with(gateway, *SHORT, *ALL)
        self.race(server, gateway)
        self.until(lambda: len(gateway.calls("result")), 2)
        calls = gateway.calls()
        sessions = {call["session"] for call in calls[2:]}
        self.assertIsNone(calls[0]["session"])
        self.assertEqual(len(sessions), 1)
        self.assertNotIn(None, sessions)
        self.assertLessEqual(len({call["connection"] for call in calls}), 2)
        self.assertEqual({call["device"] for call in calls}, {"paddock"})
        self.assertEqual(gateway.complaints, [])
        self.stop_cleanly(server)

    def test_no_hostile_answer_admits_anybody_or_costs_memory(self):
        gateway = self.gateway()
        # AddressSanitizer keeps what is freed, by default 256 MiB of it.
        sanitizer = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1:thread_local_quarantine_size_kb=64"
        server = self.serve_with(gateway, "--verify-ms=60000", "--connects-per-second=0",
                                 env={"ASAN_OPTIONS": sanitizer})
        token = gateway.register(ADA)[0]
        self.assertGreaterEqual(len(HOSTILE), 30)
        for _ in range(3):
            self.assertIsNone(self.is_admitted(server, ADA, token))
        before_kib = server.rss_kib()
        for name, (raw, code) in HOSTILE.items():
            # Twice, because a kept connection that ends without a word makes libcurl ask again.
            gateway.script({"raw": raw, "times": 2})
            asked = len(gateway.calls())
            with self.subTest(name):
                self.assertEqual(self.is_admitted(server, ADA, token), code)
                self.assertEqual(len(gateway.calls()) - asked, 1 if raw else 2)
            gateway.script()
            # The server is as before, and its breaker hears of no series of failures.
            self.assertIsNone(self.is_admitted(server, ADA, token), name)
        self.assertLess(server.rss_kib() - before_kib, growth_kib_max(RSS_KIB_MAX))
        self.assertEqual(gateway.complaints, [])
        text = json.dumps(server.events)
        for secret in (unisave_gateway.SERVER_TOKEN, json.loads(token)["fusionPlayerToken"], "boom"):
            self.assertNotIn(secret, text)
        self.stop_cleanly(server)

    def test_a_gateway_that_drips_or_hangs_does_not_touch_the_tick(self):
        gateway = self.gateway()
        server = self.serve_with(gateway, "--verify-ms=60000", "--min-players=1", "--lobby-ms=0", "--countdown-ms=0",
                                 "--rejoin-grace-ms=0")
        ada, bob = gateway.register(ADA, BOB)
        server.player(ADA, token=ada).wait_for(WELCOME) # somebody for whom the ticks run
        gateway.script({"raw": http(TRUE), "drip_s": 1, "times": 3}, {"hang": True, "times": 3})
        slow = [server.player(BOB, token=bob, session=f"s{index}") for index in range(6)]
        server.wait_metric("paddock_verifications_in_flight", 6)
        server.wait_ticks(60)
        self.assertEqual(server.metric("paddock_verifications_in_flight"), 6) # nobody was done meanwhile
        for player in slow:
            player.close()
        server.wait_metric('paddock_verifications_total{outcome="cancelled"}', 6)
        self.assertEqual(server.metric("paddock_verifications_in_flight"), 0)
        self.stop_cleanly(server)

    def test_a_gateway_that_drips_or_hangs_has_a_deadline(self):
        gateway = self.gateway()
        server = self.serve_with(gateway, "--verify-ms=300")
        token = gateway.register(ADA)[0]
        gateway.script({"raw": http(TRUE), "drip_s": 1}, {"hang": True})
        self.assertEqual([self.is_admitted(server, ADA, token) for _ in range(2)], [4503] * 2)
        self.assertEqual(server.metric("paddock_verifications_in_flight"), 0)
        self.stop_cleanly(server)

    def test_a_busy_gateway_is_asked_again_while_the_player_waits(self):
        gateway = self.gateway()
        server = self.serve_with(gateway)
        gateway.script({"status": 503, "body": WORKER % (503, 3001)}, {"status": 429, "body": WORKER % (429, 2000)})
        self.assertIsNone(self.is_admitted(server, ADA, gateway.register(ADA)[0]))
        self.assertEqual(len(gateway.calls("validate")), 3)
        self.stop_cleanly(server)

    def test_operators_read_what_to_mend(self):
        for flag, wanted in (("--unisave-build-guid=other", ("no_build", "Register build manually")),
                             ("--unisave-auth-facet=Other", ("no_method", "--unisave-...-facet")),
                             ("--unisave-auth-method=Other", ("no_method", "upload a backend"))):
            gateway = self.gateway()
            server = self.serve_with(gateway, flag)
            self.assertEqual(self.is_admitted(server, ADA, gateway.register(ADA)[0]), 4503)
            event = server.wait_event("unisave_answer")
            self.assertEqual(event["what"], wanted[0])
            self.assertIn(wanted[1], event["mend"])
            self.stop_cleanly(server)

    def test_the_gateway_must_prove_who_it_is(self):
        gateway, other = self.gateway(), self.gateway()
        server = self.serve_with(gateway, f"--backend-ca={other.ca}")
        self.assertEqual(self.is_admitted(server, ADA, gateway.register(ADA)[0]), 4503)
        self.assertEqual(server.wait_event("unisave_no_answer")["why"], "certificate")
        self.assertEqual(gateway.calls(), [])
        self.stop_cleanly(server)

    # ---- results

    def test_the_winner_is_reported_and_nobody_else(self):
        gateway = self.gateway()
        server = self.serve_with(gateway, "--min-players=3", "--lobby-ms=100", "--countdown-ms=100", "--track=oval",
                                 "--laps=1", "--races-per-session=1")
        tokens = gateway.register(*(f"e_PlayerEntity/{index}" for index in range(3)))
        status, report = server.bots("--races", "1", "--expect", "finished=3", count=3, tokens=tokens, duration=200)
        self.assertEqual(status, 0, report)
        self.until(lambda: len(gateway.paid), 1)
        row, = self.outbox(server)
        winner = row["result"]["standings"][0]
        self.assertEqual((winner["place"], winner["dnf"]), (1, None))
        self.assertEqual(gateway.paid, [{"player_id": winner["player_id"]}])
        call, = gateway.calls("result")
        self.assertEqual(call["arguments"], [unisave_gateway.SERVER_TOKEN, winner["player_id"]])
        self.assertEqual(row["key"], row["result"]["race_id"] + "/" + winner["player_id"])
        self.assertEqual(gateway.complaints, [])
        self.stop_cleanly(server)

    def test_a_race_that_nobody_finished_is_final_without_a_delivery(self):
        gateway = self.gateway()
        server = self.serve_with(gateway, *SHORT)
        self.race(server, gateway)
        self.stop_cleanly(server)
        self.assertEqual(gateway.calls("result"), [])
        self.assertEqual(self.outbox(server), [])

    def test_all_players_are_reported_with_what_is_asked_for(self):
        gateway = self.gateway("--arguments", EVERYBODY)
        server = self.serve_with(gateway, *SHORT, *ALL)
        race_id = self.race(server, gateway)
        self.until(lambda: len(gateway.paid), 2)
        # Place 0: they did not finish.
        self.assertEqual(sorted(gateway.paid, key=lambda payment: payment["player_id"]), [
            {"player_id": player_id, "place": 0, "time_ms": 0, "race_id": race_id} for player_id in (BOB, ADA)])
        self.assertEqual(self.states(server), ["delivered", "delivered"])
        self.stop_cleanly(server)

    def lose_the_answer(self, gateway, *flags):
        """A race whose first report runs, and whose answer ends before it says so; (server, race id)."""
        server = self.serve_with(gateway, *SHORT, *ALL, "--report-ms=60000", *flags)
        gateway.script({"on": "result", "run": True, "raw": b"HTTP/1.1 200 OK\r\n"})
        return server, self.race(server, gateway)

    def test_at_least_once_pays_twice_when_an_answer_is_lost(self):
        gateway = self.gateway("--arguments", EVERYBODY)
        server, race_id = self.lose_the_answer(gateway)
        self.until(lambda: len(gateway.paid), 3)
        first, second, third = gateway.paid
        self.assertEqual(first, second)
        self.assertNotEqual(first["player_id"], third["player_id"])
        self.assertEqual({payment["race_id"] for payment in gateway.paid}, {race_id})
        self.until(lambda: self.states(server), ["delivered", "delivered"])
        self.stop_cleanly(server)

    def test_at_least_once_and_a_method_that_knows_the_race_is_exactly_once(self):
        gateway = self.gateway("--arguments", EVERYBODY, "--dedupe")
        server, _ = self.lose_the_answer(gateway)
        self.until(lambda: len(gateway.calls("result")), 3)
        self.until(lambda: self.states(server), ["delivered", "delivered"])
        self.assertEqual(sorted(payment["player_id"] for payment in gateway.paid), [BOB, ADA])
        self.stop_cleanly(server)

    def test_at_most_once_pays_once_and_leaves_a_dead_letter_when_an_answer_is_lost(self):
        gateway = self.gateway("--arguments", EVERYBODY)
        server, race_id = self.lose_the_answer(gateway, "--unisave-result-delivery=at_most_once")
        self.until(lambda: self.states(server), ["dead", "delivered"])
        self.assertEqual(len(gateway.calls("result")), 2)
        self.assertEqual(len({payment["player_id"] for payment in gateway.paid}), 2)
        self.assertEqual(server.metric("paddock_outbox_dead"), 1)
        self.assertEqual(server.metric("paddock_unisave_not_repeated_total"), 1)
        dead, = [row for row in self.outbox(server) if row["state"] == "dead"]
        self.assertEqual(server.wait_event("unisave_result_not_repeated")["key"], dead["key"])
        # An operator who knows better may send it again.
        server.command("outbox", "retry", race_id)
        self.until(lambda: self.states(server), ["delivered", "delivered"])
        self.assertEqual(len(gateway.paid), 3)
        self.stop_cleanly(server)

    def test_at_most_once_outlives_a_gateway_that_is_not_there(self):
        flags = ("--arguments", EVERYBODY, "--port", str(ports.take()))
        gateway = self.gateway(*flags)
        server = self.serve_with(gateway, *SHORT, *ALL, "--unisave-result-delivery=at_most_once", "--verify-max=1")
        tokens = gateway.register(ADA, BOB)
        players = [server.player(player_id, token=token) for player_id, token in zip((ADA, BOB), tokens)]
        for player in players:
            player.wait_for(WELCOME)
        gateway.process.stdin.close()
        gateway.process.wait()
        for player in players:
            while not player.wait_for(RESULT)[2]:
                pass
        server.wait_event("report_failed", attempt=3)
        again = Gateway(*flags, folder=gateway.folder)
        self.addCleanup(again.stop)
        self.until(lambda: self.states(server), ["delivered", "delivered"])
        self.assertEqual(len(again.paid), 2)
        self.stop_cleanly(server)

    def test_at_most_once_does_not_repeat_what_a_killed_server_had_begun(self):
        gateway = self.gateway("--arguments", EVERYBODY)
        flags = (*SHORT, *ALL, "--unisave-result-delivery=at_most_once")
        server = self.serve_with(gateway, *flags)
        gateway.script({"on": "result", "run": True, "hang": True})
        self.race(server, gateway)
        self.until(lambda: len(gateway.paid), 1)
        server.signal(signal.SIGKILL)
        server.wait()
        again = self.serve_with(gateway, *flags, folder=server.folder)
        self.until(lambda: self.states(again), ["dead", "delivered"])
        self.assertEqual(len(gateway.calls("result")), 2)
        self.assertEqual(sorted(payment["player_id"] for payment in gateway.paid), [BOB, ADA])
        self.stop_cleanly(again)

    def test_a_result_that_the_backend_will_never_take_holds_up_nobody(self):
        gateway = self.gateway("--arguments", EVERYBODY)
        server = self.serve_with(gateway, *SHORT, *ALL)
        gateway.script({"on": "result", "exception": {"name": "System.NullReferenceException", "message": "gone"}})
        self.race(server, gateway)
        self.until(lambda: self.states(server), ["dead", "delivered"])
        self.assertEqual(len(gateway.calls("result")), 2)
        self.assertEqual(server.wait_event("unisave_answer")["exception"], "System.NullReferenceException")
        self.stop_cleanly(server)

    def test_wrong_arguments_are_dead_letters_until_they_are_mended(self):
        gateway = self.gateway("--arguments", EVERYBODY)
        flags = ("--unisave-result-placings=all", *SHORT)
        server = self.serve_with(gateway, *flags, "--unisave-result-arguments=server_token player_id place")
        self.race(server, gateway)
        self.until(lambda: self.states(server), ["dead", "dead"])
        self.assertEqual(server.wait_event("unisave_answer")["what"], "mismatch")
        self.stop_cleanly(server)
        again = self.serve_with(gateway, *flags, f"--unisave-result-arguments={EVERYBODY}", folder=server.folder)
        again.command("outbox", "retry", "all")
        self.until(lambda: self.states(again), ["delivered", "delivered"])
        self.assertEqual(len(gateway.paid), 2)
        self.stop_cleanly(again)

    def test_a_method_that_throws_now_and_then_gets_its_results(self):
        gateway = self.gateway("--arguments", EVERYBODY)
        server = self.serve_with(gateway, *SHORT, *ALL)
        gateway.script({"on": "result", "times": 3, "exception": {"name": "System.Exception", "message": "boom"}})
        self.race(server, gateway)
        self.until(lambda: self.states(server), ["delivered", "delivered"])
        self.assertEqual(len(gateway.calls("result")), 5)
        self.assertEqual(len(gateway.paid), 2)
        self.stop_cleanly(server)

    # ---- start and check

    def test_it_does_not_start_without_what_it_needs(self):
        gateway = self.gateway()
        for flags, env, wanted in (
                (gateway.flags(), {}, "the server token is missing: the unisave backend needs"),
                (("--backend=unisave",), unisave_gateway.ENVIRONMENT, "--unisave-game-token: the unisave backend needs"),
                (gateway.flags("--backend-url=http://192.0.2.1/"), unisave_gateway.ENVIRONMENT, "--backend-url="),
                (gateway.flags("--unisave-result-arguments=player_id"), unisave_gateway.ENVIRONMENT,
                 "server_token must be there")):
            server = self.serve(*flags, env=env, wait=False)
            self.assertNotEqual(server.wait(), 0)
            self.assertIn(wanted, server.errors)
        self.assertEqual(gateway.calls(), [])

    def check(self, gateway, *flags):
        return subprocess.run([PADDOCK, "check", *gateway.flags(*flags)], capture_output=True, text=True,
                              timeout=PATIENCE, env={**ENVIRONMENT, **unisave_gateway.ENVIRONMENT})

    def test_check_tells_how_it_is(self):
        gateway = self.gateway()
        done = self.check(gateway)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for line in ("answers", "MyFusionAuthFacet.IsFusionConnectionTokenValid", "is denied by System.NullReference"):
            self.assertIn(line, done.stdout)
        for flags, script, wanted in (
                (("--unisave-build-guid=other",), {}, "Register build manually"),
                (("--unisave-auth-facet=Other",), {}, "upload a backend"),
                (("--unisave-game-token=other",), {}, "--unisave-game-token"),
                ((), {"returned": True}, "says yes to a player who does not exist"),
                ((), {"returned": None}, "returned neither true nor false"),
                ((), {"raw": http(b"<html></html>")}, "is --backend-url a Unisave server?"),
                (("--backend-ca=/etc/hostname",), {}, "--backend-ca=/etc/hostname: there is no PEM CERTIFICATE"),
                (("--unisave-build-guid=",), {}, "--unisave-build-guid (flag): the unisave backend needs it"),
                (("--backend-url=https://127.0.0.1:1/",), {}, "no answer from https://127.0.0.1:1/"),
                (("--verify-ms=200",), {"hang": True}, "timeout")):
            gateway.script(*([script] if script else []))
            done = self.check(gateway, *flags)
            self.assertEqual(done.returncode, 1, done.stdout)
            self.assertIn(wanted, done.stderr)
            self.assertNotIn(unisave_gateway.SERVER_TOKEN, done.stdout + done.stderr)
        self.assertEqual(gateway.calls("result"), [])


if __name__ == "__main__":
    unittest.main(verbosity=1)
