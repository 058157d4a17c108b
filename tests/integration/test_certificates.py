#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Certificates as operators have them, seen from outside by OpenSSL: made by the guides' own recipes, found by name,
exchanged under players, broken in every way."""

import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from paddock import BOTS, ENVIRONMENT, PADDOCK, PATIENCE, PING, PONG, WELCOME, TestCase, trust_anybody  # noqa: E402

TOKEN = {"FUSION_SERVER_TOKEN": "secret"}
VERSIONS = (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2)

# From the guide for Photon Server, to the letter.
REG_CONF = """[req]
distinguished_name = photon_wss
x509_extensions = v3_req
prompt = no
[photon_wss]
C = DE
ST = HH
L = Hamburg
O = ExitGames
OU = Photon
CN = www.myawesomegame.com
[v3_req]
keyUsage = keyEncipherment, dataEncipherment
extendedKeyUsage = serverAuth
subjectAltName = @alt_names
[alt_names]
DNS.1 = www.myawesomegame.com
DNS.2 = photon.myawesomegame.com
DNS.3 = *.myawesomegame.com
"""


def run(*command, **options):
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE,
                          stdin=subprocess.DEVNULL, **options).stdout


class Certificates(TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="paddock-certs-")
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def make(self, name, common_name, rsa=False, issuer=None, ca=False, names=()):
        """NAME.pem and NAME.key."""
        names = ",".join("DNS:" + one for one in (common_name, *names))
        key = ("-newkey", "rsa:2048") if rsa else ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
        signed = ("-CA", self.path(issuer + ".pem"), "-CAkey", self.path(issuer + ".key")) if issuer else ()
        use = ("-addext", "basicConstraints=critical,CA:TRUE") if ca else ("-addext", "basicConstraints=CA:FALSE")
        run("openssl", "req", "-x509", "-nodes", "-days", "90", *key, "-keyout", self.path(name + ".key"),
            "-out", self.path(name + ".pem"), "-subj", "/CN=" + common_name, "-addext", "subjectAltName=" + names,
            *use, *signed)

    def make_photon(self):
        """cert.pem, cert.key and cert.pfx as the guide makes them."""
        with open(self.path("reg.conf"), "w") as file:
            file.write(REG_CONF)
        run("openssl", "req", "-x509", "-nodes", "-days", "730", "-newkey", "rsa:2048", "-keyout", "cert.key", "-out",
            "cert.pem", "-config", "reg.conf", "-extensions", "v3_req", cwd=self.folder)
        run("openssl", "pkcs12", "-inkey", "cert.key", "-in", "cert.pem", "-export", "-out", "cert.pfx", "-name",
            "photon_wss", "-certfile", "cert.pem", "-passout", "pass:YourPassword", cwd=self.folder)

    def pair(self, name):
        return f"--tls-cert={self.path(name)}.pem", f"--tls-key={self.path(name)}.key"

    def serve_wss(self, *flags, listen=("wss",), **options):
        options.setdefault("env", TOKEN)
        return self.serve(*flags, listen=listen, dev=False, **options)

    def refused(self, *flags, env=None, listen="wss://127.0.0.1:0", **options):
        """What a server that does not start says."""
        done = subprocess.run([PADDOCK, "--admin=off", "--data-dir=" + self.path("data"), "--listen=" + listen, *flags],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE,
                              env={**ENVIRONMENT, **TOKEN, **(env or {})}, **options)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        return done.stderr

    def look(self, server, *options, scheme="wss"):
        """What s_client says of a handshake."""
        where = server.url(scheme).split("//")[1]
        done = subprocess.run(["openssl", "s_client", "-connect", where, *options], stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=PATIENCE, env=ENVIRONMENT)
        return (done.stdout + done.stderr).decode(errors="replace")

    def subject(self, output):
        return re.search(r"^subject=(.*)$", output, re.MULTILINE).group(1)


class Recipes(Certificates):
    def test_the_photon_guides_certificate_works_with_a_warning(self):
        self.make_photon()
        server = self.serve_wss(*self.pair("cert"))
        event = server.wait_event("certificate_key_usage", level="warn")
        self.assertEqual(event["text"], 'certificate "www.myawesomegame.com" lacks keyUsage digitalSignature: '
                         "TLS 1.3/ECDHE disabled; re-issue with keyUsage=digitalSignature,keyEncipherment")
        for options in ((), ("-tls1_2",), ("-servername", "photon.myawesomegame.com")):
            self.assertIn("New, TLSv1.2, Cipher is AES128-GCM-SHA256", self.look(server, *options))
        self.assertIn("alert", self.look(server, "-tls1_3"))
        self.assertIn("--tls-static-rsa is never", self.refused(*self.pair("cert"), "--tls-static-rsa=never"))
        self.stop_cleanly(server)

    def test_pkcs12_with_its_password(self):
        self.make_photon()
        pfx = "--tls-cert=" + self.path("cert.pfx")
        server = self.serve_wss(pfx, env={**TOKEN, "PADDOCK_TLS_PASSWORD": "YourPassword"})
        self.assertIn("CN = www.myawesomegame.com", self.subject(self.look(server)))
        with open(f"/proc/{server.process.pid}/environ", "rb") as file:
            self.assertNotIn(b"YourPassword", file.read())
        with open(self.path("password"), "w") as file:
            file.write("YourPassword\n")
        server = self.serve_wss(pfx, env={**TOKEN, "PADDOCK_TLS_PASSWORD_FILE": self.path("password")})
        server.wait_event("secured")
        self.assertIn("wrong password", self.refused(pfx, env={"PADDOCK_TLS_PASSWORD": "yourpassword"}))
        self.assertIn("wrong password: none was given", self.refused(pfx))

    def test_a_chain_is_sent_in_order_and_verifies(self):
        self.make("root", "Root", ca=True)
        self.make("middle", "Middle", ca=True, issuer="root")
        self.make("leaf", "game.example.com", issuer="middle")
        with open(self.path("chain.pem"), "w") as chain:
            for name in ("middle", "leaf"):  # the wrong way round
                with open(self.path(name + ".pem")) as file:
                    chain.write(file.read())
        server = self.serve_wss("--tls-cert=" + self.path("chain.pem"), "--tls-key=" + self.path("leaf.key"))
        output = self.look(server, "-showcerts", "-verify_return_error", "-CAfile", self.path("root.pem"),
                           "-servername", "game.example.com", "-verify_hostname", "game.example.com")
        self.assertEqual(output.count("BEGIN CERTIFICATE"), 2)
        self.assertRegex(output, r"0 s:CN = game.example.com\n +i:CN = Middle")
        self.assertRegex(output, r"1 s:CN = Middle\n +i:CN = Root")
        self.assertIn("Verify return code: 0 (ok)", output)


class Stores(Certificates):
    def setUp(self):
        super().setUp()
        os.makedirs(self.path("machine/MY"))
        self.machine = ("--cert-machine-store", "--cert-machine-dir=" + self.path("machine"))

    def test_found_by_common_name_and_said_in_the_guides_words(self):
        self.make("machine/MY/a", "NW.exitgames.local")
        self.make("machine/MY/b", "other")
        listen = "wss://127.0.0.1:0?cert=nw.exitgames.local"
        server = self.serve_wss(*self.machine, listen=(listen,))
        self.assertEqual(self.subject(self.look(server)), "CN = NW.exitgames.local")
        # The log as text, where people look for this very line.
        process = subprocess.Popen(
            [PADDOCK, "--admin=off", "--data-dir=" + self.path("data"), "--listen=" + listen, *self.machine],
            stdout=subprocess.PIPE, text=True, env={**ENVIRONMENT, **TOKEN})
        try:
            lines = [process.stdout.readline() for _ in range(3)]
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
        self.assertIn('Secured using certificate: "NW.exitgames.local" from store: "MY" using machine store\n',
                      "".join(lines))

    def test_the_machine_store_does_not_depend_on_the_account(self):
        self.make("machine/MY/a", "Photon")
        os.chmod(self.folder, 0o755)
        os.chmod(self.path("machine/MY/a.key"), 0o644)
        shown = []
        for user in (None, 65534) if os.getuid() == 0 else (None,):
            data = self.path(f"data-{user}")
            os.mkdir(data)
            os.chmod(data, 0o777)
            server = self.serve_wss(*self.machine, folder=data, user=user, env={**TOKEN, "HOME": data})
            shown.append(server.wait_event("secured")["text"])
        self.assertEqual(set(shown), {'Secured using certificate: "Photon" from store: "MY" using machine store'})

    def test_the_users_store_is_the_default(self):
        os.makedirs(self.path("home/.config/paddock/certs/MY"))
        self.make("home/.config/paddock/certs/MY/x", "Photon")
        home = {"HOME": self.path("home"), "XDG_CONFIG_HOME": ""}
        server = self.serve_wss(env={**TOKEN, **home})
        self.assertEqual(server.wait_event("secured")["text"],
                         'Secured using certificate: "Photon" from store: "MY" using user store')
        self.assertIn('certificate "Photon" not found in store "ROOT"', self.refused("--cert-store-name=ROOT", env=home))
        self.assertIn("the user's certificate store needs HOME", self.refused(env={"HOME": "", "XDG_CONFIG_HOME": ""}))

    def test_a_friendly_name_is_diagnosed(self):
        self.make_photon()
        shutil.copy(self.path("cert.pfx"), self.path("machine/MY/any.pfx"))
        said = self.refused(*self.machine, "--cert-name=photon_wss", env={"PADDOCK_TLS_PASSWORD": "YourPassword"})
        self.assertIn('certificate "photon_wss" not found in store "MY"; it is a friendly name, use '
                      '"www.myawesomegame.com"', said)


class Names(Certificates):
    def test_each_name_and_each_listener_has_its_own(self):
        self.make("default", "default.example.com")
        self.make("nw", "nw.example.com")
        self.make("rsa", "nw.example.com", rsa=True)
        self.make("wild", "wild.example.com", names=["*.wild.example.com"])
        pairs = [flag for name in ("default", "nw", "rsa", "wild") for flag in self.pair(name)]
        server = self.serve_wss(*pairs, listen=("wss", "tls://127.0.0.1:0?cert=wild.example.com"))
        for host, subject in (("nw.example.com", "nw"), ("NW.Example.COM", "nw"), ("X.wild.example.com", "wild"),
                              ("stranger.org", "default"), (None, "default")):
            output = self.look(server, *(("-servername", host) if host else ("-noservername",)))
            self.assertEqual(self.subject(output), f"CN = {subject}.example.com", host)
        self.assertIn("CN = wild.example.com", self.subject(self.look(server, "-servername", "nw.example.com",
                                                                      scheme="tls")))
        for cipher in ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"):
            self.assertIn("Cipher is " + cipher, self.look(server, "-servername", "nw.example.com", "-tls1_2",
                                                           "-cipher", cipher))
        self.assertIn("Peer signature type: RSA-PSS", self.look(server, "-servername", "nw.example.com", "-sigalgs",
                                                                "RSA-PSS+SHA256"))
        # One line for each certificate of each listener.
        self.assertEqual(sum(event["event"] == "secured" for event in server.events), 5)

    def test_sni_strict_sends_the_alert(self):
        self.make("default", "default.example.com")
        server = self.serve_wss(*self.pair("default"), "--sni-strict")
        self.assertIn("unrecognized name", self.look(server, "-servername", "stranger.org"))
        server.wait_event("tls_handshake_failed", error="GNUTLS_E_UNRECOGNIZED_NAME")
        self.assertEqual(self.subject(self.look(server, "-noservername")), "CN = default.example.com")


class Renewal(Certificates):
    COUNT = 100

    def serial(self, server):
        host, port = server.url("tls").split("//")[1].split(":")
        with open(self.path("shown.pem"), "w") as file:
            file.write(ssl.get_server_certificate((host, int(port))))
        return run("openssl", "x509", "-noout", "-serial", "-in", self.path("shown.pem"))

    def serial_of(self, name):
        return run("openssl", "x509", "-noout", "-serial", "-in", self.path(name + ".pem"))

    def install(self, name):
        """As certbot and Kubernetes do it: a link changes its target in one step."""
        folder = self.path("v-" + name)
        os.mkdir(folder)
        for suffix in (".pem", ".key"):
            shutil.copy(self.path(name + suffix), os.path.join(folder, "c" + suffix))
        os.symlink(folder, self.path("next"))
        os.rename(self.path("next"), self.path("live"))

    def dtls_serial(self, server):
        with open(self.path("shown.pem"), "w") as file:
            file.write(self.look(server, "-dtls1_2", scheme="dtls"))
        return run("openssl", "x509", "-noout", "-serial", "-in", self.path("shown.pem"))

    def begin(self, *flags, listen=("tls",)):
        self.make("old", "game.example.com")
        self.make("new", "game.example.com")
        self.install("old")
        return self.serve_wss("--tls-cert=" + self.path("live/c.pem"), "--tls-key=" + self.path("live/c.key"), *flags,
                              listen=listen)

    def wait_for_serial(self, server, name, serial=None):
        end = time.monotonic() + PATIENCE
        while (serial or self.serial)(server) != self.serial_of(name):
            self.assertLess(time.monotonic(), end, f"{name} is not shown")
            time.sleep(0.05)

    def test_players_notice_nothing_of_a_new_certificate(self):
        server = self.begin("--max-sessions=32", "--connects-per-second=0", "--lobby-ms=600000")
        players = [server.player(f"P{i}", "tls") for i in range(self.COUNT)]
        for player in players:
            player.wait_for(WELCOME)
        self.install("new")
        self.wait_for_serial(server, "new")  # polled every ten seconds
        for index, player in enumerate(players):
            player.send(PING, index)
            self.assertEqual(player.wait_for(PONG)[1], index)
        self.assertEqual(server.status()["connections"], self.COUNT)
        server.close_players()

    def test_dtls_shows_the_new_one_and_its_players_play_on(self):
        server = self.begin("--cert-poll-ms=0", listen=("dtls",))
        self.assertEqual(self.dtls_serial(server), self.serial_of("old"))
        database = os.path.join(server.folder, "players.db")
        with subprocess.Popen([BOTS, "--url", server.url("dtls"), "--token-db", database, "--insecure", "--count=4",
                               "--races=0", "--duration=60", "--json=-"], stdout=subprocess.PIPE, text=True) as bots:
            server.wait_event("player_admitted", player="bot-0004")
            self.install("new")
            server.signal(signal.SIGHUP)
            self.wait_for_serial(server, "new", self.dtls_serial)
            bots.send_signal(signal.SIGINT)
            report = json.loads(bots.communicate(timeout=PATIENCE)[0])
        self.assertEqual(report["codes"], {})
        self.assertEqual(report["total"]["joined"], 4)
        self.stop_cleanly(server)

    def test_sighup_is_at_once(self):
        server = self.begin("--cert-poll-ms=0")
        self.install("new")
        self.assertEqual(self.serial(server), self.serial_of("old"))
        server.signal(signal.SIGHUP)
        self.wait_for_serial(server, "new")
        self.stop_cleanly(server)

    def test_so_is_the_command(self):
        server = self.begin("--cert-poll-ms=0")
        self.install("new")
        self.assertIn(f"process {server.process.pid} ", server.command("reload"))
        self.wait_for_serial(server, "new")
        self.stop_cleanly(server)
        done = server.command("reload", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("no server runs", done.stderr)

    def test_a_half_written_pair_keeps_the_old_one(self):
        server = self.begin("--cert-poll-ms=100")
        live = self.path("v-old/c")
        shutil.copy(self.path("new.key"), live + ".key")
        event = server.wait_event("certificate_reload_failed", level="error")
        self.assertIn("does not belong to the certificate; the old certificate stays", event["text"])
        with open(self.path("new.pem")) as file:
            text = file.read()
        with open(live + ".pem", "w") as file:
            file.write(text[:200])
        end = time.monotonic() + PATIENCE
        while not any("cannot use the certificate" in one.get("text", "") for one in server.events):
            self.assertLess(time.monotonic(), end)
            time.sleep(0.05)
        self.assertEqual(self.serial(server), self.serial_of("old"))
        with open(live + ".pem", "w") as file:
            file.write(text)
        self.wait_for_serial(server, "new")
        self.stop_cleanly(server)


class Making(Certificates):
    def cert(self, *words, check=True, env=None):
        done = subprocess.run([PADDOCK, "cert", *words, "--cert-dir=" + self.path("made")], capture_output=True,
                              text=True, timeout=PATIENCE, env={**ENVIRONMENT, **(env or {})})
        if check:
            self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def openssl(self, *words):
        return run("openssl", *words, cwd=self.path("made"))

    def test_a_certificate_for_development(self):
        self.cert("dev", "www.myawesomegame.com", "photon.myawesomegame.com", "*.myawesomegame.com", "127.0.0.1",
                  "--cert-days=730", env={"PADDOCK_TLS_PASSWORD": "YourPassword"})
        self.assertIn("OK", self.openssl("verify", "-CAfile", "cert.pem", "cert.pem"))
        text = self.openssl("x509", "-in", "cert.pem", "-noout", "-text")
        self.assertIn("DNS:www.myawesomegame.com, DNS:photon.myawesomegame.com, DNS:*.myawesomegame.com, "
                      "IP Address:127.0.0.1", text)
        self.assertIn("TLS Web Server Authentication", text)
        self.assertIn("prime256v1", text)
        for name, mode in (("cert.key", 0o600), ("cert.pfx", 0o600), ("cert.pem", 0o644)):
            self.assertEqual(os.stat(self.path("made/" + name)).st_mode & 0o777, mode)
        self.assertIn("www.myawesomegame.com", self.openssl("pkcs12", "-in", "cert.pfx", "-passin",
                                                            "pass:YourPassword", "-nodes"))
        server = self.serve_wss("--tls-cert=" + self.path("made/cert.pfx"),
                                env={**TOKEN, "PADDOCK_TLS_PASSWORD": "YourPassword"})
        output = self.look(server, "-CAfile", self.path("made/cert.pem"), "-verify_return_error", "-servername",
                           "x.myawesomegame.com", "-verify_hostname", "x.myawesomegame.com")
        self.assertIn("Verify return code: 0 (ok)", output)
        self.assertIn("cert.pem is there already", self.cert("dev", "other", check=False).stderr)

    def test_the_folder_and_those_that_it_is_in_are_made(self):
        def dev(folder):
            return subprocess.run([PADDOCK, "cert", "dev", "a.example.com", "--cert-dir=" + folder], capture_output=True,
                                  text=True, timeout=PATIENCE, env=ENVIRONMENT)
        self.assertEqual(dev(self.path("some/where/made/")).stderr, "")
        for folder in ("some", "some/where", "some/where/made"):
            self.assertEqual(os.stat(self.path(folder)).st_mode & 0o777, 0o700)
        self.assertTrue(os.path.exists(self.path("some/where/made/cert.pem")))
        done = dev(self.path("some/where/made/cert.pem/deeper"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot make folder " + self.path("some/where/made/cert.pem/deeper") + ": Not a directory; "
                      "give --cert-dir", done.stderr)

    def dates(self, name):
        text = self.openssl("x509", "-in", name + ".pem", "-noout", "-startdate", "-enddate")
        return [ssl.cert_time_to_seconds(line.split("=")[1]) for line in text.splitlines()]

    def test_an_authority_and_what_it_issues(self):
        self.assertIn("make one with 'paddock cert ca'", self.cert("issue", "a.example.com", check=False).stderr)
        self.cert("ca", "Example CA")
        self.cert("issue", "game.example.com", "*.game.example.com", "::1")
        self.cert("client", "bot-1")
        self.assertIn("OK", self.openssl("verify", "-purpose", "sslserver", "-CAfile", "ca.pem",
                                         "game.example.com.pem"))
        self.assertIn("OK", self.openssl("verify", "-purpose", "sslclient", "-CAfile", "ca.pem", "bot-1.pem"))
        begin, end = self.dates("game.example.com")
        self.assertEqual(end - begin, 365 * 86400)
        for wrong in ("a/b", "", ".", "*.", "a b", "*"):
            self.assertIn("neither a host name nor an address", self.cert("issue", wrong, check=False).stderr)

    def test_renewal_under_a_running_server(self):
        self.cert("ca")
        self.cert("issue", "game.example.com")
        server = self.serve("--tls-cert=" + self.path("made/game.example.com.pem"),
                            "--tls-key=" + self.path("made/game.example.com.key"), "--cert-poll-ms=100",
                            listen=("tls",), dev=False, env=TOKEN)
        player = server.player("Anna", "tls")
        player.wait_for(WELCOME)
        before = server.status()["certificates"][0]
        self.cert("renew")
        end = time.monotonic() + PATIENCE
        while server.status()["certificates"][0]["serial"] == before["serial"]:
            self.assertLess(time.monotonic(), end)
            time.sleep(0.05)
        after = server.status()["certificates"][0]
        self.assertEqual(after["serial"].upper(), self.openssl("x509", "-in", "game.example.com.pem", "-noout",
                                                               "-serial").strip().split("=")[1])
        self.assertIn("Verify return code: 0 (ok)", self.look(server, "-CAfile", self.path("made/ca.pem"),
                                                              scheme="tls"))
        player.send(PING, 7)
        self.assertEqual(player.wait_for(PONG)[1], 7)

    def test_renewal_keeps_names_and_issuer_and_touches_nobody_elses(self):
        self.cert("ca", "Example CA")
        self.cert("issue", "game.example.com", "alias.example.com", "--cert-days=1")
        self.cert("dev", "dev.example.com")
        self.make("root", "Root", ca=True)
        self.make("made/foreign", "foreign.example.com", issuer="root")
        self.make("made/self", "self.example.com", ca=True)  # as `openssl req -x509` does by default
        authority = self.openssl("x509", "-in", "ca.pem", "-noout", "-fingerprint")
        foreign = self.openssl("x509", "-in", "foreign.pem", "-noout", "-fingerprint")
        done = self.cert("renew", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn('foreign.pem is by "CN=Root": renew it there', done.stderr)
        self.assertIn("1 of 4 not renewed", done.stderr)
        self.assertEqual(self.openssl("x509", "-in", "ca.pem", "-noout", "-fingerprint"), authority)
        self.assertEqual(self.openssl("x509", "-in", "foreign.pem", "-noout", "-fingerprint"), foreign)
        text = self.openssl("x509", "-in", "game.example.com.pem", "-noout", "-text")
        self.assertIn("DNS:game.example.com, DNS:alias.example.com", text)
        self.assertIn("Issuer: CN = Example CA", text)
        begin, end = self.dates("game.example.com")
        self.assertEqual(end - begin, 365 * 86400)
        self.assertIn("CN = self.example.com", self.openssl("x509", "-in", "self.pem", "-noout", "-subject"))

    def test_a_renewed_authority_still_vouches_for_what_it_signed(self):
        self.cert("ca")
        self.cert("issue", "game.example.com")
        old = self.openssl("x509", "-in", "ca.pem", "-noout", "-fingerprint")
        self.cert("renew", "ca")
        self.assertNotEqual(self.openssl("x509", "-in", "ca.pem", "-noout", "-fingerprint"), old)
        self.assertIn("OK", self.openssl("verify", "-CAfile", "ca.pem", "game.example.com.pem"))


class Status(Certificates):
    def status(self, *flags, listen="wss://127.0.0.1:0"):
        done = subprocess.run([PADDOCK, "cert", "status", "json", "--listen=" + listen, *flags], capture_output=True,
                              text=True, timeout=PATIENCE, env=ENVIRONMENT)
        return done.returncode, json.loads(done.stdout)

    def test_of_a_running_server(self):
        self.make("c", "game.example.com", names=["alias.example.com"])
        server = self.serve_wss(*self.pair("c"))
        one = server.status()["certificates"][0]
        self.assertEqual(one["listener"], server.url("wss"))
        self.assertEqual(one["status"], "valid")
        self.assertEqual(one["sans"], ["game.example.com", "alias.example.com"])
        self.assertEqual(one["subject"], "CN=game.example.com")
        self.assertIn(one["days_left"], (89, 90))
        self.assertIsNone(one["problem"])
        digest = run("openssl", "x509", "-in", self.path("c.pem"), "-noout", "-fingerprint", "-sha256")
        self.assertEqual(one["sha256"].upper(), digest.strip().split("=")[1].replace(":", ""))
        gauge = f'paddock_certificate_not_after_seconds{{listener="{server.url("wss")}"}}'
        self.assertEqual(server.metric(gauge), ssl.cert_time_to_seconds(
            run("openssl", "x509", "-in", self.path("c.pem"), "-noout", "-enddate").strip().split("=")[1]))
        self.stop_cleanly(server)

    def test_of_settings_without_a_server(self):
        self.make("c", "game.example.com")
        code, (one,) = self.status(*self.pair("c"))
        self.assertEqual((code, one["status"], one["name"]), (0, "valid", "game.example.com"))
        code, (one,) = self.status(*self.pair("c"), "--cert-warn-days=91")
        self.assertEqual((code, one["status"]), (0, "expiring"))
        code, (one,) = self.status("--tls-cert=/nowhere.pem")
        self.assertEqual((code, one["status"]), (1, "missing"))
        self.assertIn("/nowhere.pem", one["problem"])


class Staples(Certificates):
    def respond(self, status, *options):
        """The authority's answer about leaf.pem, in leaf.pem.ocsp."""
        serial = run("openssl", "x509", "-in", self.path("leaf.pem"), "-noout", "-serial").strip().split("=")[1]
        with open(self.path("index.txt"), "w") as file:
            revoked = "250101000000Z" if status == "R" else ""
            file.write(f"{status}\t991231235959Z\t{revoked}\t{serial}\tunknown\t/CN=game.example.com\n")
        run("openssl", "ocsp", "-index", "index.txt", "-rsigner", "root.pem", "-rkey", "root.key", "-CA", "root.pem",
            "-issuer", "root.pem", "-cert", "leaf.pem", "-respout", "leaf.pem.ocsp", *options, cwd=self.folder)

    def wait_for(self, server, status):
        end = time.monotonic() + PATIENCE
        while server.status()["certificates"][0]["ocsp"] != status:
            self.assertLess(time.monotonic(), end, server.status()["certificates"][0]["ocsp"])
            time.sleep(0.05)

    def test_what_the_authority_says_is_stapled_while_it_is_good(self):
        self.make("root", "Root", ca=True)
        self.make("leaf", "game.example.com", issuer="root")
        with open(self.path("root.pem")) as root, open(self.path("leaf.pem"), "a") as leaf:
            leaf.write(root.read())
        server = self.serve_wss(*self.pair("leaf"), "--cert-poll-ms=100")
        self.assertIn("OCSP response: no response sent", self.look(server, "-status"))
        self.assertEqual(server.status()["certificates"][0]["ocsp"], "none")
        self.respond("V", "-ndays", "7")
        self.wait_for(server, "good")
        for version in ("-tls1_3", "-tls1_2"):
            self.assertIn("Cert Status: good", self.look(server, "-status", version))
        self.respond("R", "-ndays", "7")
        self.wait_for(server, "revoked")
        self.assertIn("OCSP response: no response sent", self.look(server, "-status"))
        self.assertIn("is not stapled: revoked", server.wait_event("certificate_ocsp", level="warn")["text"])
        with open(self.path("leaf.pem.ocsp"), "w") as file:
            file.write("nonsense")
        self.wait_for(server, "not an OCSP response")
        self.respond("V", "-nmin", "1")
        self.wait_for(server, "good")
        self.make("root", "Root", ca=True)  # of the same name, with another key
        self.respond("V", "-ndays", "7")
        self.wait_for(server, "not signed by the certificate's issuer")
        self.make("leaf", "other.example.com", issuer="root")
        self.wait_for(server, "of another certificate")
        self.stop_cleanly(server)


class Clients(Certificates):
    def setUp(self):
        super().setUp()
        for words in (("ca",), ("issue", "game.example.com"), ("client", "bot-1")):
            run(PADDOCK, "cert", *words, "--cert-dir=" + self.path("made"), env=ENVIRONMENT)
        self.client_ca = "--client-ca=" + self.path("made/ca.pem")
        self.good = ("-cert", self.path("made/bot-1.pem"), "-key", self.path("made/bot-1.key"))
        self.make("stranger", "bot-1")
        self.bad = ("-cert", self.path("stranger.pem"), "-key", self.path("stranger.key"))
        # Issued by the right authority, but for servers.
        self.wrong = ("-cert", self.path("made/game.example.com.pem"), "-key", self.path("made/game.example.com.key"))

    def visit(self, server, *options):
        """What the server says to an HTTP request; the handshake alone tells a TLS 1.3 client nothing."""
        where = server.url("wss").split("//")[1]
        with subprocess.Popen(["openssl", "s_client", "-quiet", "-connect", where, *options], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=ENVIRONMENT) as process:
            output, _ = process.communicate(b"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                                            timeout=PATIENCE)
        return output.decode(errors="replace")

    def test_none_is_refused_where_one_is_required(self):
        server = self.serve_wss(*self.pair("made/game.example.com"), self.client_ca, "--require-client-cert")
        for version in ("-tls1_3", "-tls1_2"):
            self.assertIn("HTTP/1.1 404", self.visit(server, version, *self.good))
            self.assertNotIn("HTTP/1.1", self.visit(server, version, *self.bad))
            self.assertNotIn("HTTP/1.1", self.visit(server, version, *self.wrong))
        self.assertIn("alert number 116", self.visit(server, "-tls1_3"))
        self.assertNotIn("HTTP/1.1", self.visit(server, "-tls1_2"))
        server.wait_event("tls_handshake_failed", error="GNUTLS_E_CERTIFICATE_REQUIRED")

    def test_over_datagrams_it_is_the_same(self):
        server = self.serve_wss(*self.pair("made/game.example.com"), self.client_ca, "--require-client-cert",
                                "--tls-handshake-ms=60000", listen=("dtls",))
        where = server.url("dtls").split("//")[1]

        def report(*options):
            """Of the handshake; s_client itself stays."""
            with subprocess.Popen(["openssl", "s_client", "-dtls1_2", "-connect", where, *options],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                  env=ENVIRONMENT) as process:
                lines = []
                while not lines or lines[-1] and "Cipher is" not in lines[-1]:
                    lines.append(process.stdout.readline())
                process.kill()
                return "".join(lines)
        output = report(*self.good)
        self.assertIn("Cipher is ECDHE-ECDSA-AES128-GCM-SHA256", output)
        self.assertNotIn("alert", output)
        self.assertIn("alert bad certificate", report(*self.wrong))
        server.wait_event("tls_handshake_failed", error="GNUTLS_E_CERTIFICATE_ERROR")
        self.assertIn("SSL alert number", report())
        server.wait_event("tls_handshake_failed", error="GNUTLS_E_NO_CERTIFICATE_FOUND")

    def test_none_is_fine_where_one_is_only_asked_for(self):
        server = self.serve_wss(*self.pair("made/game.example.com"), self.client_ca)
        self.assertIn("HTTP/1.1 404", self.visit(server))
        self.assertIn("HTTP/1.1 404", self.visit(server, *self.good))
        self.assertNotIn("HTTP/1.1", self.visit(server, *self.bad))

    def test_an_authority_that_cannot_be_read_is_said(self):
        self.assertIn("--client-ca: cannot read /nowhere.pem",
                      self.refused(*self.pair("made/game.example.com"), "--client-ca=/nowhere.pem"))


class Tickets(Certificates):
    def context(self, version):
        context = trust_anybody()
        context.minimum_version = context.maximum_version = version
        return context

    def visit(self, server, context, session=None):
        """(whether it went on where `session` ended, the session to come back with)."""
        host, port = server.url("tls").split("//")[1].split(":")
        with socket.create_connection((host, int(port)), PATIENCE) as plain, \
                context.wrap_socket(plain, session=session) as tls:
            tls.sendall(b"\xff\xff\xff\xff")  # a frame that is too long: all is over once this is answered
            while tls.recv(4096):
                pass
            return tls.session_reused, tls.session

    def test_clients_come_back_with_half_a_handshake_and_over_a_reload(self):
        self.make("c", "game.example.com")
        server = self.serve_wss(*self.pair("c"), listen=("tls",))
        for version in VERSIONS:
            context = self.context(version)
            reused, session = self.visit(server, context)
            self.assertFalse(reused)
            reused, session = self.visit(server, context, session)
            self.assertTrue(reused, version)
            before = server.metric('paddock_certificate_reloads_total{result="ok"}')
            server.signal(signal.SIGHUP)
            server.wait_metric('paddock_certificate_reloads_total{result="ok"}', before + 1)
            self.assertTrue(self.visit(server, context, session)[0], version)

    def test_nodes_with_one_key_know_the_clients_of_each_other(self):
        self.make("c", "game.example.com")
        with open(os.open(self.path("ticket.key"), os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
            file.write(os.urandom(64))
        shared = "--tls-ticket-key-file=" + self.path("ticket.key")
        one, other = (self.serve_wss(*self.pair("c"), shared, listen=("tls",)) for _ in range(2))
        stranger = self.serve_wss(*self.pair("c"), listen=("tls",))
        for version in VERSIONS:
            context = self.context(version)
            _, session = self.visit(one, context)
            self.assertTrue(self.visit(other, context, session)[0], version)
            self.assertFalse(self.visit(stranger, context, session)[0], version)

    def test_no_data_is_taken_before_the_handshake(self):
        """What is sent in the first flight (0-RTT) could be sent again by anybody who has seen it."""
        self.make("c", "game.example.com")
        server = self.serve_wss(*self.pair("c"), listen=("tls",))
        done = subprocess.run(["openssl", "s_client", "-tls1_3", "-ign_eof", "-connect", server.url("tls").split("//")[1]],
                              input=b"\xff\xff\xff\xff", capture_output=True, timeout=PATIENCE, env=ENVIRONMENT)
        self.assertIn(b"Max Early Data: 0", done.stdout)

    def test_without_tickets_or_with_certificates_of_clients_they_do_not(self):
        self.make("c", "game.example.com")
        for flag in ("--tls-ticket-hours=0", "--client-ca=" + self.path("c.pem")):
            server = self.serve_wss(*self.pair("c"), flag, listen=("tls",))
            for version in VERSIONS:
                context = self.context(version)
                _, session = self.visit(server, context)
                self.assertFalse(self.visit(server, context, session)[0], (flag, version))


class Failures(Certificates):
    def test_handshakes_beyond_the_rate_are_turned_away(self):
        self.make("c", "game.example.com")
        server = self.serve_wss(*self.pair("c"), "--tls-handshake-rate=1", listen=("tls", "tcp"))
        host, port = server.url("tls").split("//")[1].split(":")
        end = time.monotonic() + PATIENCE
        turned_away = 'paddock_handshakes_turned_away_total{reason="too_fast"}'
        while not server.metric(turned_away):  # a busy machine may need more than a second for two
            self.assertLess(time.monotonic(), end)
            for _ in range(3):
                with socket.create_connection((host, int(port)), PATIENCE):
                    pass
        event = server.wait_event("handshake_turned_away", listener=server.url("tls"), why="too many in a second", limit=1)
        self.assertTrue(event["remote"].startswith("127.0.0.1:"))
        server.player("Plain", "tcp").wait_for(WELCOME)  # for which there is no such rate

    def test_the_wrong_protocol_on_a_port_is_answered_and_logged(self):
        self.make("c", "game.example.com")
        server = self.serve_wss(*self.pair("c"), listen=("wss", "ws", "tcp"))

        def say(scheme, data):
            host, port = server.url(scheme).split("//")[1].split(":")
            with socket.create_connection((host, int(port)), PATIENCE) as plain:
                plain.sendall(data)
                return b"".join(iter(lambda: plain.recv(4096), b""))
        answer = say("wss", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 400 "), answer)
        self.assertIn(b"wss://", answer)
        event = server.wait_event("plain_http_on_tls_listener", level="warn")
        self.assertEqual(event["text"], "plain HTTP request sent to a TLS listener: use wss://")
        self.assertTrue(event["remote"].startswith("127.0.0.1:"))
        hello = b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00"
        for scheme in ("ws", "tcp"):
            self.assertEqual(say(scheme, hello), b"")
            event = server.wait_event("tls_on_plain_listener", level="warn", listener=server.url(scheme))
            self.assertIn("TLS handshake on a plain listener", event["text"])

    @unittest.skipIf(os.getuid() != 0, "only root can become somebody else, who may not read a file")
    def test_what_may_not_be_read_is_said_with_the_setting_and_a_way_out(self):
        self.make("c", "game.example.com")
        os.chmod(self.folder, 0o777)
        os.chmod(self.path("c.pem"), 0o644)
        self.assertIn(f": --tls-cert with --tls-key: cannot read {self.path('c.key')}: let the server's user (uid 65534) "
                      "read it and enter its folders, with chown, chgrp or chmod",
                      self.refused(*self.pair("c"), user=65534, extra_groups=[], group=65534))

    def test_clients_that_refuse_the_certificate_are_in_the_log(self):
        self.make("c", "game.example.com")
        server = self.serve_wss(*self.pair("c"))
        host, port = server.url("wss").split("//")[1].split(":")
        with socket.create_connection((host, int(port))) as plain:
            with self.assertRaises(ssl.SSLCertVerificationError):
                ssl.create_default_context().wrap_socket(plain, server_hostname="game.example.com")
        event = server.wait_event("tls_handshake_failed", level="info", alert="CA is unknown")
        self.assertTrue(event["remote"].startswith("127.0.0.1:"))


if __name__ == "__main__":
    unittest.main()
