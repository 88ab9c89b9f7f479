"""What an operator asks with `parley`: why a job does not run, the live picture, the providers' limits; on a real
fleet."""
import json
import os
import pathlib
import pty
import re
import select
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import BUILD, PATIENCE, Fleet, until  # noqa: E402

LONG = {"events": 600, "delay_ms": 100}  # a minute: it is cancelled before
DEBATE = {"question": "Do we open a second office?", "rounds": {"max": 0}, "budget": {"concurrency": 4}}
PROBES = "{probe.requests}"


class FleetCase(unittest.TestCase):
    def setUp(self):
        self.fleet = Fleet(appendfsync="no")
        self.addCleanup(self.fleet.close)
        self.fleet.__enter__()

    def parley(self, *arguments, status=0):
        done = self.fleet.parley(*arguments)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done

    def facts(self, job):
        return json.loads(self.parley("why", job, "--json").stdout)

    def why(self, job, reason):
        """The one line, once the reason is that; and the facts."""
        facts = until(lambda: (found := self.facts(job))["reason"] == reason and found, f"{job} waits for: {reason}")
        lines = self.parley("why", job).stdout.splitlines()
        self.assertEqual(len(lines), 1)
        self.assertTrue(lines[0].startswith(job + " "), lines)
        return facts

    def submit(self, kind="probe", body=None, tenant=None):
        answer = self.door.post(f"/v1/jobs/{kind}", LONG if body is None else body)
        self.assertEqual(answer.status, 202, answer)
        return answer.json["id"]

    def provider(self, name="anthropic"):
        rows = [json.loads(line) for line in self.parley("limits", "--json").stdout.splitlines()]
        return {row["provider"]: row for row in rows}[name]


class Why(FleetCase):
    def setUp(self):
        super().setUp()
        self.door = self.fleet.door()

    def worker(self, name="one", **env):
        return self.fleet.worker("probe", name, {"PARLEY_CONCURRENCY": "1", "PARLEY_DRAIN": "0s", **env})

    def enqueue(self, number, tenant, not_before_ms=0):
        """A job of another tenant, as a door puts it there."""
        job = f"{number:026d}"
        self.fleet.redis("FCALL", "parley1_enqueue", 3, "probe.requests", f"job:{job}", f"tenant:{tenant}", job, tenant,
                         "probe", "2026-11-21T00:00:00.000Z", json.dumps(LONG), "h", 0, 1000, 1000, 0, "normal",
                         not_before_ms, "later")
        return job

    def test_a_job_is_explained_from_the_queue_to_its_end(self):
        first = self.submit()
        facts = self.why(first, "no_worker")
        self.assertEqual((facts["position"], facts["of_tenant"], facts["workers"]), (1, 1, 0))
        self.assertIn("none of kind probe is alive", facts["text"])
        self.worker()
        self.why(first, "running")
        second, third = self.submit(), self.submit()
        self.assertIn("number 1 of 2 of tenant", self.why(second, "queue")["text"])
        facts = self.why(third, "queue")
        names = ("position", "tenants_ahead", "workers", "workers_free")
        self.assertEqual([facts[name] for name in names], [2, 0, 1, 0])
        other = self.enqueue(1, "other")
        facts = self.why(other, "queue")
        self.assertEqual((facts["position"], facts["of_tenant"], facts["tenants_ahead"]), (1, 1, 1))
        self.assertIn("1 tenant before it", facts["text"])
        for job in (second, third, first):
            self.fleet.parley("cancel", job, door=self.door)
        self.assertIn("cancelled at ", self.why(second, "ended")["text"])
        self.why(other, "running")

    def test_a_job_that_waits_for_its_budget_says_the_sums(self):
        self.worker()
        job = self.submit()
        self.why(job, "running")
        fence = self.fleet.redis("HGET", f"job:{job}", "fence")
        self.fleet.redis("FCALL", "parley1_append", 1, f"job:{job}", fence, 1_000_000, "2026-11-21T00:00:00.000Z", "",
                         "ask/1", "job.waiting", '"reason":"budget","budget":"tenant","cap_usd":0.5,"spent_usd":0.4,'
                         '"reserved_usd":0.09,"needed_usd":0.02')
        text = self.why(job, "budget")["text"]
        self.assertIn("of the tenant's budget of 0.5000 USD 0.4000 are spent and 0.0900 reserved", text)

    def test_a_delayed_job_says_when_it_begins(self):
        self.worker()
        job = self.enqueue(2, "other", int(time.time() * 1000) + 3600_000)
        facts = self.why(job, "not_before")
        self.assertTrue(3500_000 < facts["delayed_ms"] <= 3600_000, facts)
        self.assertRegex(facts["text"], r"in 60 min \(at 20\d\d-")

    def test_a_tenant_at_its_cap_is_named(self):
        self.fleet.worker("probe", "wide", {"PARLEY_CONCURRENCY": "4", "PARLEY_DRAIN": "0s"})
        self.fleet.redis("HSET", "tenant:small", "max_running", 1)
        first = self.enqueue(3, "small")
        self.why(first, "running")
        second = self.enqueue(4, "small")
        facts = self.why(second, "tenant_limit")
        self.assertIn("tenant small runs as many jobs as it may (1 of 1)", facts["text"])

    def test_a_worker_that_died_is_told_before_anybody_takes_over(self):
        worker = self.worker(PARLEY_LEASE="600s")
        job = self.submit()
        self.why(job, "running")
        worker.kill()
        facts = self.why(job, "worker_silent")
        self.assertIn("was running on one", facts["text"])

    def test_a_dead_job_shows_its_evidence(self):
        self.worker()
        job = self.submit()
        self.why(job, "running")
        self.fleet.redis("FCALL", "parley1_reap", 1, "probe.requests", 0, 1, "2026-11-21T00:00:00.000Z",
                         '{"code":"worker_lost","message":"its worker died"}')
        facts = self.why(job, "dead")
        self.assertEqual((facts["dead"]["tries"], facts["dead"]["worker"]), (1, "one"))
        self.assertIn("given up after 1 try", facts["text"])
        self.assertIn("its worker died", facts["text"])

    def test_what_cannot_be_explained_is_refused(self):
        self.assertIn("there is no job", self.parley("why", "0" * 26, status=4).stderr)
        self.assertIn("is no job's id", self.parley("why", "nonsense", status=2).stderr)
        self.fleet.redis("FUNCTION", "FLUSH")
        self.assertIn("start a door or a worker", self.parley("why", "0" * 26, status=4).stderr)
        nobody = self.fleet.parley("why", "0" * 26, env={"PARLEY_REDIS": self.fleet.dir / "nobody"})
        self.assertEqual(nobody.returncode, 3)
        self.assertIn("does not answer", nobody.stderr)


class Limits(FleetCase):
    def setUp(self):
        super().setUp()
        self.rehearsal = self.fleet.rehearsal(["--tokens-per-second", "0", "--first-byte-ms", "0"])
        self.door = self.fleet.door()
        self.fleet.worker("debate", "debater", {"PARLEY_PROVIDERS": "anthropic", "PARLEY_ANTHROPIC_CONCURRENCY": "7"})
        until(lambda: '"anthropic"' in self.parley("limits", "--json").stdout, "the provider is known")
        until(lambda: self.provider()["paused_ms"] == 0, "a Redis that is new to the fleet grants slots")

    def test_limits_are_shown_and_set_over_the_whole_fleet(self):
        row = self.provider()
        self.assertEqual([row[name] for name in ("limit", "max", "in_use", "waiting", "paused_ms", "rpm", "tpm")],
                         [7, 7, 0, 0, 0, 0, 0])
        lines = self.parley("limits").stdout.splitlines()
        self.assertEqual(lines[0].split(), "PROVIDER LIMIT MAX IN USE WAITING PAUSED RPM TPM".split())
        self.assertIn("anthropic 7 7 0 0 - - -".split(), [line.split() for line in lines])
        self.assertEqual(self.parley("limits").stdout, self.parley("limits", "ls").stdout)

        said = self.parley("limits", "set", "anthropic", 30, "--tpm", 400000).stdout
        self.assertIn("anthropic 30 30 0 0 - - 400000".split(), [line.split() for line in said.splitlines()])
        self.parley("limits", "set", "anthropic", 2, "--rpm", 50)
        row = self.provider()
        self.assertEqual([row[name] for name in ("limit", "max", "rpm", "tpm")], [2, 2, 50, 400000])
        self.parley("limits", "set", "anthropic", 2, "--rpm", 0, "--tpm=0")
        self.assertEqual([self.provider()[name] for name in ("rpm", "tpm")], [0, 0])

    def test_a_lower_limit_holds_and_why_names_it(self):
        self.rehearsal.post("/script", {"rules": [{"hang": True}]})
        self.parley("limits", "set", "anthropic", 1)
        job = self.submit("debate", DEBATE)
        until(lambda: self.provider()["in_use"] == 1, "a call is open")
        facts = self.why(job, "provider_limit")
        self.assertEqual([facts["slot"][name] for name in ("provider", "in_use", "limit")], ["anthropic", 1, 1])
        self.assertIn("waits for a slot of anthropic: 1 of 1 in use", facts["text"])
        self.assertEqual(len(facts["steps"]), 1, facts)
        self.fleet.parley("cancel", job, door=self.door)
        self.assertEqual(self.door.finished(job)["status"], "cancelled")

    def test_a_pause_holds_calls_back_until_it_is_off(self):
        self.parley("limits", "pause", "anthropic", "1h")
        self.assertTrue(3500_000 < self.provider()["paused_ms"] <= 3600_000)
        job = self.submit("debate", DEBATE)
        facts = self.why(job, "provider_paused")
        self.assertRegex(facts["text"], r"waits for anthropic, which is paused for (59|60) min \(until 20")
        self.assertEqual(self.rehearsal.get("/stats").json["bill"], [])
        said = self.parley("limits", "pause", "anthropic", "off").stdout
        self.assertIn("anthropic", said)
        self.assertEqual(self.provider()["paused_ms"], 0)
        self.assertEqual(self.door.finished(job)["status"], "succeeded")

    def test_a_closed_pipe_ends_no_program(self):
        """A peer or a log reader that hangs up is an error of the write: SIGPIPE is ignored."""
        names = set()
        for process in self.fleet.processes:
            if process.name.startswith("redis"):
                continue
            status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
            ignored = int(re.search(r"SigIgn:\s*(\w+)", status).group(1), 16)
            self.assertTrue(ignored & 1 << (signal.SIGPIPE - 1), process.name)
            names.add(process.name.split("-")[0])
        self.assertEqual(names, {"door", "worker", "rehearsal"})

    def test_what_makes_no_sense_is_refused(self):
        for words, status, reason in (
                (("set", "antropic", "5"), 4, 'no worker has configured a provider "antropic"; there are: anthropic'),
                (("pause", "antropic", "5s"), 4, "no worker has configured"),
                (("set", "anthropic", "100001"), 2, "is no number of calls"),
                (("set", "anthropic", "many"), 2, "is no number of calls"),
                (("set", "anthropic", "5", "--rpm", "x"), 2, "--rpm wants a number"),
                (("set", "anthropic"), 2, "it is"),
                (("pause", "anthropic", "5"), 2, "is no time like"),
                (("pause", "anthropic", "400d"), 2, "at most 7d"),
                (("raise", "anthropic", "5"), 2, "it is"),
        ):
            self.assertIn(reason, self.parley("limits", *words, status=status).stderr)
        self.assertEqual([self.provider()[name] for name in ("limit", "rpm", "paused_ms")], [7, 0, 0])


class Top(FleetCase):
    def setUp(self):
        super().setUp()
        self.door = self.fleet.door()
        self.worker = self.fleet.worker("probe", "one", {"PARLEY_CONCURRENCY": "1", "PARLEY_DRAIN": "0s"})
        self.done = self.submit(body={"events": 0})
        self.door.finished(self.done)
        self.running, self.waiting = self.submit(), self.submit()
        until(lambda: self.facts(self.running)["state"] == "running", "a job runs")

    def queue(self):
        picture = json.loads(self.parley("top", "--json").stdout)
        return {queue["kind"]: queue for queue in picture["queues"]}["probe"]

    def test_a_snapshot_counts_what_is_there(self):
        queue = self.queue()
        self.assertEqual([queue[name] for name in ("open", "running", "delayed", "dead")], [2, 1, 0, 0])
        self.assertEqual(queue["ended"], {"succeeded": 1})
        self.assertEqual([(worker["name"], worker["jobs"], worker["alive"]) for worker in queue["workers"]],
                         [("one", 1, True)])
        lines = [line.split() for line in self.parley("top", "--once").stdout.splitlines()]
        self.assertIn("probe 2 1 1 0 0 1 0 -".split(), lines)
        self.assertTrue(any(line[:3] == ["one", "probe", "1"] and line[-1] == "full" for line in lines), lines)
        self.assertEqual(lines[0][0], "KIND")
        self.assertNotIn("\033", self.parley("top").stdout)

    def test_a_dead_worker_is_not_heard(self):
        self.worker.kill()
        until(lambda: not self.queue()["workers"][0]["alive"], "the worker is missed")
        self.assertIn("not heard", self.parley("top", "--once").stdout)

    def read(self, terminal, condition):
        """What appears on the terminal until the condition holds."""
        text, deadline = "", time.monotonic() + 10 * PATIENCE
        while not condition(text):
            self.assertLess(time.monotonic(), deadline, text)
            if select.select([terminal], [], [], 0.1)[0]:
                text += os.read(terminal, 65536).decode()
        return text

    def test_on_a_terminal_it_goes_on_until_it_is_interrupted(self):
        mine, its = pty.openpty()
        self.addCleanup(os.close, mine)
        top = subprocess.Popen([BUILD / "tools/parley", "top"], stdin=its, stdout=its, stderr=its,
                               env={"PARLEY_REDIS": str(self.fleet.socket), "NO_COLOR": "1"}, start_new_session=True)
        self.addCleanup(top.kill)
        os.close(its)
        text = self.read(mine, lambda text: text.count("KIND ") >= 4)  # twice a picture: kinds and workers
        self.assertTrue(text.startswith("\033[?1049h"))
        self.fleet.parley("cancel", self.waiting, door=self.door)
        self.read(mine, lambda text: any(line.split()[:3] == ["probe", "1", "0"] for line in text.splitlines()))
        top.send_signal(signal.SIGINT)
        self.read(mine, lambda text: "\033[?1049l" in text)
        self.assertEqual(top.wait(10 * PATIENCE), 0)

    def test_a_reader_that_left_ends_a_watcher(self):
        """head(1) has seen enough: nobody is left to print for."""
        watcher = subprocess.Popen([BUILD / "tools/parley", "watch", self.running, "--json"], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, env={"PARLEY_URL": self.door.url})
        self.addCleanup(watcher.kill)
        self.assertTrue(watcher.stdout.readline())
        watcher.stdout.close()
        self.assertEqual(watcher.wait(10 * PATIENCE), 130)
        self.assertEqual(watcher.stderr.read(), b"")
        watcher.stderr.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
