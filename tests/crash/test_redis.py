"""Redis killed with -9 and restarted under load: nothing accepted is lost, nothing runs twice at once, no worker stays
deaf."""
import collections
import json
import os
import pathlib
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import Fleet, until  # noqa: E402

N_KILLS = 10 if os.environ.get("PARLEY_ALL_POINTS") else 3
DEBATE = {"rounds": {"max": 1}, "personas": [{"id": f"p{i}", "name": f"P{i}", "role": "adviser"} for i in range(3)]}
WORKERS = 3
SOON_S = 30  # generous; what it took is printed


class Load(threading.Thread):
    """Submits until it is told to stop, each job under a key, until it is accepted."""

    def __init__(self, door, number):
        super().__init__(daemon=True)
        self.door, self.number, self.over, self.jobs = door, number, False, []

    def run(self):
        while not self.over:
            name = f"{self.number}-{len(self.jobs)}"
            kind, body = ("debate", DEBATE | {"question": f"Shall we do {name}?"}) if len(self.jobs) % 2 else (
                "probe", {"events": 3, "delay_ms": 10})
            try:
                answer = self.door.post(f"/v1/jobs/{kind}", body, {"Idempotency-Key": f"key-{name}"}, timeout=10)
            except OSError:
                continue
            if answer.status == 202:
                self.jobs.append(answer.json["id"])
            time.sleep(0.02)


class Redis(unittest.TestCase):
    def setUp(self):
        self.fleet = Fleet()
        self.addCleanup(self.fleet.close)
        self.fleet.start_redis()
        self.rehearsal = self.fleet.rehearsal(["--first-byte-ms", "2", "--tokens-per-second", "20000"])
        self.door = self.fleet.door()
        for kind in ("debate", "probe"):
            for i in range(WORKERS):
                self.fleet.worker(kind, f"{kind}-{i}")

    def hears_again(self, kinds=("debate", "probe")):
        """Seconds until a job of each kind, submitted now, has begun. Returns when they have ended: the limiter grants
        nothing for 1.5 s after a restart, and jobs that never end would fill the workers' places."""
        begun, jobs = time.monotonic(), []
        bodies = {"debate": DEBATE | {"question": f"Are you there at {begun}?"}, "probe": {"events": 1}}
        for kind in kinds:
            job = until(lambda kind=kind: (lambda a: a.status == 202 and a.json["id"])(
                self.door.post(f"/v1/jobs/{kind}", bodies[kind])), f"a {kind} is accepted", SOON_S)
            until(lambda job=job: self.fleet.redis("HGET", f"job:{job}", "started_at"), f"{kind} runs", SOON_S)
            jobs.append(job)
        heard = time.monotonic() - begun
        for job in jobs:
            self.door.finished(job, SOON_S)
        return heard

    def check(self, job):
        events = [json.loads(text) for text in self.fleet.log(job)]
        types = [event["type"] for event in events]
        self.assertEqual([event["seq"] for event in events], list(range(1, len(events) + 1)))
        self.assertEqual(types[-1], "job.succeeded", events[-1])
        self.assertEqual(types.count("job.succeeded"), 1)
        attempts = [event["attempt"] for event in events if event["type"] == "job.started"]
        self.assertEqual(attempts, sorted(attempts))

    def test_everything_accepted_ends_once_and_workers_hear_again(self):
        load = [Load(self.door, i) for i in range(4)]
        worst = 0
        for one in load:
            one.start()
        for _ in range(N_KILLS):
            time.sleep(0.5)
            self.fleet.kill_redis()
            time.sleep(0.2)
            self.fleet.start_redis()
            worst = max(worst, self.hears_again())
        for one in load:
            one.over = True
            one.join(30)
        jobs = [job for one in load for job in one.jobs]
        self.assertGreater(len(jobs), 4 * N_KILLS)
        until(lambda: self.fleet.xlen("debate") + self.fleet.xlen("probe") == 0, "all jobs end", 120)
        for job in jobs:
            self.check(job)
        finished = collections.Counter(row["request_hash"] for row in self.rehearsal.get("/stats").json["bill"]
                                       if row["end"] == "finished")
        self.assertEqual([hash for hash, n in finished.items() if n > 1], [], "a finished call was made again")
        print(f"# {len(jobs)} jobs over {N_KILLS} kills of Redis; a job ran {worst:.2f} s after it was back at the latest")


if __name__ == "__main__":
    unittest.main()
