"""A debate ends in time, whoever does not answer: the late are absent, and there is always time for a synthesis."""
import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import Fleet, until  # noqa: E402

PERSONAS = [{"id": f"p{i}", "name": f"Person {i}", "role": f"adviser number {i}"} for i in range(4)]
DEBATE = {"question": "Shall we open a second office?", "personas": PERSONAS, "rounds": {"max": 1}, "seed": 3,
          "answer": {"kind": "choice", "choices": ["yes", "no"]}}
TIME = {"budget": {"wall_ms": 3000}}


class Pace(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fleet = Fleet()
        cls.addClassCleanup(cls.fleet.close)
        cls.fleet.start_redis()
        cls.rehearsal = cls.fleet.rehearsal(["--first-byte-ms", "2", "--tokens-per-second", "20000"])
        cls.door = cls.fleet.door()
        cls.fleet.worker("debate")

    def setUp(self):
        self.addCleanup(self.rehearsal.post, "/script", {"rules": []})

    def script(self, *rules):
        answer = self.rehearsal.post("/script", {"rules": rules})
        self.assertLess(answer.status, 300, answer)

    def debate(self, headers=None, **more):
        job = self.door.finished(self.door.post("/v1/debate", DEBATE | more, headers or {}).json["id"])
        until(lambda: all(call["end"] for call in self.rehearsal.get("/stats").json["bill"]), "no call is left open")
        return job

    def assert_plays_again(self, job):
        done = self.fleet.parley("replay", job["id"])
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_who_hangs_is_absent_and_the_others_decide(self):
        for name, how in (("within its budget", {}), ("before its deadline", {"headers": {"Cancel-After": "3s"}})):
            with self.subTest(name):
                self.script({"contains": "You are Person 1,", "hang": True})
                job = self.debate(**(how or TIME))
                self.assertEqual(job["status"], "succeeded", job)
                result = job["result"]
                self.assertEqual([persona["absent"] for persona in result["personas"]], [False, True, False, False])
                self.assertEqual(result["personas"][1]["error"]["code"], "deadline")
                self.assertEqual((result["stop_reason"], result["synthesis"]["by"]), ("max_rounds", "model"))
                self.assert_plays_again(job)

    def test_who_hangs_in_the_middle_of_its_answer_is_absent_too(self):
        self.script({"contains": "You are Person 1,", "hang_after_chunks": 1})
        job = self.debate(**TIME)
        self.assertEqual(job["result"]["personas"][1]["error"]["code"], "deadline")
        self.assertGreater(job["result"]["personas"][1]["usage"]["output_tokens"], 0)
        self.assert_plays_again(job)

    def test_who_hangs_in_the_exchange_keeps_the_earlier_answer(self):
        self.script({"contains": "This is round 1 of the exchange", "times": 1, "hang": True})
        job = self.debate(**TIME)
        result = job["result"]
        self.assertEqual((job["status"], len(result["positions"])), ("succeeded", 4))
        late = [persona for persona in result["personas"] if "error" in persona["rounds"][1]]
        self.assertEqual([persona["rounds"][1]["error"]["code"] for persona in late], ["deadline"])
        self.assertFalse(late[0]["absent"])
        self.assert_plays_again(job)

    def test_code_writes_the_synthesis_when_that_hangs(self):
        self.script({"contains": "The vote decided: ", "hang": True})
        job = self.debate(**TIME)
        synthesis = job["result"]["synthesis"]
        self.assertEqual((job["status"], synthesis["by"], synthesis["error"]["code"]),
                         ("succeeded", "code", "deadline"))
        self.assert_plays_again(job)

    def test_no_round_begins_for_which_there_is_no_time(self):
        self.script({"first_byte_ms": 700})
        job = self.debate(rounds={"max": 5}, stop={"agree": 1, "delta": 0, "stable_rounds": 5}, budget={"wall_ms": 4000})
        result = job["result"]
        self.assertEqual((job["status"], result["stop_reason"], result["synthesis"]["by"]),
                         ("succeeded", "budget", "model"), job)
        self.assertLess(len(result["rounds"]), 6)
        self.assert_plays_again(job)

    def test_too_few_in_time_are_inconclusive(self):
        self.script({"contains": "You are Person 0,"}, {"hang": True})
        job = self.debate(**TIME)
        self.assertEqual((job["status"], job["result"]["decision"], job["result"]["stop_reason"]),
                         ("succeeded", "inconclusive", "quorum"))
        self.assert_plays_again(job)

    def test_nobody_in_time_is_a_failure_that_says_so(self):
        self.script({"hang": True})
        job = self.debate(budget={"wall_ms": 600})
        self.assertEqual((job["status"], job["error"]["code"]), ("failed", "deadline"), job)
        job = self.debate(headers={"Cancel-After": "1s"})
        self.assertEqual((job["status"], job["error"]["code"]), ("expired", "deadline"), job)


class Takeover(unittest.TestCase):
    def test_a_debate_taken_over_has_only_the_rest_of_its_time(self):
        """Its first worker dies in the exchange; by the time another has it, time is up."""
        with Fleet() as fleet:
            rehearsal = fleet.rehearsal(["--first-byte-ms", "2", "--tokens-per-second", "20000"])
            rehearsal.post("/script", {"rules": [{"contains": "This is round 1 of the exchange", "hang": True}]})
            door = fleet.door()
            first = fleet.worker("debate", env={"PARLEY_LEASE": "2s"})
            job = door.post("/v1/debate", DEBATE | {"budget": {"wall_ms": 2000}}).json["id"]
            until(lambda: len(rehearsal.get("/stats").json["bill"]) == 8, "the exchange hangs")
            first.kill()
            fleet.worker("debate", env={"PARLEY_LEASE": "2s"})
            ended = door.finished(job)
            self.assertEqual((ended["status"], ended["result"]["stop_reason"], ended["result"]["synthesis"]["by"]),
                             ("succeeded", "budget", "code"), ended)
            self.assertEqual(len(ended["result"]["positions"]), 4)
            events = [json.loads(text) for text in fleet.log(job)]
            asked = sorted(event["step"] for event in events if event["type"] == "step.started")
            self.assertEqual([step for step in asked if step != "synthesis"],
                             [f"{part}/p{i}" for part in ("blind", "exchange1") for i in range(4)])
            done = fleet.parley("replay", job)
            self.assertEqual((done.returncode, done.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main()
