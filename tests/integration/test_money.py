"""Money: no call is made that a budget does not allow, and what was spent adds up, whoever dies."""
import json
import math
import pathlib
import re
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import Fleet, until  # noqa: E402

QUICK = ["--first-byte-ms", "5", "--tokens-per-second", "20000"]
LEASE = {"PARLEY_LEASE": "600ms"}
# Dollars per million tokens of the model asked (claude-haiku-5-5), a hundred times the real ones: rounding to
# micro-dollars must not matter.
INPUT_USD, OUTPUT_USD = 10.0, 50.0
PRICES = '{"anthropic": {"claude-haiku-5-5": {"input_usd": 10, "output_usd": 50, "cached_usd": 10, ' \
         '"cache_write_usd": 10, "step_tokens": 0}}}'
# More than a persona's call can cost: 1,200 tokens of answer and its prompt.
PERSONA_WORST = 0.1
DAY = 86400


def personas(n):
    return [{"id": f"p{i}", "name": f"Person {i}", "role": f"adviser number {i}"} for i in range(n)]


def debate(n=2, **budget):
    return {"question": "Shall we open a second office?", "personas": personas(n), "rounds": {"max": 1},
            "providers": ["anthropic"], **({"budget": budget} if budget else {})}


class Money(unittest.TestCase):
    def setUp(self):
        self.fleet = Fleet()
        self.addCleanup(self.fleet.close)
        self.fleet.start_redis()
        prices = self.fleet.dir / "prices.json"
        prices.write_text(PRICES)
        self.fleet.env["PARLEY_PRICES"] = str(prices)
        self.rehearsal = self.fleet.rehearsal(QUICK)
        self.door = self.fleet.door()

    def script(self, *rules):
        self.assertLess(self.rehearsal.post("/script", {"rules": list(rules)}).status, 300)

    def bill(self, *ends):
        """Calls of the provider that ended so, and what they cost in dollars."""
        rows = [row for row in self.rehearsal.get("/stats").json["bill"] if row["end"] in (ends or ("finished",))]
        return len(rows), sum(math.ceil(row["input_tokens"] * INPUT_USD + row["output_tokens"] * OUTPUT_USD)
                              for row in rows) / 1e6

    def submit(self, body):
        answer = self.door.post("/v1/debate", body)
        self.assertEqual(answer.status, 202, answer)
        return answer.json["id"]

    def account(self, job):
        got = self.fleet.redis("HGETALL", f"job:{job}:money")
        return {got[i]: got[i + 1] for i in range(0, len(got), 2)}

    def day(self):
        """The tenant's account of the day."""
        keys = [key for key in self.fleet.redis("KEYS", "tenant:*:spend:*")]
        self.assertEqual(len(keys), 1, keys)
        got = self.fleet.redis("HGETALL", keys[0])
        return keys[0], {got[i]: int(got[i + 1]) for i in range(0, len(got), 2)}

    def tenant(self):
        return self.day()[0].split(":")[1]

    def check_settled(self, jobs):
        """Nothing is reserved any more, and the day is the sum of its jobs."""
        _, day = self.day()
        accounts = [self.account(job) for job in jobs]
        for job, account in zip(jobs, accounts):
            self.assertEqual(account["held"], "0", account)
            self.assertFalse([field for field in account if field.startswith("call:")], account)
        for field in ("spent", "held", "doubt", "calls", "doubts"):
            self.assertEqual(day.get(field, 0), sum(int(account.get(field, 0)) for account in accounts), field)

    def test_usage_is_what_the_provider_bills(self):
        self.fleet.worker("debate")
        job = self.submit(debate(3))
        ended = self.door.finished(job)
        self.assertEqual(ended["status"], "succeeded", ended)
        calls, cost = self.bill()
        self.assertEqual((ended["usage"]["calls"], calls), (7, 7))
        self.assertAlmostEqual(ended["usage"]["cost_usd"], cost, places=6)
        self.assertNotIn("uncertain", ended["usage"])
        self.assertEqual(self.door.events(job)[-1]["usage"], ended["usage"])
        history = self.fleet.redis("XRANGE", "history", "-", "+")[-1][1]
        self.assertAlmostEqual(float(history[history.index("cost_usd") + 1]), cost, places=6)
        self.check_settled([job])

    def test_the_budget_holds_with_twelve_personas_at_once_on_two_workers(self):
        for _ in range(2):
            self.fleet.worker("debate")
        free = self.door.finished(self.submit(debate(12)))
        self.assertEqual((free["status"], free["usage"]["calls"]), ("succeeded", 25), free)
        self.rehearsal.request("DELETE", "/stats")
        cap = round(free["usage"]["cost_usd"] * 0.7, 6)
        self.assertGreater(cap, PERSONA_WORST)
        jobs = [self.submit(debate(12, usd=cap)) for _ in range(4)]
        ended = [self.door.finished(job) for job in jobs]
        for job, end in zip(jobs, ended):
            with self.subTest(job):
                self.assertEqual((end["status"], end["error"]["code"]), ("failed", "budget"), end)
                said = re.search(r"budget of (\S+) USD .* (\S+) USD are spent, and it may cost (\S+) USD",
                                 end["error"]["message"])
                told, spent, worst = map(float, said.groups())
                self.assertEqual(told, cap)
                # It went as far as it could: the next call's worst case did not fit.
                self.assertGreater(spent + worst, cap)
                self.assertLess(worst, PERSONA_WORST)
                self.assertGreaterEqual(end["usage"]["cost_usd"], spent)
                self.assertLessEqual(end["usage"]["cost_usd"], cap)
                self.assertGreater(end["usage"]["calls"], 5)
        self.check_settled([free["id"], *jobs])
        _, cost = self.bill("finished", "left", "cut")
        self.assertLessEqual(cost, cap * len(jobs) + PERSONA_WORST)
        self.assertGreaterEqual(sum(end["usage"]["cost_usd"] for end in ended), self.bill()[1] - 1e-6)

    def test_a_budget_that_covers_the_job_only_one_call_at_a_time_is_enough(self):
        self.fleet.worker("debate")
        free = self.door.finished(self.submit(debate(12)))
        cap = round(free["usage"]["cost_usd"] * 1.5 + PERSONA_WORST * 2, 6)
        job = self.submit(debate(12, usd=cap))
        ended = self.door.finished(job)
        self.assertEqual(ended["status"], "succeeded", ended)
        self.assertLessEqual(ended["usage"]["cost_usd"], cap)

    def test_a_job_that_waits_for_money_goes_on_when_its_budget_is_raised(self):
        self.fleet.worker("debate")
        job = self.submit(debate(2, usd=0.01, on_exceeded="wait"))

        def waits():
            return [e for e in map(json.loads, self.fleet.log(job)) if e["type"] == "job.waiting"]
        waiting = until(waits, "the job waits for money")[0]
        self.assertEqual((waiting["reason"], waiting["budget"], waiting["cap_usd"]), ("budget", "job", 0.01))
        self.assertGreater(waiting["needed_usd"], 0.01)
        self.assertEqual(self.rehearsal.get("/stats").json["bill"], [])
        self.fleet.redis("HSET", f"job:{job}", "budget_usd", "5")
        self.assertEqual(self.door.finished(job)["status"], "succeeded")

    def test_a_job_that_waits_for_money_expires_at_its_deadline(self):
        self.fleet.worker("debate")
        answer = self.door.post("/v1/debate", debate(2, usd=0.01, on_exceeded="wait"), {"Cancel-After": "1s"})
        ended = self.door.finished(answer.json["id"])
        self.assertEqual(ended["status"], "expired", ended)
        self.assertEqual(self.rehearsal.get("/stats").json["bill"], [])

    def test_the_tenants_day_is_a_limit_over_all_its_jobs_until_it_is_raised(self):
        worker = self.fleet.worker("debate", env={"PARLEY_TENANT_BUDGET_USD_DAY": "0.3"})
        ended = []
        while not ended or (ended[-1]["status"] == "succeeded" and len(ended) < 20):
            ended.append(self.door.finished(self.submit(debate(2))))
        self.assertEqual(ended[-1]["error"]["code"], "budget", ended)
        self.assertIn("the tenant's budget of the day", ended[-1]["error"]["message"])
        _, day = self.day()
        self.assertLessEqual(day["spent"], 300000)
        self.assertGreater(day["spent"], 100000)
        key, _ = self.day()
        self.assertAlmostEqual(self.fleet.redis("TTL", key), 8 * DAY, delta=100)

        waiting = self.submit(debate(2, on_exceeded="wait"))
        until(lambda: any('"reason":"budget"' in text for text in self.fleet.log(waiting)), "the job waits for money")
        done = self.fleet.parley("tenants", "set", self.tenant(), "--budget-usd-day", "5", "--weight=2", "--json")
        self.assertEqual(done.returncode, 0, done)
        row = json.loads(done.stdout)
        self.assertEqual((row["tenant"], row["budget_usd_day"], row["weight"]), (self.tenant(), 5, 2))
        self.assertGreaterEqual(row["spent_usd"], day["spent"] / 1e6)
        self.assertLessEqual(row["spent_usd"], 0.3)
        self.assertEqual(self.door.finished(waiting)["status"], "succeeded")
        worker.check()

    def test_calls_in_flight_at_a_kill_are_counted_as_uncertain_and_the_rest_adds_up(self):
        self.script({"contains": "You are Person 2,", "hang_after_chunks": 2},
                    {"contains": "You are Person 3,", "hang_after_chunks": 2})
        first = self.fleet.worker("debate", env=LEASE)
        job = self.submit(debate(4))
        until(lambda: self.account(job).get("calls") == "2", "two calls are settled, two hang")
        until(lambda: self.rehearsal.get("/stats").json["providers"]["anthropic"]["open"] == 2, "two calls hang")
        first.kill()
        self.rehearsal.request("DELETE", "/script")
        self.fleet.worker("debate", env=LEASE)
        ended = self.door.finished(job)
        self.assertEqual(ended["status"], "succeeded", ended)
        usage = ended["usage"]
        calls, cost = self.bill()
        self.assertEqual((usage["calls"], calls), (9, 9))
        self.assertAlmostEqual(usage["cost_usd"], cost, places=6)
        self.assertEqual(usage["uncertain"]["calls"], 2)
        _, lost = self.bill("left")
        self.assertGreater(lost, 0)
        self.assertGreaterEqual(usage["uncertain"]["cost_usd"], lost)
        self.assertEqual(self.door.events(job)[-1]["usage"], usage)
        self.check_settled([job])

    def test_a_cancelled_job_tells_what_it_cost_so_far(self):
        self.script({"contains": "You are Person 1,", "hang_after_chunks": 2})
        self.fleet.worker("debate")
        job = self.submit(debate(2))
        until(lambda: self.account(job).get("calls") == "1" and "call:" in " ".join(self.account(job)),
              "one call is settled, one hangs")
        until(lambda: any('"type":"step.delta"' in text and '"Person 1' not in text for text in self.fleet.log(job)),
              "text came")
        self.door.post(f"/v1/jobs/{job}/cancel", {})
        ended = self.door.finished(job)
        self.assertEqual(ended["status"], "cancelled")
        self.assertEqual(ended["usage"]["calls"], 2)
        _, finished = self.bill()
        self.assertGreater(ended["usage"]["cost_usd"], finished)
        self.check_settled([job])

    def test_a_job_handed_back_counts_the_calls_it_broke_off_as_uncertain(self):
        self.script({"contains": "You are Person 1,", "hang_after_chunks": 2})
        first = self.fleet.worker("debate", env={"PARLEY_DRAIN": "0s"})
        job = self.submit(debate(2))
        until(lambda: self.account(job).get("calls") == "1", "one call is settled, one hangs")
        until(lambda: self.rehearsal.get("/stats").json["providers"]["anthropic"]["open"] == 1, "one call hangs")
        self.assertEqual(first.terminate(), 0)
        self.rehearsal.request("DELETE", "/script")
        self.fleet.worker("debate")
        ended = self.door.finished(job)
        self.assertEqual(ended["status"], "succeeded", ended)
        self.assertEqual(ended["usage"]["uncertain"]["calls"], 1)
        self.assertEqual(ended["usage"]["calls"], 5)
        self.assertAlmostEqual(ended["usage"]["cost_usd"], self.bill()[1], places=6)
        self.check_settled([job])

    def test_failed_tries_are_paid_and_their_money_is_free_again(self):
        self.script({"contains": "You are Person 1,", "cut_after_chunks": 3, "times": 1})
        self.fleet.worker("debate")
        job = self.submit(debate(2, usd=1))
        ended = self.door.finished(job)
        self.assertEqual(ended["status"], "succeeded", ended)
        self.assertEqual(ended["usage"]["calls"], 5)
        self.assertGreater(ended["usage"]["cost_usd"], self.bill()[1])
        self.check_settled([job])

    def test_a_price_file_with_a_fault_stops_the_worker_and_names_it(self):
        (self.fleet.dir / "prices.json").write_text('{"anthropic": {"claude-haiku-5-5": {"inputs_usd": 1}}}')
        worker = self.fleet.worker("debate", ready=False)
        until(lambda: worker.process.poll() is not None, "the worker refuses to start")
        self.assertIn('there is no member "inputs_usd"; did you mean "input_usd"?', worker.output())
        self.assertNotEqual(worker.kill(), 0)
        self.fleet.processes.remove(worker)

    def test_wrong_settings_of_a_tenant_are_refused(self):
        self.fleet.worker("probe")
        for arguments in (("set", "t"), ("set", "t", "--budget-usd-day", "much"), ("set", "t", "--weight", "0"),
                          ("set", "t", "--max-running", "-1"), ("set", "a b", "--weight", "1"), ("put",), ("ls", "t")):
            with self.subTest(arguments):
                self.assertEqual(self.fleet.parley("tenants", *arguments).returncode, 2)
        self.assertEqual(self.fleet.redis("SMEMBERS", "tenants"), [])
        self.assertEqual(self.fleet.parley("tenants", "set", "t", "--max-open", "7").returncode, 0)
        self.assertEqual(self.fleet.redis("HGET", "tenant:t", "max_open"), "7")
        self.assertEqual(self.fleet.parley("tenants", "set", "t", "--max-open", "default").returncode, 0)
        self.assertIsNone(self.fleet.redis("HGET", "tenant:t", "max_open"))
        shown = self.fleet.parley("tenants")
        self.assertIn("TENANT", shown.stdout.splitlines()[0])
        self.assertTrue(shown.stdout.splitlines()[1].startswith("t "))


if __name__ == "__main__":
    unittest.main()
