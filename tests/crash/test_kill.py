"""A worker killed with -9 at any point: the job is taken over and ends, and no finished call is made again."""
import os
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import Fleet, until  # noqa: E402

LEASE = {"PARLEY_LEASE": "600ms"}
PERSONAS = [{"id": f"p{i}", "name": f"Person {i}", "role": f"adviser number {i}"} for i in range(4)]
DEBATE = {"question": "Shall we open a second office?", "personas": PERSONAS, "rounds": {"max": 1},
          "providers": ["anthropic"]}
CALLS = 9  # four blind, four in the exchange, one synthesis
QUICK = ["--first-byte-ms", "2", "--tokens-per-second", "20000"]
# The calls of a round end one after the other, far enough apart that the worker has read one before the next ends:
# what is in doubt at a kill is then exactly what the point under test makes it.
STAGGERED = {"rules": [{"contains": f"You are Person {i},", "first_byte_ms": 20 + 60 * i} for i in range(4)]}
BOARD = [{"id": f"p{i}", "name": f"Member {i}", "role": f"adviser number {i}"} for i in range(12)]
ALL_POINTS = os.environ.get("PARLEY_ALL_POINTS")  # of the long lists; else a few of them


class Killing(unittest.TestCase):
    """One fleet for all points: a debate each, and a worker that ends itself at the point under test."""

    request, n_calls, staggered, env = DEBATE, CALLS, STAGGERED, LEASE

    @classmethod
    def setUpClass(cls):
        cls.fleet = Fleet()
        cls.addClassCleanup(cls.fleet.close)
        cls.fleet.start_redis()
        cls.rehearsal = cls.fleet.rehearsal(QUICK)
        assert cls.rehearsal.post("/script", cls.staggered).status < 300
        cls.door = cls.fleet.door()
        if not cls.has_failpoints():
            raise unittest.SkipTest("this build has no failpoints (meson option failpoints)")

    @classmethod
    def has_failpoints(cls):
        worker = cls.fleet.worker("probe", env={"PARLEY_FAILPOINT": "job.claimed"})
        cls.door.post("/v1/jobs/probe", {"events": 1})
        until(lambda: worker.process.poll() is not None or cls.fleet.xlen("probe") == 0, "the probe is claimed")
        found = worker.process.poll() is not None
        worker.kill()
        worker.close()
        cls.fleet.processes.remove(worker)
        return found

    def run_killed(self, point):
        """Runs one debate whose first worker dies at the point and whose second must end it."""
        self.rehearsal.request("DELETE", "/stats")
        job = self.door.post("/v1/debate", self.request).json["id"]
        victim = self.fleet.worker("debate", env={"PARLEY_FAILPOINT": point, **self.env}, ready=False)
        until(lambda: victim.process.poll() is not None, f"the worker dies at {point}")
        self.assertEqual(victim.kill(), -9)
        remembered = self.fleet.redis("HLEN", f"job:{job}:steps")
        heir = self.fleet.worker("debate", env=self.env)
        ended = self.door.finished(job)
        heir.terminate()
        return job, ended, remembered

    def check(self, job, ended, in_doubt):
        self.assertEqual(ended["status"], "succeeded", ended)
        self.assertEqual(self.fleet.xlen("debate"), 0)
        self.assertEqual(self.fleet.redis("XPENDING", "debate.requests", "agents")[0], 0)
        events = self.door.events(job)
        self.assertEqual([e["seq"] for e in events], list(range(1, len(events) + 1)))
        self.assertEqual([e["type"] for e in events if e["type"] == "job.succeeded"], ["job.succeeded"])
        bill = self.rehearsal.get("/stats").json["bill"]
        finished = [row["request_hash"] for row in bill if row["end"] == "finished"]
        self.assertEqual(len(set(finished)), self.n_calls)
        self.assertLessEqual(len(finished) - self.n_calls, in_doubt, bill)
        self.assertEqual(ended["usage"]["calls"], self.n_calls)


class Kill(Killing):
    def test_no_finished_call_is_repeated_when_the_worker_dies_after_the_nth_remembered_answer(self):
        for n in range(1, CALLS + 1):
            with self.subTest(n=n):
                job, ended, remembered = self.run_killed(f"answer.remembered:{n}")
                self.assertGreaterEqual(remembered, n)
                self.check(job, ended, in_doubt=0)

    def test_an_answer_in_the_spool_is_not_paid_again_although_redis_never_got_it(self):
        for n in (1, 5, CALLS):
            with self.subTest(n=n):
                job, ended, remembered = self.run_killed(f"answer.spooled:{n}")
                self.assertEqual(remembered, n - 1)
                self.check(job, ended, in_doubt=0)

    def test_the_job_ends_once_wherever_its_worker_dies(self):
        # Only an answer read from the socket and not yet in the spool can be lost.
        points = {"job.claimed": 0, "events.append:1": 0, "events.append:4": 0, "answer.got:2": 1,
                  "write.answered:1": 0, "write.answered:6": 0, "job.finish": 0}
        for point, in_doubt in points.items():
            with self.subTest(point=point):
                job, ended, _ = self.run_killed(point)
                self.check(job, ended, in_doubt)

    def test_what_was_reserved_when_the_worker_died_is_settled_or_uncertain(self):
        for point in ("money.reserved:3", "answer.got:2", "answer.spooled:3", "job.finish"):
            with self.subTest(point=point):
                job, ended, _ = self.run_killed(point)
                self.assertEqual(ended["status"], "succeeded", ended)
                bill = self.rehearsal.get("/stats").json["bill"]
                repeated = len(bill) - CALLS
                self.assertEqual(ended["usage"]["calls"], CALLS)
                uncertain = ended["usage"].get("uncertain", {"calls": 0})
                self.assertGreaterEqual(uncertain["calls"], repeated)
                if point == "money.reserved:3":
                    self.assertGreaterEqual(uncertain["calls"], 1)
                self.assertEqual(self.fleet.redis("HGET", f"job:{job}:money", "held"), "0")


class Looking(Killing):
    """Before the first member is asked: who sits there is looked up, and how near the passages are."""

    request = DEBATE | {"personas": ["cfo", "cto", "customer", "sceptic"], "top_k": 1, "providers": ["anthropic"],
                        "corpus": ["Rents rose by 7 percent.", "The first office is full."]}
    n_calls = CALLS + 1
    staggered = {"rules": [{"contains": f"You are {name},", "first_byte_ms": 20 + 60 * i}
                           for i, name in enumerate(("CFO", "CTO", "Customer", "Sceptic"))]}
    env = LEASE | {"PARLEY_EMBEDDINGS": "openai"}

    def test_what_was_looked_up_is_not_looked_up_again(self):
        for point in ("answer.got:1", "answer.spooled:1", "answer.remembered:1", "answer.got:2", "answer.spooled:2",
                      "answer.remembered:2", "answer.remembered:3"):
            with self.subTest(point=point):
                job, ended, _ = self.run_killed(point)
                self.check(job, ended, in_doubt=1 if point == "answer.got:2" else 0)
                self.assertEqual(ended["result"]["retrieval"], {"method": "words and sense"})
                self.assertEqual(self.fleet.parley("replay", job).returncode, 0)


class Boardroom(Killing):
    """Twelve personas: 25 calls, and 24 moments between two of them."""

    request, n_calls = DEBATE | {"personas": BOARD}, 25
    staggered = {"rules": [{"contains": f"You are Member {i},", "first_byte_ms": 10 + 30 * i} for i in range(12)]}

    def test_no_finished_call_is_repeated_when_the_worker_dies_between_two_steps(self):
        for n in range(1, self.n_calls + 1) if ALL_POINTS else (1, 12, 13, 24):
            with self.subTest(n=n):
                job, ended, remembered = self.run_killed(f"answer.remembered:{n}")
                self.assertGreaterEqual(remembered, n)
                self.check(job, ended, in_doubt=0)


class TakeOver(unittest.TestCase):
    """Without failpoints: a living second worker takes over, and readers see one log."""

    def test_a_debate_goes_on_under_another_worker_and_its_reader_is_told_what_to_drop(self):
        with Fleet() as fleet:
            rehearsal = fleet.rehearsal(["--first-byte-ms", "2", "--tokens-per-second", "20000"])
            door = fleet.door()
            hang = {"rules": [{"contains": "You are Person 3,", "hang_after_chunks": 2}]}
            self.assertLess(rehearsal.post("/script", hang).status, 300)
            first = fleet.worker("debate", env=LEASE)
            with door.stream("/v1/debate", DEBATE) as stream:
                job = stream.headers["Job-Id"]
                until(lambda: fleet.redis("HLEN", f"job:{job}:steps") >= 3, "three answers are remembered")
                rehearsal.request("DELETE", "/script")
                fleet.worker("debate", env=LEASE)
                first.kill()
                events = stream.rest()
            types = [e["type"] for e in events]
            self.assertEqual(types[-1], "job.succeeded")
            self.assertIn("job.retrying", types)
            retrying = events[types.index("job.retrying")]
            self.assertEqual(events[retrying["rollback_to_seq"] - 1]["type"], "job.started")
            self.assertEqual([e["seq"] for e in events], list(range(1, len(events) + 1)))
            memos = [e["step"] for e in events if e["type"] == "step.completed" and e["memo"]]
            self.assertGreaterEqual(len(memos), 3)
            bill = rehearsal.get("/stats").json["bill"]
            finished = [row["request_hash"] for row in bill if row["end"] == "finished"]
            self.assertEqual(len(finished), len(set(finished)), "a finished call was made again")

    def test_a_stopped_worker_hands_its_job_back_without_charging_the_attempt(self):
        with Fleet() as fleet:
            door = fleet.door()
            first = fleet.worker("probe", env={"PARLEY_DRAIN": "0s"})
            job = door.post("/v1/jobs/probe", {"events": 3, "delay_ms": 400}).json["id"]
            until(lambda: fleet.redis("HGET", f"job:{job}", "state") == "running", "the job runs")
            self.assertEqual(first.terminate(), 0)
            self.assertEqual(fleet.redis("HGET", f"job:{job}", "attempt"), "0")
            self.assertEqual(fleet.redis("XINFO", "GROUPS", "probe.requests")[0][3], 0, "no ghost consumer")
            fleet.worker("probe")
            ended = door.finished(job)
            self.assertEqual((ended["status"], ended["attempt"]), ("succeeded", 1))


if __name__ == "__main__":
    unittest.main(verbosity=2)
