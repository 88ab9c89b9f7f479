"""A real browser for a test: headless Chromium, driven by chromedriver over its HTTP (W3C WebDriver).

    with Browser() as browser:
        browser.open("http://127.0.0.1:1234/page.html")
        browser.run("return document.title")
"""
import http.client
import json
import re
import shutil
import subprocess
import tempfile

from fleet import PATIENCE, until

ARGUMENTS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--no-proxy-server"]


class Browser:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="parley-browser-", dir="/tmp")
        self.log = f"{self.dir}/chromedriver.log"
        self.session = None
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(["chromedriver", "--port=0"], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, start_new_session=True)
        try:
            self.port = until(self._port, "chromedriver listens", 20)
            self.session = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": {
                "browserName": "chrome",
                "goog:chromeOptions": {"args": [*ARGUMENTS, f"--user-data-dir={self.dir}/profile"]}}}})["sessionId"]
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _port(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            text = log.read()
        if self.process.poll() is not None:
            raise AssertionError(f"chromedriver ended: {text}")
        found = re.search(r"started successfully on port (\d+)", text)
        return found and int(found[1])

    def _ask(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60 * PATIENCE)
        try:
            connection.request(method, path, None if body is None else json.dumps(body),
                               {"Content-Type": "application/json"})
            response = connection.getresponse()
            value = json.loads(response.read())["value"]
        finally:
            connection.close()
        if response.status != 200:
            raise AssertionError(f"{method} {path}: {value}")
        return value

    def open(self, url):
        self._ask("POST", f"/session/{self.session}/url", {"url": url})

    def run(self, script, *arguments):
        """What the script returns; a promise is waited for. Its arguments are `arguments`."""
        return self._ask("POST", f"/session/{self.session}/execute/sync", {"script": script, "args": arguments})

    def close(self):
        try:
            if self.session and self.process.poll() is None:
                self._ask("DELETE", f"/session/{self.session}")
        finally:
            self.process.terminate()
            self.process.wait(15 * PATIENCE)
            shutil.rmtree(self.dir, ignore_errors=True)
