"""What follows from debates alone: a recorded one plays again to the same bytes; a set of them is scored."""
import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import Fleet  # noqa: E402

PERSONAS = [{"id": f"p{i}", "name": f"Person {i}", "role": f"adviser number {i}"} for i in range(4)]
ANSWERS = ({"kind": "open"}, {"kind": "choice", "choices": ["yes", "no", "later"]}, {"kind": "number"},
           {"kind": "probability"})
# With all that is remembered beside the members' answers: personas by name, passages by their sense, a budget of time.
DEBATE = {"question": "Shall we open a second office?", "personas": [*PERSONAS, "cfo"], "rounds": {"max": 3}, "top_k": 1,
          "corpus": ["Rents rose by 7 percent.", "The first office is full."], "budget": {"wall_ms": 60000}}


class Replay(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fleet = Fleet()
        cls.addClassCleanup(cls.fleet.close)
        cls.fleet.start_redis()
        cls.rehearsal = cls.fleet.rehearsal(["--first-byte-ms", "2", "--tokens-per-second", "20000"])
        cls.door = cls.fleet.door()
        cls.fleet.worker("debate", env={"PARLEY_EMBEDDINGS": "openai"})
        cls.fleet.worker("probe")

    def finished(self, request):
        return self.door.finished(self.door.post("/v1/debate", request).json["id"])

    def replayed(self, job):
        return self.fleet.parley("replay", job["id"])

    def result_text(self, job):
        """The result as the job's log has it, byte for byte."""
        last = self.fleet.log(job["id"])[-1]
        self.assertEqual(json.loads(last)["result"], job["result"])
        return last[last.index('"result":') + len('"result":'):]

    def test_every_kind_of_answer_comes_to_the_same_bytes(self):
        for answer in ANSWERS:
            with self.subTest(answer["kind"]):
                job = self.finished(DEBATE | {"answer": answer, "seed": 3})
                calls = len(self.rehearsal.get("/stats").json["bill"])
                done = self.replayed(job)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertEqual(job["result"]["retrieval"], {"method": "words and sense"})
                self.assertEqual(job["result"]["personas"][4]["name"], "CFO")
                self.assertTrue(self.result_text(job).startswith(done.stdout.strip()))
                self.assertEqual(len(self.rehearsal.get("/stats").json["bill"]), calls, "no model was asked")

    def test_a_boardroom_with_missing_members_plays_again(self):
        rule = {"contains": "You are Person 2,", "status": 400}
        self.rehearsal.post("/script", {"rules": [rule]})
        self.addCleanup(self.rehearsal.post, "/script", {"rules": []})
        job = self.finished(DEBATE | {"answer": ANSWERS[1]})
        self.assertTrue(job["result"]["personas"][2]["absent"])
        self.assertEqual(self.replayed(job).returncode, 0)

    def test_a_record_that_was_changed_is_told(self):
        job = self.finished(DEBATE | {"answer": ANSWERS[1]})
        self.fleet.redis("HSET", f"job:{job['id']}", "result", '{"decision":"forged"}')
        done = self.replayed(job)
        self.assertEqual(done.returncode, 1)
        self.assertIn("another result", done.stderr)

    def test_what_cannot_be_played_again_is_said(self):
        job = self.finished(DEBATE | {"answer": ANSWERS[1]})
        self.fleet.redis("HDEL", f"job:{job['id']}:steps", "blind/p1")
        self.assertIn("no answer blind/p1", self.replayed(job).stderr)
        self.fleet.redis("HDEL", f"job:{job['id']}:steps", "board")
        self.assertIn("no answer board", self.replayed(job).stderr)
        probe = self.door.finished(self.door.post("/v1/jobs/probe", {}).json["id"])
        self.assertIn("only debates", self.replayed(probe).stderr)
        self.assertEqual(self.replayed({"id": "01m7y4j9xz9c67wh159f0cmzqv"}).returncode, 4)
        self.assertEqual(self.replayed({"id": "no-id"}).returncode, 2)


class Evaluation(unittest.TestCase):
    """Questions with known answers; the rehearsal's members are as good as the test says."""

    @classmethod
    def setUpClass(cls):
        cls.fleet = Fleet()
        cls.addClassCleanup(cls.fleet.close)
        cls.fleet.start_redis()
        cls.rehearsal = cls.fleet.rehearsal(["--first-byte-ms", "0", "--tokens-per-second", "1000000"])
        cls.door = cls.fleet.door()
        cls.fleet.worker("debate")

    def score(self, accuracy, conformity, n=30):
        choices = ["red", "green", "blue"]
        personas = [{"id": f"p{i}", "name": f"Person {i}", "role": "adviser"} for i in range(7)]
        lines = [json.dumps({"question": f"Which colour has box number {i}?", "personas": personas, "devil": 0,
                             "answer": {"kind": "choice", "choices": choices}, "expected": choices[i % 3],
                             "rounds": {"max": 2, "min": 2}}) for i in range(n)]
        done = self.fleet.parley("eval", "debate", "-", "--json", "--rehearsal", self.rehearsal.url,
                                 f"--accuracy={accuracy}", f"--conformity={conformity}",
                                 door=self.door, stdin="\n".join(lines))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return json.loads(done.stdout)

    def test_a_vote_of_many_beats_one_of_them(self):
        score = self.score(0.6, 0)
        self.assertEqual((score["questions"], score["without_result"]), (30, 0))
        self.assertAlmostEqual(score["single"]["accuracy"], 0.6, delta=0.15)
        self.assertGreater(score["blind"]["accuracy"], score["single"]["accuracy"])
        self.assertLess(score["single"]["usd"], score["blind"]["usd"])
        self.assertLess(score["blind"]["usd"], score["debate"]["usd"])

    def test_members_who_bend_spoil_nothing_because_bending_does_not_count(self):
        score = self.score(0.6, 0.8)
        self.assertGreater(score["conformed"], 0)
        self.assertEqual(score["changed_for_a_reason"], 0)
        self.assertEqual(score["spoilt"], 0)
        self.assertEqual(score["debate"]["accuracy"], score["blind"]["accuracy"])

    def test_a_set_that_makes_no_sense_is_refused_with_its_line(self):
        for text, expected in (("{}\n", "no \"expected\""), ("nonsense", "line 1"), ("", "no question")):
            with self.subTest(text):
                done = self.fleet.parley("eval", "debate", "-", door=self.door, stdin=text)
                self.assertEqual(done.returncode, 2)
                self.assertIn(expected, done.stderr)


if __name__ == "__main__":
    unittest.main()
