"""Streams that are long, many or slow: logs that were trimmed, readers that do not keep up."""
import http.client
import json
import pathlib
import re
import socket
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import BUILD, PATIENCE, ROOT, Fleet, until  # noqa: E402
from websocket import WebSocket  # noqa: E402

SANITIZED = b"__asan_init" in (BUILD / "parley-door").read_bytes()


class Trimmed(unittest.TestCase):
    """A job that says more than is kept of it."""

    N_EVENTS = 6000

    @classmethod
    def setUpClass(cls):
        cls.fleet = Fleet()
        cls.addClassCleanup(cls.fleet.close)
        cls.fleet.start_redis()
        cls.door = cls.fleet.door()
        cls.fleet.worker("probe")
        cls.budget = json.loads((ROOT / "schemas" / "probe.json").read_text())["x-max_log_bytes"]
        cls.job = cls.door.post("/v1/jobs/probe", {"events": cls.N_EVENTS}).json["id"]
        cls.door.finished(cls.job)
        cls.log = cls.fleet.log(cls.job)
        cls.first = json.loads(cls.log[0])["seq"]

    def gap(self, after):
        return {"type": "stream.gap", "job": self.job, "reason": "trimmed", "from": after + 1, "to": self.first - 1}

    def test_its_oldest_events_go_and_its_end_stays(self):
        self.assertLess(self.fleet.redis("MEMORY", "USAGE", f"job:{self.job}:events"), self.budget * 1.1)
        self.assertGreater(self.first, 1000)
        self.assertEqual(json.loads(self.log[-1])["type"], "job.succeeded")
        self.assertEqual([json.loads(text)["seq"] for text in self.log], list(range(self.first, self.N_EVENTS + 4)))

    def test_who_comes_later_is_told_what_is_gone_and_goes_on(self):
        for after in (0, 700):
            for accept in ("application/x-ndjson", "text/event-stream"):
                with self.subTest(after=after, accept=accept), \
                        self.door.stream(f"/v1/jobs/{self.job}/events?after={after}", accept=accept) as stream:
                    gap = stream.next()
                    stream.rest()
                    if stream.sse:
                        self.assertEqual((gap.pop("_id"), gap.pop("_event")), (None, "stream.gap"))
                    self.assertEqual(gap, self.gap(after))
                    self.assertEqual(stream.raw[1:], self.log)
        with WebSocket(self.door, f"/v1/jobs/{self.job}/events") as reader:
            self.assertEqual(reader.next(), self.gap(0))
            reader.rest()
            self.assertEqual(reader.raw[1:], self.log)

    def test_a_cursor_within_what_is_left_knows_no_gap(self):
        for after in (self.first - 1, self.first + 100):
            texts = [event["seq"] for event in self.door.events(self.job, after)]
            self.assertEqual(texts, list(range(after + 1, self.N_EVENTS + 4)))

    def test_whoever_wants_only_some_types_is_told_too(self):
        with self.door.stream(f"/v1/jobs/{self.job}/events?types=job.succeeded") as stream:
            self.assertEqual([item["type"] for item in stream.rest()], ["stream.gap", "job.succeeded"])

    def test_the_command_line_says_so(self):
        done = self.fleet.parley("watch", self.job, door=self.door)
        self.assertIn(f"events 1 to {self.first - 1} are no longer kept", done.stdout)
        self.assertEqual(done.returncode, 0)


class Stalled(unittest.TestCase):
    """Readers that take nothing."""

    def setUp(self):
        self.fleet = Fleet()
        self.addCleanup(self.fleet.close)
        self.fleet.start_redis()

    def stall(self, door, job):
        connection = socket.socket()
        self.addCleanup(connection.close)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(30 * PATIENCE)
        connection.connect((door.host, door.port))
        connection.sendall(f"GET /v1/jobs/{job}/events HTTP/1.1\r\nHost: x\r\nAccept: application/x-ndjson\r\n\r\n".encode())
        return connection

    def test_they_are_sent_away_with_a_cursor_and_lose_nothing(self):
        door, other = self.fleet.door({"PARLEY_WRITE_TIMEOUT": "300ms"}), self.fleet.door()
        self.fleet.worker("probe")
        job = other.post("/v1/jobs/probe", {"events": 2000}).json["id"]
        other.finished(job)
        connection = self.stall(door, job)
        until(lambda: b'{reason="lagged"} 1\n' in door.get("/metrics").body, "the door gave up")
        response = http.client.HTTPResponse(connection)
        response.begin()
        lines = response.read().decode().splitlines()
        closed = json.loads(lines.pop())
        self.assertEqual((closed["type"], closed["reason"]), ("stream.closed", "lagged"))
        with other.stream(closed["resume"], accept="application/x-ndjson") as stream:
            stream.rest()
        self.assertGreater(len(stream.raw), 0)
        self.assertEqual(lines + stream.raw, self.fleet.log(job))

    @unittest.skipIf(SANITIZED, "its allocator keeps what was freed")
    def test_hundreds_of_them_cost_a_few_kilobytes_each(self):
        door = self.fleet.door()
        self.fleet.worker("probe")
        job = door.post("/v1/jobs/probe", {"events": 2000}).json["id"]
        door.finished(job)
        before = self.rss(door)
        for _ in range(300):
            self.stall(door, job)
        until(lambda: door.get("/health").json["streams"] == 300, "all are open")
        door.events(job)
        self.assertLess((self.rss(door) - before) / 300, 24 * 1024)

    def rss(self, door):
        status = pathlib.Path(f"/proc/{door.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024


if __name__ == "__main__":
    unittest.main()
