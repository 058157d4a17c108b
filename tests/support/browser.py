# SPDX-License-Identifier: MIT
"""A real browser: Debian's Chromium without a window, told what to do through Debian's chromedriver (W3C WebDriver).

All that it writes stays in a temporary folder, it resolves no name but those that a test gives it, and it reaches
loopback only. The browsers end with the driver, and the driver with the test.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time

import ports

try:
    from selenium.common.exceptions import JavascriptException, TimeoutException, WebDriverException
    from selenium.webdriver import ChromeOptions, Remote
    from selenium.webdriver.chromium.remote_connection import ChromiumRemoteConnection
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.expected_conditions import element_to_be_clickable
    from selenium.webdriver.support.wait import WebDriverWait
    from urllib3.exceptions import HTTPError
    HAS_SELENIUM = True
except ImportError:
    HAS_SELENIUM = False

PATIENCE = 60
NAMES = ("play.example.com", "localhost", "127.0.0.1")


def why_not():
    """None, or why there is no browser on this machine."""
    for program in ("chromium", "chromedriver", "certutil"):
        if not shutil.which(program):
            return f"there is no {program}"
    if not HAS_SELENIUM:
        return "there is no python3-selenium"
    browser = None
    try:
        browser = Browser()
        browser.page().close()
        return None
    except (OSError, HTTPError, WebDriverException) as error:
        return f"chromium does not run on this machine: {' '.join(str(error).split())[:300]}"
    finally:
        if browser:
            browser.stop()


class Browser:
    """One that trusts the authorities, and the certificates of servers, that stand in these files."""

    def __init__(self, authorities=(), servers=()):
        self.folder = tempfile.mkdtemp(prefix="paddock-browser-")
        self._trust([("C,,", path) for path in authorities] + [("P,,", path) for path in servers])
        self.log = open(os.path.join(self.folder, "log"), "a+")
        # Left to itself it would take a port that is free over IPv6, and end where somebody has it over IPv4.
        port = ports.take()
        # It hands its environment on to the browsers.
        self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "chromedriver", f"--port={port}"],
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                        start_new_session=True,
                                        env={**os.environ, "HOME": self.folder, "TMPDIR": self.folder})
        self.url = f"http://127.0.0.1:{port}"
        try:
            self._wait_until_it_serves()
        except OSError:
            self.stop()
            raise

    def _trust(self, certificates):
        """As a person does it in the settings: they end in a database in the user's folder."""
        database = os.path.join(self.folder, ".pki", "nssdb")
        os.makedirs(database)
        for words in [["-N", "--empty-password"]] + [["-A", "-t", trust, "-n", path, "-i", path]
                                                     for trust, path in certificates]:
            subprocess.run(["certutil", "-d", "sql:" + database, *words], check=True, capture_output=True)

    def _wait_until_it_serves(self):
        end = time.monotonic() + PATIENCE
        while True:
            self.log.seek(0)
            text = self.log.read()
            if "started successfully" in text:
                return
            if self.process.poll() is not None or time.monotonic() > end:
                raise OSError(f"chromedriver does not start: {text}")
            time.sleep(0.02)

    def page(self):
        """An empty page in a browser of its own, which has no cookies, passwords and exceptions of others."""
        options = ChromeOptions()
        options.binary_location = shutil.which("chromium")
        options.set_capability("timeouts", {"pageLoad": PATIENCE * 1000, "script": PATIENCE * 1000})
        rules = ", ".join([f"MAP {name} 127.0.0.1" for name in NAMES] + ["MAP * ~NOTFOUND"])
        # Told what to do through a pipe, it ends when the driver does.
        flags = ["--headless=new", "--remote-debugging-pipe", f"--host-resolver-rules={rules}", "--no-proxy-server",
                 "--disable-gpu", "--disable-dev-shm-usage", "--disable-component-update", "--disable-extensions",
                 "--window-size=820,476", "--force-device-scale-factor=1", "--hide-scrollbars", "--lang=en"]
        if os.geteuid() == 0: # its sandbox is not for root
            flags.append("--no-sandbox")
        for flag in flags:
            options.add_argument(flag)
        ChromiumRemoteConnection.set_timeout(2 * PATIENCE) # the driver gives up before
        return Page(Remote(ChromiumRemoteConnection(self.url, "goog", "chrome", ignore_proxy=True), options=options))

    def stop(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError: # it has ended by itself
            pass
        self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Page:
    def __init__(self, driver):
        self.driver = driver

    def open(self, url):
        """None, or what the browser says instead of the page, such as net::ERR_CERT_AUTHORITY_INVALID."""
        self.driver.get(url)
        if self.run("location.protocol") != "chrome-error:":
            return None
        return self.run("document.querySelector('.error-code').textContent")

    def run(self, script):
        """The value of an expression; a promise is waited for."""
        return self.driver.execute_script(f"return {script}")

    def _wait(self, condition, what):
        try:
            return WebDriverWait(self.driver, PATIENCE, 0.02, [JavascriptException]).until(condition)
        except TimeoutException:
            raise TimeoutError(f"never: {what}; the page has {self.run('document.body.innerText')}") from None

    def wait(self, script):
        """Until the expression is true; its value."""
        return self._wait(lambda _: self.run(script), script)

    def click(self, name):
        """As a person does, who cannot before it is to be seen."""
        self._wait(element_to_be_clickable((By.ID, name)), name).click()

    def screenshot(self, path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if not self.driver.save_screenshot(path):
            raise OSError(f"no screenshot at {path}")

    def close(self):
        self.driver.quit()
