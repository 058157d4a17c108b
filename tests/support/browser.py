# SPDX-License-Identifier: MIT
"""A real browser: Debian's Chromium without a window, told what to do over the pipe of its DevTools protocol.

Its profile is a temporary folder, it resolves no name but those that a test gives it, and it reaches loopback only.
"""

import base64
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time

PROGRAM = "chromium"
NAMES = ("play.example.com", "localhost", "127.0.0.1")


def why_not():
    """None, or why there is no browser on this machine."""
    for program in (PROGRAM, "certutil"):
        if not shutil.which(program):
            return f"there is no {program}"
    browser = Browser()
    try:
        browser.call("Browser.getVersion")
        return None
    except (EOFError, OSError) as error:
        return f"{PROGRAM} does not run on this machine: {' '.join(str(error).split())}"
    finally:
        browser.stop()


class Browser:
    """One that trusts the authorities, and the certificates of servers, that stand in these files."""

    def __init__(self, authorities=(), servers=(), patience=30):
        self.patience = patience
        self.folder = tempfile.mkdtemp(prefix="paddock-browser-")
        self._trust([("C,,", path) for path in authorities] + [("P,,", path) for path in servers])
        self.buffer = b""
        self.last_id = 0
        self.events = []
        rules = ", ".join([f"MAP {name} 127.0.0.1" for name in NAMES] + ["MAP * ~NOTFOUND"])
        flags = ["--headless=new", "--remote-debugging-pipe", f"--user-data-dir={self.folder}/profile",
                 "--no-first-run", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
                 "--disable-sync", "--disable-component-update", "--disable-extensions",
                 f"--host-resolver-rules={rules}",
                 "--window-size=820,420", "--force-device-scale-factor=1", "--hide-scrollbars", "--lang=en"]
        if os.geteuid() == 0: # its sandbox is not for root
            flags.append("--no-sandbox")
        their_in, self.out = os.pipe()
        self.into, their_out = os.pipe()
        self.log = open(os.path.join(self.folder, "log"), "w+")
        # It reads descriptor 3 and writes 4.
        self.process = subprocess.Popen(["sh", "-c", f'exec "$@" 3<&{their_in} 4>&{their_out}', "sh", PROGRAM, *flags],
                                        pass_fds=(their_in, their_out), stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=self.log, start_new_session=True,
                                        env={**os.environ, "HOME": self.folder})
        os.close(their_in)
        os.close(their_out)

    def _trust(self, certificates):
        """As a person does it in the settings: they end in a database in the user's folder."""
        database = os.path.join(self.folder, ".pki", "nssdb")
        os.makedirs(database)
        for words in [["-N", "--empty-password"]] + [["-A", "-t", trust, "-n", path, "-i", path]
                                                     for trust, path in certificates]:
            subprocess.run(["certutil", "-d", "sql:" + database, *words], check=True, capture_output=True)

    def _message(self, end):
        while b"\0" not in self.buffer:
            if not select.select([self.into], [], [], max(0, end - time.monotonic()))[0]:
                raise TimeoutError("the browser does not answer")
            data = os.read(self.into, 1 << 20)
            if not data:
                raise EOFError(f"the browser is gone: {self.log_text()}")
            self.buffer += data
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, session=None, **parameters):
        self.last_id += 1
        message = {"id": self.last_id, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + self.patience
        while True:
            answer = self._message(end)
            if answer.get("id") == self.last_id:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def page(self):
        """An empty page that shares no cookies and no exceptions with others."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        return Page(self, session)

    def log_text(self):
        self.log.seek(0)
        return self.log.read()[-2000:]

    def stop(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self.out)
        os.close(self.into)
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Page:
    def __init__(self, browser, session):
        self.browser = browser
        self.session = session
        self.call("Page.enable")

    def call(self, method, **parameters):
        return self.browser.call(method, self.session, **parameters)

    def open(self, url):
        """None, or what the browser says instead of the page, such as net::ERR_CERT_AUTHORITY_INVALID."""
        return self.call("Page.navigate", url=url).get("errorText")

    def run(self, script):
        """The value of an expression; a promise is waited for."""
        answer = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"])
        return answer["result"].get("value")

    def wait(self, script):
        """Until the expression is true; its value."""
        end = time.monotonic() + self.browser.patience
        while True:
            try:
                value = self.run(script)
            except RuntimeError: # between two pages
                value = None
            if value:
                return value
            if time.monotonic() > end:
                raise TimeoutError(f"never: {script}; the page has {self.run('document.body.innerText')}")
            time.sleep(0.02)

    def screenshot(self, path):
        data = base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
