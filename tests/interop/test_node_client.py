#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What a browser's developer sees: node_client.cjs with the npm packages ws and @msgpack/msgpack, against the real
server. npm installs them into build/ once; without npm, or without a registry, the test says so and is skipped."""

import json
import os
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import node  # noqa: E402
from paddock import ENVIRONMENT, PATIENCE, TestCase  # noqa: E402


class Node(TestCase):
    seen = None # by scenario; they run once for all tests

    def setUp(self):
        if not Node.seen:
            Node.seen = self.run_scenarios()

    def run_scenarios(self):
        server = self.serve("--ping-ms=4000", listen=("ws", "wss"))
        given = {scheme: server.url(scheme) + "/websocket" for scheme in ("ws", "wss")}
        given["tokens"] = [server.token(f"Anna{index}") for index in range(4)]
        races = self.serve("--min-players=1", "--lobby-ms=0", "--countdown-ms=500", listen=("wss",))
        given["race"] = races.url("wss") + "/websocket"
        given["racer"] = races.token("Anna")
        done = subprocess.run(["node", os.path.join(HERE, "node_client.cjs"), json.dumps(given)], capture_output=True,
                              text=True, timeout=2 * PATIENCE, stdin=subprocess.DEVNULL,
                              env=node.environment(ENVIRONMENT))
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_a_player_is_welcomed_and_hears_pongs(self):
        for scheme in ("ws", "wss"):
            seen = self.seen[scheme]
            self.assertEqual((seen["protocol"], seen["extensions"]), ("paddock.v1", ""))
            self.assertEqual(seen["welcome"][:2], [64, 1])
            self.assertEqual(len(seen["welcome"]), 13)
            self.assertEqual(seen["pong"][:2], [70, 4294967295])
            self.assertEqual(seen["end"], {"code": 1000, "reason": "bye"})

    def test_it_races_with_snapshots_and_inputs_of_its_own_making(self):
        self.assertEqual(self.seen["race"], {"code": 1000, "reason": "bye"})

    def test_text_is_echoed_three_times_before_hello_and_hello_still_works(self):
        self.assertEqual(self.seen["echo"], {"text": "is the way open? é", "next": 64})
        self.assertEqual(self.seen["fourth_text"][:3], ["text 0", "text 1", "text 2"])
        self.assertEqual(self.seen["fourth_text"][3]["code"], 1003)

    def test_paths_and_subprotocols(self):
        self.assertEqual(self.seen["wrong_path"], {"error": "Unexpected server response: 404"})
        self.assertEqual(self.seen["wrong_subprotocol"], {"error": "Unexpected server response: 400"})
        self.assertEqual(self.seen["several_subprotocols"], {"protocol": "paddock.v1"})
        self.assertEqual(self.seen["no_subprotocol"], {"protocol": ""})

    def test_close_codes_reach_a_browser_with_their_texts(self):
        self.assertEqual(self.seen["forged"], {"code": 4003, "reason": "connection token is not valid"})
        self.assertEqual(self.seen["map"], {"code": 1007, "reason": "malformed data"})
        self.assertEqual(self.seen["rubbish"], {"code": 1007, "reason": "malformed data"})
        self.assertEqual(self.seen["too_big"]["code"], 1009)
        self.assertEqual(self.seen["own_code"]["code"], 4321)

    def test_a_token_as_str_is_dropped_as_the_wrong_type(self):
        self.assertEqual(self.seen["text_token"]["code"], 1000)

    def test_pings_are_answered_by_the_library(self):
        self.assertEqual(self.seen["kept_alive"], {"pings": 3, "open": True})


if __name__ == "__main__":
    WHY_NOT = node.install()
    if WHY_NOT:
        print(f"skipped: {WHY_NOT}")
        sys.exit(node.SKIPPED)
    unittest.main()
