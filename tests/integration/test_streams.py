"""Streams that are long, many or slow: logs that were trimmed, readers that do not keep up."""
import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import ROOT, Fleet  # noqa: E402
from websocket import WebSocket  # noqa: E402


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


if __name__ == "__main__":
    unittest.main()
