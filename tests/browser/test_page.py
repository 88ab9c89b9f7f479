"""A page in a real browser: it submits a debate, gets a token, and follows the events with EventSource through doors
that die and doors that are restarted."""
import functools
import http.server
import json
import pathlib
import signal
import socket
import sys
import threading
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
from browser import Browser  # noqa: E402
from fleet import ROOT, Fleet, until  # noqa: E402

PEPPER = {"PARLEY_KEY_PEPPER": "0123456789abcdef0123456789abcdef-for-tests"}
# Slow enough that a debate outlives its doors.
PACE = ["--first-byte-ms", "20", "--tokens-per-second", "60"]
TYPES = json.loads((ROOT / "schemas" / "event.json").read_text())["properties"]["type"]["enum"]
CONNECTING, CLOSED = 0, 2


class Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format, *args):  # pylint: disable=redefined-builtin
        pass


class Page(unittest.TestCase):
    """One browser, one server of pages, one socket for all doors; a door is started by each test."""

    @classmethod
    def setUpClass(cls):
        cls.fleet = Fleet()
        cls.addClassCleanup(cls.fleet.close)
        cls.fleet.start_redis()
        cls.pages = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Silent, directory=str(HERE)))
        cls.addClassCleanup(cls.pages.server_close)
        cls.addClassCleanup(cls.pages.shutdown)
        threading.Thread(target=cls.pages.serve_forever, daemon=True).start()
        cls.origin = f"http://127.0.0.1:{cls.pages.server_port}"
        cls.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        cls.addClassCleanup(cls.listener.close)
        cls.door_url = f"http://127.0.0.1:{cls.listener.getsockname()[1]}"
        cls.fleet.rehearsal(PACE)
        cls.fleet.worker("debate")
        cls.key = cls.fleet.parley("keys", "add", "acme", env=PEPPER).stdout.strip()
        cls.browser = Browser()
        cls.addClassCleanup(cls.browser.close)

    def door(self):
        return self.fleet.activated_door(self.listener, {**PEPPER, "PARLEY_CORS_ORIGINS": self.origin})

    def post(self, path, body=None):
        return self.browser.run("return post(...arguments)", self.door_url + path, self.key, body)

    def seen(self):
        return self.browser.run("return seen()")

    def until_seen(self, n):
        until(lambda: len(self.seen()["events"]) >= n, f"{n} events", 60)

    def test_a_debate_is_followed_through_a_killed_and_a_restarted_door_without_loss_or_repetition(self):
        first = self.door()
        self.browser.open(f"{self.origin}/page.html")
        made = self.post("/v1/debate", {"question": "Should we open a second office?"})
        self.assertEqual(made["status"], 202, made)
        job = made["location"].rpartition("/")[2]
        token = self.post(f"{made['location']}/token")
        self.assertEqual(token["status"], 200, token)
        self.browser.run("watch(...arguments)", self.door_url + token["body"]["events"], TYPES)
        self.until_seen(8)
        second = self.door()
        first.kill()
        before = len(self.seen()["events"])
        self.until_seen(before + 8)
        self.door()
        second.send(signal.SIGTERM)
        self.assertEqual(second.wait(), 0)
        until(lambda: self.seen()["state"] == CLOSED, "the browser gave up, told by 204", 90)
        seen, log = self.seen(), self.fleet.log(job)
        self.assertEqual([data for _, data in seen["events"]], log)
        self.assertEqual([int(number) for number, _ in seen["events"]], list(range(1, len(log) + 1)))
        self.assertEqual(json.loads(log[-1])["type"], "job.succeeded")
        notes = [json.loads(data) for _, data in seen["notes"]]
        self.assertEqual([(note["type"], note["reason"]) for note in notes], [("stream.closed", "draining")])
        self.assertEqual(seen["opened"], 3)

    def test_a_page_of_another_origin_gets_nothing(self):
        self.door()
        self.browser.open(f"{self.origin.replace('127.0.0.1', 'localhost')}/page.html")
        self.assertEqual(self.browser.run("return post(...arguments).catch((fault) => fault.name)",
                                          f"{self.door_url}/v1/debate", self.key, {"question": "May I?"}), "TypeError")
        self.browser.run("watch(...arguments)", f"{self.door_url}/v1/jobs/{'0' * 26}/events", TYPES)
        until(lambda: self.seen()["state"] == CLOSED, "the browser refused")
        self.assertEqual((self.seen()["events"], self.seen()["opened"]), ([], 0))
        self.assertEqual(self.fleet.xlen("debate"), 0)


if __name__ == "__main__":
    unittest.main()
