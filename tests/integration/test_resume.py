"""A reader that is cut after every single event and comes back to another door sees the log, byte for byte."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import Fleet, until  # noqa: E402

BOARDROOM = {"question": "Shall we sell directly to hospitals?", "rounds": {"max": 1}}


class Resume(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fleet = Fleet()
        cls.addClassCleanup(cls.fleet.close)
        cls.fleet.start_redis()
        cls.rehearsal = cls.fleet.rehearsal(["--first-byte-ms", "20", "--tokens-per-second", "400"])
        cls.doors = [cls.fleet.door(), cls.fleet.door()]
        cls.fleet.worker("debate")

    def read_cut(self, job, accept, cursor_in):
        """One event a connection, at the doors in turn."""
        texts, seq = [], 0
        while True:
            door = self.doors[len(texts) % 2]
            path, headers = f"/v1/jobs/{job}/events", {"Last-Event-ID": str(seq)}
            if cursor_in == "query":
                path, headers = f"{path}?after={seq}", {}
            with door.stream(path, headers=headers, accept=accept) as stream:
                event = stream.next()
                texts.append(stream.raw[-1])
            self.assertEqual(event["seq"], seq + 1)
            seq = event["seq"]
            if event["type"] in ("job.succeeded", "job.failed"):
                return texts

    def test_the_joined_pieces_of_a_boardroom_are_the_log(self):
        job = self.doors[0].post("/v1/boardroom", BOARDROOM).json["id"]
        texts = self.read_cut(job, "text/event-stream", "header")
        self.assertEqual(texts, self.fleet.log(job))
        self.assertGreater(len(texts), 100)
        self.assertIn('"type":"job.succeeded"', texts[-1])

    def test_the_same_holds_after_the_job_has_ended_and_on_every_wire(self):
        job = self.doors[0].post("/v1/boardroom", BOARDROOM).json["id"]
        self.doors[1].finished(job, 60)
        log = self.fleet.log(job)
        self.assertEqual(self.read_cut(job, "application/x-ndjson", "query"), log)
        with self.doors[1].stream(f"/v1/jobs/{job}/events") as stream:
            stream.rest()
            self.assertEqual(stream.raw, log)
        for after in (len(log), ):
            self.assertEqual(self.doors[0].get(f"/v1/jobs/{job}/events?after={after}",
                                               {"Accept": "text/event-stream"}).status, 204)

    def test_a_reader_goes_on_where_it_was_when_redis_was_killed_and_came_back(self):
        with self.doors[0].stream("/v1/boardroom", BOARDROOM) as stream:
            stream.take(20)
            self.fleet.kill_redis()
            self.assertEqual(self.doors[0].post("/v1/jobs/probe", {}).status, 503)
            self.fleet.start_redis()
            stream.rest()
            job = stream.headers["Job-Id"]
            self.assertEqual(stream.raw, self.fleet.log(job))
            self.assertIn('"type":"job.succeeded"', stream.raw[-1])
        until(lambda: self.doors[1].get("/ready").status == 200, "the doors are ready again")


if __name__ == "__main__":
    unittest.main(verbosity=2)
