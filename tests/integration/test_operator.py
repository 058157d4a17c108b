#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What an operator can get wrong ends at start with one line; what he can ask for works."""

import os
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from paddock import ENVIRONMENT, PADDOCK, PATIENCE, WELCOME, TestCase  # noqa: E402


def run(*flags, env=None, **options):
    return subprocess.run([PADDOCK, *flags], capture_output=True, text=True, timeout=30,
                          env={**ENVIRONMENT, **(env or {})}, **options)


class Mistakes(TestCase):
    def refused(self, status, pattern, *flags, **options):
        done = run("--admin=off", *flags, **options)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        self.assertRegex(done.stderr, pattern)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.data = f"--data-dir={self.folder.name}/data"

    def test_no_server_token(self):
        self.refused(1, "FUSION_SERVER_TOKEN", self.data, "--listen=udp://127.0.0.1:0")

    def test_unknown_and_malformed_settings(self):
        self.refused(2, r"--tikrate.*did you mean .*tick-rate", "--tikrate=60")
        self.refused(2, r"tick-rate.*10 to 128", "--tick-rate=9")
        self.refused(2, r"tick-rate.*10 to 128", "--tick-rate=129")
        self.refused(2, r"PADDOCK_TICK_RATE.*10 to 128", env={"PADDOCK_TICK_RATE": "sixty"})
        self.refused(2, r"PADDOCK_TIKRATE", env={"PADDOCK_TIKRATE": "60"})
        self.refused(2, r"backend.*embedded", "--backend=oracle")

    def test_a_file_names_its_line(self):
        path = os.path.join(self.folder.name, "paddock.ini")
        with open(path, "w") as file:
            file.write("[race]\nlaps = 2\nlapps = 3\n")
        self.refused(2, rf"{re.escape(path)}:3.*lapps.*laps", f"--config={path}")

    def test_duplicate_listeners(self):
        self.refused(1, "tcp://127.0.0.1:7000", "--dev", "--listen=tcp://127.0.0.1:7000",
                     "--listen=tcp://127.0.0.1:7000")

    def test_unknown_scheme_names_the_known_ones(self):
        self.refused(1, "udp, dtls, tcp, tls, ws, wss", "--dev", self.data, "--listen=quic://127.0.0.1:7000")

    def test_check_config_finds_what_the_start_would(self):
        done = run("--check-config", "--dev", self.data, "--listen=quic://127.0.0.1:1", "--trusted-proxies=neighbour",
                   "--track=nowhere", "--replay-dir=/nowhere")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stdout, "")
        for line, part in zip(done.stderr.splitlines(), ("quic", "neighbour", "--track nowhere", "--replay-dir /nowhere"),
                              strict=True):
            self.assertIn(part, line)
        self.refused(1, "not an origin", "--check-config", "--dev", self.data, "--listen=ws://127.0.0.1:0",
                     "--allow-origins=javascript:")
        self.refused(1, "/nowhere.pem", "--check-config", "--dev", "--listen=tls://127.0.0.1:0",
                     "--tls-cert=/nowhere.pem")

    def test_tokens_are_not_made_for_a_backend_that_would_deny_them(self):
        for words in (["token", "Anna"], ["results"]):
            self.refused(1, "embedded backend only, and --backend is http", *words, self.data, "--backend=http")

    def test_files_that_may_not_grow_are_an_answer_and_not_the_end(self):
        def small_files():
            resource.setrlimit(resource.RLIMIT_FSIZE, (20480, 20480))

        self.refused(1, "outbox.*File too large", "--dev", self.data, "--listen=udp://127.0.0.1:0",
                     preexec_fn=small_files)

    def test_output_that_cannot_be_written_is_no_success(self):
        for words in (["--help"], ["--check-config", "--dev"], ["token", "Anna", self.data]):
            with open("/dev/full", "w") as full:
                done = subprocess.run([PADDOCK, *words], stdout=full, stderr=subprocess.PIPE, text=True, timeout=30,
                                      env=ENVIRONMENT)
            self.assertEqual(done.returncode, 1, words)
            self.assertIn("No space left", done.stderr)

    def test_folders_that_are_none(self):
        self.refused(1, "--replay-dir /nowhere", "--dev", self.data, "--listen=udp://127.0.0.1:0", "--replay-dir=/nowhere")
        self.refused(1, "--auth-token-dir /nowhere", "--dev", self.data, "--listen=ws://127.0.0.1:0", "--auth-cookie=AUTH",
                     "--allow-origins=https://play.example.com", "--auth-token-dir=/nowhere")

    def test_a_port_that_is_taken(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            for scheme in ("tcp", "tls", "ws", "wss"):
                self.refused(1, rf"{scheme}://127.0.0.1:{port}.*--listen", "--dev", self.data,
                             f"--listen={scheme}://127.0.0.1:{port}")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
            for scheme in ("udp", "dtls"):
                self.refused(1, rf"{scheme}://127.0.0.1:{port}.*--listen", "--dev", self.data,
                             f"--listen={scheme}://127.0.0.1:{port}")

    def test_certificates_that_cannot_be_used(self):
        token = {"FUSION_SERVER_TOKEN": "secret"}
        self.refused(1, "tls-cert", self.data, "--listen=tls://127.0.0.1:0", env=token)
        self.refused(1, "/nowhere.pem", self.data, "--listen=tls://127.0.0.1:0", "--tls-cert=/nowhere.pem", env=token)
        junk = os.path.join(self.folder.name, "junk.pem")
        with open(junk, "w") as file:
            file.write("no certificate\n")
        self.refused(1, "junk.pem", self.data, "--listen=wss://127.0.0.1:0", f"--tls-cert={junk}", env=token)

    def test_a_database_that_cannot_be_written(self):
        path = os.path.join(self.folder.name, "file")
        with open(path, "w") as file:
            file.write("not a folder\n")
        self.refused(1, re.escape(path), "--dev", f"--data-dir={path}/data", "--listen=udp://127.0.0.1:0")
        self.refused(1, re.escape(path), "--dev", self.data, f"--outbox-db={path}", "--listen=udp://127.0.0.1:0")

    def test_tracks_that_are_not_there(self):
        self.refused(1, "rotate", "--dev", self.data, "--listen=udp://127.0.0.1:0", "--track=moebius")

    def test_dev_stays_at_home(self):
        self.refused(1, "--dev", "--dev", self.data, "--listen=tcp://0.0.0.0:0")


class Requests(TestCase):
    def test_help_names_every_setting_with_environment_and_range(self):
        text = run("--help").stdout
        for word in ("--tick-rate", "PADDOCK_TICK_RATE", "10 to 128", "default: 60", "FUSION_SERVER_TOKEN"):
            self.assertIn(word, text)

    def test_check_config_prints_what_counts_and_no_secret(self):
        done = run("--check-config", "--laps=7", "--listen=udp://127.0.0.1:7777",
                   env={"FUSION_SERVER_TOKEN": "hush-hush", "PADDOCK_LAPS": "5"})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"laps\s*=\s*7")
        self.assertIn("***", done.stdout)
        self.assertNotIn("hush-hush", done.stdout + done.stderr)

    def test_check_config_says_what_is_wrong(self):
        done = run("--check-config", "--snapshot-rate=100", env={"FUSION_SERVER_TOKEN": "x"})
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("snapshot-rate", done.stderr)

    def test_the_server_token_may_come_in_a_file(self):
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("from-a-file\n")
            file.flush()
            done = run("--check-config", "--listen=udp://127.0.0.1:7777",
                       env={"FUSION_SERVER_TOKEN_FILE": file.name})
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertNotIn("from-a-file", done.stdout)

    def test_a_token_on_the_command_line_is_wiped_and_warned_about(self):
        server = self.serve("--fusion-server-token=very-secret-indeed", dev=False)
        server.wait_event("token_on_command_line", level="warn")
        for name in ("cmdline", "environ"):
            with open(f"/proc/{server.process.pid}/{name}", "rb") as file:
                self.assertNotIn(b"very-secret-indeed", file.read())
        self.stop_cleanly(server)

    def test_a_token_in_the_environment_is_wiped(self):
        server = self.serve(dev=False, env={"FUSION_SERVER_TOKEN": "very-secret-indeed"})
        with open(f"/proc/{server.process.pid}/environ", "rb") as file:
            self.assertNotIn(b"very-secret-indeed", file.read())
        self.stop_cleanly(server)


class Surroundings(TestCase):
    def wait_until_it_serves(self, process):
        """It has no way to say so; the last thing it does before is to take signals as events."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            self.assertIsNone(process.poll())
            with open(f"/proc/{process.pid}/status") as file:
                blocked = next(int(line.split()[1], 16) for line in file if line.startswith("SigBlk"))
            if blocked >> (signal.SIGTERM - 1) & 1:
                return
            time.sleep(0.02)
        self.fail("it does not serve")

    def test_without_home_terminal_and_standard_descriptors(self):
        folder = tempfile.mkdtemp()
        env = {key: value for key, value in ENVIRONMENT.items() if key not in ("HOME", "XDG_STATE_HOME", "TERM")}
        process = subprocess.Popen(
            ["/bin/sh", "-c", f'exec {PADDOCK} --dev --listen=udp://127.0.0.1:0 --admin=off <&- >&- 2>&-'],
            env=env, cwd=folder, start_new_session=True)
        try:
            self.wait_until_it_serves(process)
            process.terminate()
            self.assertEqual(process.wait(timeout=PATIENCE), 0)
            self.assertIn("outbox.db", os.listdir(folder))
        finally:
            process.kill()
            subprocess.run(["rm", "-r", folder], check=True)

    def test_where_players_find_it_is_in_the_log_and_in_status(self):
        server = self.serve("--public-host=photon.example.com", "--node-id=node1",
                            listen=("udp", "wss", "ws://127.0.0.1:0?public=wss://play.example.com/node1"))
        urls = {one["url"]: one["public_url"] for one in server.status()["listeners"]}
        self.assertEqual({url: event["public"] for url in urls for event in server.events
                          if event["event"] == "listening" and event["url"] == url}, urls)
        ports = {url.split(":")[0]: url.split(":")[2].split("?")[0] for url in urls}
        self.assertEqual(set(urls.values()), {f"udp://photon.example.com:{ports['udp']}",
                                              f"wss://photon.example.com:{ports['wss']}/websocket/node1",
                                              "wss://play.example.com/node1"})
        self.stop_cleanly(server)

    def test_admin_pages(self):
        server = self.serve(listen=("udp", "tcp"))
        self.assertEqual(server.get("/healthz")[0], 200)
        self.assertEqual(server.get("/readyz")[0], 200)
        self.assertEqual(server.get("/nothing")[0], 404)
        server.player("Alice").wait_for(WELCOME)
        status = server.status()
        self.assertEqual([player["name"] for player in status["sessions"][0]["players"]], ["Player 1"])
        self.assertEqual(len(status["listeners"]), 2)
        metrics = server.get("/metrics")[1]
        self.assertTrue(metrics.endswith("# EOF\n"))
        self.assertIn('paddock_players_by_transport{transport="tcp"} 1', metrics)
        self.assertEqual(server.command("health", f"--admin={server.admin}"), "healthy")
        self.stop_cleanly(server)

    def test_health_fails_where_nothing_listens(self):
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))  # so that nobody else has it either
            done = run("health", f"--admin=127.0.0.1:{nobody.getsockname()[1]}")
        self.assertEqual(done.returncode, 1)


if __name__ == "__main__":
    unittest.main(verbosity=1)
