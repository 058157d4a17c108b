#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""testssl.sh, which looks for every weakness that TLS servers have had, finds nothing of severity MEDIUM or above on wss
and tls listeners, with an ECDSA and an RSA certificate side by side as an authority would issue them.

    tests/soak/testssl.py
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile

os.environ.setdefault("PADDOCK_BUILD", os.path.join(os.getcwd(), "build", "release"))
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from paddock import Server  # noqa: E402

NAME = "game.example.com"
SECONDS = 1800  # for each listener; a minute or two on a machine with nothing else to do
# What a scan that got to its end has looked at.
LOOKED_AT = {"TLS1_2", "TLS1_3", "heartbleed", "ROBOT", "secure_renego", "BEAST", "LUCKY13", "cert_chain_of_trust"}


def make(folder):
    """root.pem, and ec.pem and rsa.pem with their keys and staples. The authority answers nowhere but in the staples."""
    def openssl(*words):
        subprocess.run(("openssl", *words), check=True, capture_output=True, cwd=folder, stdin=subprocess.DEVNULL)
    openssl("req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-keyout", "root.key",
            "-out", "root.pem", "-subj", "/CN=Root", "-addext", "keyUsage=critical,keyCertSign,cRLSign,digitalSignature")
    for name, key in (("ec", ("ec", "-pkeyopt", "ec_paramgen_curve:P-256")), ("rsa", ("rsa:2048",))):
        openssl("req", "-x509", "-nodes", "-days", "90", "-newkey", *key, "-keyout", name + ".key", "-out", name + ".pem",
                "-subj", "/CN=" + NAME, "-CA", "root.pem", "-CAkey", "root.key",
                "-addext", f"subjectAltName=DNS:{NAME},DNS:localhost", "-addext", "basicConstraints=CA:FALSE",
                "-addext", "keyUsage=critical,digitalSignature", "-addext", "extendedKeyUsage=serverAuth",
                "-addext", "authorityInfoAccess=OCSP;URI:http://localhost:9/")
        serial = subprocess.run(("openssl", "x509", "-noout", "-serial", "-in", name + ".pem"), cwd=folder, check=True,
                                capture_output=True, text=True).stdout.strip().split("=")[1]
        with open(os.path.join(folder, "index.txt"), "w") as file:
            file.write(f"V\t991231235959Z\t\t{serial}\tunknown\t/CN={NAME}\n")
        openssl("ocsp", "-index", "index.txt", "-rsigner", "root.pem", "-rkey", "root.key", "-CA", "root.pem", "-issuer",
                "root.pem", "-cert", name + ".pem", "-respout", name + ".pem.ocsp", "-ndays", "7")
    # Staples are only believed with the certificate that signed them at hand.
    with open(os.path.join(folder, "root.pem")) as root:
        text = root.read()
    for name in ("ec", "rsa"):
        with open(os.path.join(folder, name + ".pem"), "a") as file:
            file.write(text)


def scan(server, scheme, folder):
    """Begins to look at a listener; the process and its report."""
    report = os.path.join(folder, scheme + ".json")
    port = server.url(scheme).rsplit(":", 1)[1]
    return subprocess.Popen(["testssl", "--quiet", "--color", "0", "--warnings", "off", "--nodns", "none", "--add-ca",
                             os.path.join(folder, "root.pem"), "--jsonfile", report, f"localhost:{port}"],
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT), report


def judge(scheme, report):
    """The number of findings that fail the test; all of note are shown."""
    with open(report) as file:
        findings = json.load(file)
    seen = {finding["id"].split(" ")[0] for finding in findings}
    assert LOOKED_AT <= seen, f"{scheme}: not looked at: {LOOKED_AT - seen}"
    bad = [one for one in findings if one["severity"] in ("MEDIUM", "HIGH", "CRITICAL", "FATAL")]
    low = [one for one in findings if one["severity"] in ("LOW", "WARN")]
    for one in bad + low:
        print(f"{scheme}: {one['severity']} {one['id']}: {one['finding']}")
    print(f"{scheme}: {len(findings)} findings, {len(bad)} of severity MEDIUM or above")
    return len(bad)


def main():
    if not shutil.which("testssl"):
        sys.exit("there is no testssl; tests/tools/install_dependencies long")
    folder = tempfile.mkdtemp(prefix="paddock-testssl-")
    make(folder)
    pairs = [f"--tls-{kind}={folder}/{name}.{suffix}" for name in ("ec", "rsa")
             for kind, suffix in (("cert", "pem"), ("key", "key"))]
    server = Server(*pairs, "--connects-per-second=0", "--connections-per-address=0", listen=("wss", "tls"), dev=False,
                    env={"FUSION_SERVER_TOKEN": "secret"})
    scans = []
    try:
        scans = [(scheme, *scan(server, scheme, folder)) for scheme in ("wss", "tls")]
        for scheme, process, _ in scans:
            output, _ = process.communicate(timeout=SECONDS)
            with open(os.path.join(folder, scheme + ".txt"), "wb") as file:
                file.write(output)
        bad = sum(judge(scheme, report) for scheme, _, report in scans)
        server.signal()
        assert server.wait() == 0 and server.errors == "", server.errors
        assert bad == 0
    finally:
        for _, process, _ in scans:
            process.kill()
            process.wait()
        server.stop()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
