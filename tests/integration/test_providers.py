"""A debate speaks to every provider in that provider's own words."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import Fleet  # noqa: E402

DEBATE = {"question": "Shall we open a second office?", "rounds": {"max": 1},
          "personas": [{"id": f"p{i}", "name": f"Person {i}", "role": f"adviser number {i}"} for i in range(2)]}
QUICK = ["--first-byte-ms", "2", "--tokens-per-second", "20000"]


class Providers(unittest.TestCase):
    def debate_with(self, provider, env):
        """The finished job and what its provider was asked."""
        with Fleet() as fleet:
            fleet.start_redis()
            rehearsal = fleet.rehearsal(QUICK)
            door = fleet.door()
            fleet.worker("debate", env=env)
            job = door.post("/v1/debate", DEBATE | {"providers": [provider]}).json["id"]
            return door.finished(job), rehearsal.get("/stats").json["bill"]

    def test_each_of_them_answers_a_debate(self):
        for provider in ("anthropic", "openai", "groq", "xai", "compatible"):
            with self.subTest(provider):
                job, calls = self.debate_with(provider, {"PARLEY_COMPATIBLE_MODEL": "a-model"})
                self.assertEqual(job["status"], "succeeded", job)
                self.assertEqual({call["provider"] for call in calls}, {provider})

    def test_the_responses_format_gives_the_same_debate(self):
        for provider in ("openai", "xai"):
            with self.subTest(provider):
                job, calls = self.debate_with(provider, {f"PARLEY_{provider.upper()}_WIRE": "responses"})
                self.assertEqual(job["status"], "succeeded", job)
                self.assertEqual(job["usage"]["calls"], 5)
                self.assertEqual({(call["provider"], call["format"]) for call in calls}, {(provider, "responses")})


if __name__ == "__main__":
    unittest.main()
