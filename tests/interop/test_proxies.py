#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The files of config/deploy/ in the proxies that they are for, nginx, Apache and HAProxy as Debian has them, with
Paddock nodes behind, seen from the outside."""

import concurrent.futures
import functools
import json
import os
import re
import ssl
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from paddock import PING, PONG, Player, has_ipv6, pack, unpack  # noqa: E402
from proxies import HOST, NODES, PASSWORD, PUBLIC, TOKEN, Site, password_hash, program  # noqa: E402
import websocket  # noqa: E402

KINDS = {"nginx": "nginx", "apache": "apache2", "haproxy": "haproxy"}
SKIPPED = 77 # what ctest takes for "skipped"
ORIGIN = "Origin: https://play.example.com"
# What a careless rule lets out of the folder, and what is no token.
NO_TOKENS = ("", "zzz", "..", "." * 16, f"../tokens/{TOKEN}", "../" * 12 + "etc/passwd",
             "%2e%2e%2f" * 8 + "etc%2fpasswd", f"/{TOKEN}", f"{TOKEN}/", f"{TOKEN}/../{TOKEN}",
             "A" * 129, TOKEN[:-1], TOKEN + "0")


def together(check, *arguments):
    """Runs `check` with each argument, all at once: most of the time is spent waiting for processes."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for argument, done in [(argument, pool.submit(check, argument)) for argument in arguments]:
            try:
                done.result()
            except Exception as error:
                error.add_note(f"with {argument}")
                raise


def each(*kinds):
    """A test for each of these proxies."""
    def of(test):
        @functools.wraps(test)
        def run(self):
            together(lambda kind: test(self, kind), *kinds)
        return run
    return of


class Deployed(unittest.TestCase):
    def site(self):
        site = Site()
        self.addCleanup(site.stop)
        return site

    def one_node(self, kind, *flags, **options):
        site = self.site()
        site.start_node("one-node", flags=flags, proxy_protocol=kind == "haproxy")
        site.start_proxy(kind, "one-node", **options)
        return site, site.nodes["node1"]

    def cluster(self, kind, flags=(), **options):
        site = self.site()
        for name in NODES:
            site.start_node("cluster", name, flags=flags, proxy_protocol=kind == "haproxy")
        site.start_proxy(kind, "cluster", **options)
        return site

    def join(self, site, node, player, path="/websocket", *headers, **options):
        """Joins through the proxy; what the node's log says of where the player comes from."""
        answer = site.ask(path, *headers, **options)
        self.assertEqual(answer.status, 101, answer.body)
        answer.join(node.token(player))
        return answer, node.wait_event("player_admitted", player=player)["remote"]


class OneNode(Deployed):
    shared = {}

    def plain(self, kind):
        """The one of this class that all tests share which neither change nor end anything."""
        if kind not in self.shared:
            site = Site()
            self.addClassCleanup(site.stop)
            site.start_node("one-node", proxy_protocol=kind == "haproxy")
            site.start_proxy(kind, "one-node")
            self.shared[kind] = site, site.nodes["node1"]
        return self.shared[kind]

    @each(*KINDS)
    def test_a_player_comes_in_and_the_log_has_his_address(self, kind):
        site, node = self.plain(kind)
        answer, remote = self.join(site, node, "Anna", source="127.0.0.3")
        self.assertEqual(remote, answer.source)
        self.assertTrue(remote.startswith("127.0.0.3:"))
        if has_ipv6():
            answer, remote = self.join(site, node, "Bert", address="::1")
            self.assertEqual(remote, answer.source)
        lies = ("X-Real-IP: 7.7.7.7", "X-Forwarded-For: 7.7.7.7", "X-Client-IP: 7.7.7.7", "Forwarded: for=7.7.7.7")
        answer, remote = self.join(site, node, "Carl", "/websocket", *lies, source="127.0.0.4")
        self.assertEqual(remote, answer.source)

    @each(*KINDS)
    def test_limits_are_about_the_client_and_not_the_proxy(self, kind):
        site, _ = self.one_node(kind, "--connections-per-address=1", "--hello-ms=60000")
        self.assertEqual(site.ask(source="127.0.0.3").status, 101)
        self.assertEqual(site.ask(source="127.0.0.4").status, 101)
        if kind == "haproxy": # the node knows whose connection it is before there is HTTP, and cuts it
            self.assertEqual(site.ask(source="127.0.0.3").status, 502)
        else:
            self.assertEqual(site.ask(source="127.0.0.3").status, 429)

    @each(*KINDS)
    def test_only_the_games_own_page_may_connect(self, kind):
        site, node = self.plain(kind)
        self.assertEqual(site.ask("/websocket", ORIGIN).status, 101)
        self.assertEqual(site.ask("/websocket").status, 101)
        for origin in ("https://evil.example.com", "https://play.example.com.evil.org", "null",
                       "http://play.example.com"):
            self.assertEqual(site.ask("/websocket", "Origin: " + origin).status, 403, origin)
        node.wait_event("origin_refused")

    @each(*KINDS)
    def test_nothing_but_the_websocket_is_reached(self, kind):
        site, _ = self.plain(kind)
        for path in ("/", "/websocket/", "/websocket2", "/websocket/node1", "/websocket/x", "/WEBSOCKET",
                     "/websocket%2f", "/websocket;x", "/status", "/metrics", "/websocket/../status"):
            self.assertEqual(site.ask(path).status, 404, path)
        self.assertEqual(site.ask("/websocket?x=1").status, 101)
        # A page at that address in a browser, and a proxy that lost the upgrade.
        self.assertEqual(site.ask(upgrade=False).status, 426)
        self.assertEqual(site.ask("/websocket", "Upgrade: h2c", "Connection: Upgrade", upgrade=False).status, 426)
        answer = websocket.ask(("127.0.0.1", site.ports[80]), HOST, "/websocket")
        self.assertEqual((answer.status, answer.headers["location"]), (301, f"https://{HOST}/websocket"))

    @each(*KINDS)
    def test_the_proxy_keeps_its_version_to_itself(self, kind):
        site, _ = self.plain(kind)
        for path in ("/websocket", "/"):
            self.assertNotRegex(site.ask(path).headers.get("server", ""), r"\d")

    @each(*KINDS)
    def test_tls_is_1_2_or_1_3(self, kind):
        site, _ = self.plain(kind)
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            site.tls.minimum_version = site.tls.maximum_version = version
            self.assertEqual(site.ask().status, 101)
        done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{site.ports[443]}", "-tls1_1", "-cipher",
                               "ALL:@SECLEVEL=0"], input="", capture_output=True, text=True, timeout=30)
        self.assertIn("no peer certificate available", done.stdout)

    @each(*KINDS)
    def test_the_test_page_is_shown_where_it_is_on(self, kind):
        site, _ = self.one_node(kind, "--test-page=on")
        answer = site.ask("/websockets.html", upgrade=False)
        self.assertEqual(answer.status, 200)
        self.assertIn(b"DISCONNECTED", answer.body)
        self.assertIn("script-src 'sha256-", answer.headers["content-security-policy"])

    @each(*KINDS)
    def test_silence_is_no_reason_to_close_while_the_node_pings(self, kind):
        """Proxies here wait 10 s, not 60. Without pings they close."""
        edits = {"nginx": {"60s": "10s"}, "apache": {"Timeout 60": "Timeout 10"}, "haproxy": {"60s": "10s"}}

        def wait(ping_ms):
            answer = self.one_node(kind, f"--ping-ms={ping_ms}", "--hello-ms=60000", edits=edits[kind])[0].ask()
            if ping_ms == 4000:
                self.assertEqual([answer.receive_any()[0] for _ in range(3)], 3 * [websocket.PING])
                self.assertEqual(answer.echo("still there"), "still there")
            else:
                self.assertIsNone(answer.wait_closed())
        together(wait, 4000, 300000)

    @each(*KINDS)
    def test_a_node_that_is_gone_is_said_at_once(self, kind):
        site, node = self.one_node(kind)
        node.signal()
        node.wait()
        self.assertIn(site.ask().status, (502, 503))


class Doors(Deployed):
    @each("nginx", "apache")
    def test_cookie(self, kind):
        site, _ = self.one_node(kind, doors=("cookie",))
        for cookie in (f"AUTH={TOKEN}", f"a=b; AUTH={TOKEN}", f"AUTH={TOKEN}; c=d"):
            self.assertEqual(site.ask("/websocket", "Cookie: " + cookie).status, 101, cookie)
        for value in NO_TOKENS:
            self.assertEqual(site.ask("/websocket", f"Cookie: AUTH={value}").status, 403, value)
        for cookie in (f"XAUTH={TOKEN}", f"AUTHX={TOKEN}", f"x=AUTH={TOKEN}", "a=b"):
            self.assertEqual(site.ask("/websocket", "Cookie: " + cookie).status, 403, cookie)
        self.assertEqual(site.ask().status, 403)
        os.unlink(site.path(f"/var/lib/paddock/tokens/{TOKEN}"))
        self.assertEqual(site.ask("/websocket", f"Cookie: AUTH={TOKEN}").status, 403)

    def test_without_its_first_rule_the_cookie_door_is_open_to_every_path(self):
        """As the recipe that goes round has it: the test above would notice."""
        site = self.site()
        site.start_node("one-node")
        _, text = site.ship("nginx/doors/cookie.conf", "/etc/nginx/paddock/cookie.conf", {})
        site.write("/etc/nginx/paddock/cookie.conf", re.sub(r"if \(\$cookie_AUTH !~.*?\n\}", "", text, flags=re.S))
        site.start_proxy("nginx", "one-node")
        self.assertEqual(site.ask("/websocket", "Cookie: AUTH=" + "../" * 12 + "etc/passwd").status, 101)

    @each(*KINDS)
    def test_cookie_at_the_node(self, kind):
        site = self.site()
        site.start_node("one-node", flags=("--auth-cookie=AUTH", "--auth-token-dir=" +
                                           site.path("/var/lib/paddock/tokens")),
                        proxy_protocol=kind == "haproxy")
        site.start_proxy(kind, "one-node")
        self.assertEqual(site.ask("/websocket", f"Cookie: AUTH={TOKEN}").status, 101)
        for value in NO_TOKENS:
            self.assertEqual(site.ask("/websocket", f"Cookie: AUTH={value}").status, 403, value)

    @each(*KINDS)
    def test_basic_auth(self, kind):
        options = {"env": {"PADDOCK_BASIC_AUTH": "1"}} if kind == "haproxy" else {"doors": ("basic-auth",)}
        site, node = self.one_node(kind, **options)
        answer = site.ask()
        self.assertEqual(answer.status, 401)
        self.assertEqual(answer.headers["www-authenticate"], 'Basic realm="Restricted Area"')
        for name, password in (("alice", "wrong"), ("bob", PASSWORD), ("", "")):
            self.assertEqual(site.ask("/websocket", websocket.basic(name, password)).status, 401)
        answer, _ = self.join(site, node, "Anna", "/websocket", websocket.basic("alice", PASSWORD))
        # The proxy hands it on, and nobody writes it down.
        self.assertNotIn(websocket.basic("alice", PASSWORD).split()[-1], json.dumps(node.events))

    @each(*KINDS)
    def test_basic_auth_at_the_node(self, kind):
        site = self.site()
        passwords = site.write("/etc/paddock/passwords", f"alice:{password_hash('-6')}\n")
        node = site.start_node("one-node", flags=(f"--basic-auth-file={passwords}",), proxy_protocol=kind == "haproxy")
        site.start_proxy(kind, "one-node")
        answer = site.ask()
        self.assertEqual(answer.status, 401)
        self.assertEqual(answer.headers["www-authenticate"], 'Basic realm="Restricted Area"')
        self.assertEqual(site.ask("/websocket", websocket.basic("alice", "wrong")).status, 401)
        self.join(site, node, "Anna", "/websocket", websocket.basic("alice", PASSWORD))

    @each("nginx", "apache")
    def test_origin(self, kind):
        site, node = self.one_node(kind, doors=("origin",))
        self.assertEqual(site.ask("/websocket", ORIGIN).status, 101)
        self.assertEqual(site.ask().status, 101)
        for origin in ("https://evil.example.com", "https://play.example.com.evil.org", "null",
                       "https://playxexample.com"):
            self.assertEqual(site.ask("/websocket", "Origin: " + origin).status, 403, origin)
        self.assertNotIn("origin_refused", [event["event"] for event in node.events])

    @each("nginx", "apache")
    def test_all_doors_together(self, kind):
        site, _ = self.one_node(kind, doors=("basic-auth", "cookie", "origin"))
        keys = [ORIGIN, f"Cookie: AUTH={TOKEN}", websocket.basic("alice", PASSWORD)]
        self.assertEqual(site.ask("/websocket", *keys).status, 101)
        for index, status in ((0, 101), (1, 403), (2, 401)): # who has no origin is no browser
            self.assertEqual(site.ask("/websocket", *keys[:index], *keys[index + 1:]).status, status)
        self.assertEqual(site.ask("/websocket", "Origin: https://evil.org", *keys[1:]).status, 403)


class Cluster(Deployed):
    @each(*KINDS)
    def test_each_path_leads_to_its_node_and_the_log_has_the_address(self, kind):
        site = self.cluster(kind)
        for index, (name, node) in enumerate(site.nodes.items()):
            public = node.wait_event("listening")["public"]
            self.assertEqual(public, f"wss://{HOST}:{site.ports[443]}/websocket/{name}")
            answer, remote = self.join(site, node, "Anna", f"/websocket/{name}", source=f"127.0.0.{index + 3}")
            self.assertEqual(remote, answer.source)
        self.assertEqual(site.ask("/websocket", "Origin: https://evil.org").status, 403)
        for path in ("/websocket/node3", "/websocket/node12", "/websocket/node1/", "/websocket/node1/x",
                     "/websocket/", "/websocket2", "/websocket/NODE1", "/websocket/node1%2fx", "/websocket//node1x"):
            self.assertEqual(site.ask(path).status, 404, path)

    @each(*KINDS)
    def test_a_detour_leads_to_no_other_node(self, kind):
        """Some proxies resolve dots and escapes, others leave it to the node, which does not."""
        site = self.cluster(kind, flags=("--hello-ms=60000",))
        for path in ("/websocket/node2/../node1", "/websocket/x/../node1", "/websocket/%6eode1",
                     "//websocket/node1", "/websocket/node1/../node12"):
            self.assertIn(site.ask(path).status, (101, 404), path)
        self.assertEqual(site.nodes["node2"].status()["connections"], 0)

    @each(*KINDS)
    def test_players_without_a_wish_are_spread(self, kind):
        site = self.cluster(kind, flags=("--hello-ms=60000",))
        for _ in range(6):
            self.assertEqual(site.ask().status, 101)
        for node in site.nodes.values():
            self.assertGreaterEqual(node.status()["connections"], 2)

    @each(*KINDS)
    def test_a_node_that_is_gone_takes_nobody_with_it(self, kind):
        site = self.cluster(kind)
        site.nodes["node1"].signal()
        site.nodes["node1"].wait()
        for _ in range(4):
            self.assertEqual(site.ask().status, 101)
        self.assertIn(site.ask("/websocket/node1").status, (502, 503))
        self.assertEqual(site.ask("/websocket/node2").status, 101)

    @each(*KINDS)
    def test_a_node_that_drains_finishes_its_race_and_gets_nobody_new(self, kind):
        site = self.cluster(kind, flags=("--lobby-ms=0", "--countdown-ms=0", "--hello-ms=60000"))
        leaving, staying = site.nodes["node1"], site.nodes["node2"]
        players = [self.join(site, leaving, name, "/websocket/node1")[0] for name in ("Anna", "Bert")]
        leaving.wait_event("phase", phase="racing")
        leaving.signal()
        leaving.wait_event("draining")
        for _ in range(4):
            self.assertEqual(site.ask().status, 101)
        self.assertEqual(staying.status()["connections"], 4)
        self.assertIn(site.ask("/websocket/node1").status, (502, 503))
        for player in players:
            player.send(websocket.BINARY, pack([PING, 7]))
            while unpack(player.receive()[1])[:2] != [PONG, 7]:
                pass

    @each(*KINDS)
    def test_an_impostor_in_the_place_of_a_node_is_refused(self, kind):
        site = self.site()
        for of_node, public in (("node.pem", "fullchain.pem"), ("node.key", "privkey.pem")):
            site.write("/etc/paddock/" + of_node, site.read(PUBLIC + public)) # not by our authority
        for name in NODES:
            site.start_node("cluster", name, proxy_protocol=kind == "haproxy")
        site.start_proxy(kind, "cluster")
        self.assertIn(site.ask().status, (500, 502, 503))
        self.assertIn(site.ask("/websocket/node1").status, (500, 502, 503))


# What people have who come from elsewhere, with its weaknesses.
NGINX_RECIPE = """
upstream cluster { ip_hash; server 10.0.0.11:9091; server 10.0.0.12:9091; keepalive 100; }
server {
    listen 443 ssl;
    ssl_certificate /etc/letsencrypt/live/play.example.com/fullchain.pem;
    ssl_certificate_key /etc/letsencrypt/live/play.example.com/privkey.pem;
    location / { proxy_http_version 1.1; proxy_set_header Connection ""; proxy_pass http://cluster; }
    location /websocket/node1 {
        proxy_http_version 1.1;
        proxy_pass http://10.0.0.11:9091/websocket;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection "Upgrade";
    }
    location /websocket {
        proxy_http_version 1.1;
        proxy_pass http://cluster/websocket;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection "Upgrade";
    }
}
"""
APACHE_RECIPE = """
# a2enmod ssl proxy_http proxy_wstunnel proxy_balancer lbmethod_byrequests lbmethod_bybusyness
<VirtualHost *:443>
    SSLEngine on
    SSLCertificateFile /etc/letsencrypt/live/play.example.com/fullchain.pem
    SSLCertificateKeyFile /etc/letsencrypt/live/play.example.com/privkey.pem
    <Proxy balancer://httpcluster>
        BalancerMember http://10.0.0.11:9091 route=node1
        BalancerMember http://10.0.0.12:9091 route=node2
        ProxySet stickysession=rpcid|JSESSIONID|jsessionid scolonpathdelim=On lbmethod=bybusyness
    </Proxy>
    <Proxy balancer://websocketcluster>
        BalancerMember ws://10.0.0.11:9091
        BalancerMember ws://10.0.0.12:9091
        ProxySet lbmethod=bybusyness
    </Proxy>
    ProxyRequests Off
    ProxyPass        /websocket/node1 ws://10.0.0.11:9091/websocket
    ProxyPass        /websocket       balancer://websocketcluster/websocket
    ProxyPass        /                balancer://httpcluster/ nocanon
    ProxyPassReverse /                balancer://httpcluster/
</VirtualHost>
"""


class Recipes(Deployed):
    @each("nginx", "apache")
    def test_what_people_bring_along_works(self, kind):
        site = self.site()
        for name, address in NODES.items():
            site.start_node("cluster", name, flags=(f"--listen=ws://{address}:{site.ports[9091]}", "--test-page=on"))
        text = site.edit({"nginx": NGINX_RECIPE, "apache": APACHE_RECIPE}[kind], {})
        site.start_program(kind, site.write("/recipe.conf", text), text, site.ports[443])
        self.join(site, site.nodes["node1"], "Anna", "/websocket/node1")
        self.assertEqual(site.ask().status, 101)
        # What the prefix of node1 makes of these is no path of any node.
        for path in ("/websocket/node12", "/websocket/node1/x"):
            self.assertEqual(site.ask(path).status, 404, path)
        self.assertEqual(site.ask("/", upgrade=False).status, 200)
        if kind == "nginx": # a browser at that address; mod_proxy_wstunnel does not pass it on
            self.assertEqual(site.ask(upgrade=False).status, 426)

    def test_a_proxy_in_front_of_a_node_with_tls_and_another_path(self):
        """location /wss { proxy_pass https://localhost:8443; }: without SNI, without a look at the certificate."""
        site = self.site()
        site.start_node("cluster", flags=("--websocket-path=/wss",))
        text = site.edit("""server {
            listen 443 ssl;
            ssl_certificate /etc/letsencrypt/live/play.example.com/fullchain.pem;
            ssl_certificate_key /etc/letsencrypt/live/play.example.com/privkey.pem;
            location /wss {
                proxy_set_header Host $host;
                proxy_pass https://10.0.0.11:9091;
                proxy_http_version 1.1;
                proxy_set_header Upgrade $http_upgrade;
                proxy_set_header Connection "upgrade";
                proxy_read_timeout 86400;
            }
        }""", {})
        site.start_program("nginx", site.write("/recipe.conf", text), text, site.ports[443])
        self.join(site, site.nodes["node1"], "Anna", "/wss")


class Passthrough(Deployed):
    """HAProxy that hands on bytes: TLS, its certificate and all that is refused are the nodes'."""

    def test_wss_and_tls_reach_their_node_with_the_players_address(self):
        site = self.site()
        for name, address in NODES.items():
            site.start_node("cluster", name, proxy_protocol=True, flags=(
                f"--listen=wss://{address}:{site.ports[9091]}?proxy=1",
                f"--listen=tls://{address}:{site.ports[7779]}?proxy=1",
                f"--tls-cert={site.path(PUBLIC)}fullchain.pem", f"--tls-key={site.path(PUBLIC)}privkey.pem"))
        site.start_proxy("haproxy", "passthrough")
        for name, node in site.nodes.items():
            answer, remote = self.join(site, node, name, host=f"{name}.{HOST}", port=9091, source="127.0.0.3")
            self.assertEqual(remote, answer.source)
        self.assertEqual(site.ask("/websocket", "Origin: https://evil.org", port=9091).status, 403)
        self.assertEqual(site.ask("/websocket", port=9091).status, 101)

        for name, node in site.nodes.items():
            player = Player(f"tls://127.0.0.1:{site.ports[7779]}", source="127.0.0.4", server_name=f"{name}.{HOST}")
            self.addCleanup(player.close)
            player.hello("no token at all")
            self.assertEqual(player.wait_closed(), 4004)
            remote = node.wait_event("connection_closed", transport="tls")["remote"]
            self.assertTrue(remote.startswith("127.0.0.4:"), remote)


if __name__ == "__main__":
    missing = [name for name in KINDS.values() if not program(name)]
    if missing:
        print(f"skipped: there is no {' and no '.join(missing)}")
        sys.exit(SKIPPED)
    unittest.main()
