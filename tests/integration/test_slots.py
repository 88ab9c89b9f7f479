"""The provider limiter over a real fleet: never more calls open than allowed, whatever dies; pauses; live limits."""
import datetime
import pathlib
import signal
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import Fleet, until  # noqa: E402

PROVIDERS = ["anthropic", "openai", "groq", "xai"]
HANG = {"rules": [{"hang": True}]}


def debate(n, providers=("anthropic",), **more):
    """n calls at once, then one. The providers take turns."""
    personas = [{"id": f"p{i}", "name": f"Person {i}", "role": f"adviser number {i}",
                 "provider": providers[i % len(providers)]} for i in range(n)]
    return {"question": "Shall we open a second office?", "personas": personas, "rounds": {"max": 0, "min": 0},
            "synthesis": {"provider": providers[0]}, **more}


def takes(ms, *rules):
    return {"rules": [*rules, {"first_byte_ms": ms, "tokens_per_second": 0}]}


class World(Fleet):
    """A fleet with a rehearsal and a door, whose workers know the limits given."""

    def __init__(self, **limits):
        super().__init__()
        self.limits = limits

    def __enter__(self):
        super().__enter__()
        try:
            self.provider = self.rehearsal()
            for name, limit in self.limits.items():
                self.env[f"PARLEY_{name.upper()}_CONCURRENCY"] = str(limit)
            self.env["PARLEY_DRAIN"] = "0s"
            self.front = self.door()
        except BaseException:
            self.close()
            raise
        return self

    def script(self, script):
        answer = self.provider.post("/script", script)
        assert answer.status < 300, answer

    def debates(self, count, *arguments, **more):
        return [self.front.post("/v1/debate", debate(*arguments, **more)).json["id"] for _ in range(count)]

    def stats(self, provider="anthropic"):
        return self.provider.get("/stats").json["providers"].get(provider, {"open": 0, "most_open": 0, "begun": 0})

    def open(self, provider="anthropic"):
        return self.stats(provider)["open"]

    def wait_open(self, n, seconds=15):
        until(lambda: self.open() == n, f"{n} calls are open", seconds)

    def setting(self, field, provider="anthropic"):
        return int(float(self.redis("HGET", f"sem:{{{provider}}}:st", field) or 0))

    def all_succeed(self, jobs):
        for job in jobs:
            ended = self.front.finished(job, 60)
            assert ended["status"] == "succeeded", ended

    def all_free(self, provider="anthropic"):
        until(lambda: self.redis("ZCARD", f"sem:{{{provider}}}:held") == 0
              and self.redis("ZCARD", f"sem:{{{provider}}}:wait") == 0, "all slots are free and nobody waits")


class Limits(unittest.TestCase):
    def test_the_provider_never_sees_more_than_its_limit_and_sees_all_of_it(self):
        limits = dict(zip(PROVIDERS, (2, 3, 5, 8)))
        with World(**limits) as world:
            world.script(takes(60))
            for _ in range(4):
                world.worker("debate")
            jobs = world.debates(40, 8, PROVIDERS)
            world.all_succeed(jobs)
            for name, limit in limits.items():
                self.assertEqual(world.stats(name)["most_open"], limit, name)
                world.all_free(name)

    def test_a_limit_changed_live_acts_at_once_and_lowering_kills_nothing(self):
        with World(anthropic=2) as world:
            world.script(HANG)
            world.worker("debate")
            world.debates(1, 12)
            world.wait_open(2)
            self.assertEqual(world.redis("FCALL", "parley1_slots_limit", 0, "anthropic", 5), "OK")
            world.wait_open(5)
            world.redis("HSET", "sem:{anthropic}:st", "max", 8)
            world.wait_open(8)
            self.assertEqual(world.redis("FCALL", "parley1_slots_limit", 0, "anthropic", 1), "OK")
            world.debates(1, 2)
            until(lambda: world.redis("ZCARD", "sem:{anthropic}:wait") >= 2, "the second debate waits")
            self.assertEqual(world.open(), 8)

    def test_a_cancelled_job_closes_its_calls_and_another_one_gets_the_slots(self):
        with World(anthropic=6) as world:
            world.script(HANG)
            world.worker("debate")
            first = world.debates(1, 12)[0]
            world.wait_open(6)
            world.script(takes(20))
            second = world.debates(1, 4)
            self.assertLess(world.front.post(f"/v1/jobs/{first}/cancel").status, 300)
            self.assertEqual(world.front.finished(first)["status"], "cancelled")
            world.all_succeed(second)
            self.assertEqual(world.stats()["most_open"], 6)
            world.all_free()


class Boards(unittest.TestCase):
    def test_a_boardroom_asks_all_twelve_at_once_in_every_round(self):
        with World(anthropic=20) as world:
            world.script({"rules": [{"contains": "Nobody has spoken yet", "times": 12, "hang": True}]})
            world.worker("debate")
            hanging = world.front.post("/v1/boardroom", {"question": "Why?", "rounds": {"max": 0}}).json["id"]
            world.wait_open(12)
            world.front.post(f"/v1/jobs/{hanging}/cancel")
            world.wait_open(0)
            world.script({"rules": [{"contains": "This is round 1 of the exchange", "hang": True}]})
            world.front.post("/v1/boardroom", {"question": "Why?", "rounds": {"max": 1}})
            world.wait_open(12)
            self.assertEqual(world.stats()["most_open"], 12)

    def test_standard_debates_are_not_starved_by_boardrooms_that_came_before(self):
        with World(anthropic=20) as world:
            world.script(takes(40))
            world.worker("debate")
            boards = [world.front.post("/v1/boardroom", {"question": "Why?", "rounds": {"max": 1}}).json["id"]
                      for _ in range(8)]
            world.wait_open(20)
            debates = world.debates(5, 4)
            ends = {job: world.front.finished(job, 60) for job in boards + debates}
            self.assertEqual({ended["status"] for ended in ends.values()}, {"succeeded"})
            order = sorted(ends, key=lambda job: ends[job]["ended_at"])
            behind = [order.index(job) for job in debates]
            self.assertLess(max(behind), len(debates) + len(boards) // 2, "a small debate waits for no row of large ones")
            self.assertEqual(world.stats()["most_open"], 20)
            world.all_free()


class Deaths(unittest.TestCase):
    def holder_and_waiter(self, world):
        """A worker with all ten slots, and another one whose debate waits for them."""
        world.script(HANG)
        holder = world.worker("debate", name="holder", env={"PARLEY_CONCURRENCY": 1})
        world.debates(1, 12)
        world.wait_open(10)
        world.worker("debate", env={"PARLEY_CONCURRENCY": 1})
        world.debates(1, 12)
        until(lambda: world.redis("ZCARD", "sem:{anthropic}:wait") >= 8, "both debates wait")
        return holder

    def test_slots_of_a_killed_worker_are_in_use_again_by_themselves(self):
        with World(anthropic=10) as world:
            self.holder_and_waiter(world).kill()
            until(lambda: world.open() < 10, "the provider saw the calls end")
            world.wait_open(10, 15)
            self.assertEqual(world.stats()["most_open"], 10)

    def test_slots_of_a_worker_killed_and_started_again_are_in_use_at_once(self):
        with World(anthropic=10) as world:
            self.holder_and_waiter(world).kill()
            until(lambda: world.open() < 10, "the provider saw the calls end")
            world.worker("debate", name="holder", env={"PARLEY_CONCURRENCY": 1})
            world.wait_open(10, 3)
            self.assertEqual(world.stats()["most_open"], 10)

    def test_a_redis_killed_and_restarted_never_lets_more_calls_through_and_work_goes_on(self):
        with World(anthropic=4) as world:
            world.script(takes(300))
            for _ in range(3):
                world.worker("debate")
            jobs = world.debates(12, 4)
            for _ in range(2):
                world.wait_open(4)
                begun = world.stats()["begun"]
                world.kill_redis()
                world.start_redis()
                until(lambda: world.stats()["begun"] > begun + 4, "calls go on")
            world.all_succeed(jobs)
            self.assertEqual(world.stats()["most_open"], 4)
            world.all_free()

    def test_a_worker_stopped_for_less_than_its_lease_goes_on_where_it_was(self):
        with World(anthropic=4) as world:
            world.script(takes(200))
            workers = [world.worker("debate", env={"PARLEY_CONCURRENCY": 3}) for _ in range(2)]
            jobs = world.debates(12, 4)
            world.wait_open(4)
            workers[0].send(signal.SIGSTOP)
            pause_ends = time.monotonic() + 2.5
            until(lambda: time.monotonic() > pause_ends, "the pause is over")
            workers[0].send(signal.SIGCONT)
            world.all_succeed(jobs)
            self.assertEqual(world.stats()["most_open"], 4)
            for job in jobs:
                self.assertEqual(world.front.get(f"/v1/jobs/{job}").json["attempt"], 1)
            world.all_free()


class Overload(unittest.TestCase):
    """The provider says no once; what it asks for holds for every worker."""

    def run_refused(self, refusal, pause_ms):
        refusal.update(provider="anthropic", times=1)
        with World(anthropic=10) as world:
            world.script(takes(20, refusal))
            for _ in range(3):
                world.worker("debate")
            jobs = world.debates(6, 4)
            world.all_succeed(jobs)
            for job in jobs:
                self.assertEqual(world.front.get(f"/v1/jobs/{job}").json["attempt"], 1)
            self.assertEqual(world.setting("limit"), 7)
            self.assertEqual(world.setting("max"), 10)
            world.all_free()
            bill = world.provider.get("/stats").json["bill"]
        no = next(row for row in bill if row["end"] == "error")
        self.assertEqual([row["end"] for row in bill].count("error"), 1)
        # Calls granted before the refusal was known may begin a moment after it.
        soon = [row["started_ms"] - no["ended_ms"] for row in bill if row["started_ms"] > no["ended_ms"] + 200]
        self.assertTrue(soon, "calls go on after the pause")
        self.assertGreaterEqual(min(soon), pause_ms)

    def test_retry_after_in_seconds_pauses_the_whole_fleet(self):
        self.run_refused({"status": 429, "headers": {"retry-after": "2"}}, 1950)

    def test_retry_after_in_milliseconds_pauses_the_whole_fleet(self):
        self.run_refused({"status": 429, "headers": {"retry-after-ms": "1500", "retry-after": "60"}}, 1450)

    def test_retry_after_as_a_date_pauses_the_whole_fleet(self):
        later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=8)
        refusal = {"times": 1, "status": 503, "headers": {"retry-after": later.strftime("%a, %d %b %Y %H:%M:%S GMT")}}
        with World(anthropic=10) as world:
            world.script(takes(20, refusal))
            world.worker("debate")
            world.worker("debate")
            world.all_succeed(world.debates(4, 4))
            bill = world.provider.get("/stats").json["bill"]
        no = next(row for row in bill if row["end"] == "error")
        till = later.replace(microsecond=0).timestamp() * 1000
        early = [row for row in bill if no["ended_ms"] + 200 < row["started_ms"] < till]
        self.assertEqual(early, [])
        self.assertGreater(till, no["ended_ms"] + 200, "the fleet started too slowly for this test")

    def test_an_overload_without_a_time_pauses_too(self):
        self.run_refused({"status": 529}, 200)

    def test_an_overload_told_within_a_stream_pauses_the_whole_fleet_too(self):
        for after_chunks in (0, 2):
            with self.subTest(f"after {after_chunks} pieces"):
                self.run_refused({"error_after_chunks": after_chunks}, 200)

    def test_the_limit_grows_back_while_it_is_in_use(self):
        with World(anthropic=4) as world:
            world.script(takes(50, {"times": 1, "status": 429}))
            world.worker("debate")
            world.worker("debate")
            jobs = world.debates(20, 4)
            until(lambda: world.setting("limit") == 2, "the limit was cut")
            until(lambda: world.redis("HSET", "sem:{anthropic}:st", "grown_at", 1) == 0
                  and world.setting("limit") == 4, "it is as before")
            world.all_succeed(jobs)
            self.assertLessEqual(world.stats()["most_open"], 4)

    def test_a_spend_limit_is_not_waited_for(self):
        body = {"type": "error", "error": {"type": "billing_error", "message": "out of money"}}
        with World(anthropic=4) as world:
            world.script({"rules": [{"status": 429, "headers": {"retry-after": "1"}, "body": body}]})
            world.worker("debate")
            job = world.debates(1, 2)[0]
            ended = world.front.finished(job)
            self.assertEqual(ended["status"], "failed")
            self.assertEqual(world.stats()["begun"], 2)
            self.assertEqual(world.setting("limit"), 4, "the provider is not overloaded")


if __name__ == "__main__":
    unittest.main(verbosity=2)
