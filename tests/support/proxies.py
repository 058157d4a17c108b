# SPDX-License-Identifier: MIT
"""Runs nginx, Apache and HAProxy with the files of config/deploy/, and Paddock nodes behind them.

The files are run as they are shipped but for what config/deploy/README.md tells its reader to edit: addresses, ports
and folders. Every proxy is a process of this file's own, in the foreground, on loopback, with all its files in one
temporary folder; the proxies that a machine may have as services are left alone.
"""

import atexit
import functools
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time

import ports
from paddock import ENVIRONMENT, PADDOCK, PATIENCE, Server, has_ipv6
from websocket import ask

DEPLOY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "config", "deploy")
HOST = "play.example.com"
PUBLIC = "/etc/letsencrypt/live/play.example.com/"
NODES = {"node1": "127.0.0.11", "node2": "127.0.0.12"}
PASSWORD = "correct horse"
TOKEN = "ABCDEF1234565789"


def program(name):
    """Where a program is, also when the path of this account leaves out those of the administrator."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


PORTS = (80, 443, 7779, 9090, 9091, 9464)
once = threading.Lock()


def modules(text):
    """What the comments of an Apache file say that a2enmod has to enable."""
    return [word for line in text.splitlines() if "a2enmod" in line for word in line.split("a2enmod", 1)[1].split()]


@functools.cache
def password_hash(kind):
    return subprocess.run(["openssl", "passwd", kind, PASSWORD], check=True, capture_output=True,
                          text=True).stdout.strip()


@functools.cache
def certificates():
    """A folder with what all sites of this process show: one for players as they would have it from an authority, and
    for the nodes as the README makes it."""
    folder = tempfile.mkdtemp(prefix="paddock-site-certificates-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for words, made, name in ((("dev", HOST, "*." + HOST), "cert", "public"), (("ca",), "ca", "ca"),
                              (("issue", HOST), HOST, "node")):
        subprocess.run([PADDOCK, "cert", *words, f"--cert-dir={folder}"], check=True, capture_output=True,
                       env=ENVIRONMENT)
        for suffix in (".pem", ".key"):
            os.rename(os.path.join(folder, made + suffix), os.path.join(folder, name + suffix))
    return folder


class Site:
    """A folder with certificates, passwords and tokens, Paddock nodes, and a proxy in front of them."""

    def __init__(self, public=None):
        """`public`: certificate and key to show to players, else new ones."""
        os.umask(0o022) # proxies that are started by root give their privileges up, and read all the same
        self.folder = tempfile.mkdtemp(prefix="paddock-site-")
        os.chmod(self.folder, 0o755)
        self.ports = {port: ports.take("127.0.0.1", *NODES.values()) for port in PORTS} # own ones for those in the files
        self.nodes = {}
        self.process = None
        self.answers = []
        for folder in (PUBLIC, "/etc/paddock"):
            os.makedirs(self.path(folder))
        self.put_certificates(public)
        self.write(f"/var/lib/paddock/tokens/{TOKEN}", "")
        for server in ("nginx", "apache2"):
            self.write(f"/etc/{server}/paddock.htpasswd", f"alice:{password_hash('-apr1')}\n")
            os.makedirs(self.path(f"/etc/{server}/paddock"))
        self.tls = ssl.create_default_context(cafile=self.path(PUBLIC + "fullchain.pem"))

    def path(self, name):
        return self.folder + name

    def write(self, name, text):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w") as file:
            file.write(text)
        return self.path(name)

    def read(self, name):
        with open(self.path(name)) as file:
            return file.read()

    def put_certificates(self, public):
        with once:
            folder = certificates()
        for name in os.listdir(folder):
            shutil.copy(os.path.join(folder, name), self.path("/etc/paddock/"))
        for made, name in zip(public or ("public.pem", "public.key"), ("fullchain.pem", "privkey.pem")):
            shutil.copy(os.path.join(folder, made), self.path(PUBLIC + name))
        self.write("/etc/haproxy/play.example.com.pem",
                   self.read(PUBLIC + "fullchain.pem") + self.read(PUBLIC + "privkey.pem"))

    # ---- the files

    def edit(self, text, edits):
        """What the README tells its reader to edit, and `edits`, which are for one test."""
        text = re.sub(r"(?<![\w./])/(etc|var)/", self.folder + r"/\1/", text)
        text = text.replace("10.0.0.", "127.0.0.")
        text = re.sub(r"(?<=[\s:])(" + "|".join(map(str, PORTS)) + r")(?![\d.])",
                      lambda match: str(self.ports[int(match[1])]), text)
        # Nobody outside this machine is to reach a test.
        text = re.sub(r"listen (\d+)", r"listen 127.0.0.1:\1", text)
        text = re.sub(r"listen \[::\]:(\d+)", r"listen [::1]:\1" if has_ipv6() else r"listen 127.0.0.2:\1", text)
        text = re.sub(r":::(\d+) v4v6", r"127.0.0.1:\1,::1:\1" if has_ipv6() else r"127.0.0.1:\1", text)
        if "$6$" in text:
            text = text.replace("$6$salt$replace-me", password_hash("-6"))
        # Each takes two descriptors, of which this account may have few.
        text = text.replace("maxconn 5000", "maxconn 200")
        for old, new in edits.items():
            if old not in text:
                raise AssertionError(f"there is no '{old}' to edit")
            text = text.replace(old, new)
        return text

    def ship(self, name, to, edits):
        """Puts an edited file of config/deploy/ where it is used; (path, text)."""
        with open(os.path.join(DEPLOY, name)) as file:
            text = self.edit(file.read(), edits)
        return self.write(to, text), text

    # ---- nodes

    def start_node(self, shape, name="node1", flags=(), edits=None, proxy_protocol=False):
        """A node with the shipped settings; behind HAProxy as their comments say."""
        edits = dict(edits or {})
        if shape == "cluster":
            edits.update({"node1": name, "127.0.0.11": NODES[name]})
        if proxy_protocol:
            edits["\nip-header"] = "\n#ip-header"
        source = "cluster-node.ini" if shape == "cluster" else "one-node.ini"
        path, text = self.ship(source, f"/etc/paddock/{name}.ini", edits)
        if proxy_protocol:
            text = re.sub(r"\nlisten = .*((?:\n.*)*)\n#(listen = ws.*)", r"\1\n\2", text)
            self.write(f"/etc/paddock/{name}.ini", text)
        self.nodes[name] = Server(f"--config={path}", *flags, listen=(), admin=None, dev=False,
                                  env={"FUSION_SERVER_TOKEN": "t"})
        return self.nodes[name]

    # ---- the proxy

    def start_proxy(self, kind, shape, doors=(), edits=None, env=None):
        suffix = ".cfg" if kind == "haproxy" else ".conf"
        folder = "/etc/apache2/" if kind == "apache" else f"/etc/{kind}/"
        path, text = self.ship(f"{kind}/{shape}{suffix}", f"{folder}{shape}{suffix}", edits or {})
        for door in doors:
            text += self.ship(f"{kind}/doors/{door}.conf", f"{folder}paddock/{door}.conf", {})[1]
        self.start_program(kind, path, text, self.ports[9091] if shape == "passthrough" else self.ports[443], env)

    def start_program(self, kind, path, text, port, env=None):
        """With a site's configuration that is at `path` and says `text`."""
        command = {"nginx": self.nginx, "apache": self.apache, "haproxy": self.haproxy}[kind](path, text)
        self.log = open(self.path("/proxy.log"), "w+")
        self.process = subprocess.Popen([program(command[0]), *command[1:]], stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log, env={**ENVIRONMENT, **(env or {})},
                                        start_new_session=True)
        self.wait_until_it_listens(port)

    def nginx(self, path, _text):
        places = "".join(f"{what}_temp_path {self.path('/' + what)};\n"
                         for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        main = self.write("/nginx-main.conf",
                          f"daemon off;\npid {self.path('/nginx.pid')};\nworker_processes 1;\n"
                          f"error_log {self.path('/error.log')};\nevents {{ worker_connections 512; }}\n"
                          f"http {{\naccess_log {self.path('/access.log')};\n{places}include {path};\n}}\n")
        return ["nginx", "-c", main, "-p", self.folder, "-e", self.path("/error.log")]

    def apache(self, path, text):
        # What Debian enables by itself, and what the others depend on there.
        debian = ["mpm_event", "authz_core", "authn_core", "alias"]
        needs = {"ssl": ["socache_shmcb"], "proxy_http": ["proxy"], "proxy_wstunnel": ["proxy"],
                 "proxy_balancer": ["proxy", "slotmem_shm"]}
        wanted = modules(text)
        names = dict.fromkeys(debian + [need for name in wanted for need in needs.get(name, [])] + wanted)
        listens = "".join(f"Listen {host}:{port}\n" for port in (self.ports[80], self.ports[443])
                          for host in ["127.0.0.1"] + (["[::1]"] if has_ipv6() else []))
        user = "User www-data\nGroup www-data\n" if os.geteuid() == 0 else ""
        main = self.write("/apache-main.conf",
                          f"ServerRoot {self.folder}\nDefaultRuntimeDir {self.folder}\nPidFile apache.pid\n"
                          f"Mutex file:{self.folder} default\nErrorLog error.log\nServerName localhost\n{user}" +
                          "".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"
                                  for name in names) +
                          f"{listens}Include {path}\n")
        return ["apache2", "-f", main, "-DFOREGROUND"]

    def haproxy(self, path, _text):
        return ["haproxy", "-db", "-f", path]

    def wait_until_it_listens(self, port):
        end = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > end:
                    raise AssertionError(f"the proxy did not start: {self.log_text()}") from None
                time.sleep(0.02)

    def log_text(self):
        return "".join(self.read(name) for name in ("/proxy.log", "/error.log") if os.path.exists(self.path(name)))

    def ask(self, path="/websocket", *headers, address="127.0.0.1", port=443, host=HOST, **options):
        """A request as a client from outside makes it."""
        answer = ask((address, self.ports[port]), host, path, *headers, tls=self.tls, **options)
        self.answers.append(answer)
        return answer

    def stop(self):
        for answer in self.answers:
            answer.link.close()
        if self.process:
            if self.process.poll() is None: # asked to end, Apache would wait ten seconds for connections
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.log.close()
        for node in self.nodes.values():
            node.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
