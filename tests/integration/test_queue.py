"""The queue's promises with a whole fleet: fair turns, priorities, delays, retries, dead letters, readers that leave."""
import json
import pathlib
import signal
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import Fleet, until  # noqa: E402

SHORT = {"PARLEY_LEASE": "600ms"}
GRACE_S = 0.6
DEBATE = {"question": "Shall we open a second office?", "rounds": {"max": 0}, "providers": ["anthropic"],
          "personas": [{"id": f"p{i}", "name": f"Person {i}", "role": f"adviser number {i}"} for i in range(2)]}


class Queue(unittest.TestCase):
    def setUp(self):
        self.fleet = Fleet()
        self.addCleanup(self.fleet.close)
        self.fleet.start_redis()
        self.door = self.fleet.door({"PARLEY_DISCONNECT_GRACE": f"{int(GRACE_S * 1000)}ms"})

    def submit(self, kind="probe", **members):
        answer = self.door.post(f"/v1/jobs/{kind}", members)
        self.assertEqual(answer.status, 202, answer)
        return answer.json["id"]

    def enqueue(self, tenant, job):
        """As the door does it, for a tenant of our own."""
        self.assertEqual(self.fleet.redis(
            "FCALL", "parley1_enqueue", "3", "probe.requests", f"job:{job}", f"tenant:{tenant}", job, tenant, "probe",
            "T0", '{"events":0}', "", "0", "100000", "100000", "3600000"), ["OK", job])

    def state(self, job):
        return self.fleet.redis("HGET", f"job:{job}", "state")

    def order(self):
        """Jobs in the order in which they ended."""
        return [dict(zip(fields[::2], fields[1::2]))["job"] for _, fields in self.fleet.redis("XRANGE", "history", "-", "+")]

    def types(self, job):
        return [json.loads(text)["type"] for text in self.fleet.log(job)]

    # turns

    def test_a_tenant_with_one_job_is_next_when_another_has_ten_thousand(self):
        for i in range(10000):
            self.enqueue("a", f"{i:026d}")
        self.fleet.worker("probe", env={"PARLEY_CONCURRENCY": 1})
        until(lambda: len(self.order()) > 20, "some jobs of A have run")
        self.enqueue("b", "b" * 26)
        before = self.fleet.redis("HINCRBY", "{probe.requests}:counts", "succeeded", "0")
        until(lambda: self.state("b" * 26) == "succeeded", "B's job has run")
        place = self.order().index("b" * 26)
        # One job of A may be running, and a few more may have ended between our two questions.
        self.assertLessEqual(place - before, 3)
        open_, running = self.fleet.xlen("probe"), self.fleet.redis("XPENDING", "probe.requests", "agents")[0]
        self.assertGreater(open_, 1000)
        self.assertLessEqual(running, 1)
        self.assertEqual(self.fleet.redis("ZRANGE", "{probe.requests}:fair", "0", "-1"), ["a"])

    def test_a_tenant_never_runs_more_than_its_cap_and_others_go_on(self):
        self.fleet.redis("HSET", "tenant:a", "max_running", "2")
        for i in range(40):
            self.enqueue("a", f"{i:026d}")
        self.enqueue("b", "b" * 26)
        most = 0
        self.fleet.worker("probe", env={"PARLEY_CONCURRENCY": 8})

        def done():
            nonlocal most
            most = max(most, int(self.fleet.redis("HGET", "{probe.requests}:running", "a") or 0))
            return len(self.order()) == 41
        until(done, "all have run")
        self.assertLessEqual(most, 2)
        self.assertEqual(self.fleet.redis("EXISTS", "{probe.requests}:running", "{probe.requests}:capped"), 0)

    def test_a_job_held_back_by_its_tenants_cap_says_so_once(self):
        self.fleet.redis("HSET", "tenant:default", "max_running", "1")
        self.fleet.worker("probe", env={"PARLEY_CONCURRENCY": 4})
        running = self.submit(events=1, delay_ms=60000)
        until(lambda: self.state(running) == "running", "the first job runs")
        waiting = self.submit(events=0)
        with self.door.stream(f"/v1/jobs/{waiting}/events") as stream:
            self.assertEqual([stream.next()["type"] for _ in range(2)], ["job.queued", "job.waiting"])
        event = json.loads(self.fleet.log(waiting)[1])
        self.assertEqual([event[name] for name in ("reason", "in_use", "limit", "ahead")], ["tenant_limit", 1, 1, 0])
        late = self.submit(events=0)
        until(lambda: "job.waiting" in self.types(late), "the next one was told too")
        self.door.post(f"/v1/jobs/{running}/cancel")
        for job in (waiting, late):
            self.door.finished(job)
            self.assertEqual(self.types(job), ["job.queued", "job.waiting", "job.started", "job.succeeded"])

    def test_of_one_tenants_jobs_the_important_ones_run_first(self):
        low = self.submit(events=0, priority="low")
        normal = [self.submit(events=0), self.submit(events=0, priority="normal")]
        high = self.submit(events=0, priority="high")
        self.fleet.worker("probe", env={"PARLEY_CONCURRENCY": 1})
        until(lambda: len(self.order()) == 4, "all have run")
        self.assertEqual(self.order(), [high, *normal, low])
        self.assertEqual(self.fleet.redis("HGET", f"job:{high}", "payload"), '{"events":0}')

    # time

    def test_a_job_waits_until_its_time_and_says_so(self):
        self.fleet.worker("probe")
        begin = time.time()
        answer = self.door.post("/v1/jobs/probe", {"events": 0, "not_before": int((begin + 1.2) * 1000)})
        self.assertEqual((answer.status, answer.json["status"]), (202, "waiting"))
        self.assertEqual(answer.json["waiting"]["reason"], "not_before")
        self.assertEqual(self.fleet.xlen("probe"), 1)
        self.door.finished(answer.json["id"])
        self.assertGreaterEqual(time.time() - begin, 1.2)
        self.assertEqual(self.types(answer.json["id"]),
                         ["job.queued", "job.waiting", "job.queued", "job.started", "job.succeeded"])

    def test_common_members_are_checked_together_with_the_kinds_own(self):
        answer = self.door.post("/v1/jobs/probe", {"events": -1, "priority": "urgent", "not_before": "tomorrow, please 12",
                                                   "on_disconnect": "stop"})
        self.assertEqual(answer.status, 422)
        self.assertEqual(sorted(error["pointer"] for error in answer.json["errors"]),
                         ["/events", "/not_before", "/on_disconnect", "/priority"])
        for when in ("2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2999-01-01T00:00:00Z", 1.5, True):
            self.assertEqual(self.door.post("/v1/jobs/probe", {"not_before": when}).status, 422, when)
        for when in ("2020-02-29T23:59:60Z", "2020-01-01T00:00:00.123456+01:30", 0):
            self.assertEqual(self.door.post("/v1/jobs/probe", {"not_before": when}).json["status"], "queued", when)

    def test_a_job_that_still_waits_expires_at_its_deadline(self):
        self.fleet.worker("probe", env={"PARLEY_CONCURRENCY": 1})
        running = self.submit(events=1, delay_ms=60000)
        until(lambda: self.state(running) == "running", "the first job runs")
        waiting = self.door.post("/v1/jobs/probe", {"events": 0}, {"Cancel-After": "700ms"}).json["id"]
        ended = self.door.finished(waiting)
        self.assertEqual((ended["status"], ended["error"]["code"]), ("expired", "deadline"))
        self.assertEqual(self.state(running), "running")
        self.door.post(f"/v1/jobs/{running}/cancel")

    # names

    def consumers(self):
        return {dict(zip(row[::2], row[1::2]))["name"] for row in self.fleet.redis("XINFO", "CONSUMERS", "probe.requests", "agents")}

    def test_the_name_of_a_worker_that_died_for_good_is_forgotten_but_never_with_a_job(self):
        ghost = self.fleet.worker("probe", "other-host:probe@1", {"PARLEY_LEASE": "600s"})
        self.door.finished(self.submit(events=0))
        ghost.kill()
        holder = self.fleet.worker("probe", "lost-host:probe@1", {"PARLEY_LEASE": "600s"})
        job = self.submit(events=1, delay_ms=60000)
        until(lambda: self.state(job) == "running", "the job runs")
        holder.kill()
        self.assertEqual(self.consumers(), {"other-host:probe@1", "lost-host:probe@1"})
        patient = {"PARLEY_LEASE": "600s", "PARLEY_GHOST_AFTER": "1s"}
        self.fleet.worker("probe", "this-host:probe@1", patient)
        until(lambda: "other-host:probe@1" not in self.consumers(), "its name is gone")
        # Another one died just now: once it is gone as well, the one with a job was looked at again.
        self.fleet.redis("XGROUP", "CREATECONSUMER", "probe.requests", "agents", "third-host:probe@1")
        until(lambda: "third-host:probe@1" not in self.consumers(), "a later name is gone too")
        self.assertIn("lost-host:probe@1", self.consumers())
        self.assertEqual(self.fleet.redis("XPENDING", "probe.requests", "agents", "-", "+", "10")[0][1], "lost-host:probe@1")
        self.door.post(f"/v1/jobs/{job}/cancel")

    # failures

    def test_a_job_whose_provider_failed_is_tried_again_and_asks_again(self):
        rehearsal = self.fleet.rehearsal()
        rehearsal.post("/script", {"rules": [{"error_after_chunks": 1}]})
        self.fleet.worker("debate")
        job = self.submit("debate", **DEBATE)
        until(lambda: "job.retrying" in self.types(job), "the first attempt failed", 60)
        rehearsal.request("DELETE", "/script")
        ended = self.door.finished(job, 60)
        self.assertEqual((ended["status"], ended["attempt"] >= 2), ("succeeded", True), ended)
        events = [json.loads(text) for text in self.fleet.log(job)]
        retrying = next(event for event in events if event["type"] == "job.retrying")
        self.assertEqual(retrying["error"]["code"], "provider")
        self.assertTrue(1 <= retrying["in_ms"] <= 1000)
        started = next(event["seq"] for event in events if event["type"] == "job.started")
        self.assertEqual(retrying["rollback_to_seq"], started)
        self.assertEqual(self.fleet.redis("XLEN", "debate.dead"), 0)

    def crash(self, kill, times=3):
        """A job that kills its worker, each time in its first step; returns it."""
        job = self.submit(events=1, delay_ms=60000)
        for i in range(times):
            worker = self.fleet.worker("probe", name="victim", env=SHORT)
            until(lambda i=i: self.fleet.redis("HMGET", f"job:{job}", "state", "attempt") == ["running", str(i + 1)],
                  f"attempt {i + 1} runs")
            # Redis knows first: the worker itself must have begun for there to be a step to tell.
            until(lambda: f"event=step.begun job={job}" in worker.output(), "the worker has begun it")
            kill(worker)
            worker.process.wait()
            self.fleet.processes.remove(worker)
            worker.close()
        self.fleet.worker("probe", name="victim", env=SHORT)
        return job

    def dead(self, *arguments):
        done = self.fleet.parley("dead", *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_a_job_that_crashes_its_workers_is_a_dead_letter_with_evidence_and_can_be_tried_again(self):
        job = self.crash(lambda worker: worker.send(signal.SIGSEGV))
        ended = self.door.finished(job)
        self.assertEqual((ended["status"], ended["error"]["code"]), ("failed", "worker_lost"))
        letter = json.loads(self.dead("ls", "probe", "--json"))
        self.assertEqual({name: letter[name] for name in ("job", "tries", "worker", "reason", "step", "signal")},
                         {"job": job, "tries": 3, "worker": "victim", "reason": "worker_lost", "step": "emit",
                          "signal": "SIGSEGV"})
        self.assertIn(job, self.dead("ls", "probe"))
        shown = json.loads(self.dead("show", "probe", job, "--json"))
        self.assertEqual(shown["request"], {"events": 1, "delay_ms": 60000})
        self.assertEqual(shown["events"][0]["type"], "job.failed")
        self.assertIn("is queued again", self.dead("retry", "probe", job))
        until(lambda: self.state(job) == "running", "it runs again")
        self.assertEqual(self.fleet.redis("HGET", f"job:{job}", "attempt"), "1")
        self.assertEqual(self.fleet.redis("XLEN", "probe.dead"), 0)
        self.assertEqual(self.fleet.parley("dead", "drop", "probe", job).returncode, 4)
        self.door.post(f"/v1/jobs/{job}/cancel")
        self.assertEqual(self.door.finished(job)["status"], "cancelled")
        log = [json.loads(text)["seq"] for text in self.fleet.log(job)]
        self.assertEqual(log, list(range(1, len(log) + 1)))

    def test_a_worker_killed_from_outside_is_said_to_be_killed(self):
        job = self.crash(lambda worker: worker.send(signal.SIGKILL))
        self.door.finished(job)
        letter = json.loads(self.dead("ls", "probe", "--json"))
        self.assertEqual((letter["signal"], letter["reason"]), ("killed", "worker_lost"))
        self.assertIn("1 dropped", self.dead("drop", "probe", "--all"))
        self.assertEqual(self.fleet.redis("XLEN", "probe.dead"), 0)
        self.assertGreater(self.fleet.redis("PTTL", f"job:{job}"), 0)

    # readers

    def stream(self, **members):
        stream = self.door.stream("/v1/jobs/probe", {"events": 1, "delay_ms": 60000, **members})
        return stream, stream.take(2)[0]["job"]

    def test_a_job_whose_last_reader_left_is_cancelled_after_the_grace(self):
        self.fleet.worker("probe")
        stream, job = self.stream(on_disconnect="cancel")
        time.sleep(2 * GRACE_S)   # is the thing under test: nothing may happen meanwhile
        self.assertEqual(self.state(job), "running")
        stream.close()
        left = time.time()
        ended = self.door.finished(job)
        self.assertEqual(ended["status"], "cancelled")
        self.assertIn("disconnected", ended["error"]["message"])
        self.assertGreaterEqual(time.time() - left, GRACE_S * 0.9)

    def test_a_reader_at_another_door_keeps_the_job_and_one_that_comes_back_too(self):
        other = self.fleet.door({"PARLEY_DISCONNECT_GRACE": f"{int(GRACE_S * 1000)}ms"})
        self.fleet.worker("probe")
        stream, job = self.stream(on_disconnect="cancel")
        second = other.stream(f"/v1/jobs/{job}/events")
        second.take(1)
        stream.close()
        time.sleep(3 * GRACE_S)
        self.assertEqual(self.state(job), "running")
        second.close()
        with self.door.stream(f"/v1/jobs/{job}/events") as again:
            again.take(1)
            time.sleep(2 * GRACE_S)
            self.assertEqual(self.state(job), "running")
        self.assertEqual(self.door.finished(job)["status"], "cancelled")

    def test_a_door_that_is_killed_does_not_count_as_a_reader_for_ever(self):
        self.fleet.worker("probe")
        other = self.fleet.door()
        stream, job = self.stream(on_disconnect="cancel")
        self.door.kill()
        self.assertEqual(other.finished(job)["status"], "cancelled")
        stream.close()

    def test_a_wait_that_was_answered_and_a_job_that_does_not_care_go_on(self):
        self.fleet.worker("probe")
        answer = self.door.post("/v1/jobs/probe", {"events": 1, "delay_ms": 60000, "on_disconnect": "cancel"},
                                {"Prefer": "wait=1"})
        self.assertEqual(answer.status, 202)
        stream, careless = self.stream()
        stream.close()
        time.sleep(3 * GRACE_S)
        for job in (answer.json["id"], careless):
            self.assertEqual(self.state(job), "running")
            self.door.post(f"/v1/jobs/{job}/cancel")


if __name__ == "__main__":
    unittest.main()
