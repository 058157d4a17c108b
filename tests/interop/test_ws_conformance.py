#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The cases of support/ws_cases.py against ws-echo, which is the server's WebSocket with higher limits, over ws and
wss; and, to see that the cases are right, against the npm package ws, of which it is known where it is lax. The table
of verdicts is left in the build folder."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import node  # noqa: E402
import ws_cases  # noqa: E402
from paddock import BUILD, ENVIRONMENT, PATIENCE, is_sanitized  # noqa: E402

# What ws does otherwise: it looks at UTF-8 when the message has ended, and takes lengths in any form.
CALIBRATION = {**{f"6.4.{index}": ws_cases.NON_STRICT for index in range(1, 5)},
               **{f"X.2.{index}": ws_cases.FAIL for index in range(1, 6)}}
LONG = 3 * PATIENCE # for 16 MiB under sanitizers on a busy machine


class Conformance(unittest.TestCase):
    def start(self, command, urls, env):
        server = ws_cases.EchoServer(command, urls, env)
        self.addCleanup(lambda: self.assertEqual(server.stop(PATIENCE), (0, "")))
        return server.urls

    def run_cases(self, name, url, fail_fast_s):
        verdicts = ws_cases.run(url, LONG, fail_fast_s)
        with open(os.path.join(BUILD, f"ws-conformance-{name}.csv"), "w") as file:
            file.writelines(f"{verdict.id},{verdict.verdict},{verdict.why}\n" for verdict in verdicts)
        return verdicts

    def test_there_are_301_cases_and_our_own(self):
        counts = {}
        for case_id in ws_cases.CASES:
            group = case_id.split(".")[0]
            counts[group] = counts.get(group, 0) + 1
        own = counts.pop("X")
        self.assertEqual(counts, {"1": 16, "2": 11, "3": 7, "4": 10, "5": 20, "6": 145, "7": 37, "9": 54, "10": 1})
        self.assertEqual((sum(counts.values()), own), (301, 16))

    def test_our_server_passes_them_all_over_ws_and_wss(self):
        urls = self.start([os.path.join(BUILD, "tests", "ws-echo")], 2, ENVIRONMENT)
        for scheme in ("ws", "wss"):
            bad = [verdict for verdict in self.run_cases(scheme, urls[scheme], LONG) if verdict.verdict != ws_cases.OK]
            self.assertEqual(bad, [], scheme)

    def test_the_npm_package_ws_gets_the_verdicts_that_are_known_of_it(self):
        if is_sanitized():
            self.skipTest("nothing of ours is in it: once is enough")
        why_not = node.install()
        if why_not:
            print(f"skipped: calibration: {why_not}")
            self.skipTest(why_not)
        urls = self.start(["node", os.path.join(node.INTEROP, "ws_echo.cjs")], 1, node.environment(ENVIRONMENT))
        for verdict in self.run_cases("npm", urls["ws"], 0.5):
            self.assertEqual(verdict.verdict, CALIBRATION.get(verdict.id, ws_cases.OK), verdict)


if __name__ == "__main__":
    unittest.main()
