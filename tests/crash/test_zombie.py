"""A worker that was stopped past its lease, and one key sent to several doors: what may not happen twice does not."""
import collections
import json
import pathlib
import signal
import sys
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import Fleet, until  # noqa: E402

LEASE = {"PARLEY_LEASE": "900ms", "PARLEY_LOG": "info"}
ZOMBIES = 200


class Zombie(unittest.TestCase):
    def test_a_worker_woken_after_its_jobs_were_taken_over_writes_nothing_in_200_tries(self):
        with Fleet() as fleet:
            door = fleet.door()
            old = fleet.worker("probe", name="old", env=LEASE)
            jobs = [door.post("/v1/jobs/probe", {"events": 2, "delay_ms": 1500}).json["id"] for _ in range(ZOMBIES)]
            until(lambda: fleet.redis("XPENDING", "probe.requests", "agents")[0] == ZOMBIES, "all run on the old worker")
            old.send(signal.SIGSTOP)
            fleet.worker("probe", name="new", env=LEASE)
            until(lambda: all(fleet.redis("HGET", f"job:{job}", "worker") == "new" for job in jobs), "all are taken over",
                  30)
            old.send(signal.SIGCONT)
            until(lambda: fleet.xlen("probe") == 0, "all have ended", 30)
            until(lambda: "event=job.lost" in old.output(), "the old worker has learned that it lost them")
            for job in jobs:
                log = [json.loads(text) for text in fleet.log(job)]
                takeover = next(i for i, event in enumerate(log) if event["type"] == "job.retrying")
                self.assertEqual([e["type"] for e in log[takeover + 1:]],
                                 ["job.started", "job.progress", "job.progress", "job.succeeded"])
                self.assertEqual({e["attempt"] for e in log[takeover + 1:]}, {2})
                self.assertEqual(log[takeover + 1]["worker"], "new")


class OneKey(unittest.TestCase):
    def test_200_posts_at_once_with_one_key_over_three_doors_are_one_job_though_one_door_is_killed(self):
        with Fleet() as fleet:
            doors = [fleet.door() for _ in range(3)]
            answers, go = [], threading.Event()

            def post(i):
                go.wait()
                for turn in range(20):  # as a client does: again, with the same key, at the next door
                    try:
                        answer = doors[(i + turn) % 3].post("/v1/jobs/probe", {"events": 1}, {"Idempotency-Key": "once"})
                        if answer.status == 202:
                            answers.append((answer.json["id"], answer.headers.get("Idempotent-Replayed")))
                            return
                    except OSError:
                        pass

            threads = [threading.Thread(target=post, args=(i,)) for i in range(200)]
            for thread in threads:
                thread.start()
            go.set()
            doors[0].kill()
            for thread in threads:
                thread.join()
            self.assertEqual(len(answers), 200)
            self.assertEqual(len({job for job, _ in answers}), 1, collections.Counter(job for job, _ in answers))
            self.assertEqual(fleet.xlen("probe"), 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
