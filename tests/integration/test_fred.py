"""The economy in predictions: a daily job reads it from a server that speaks FRED's form, predictions use what it left and
never wait for it, and what a prediction has used it keeps."""
import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import Fleet, until  # noqa: E402
from fred import KEY, Fred, monthly  # noqa: E402

JOB = {"prediction_data": {"goal": "get a job at OpenAI", "context": "CS grad, 2 years experience"}}
EXAM = {"prediction_data": {"goal": "pass the bar exam"}}


def figures():
    """Eleven years that go up and down a little, so that each ratio has a deviation."""
    def wave(middle, size):
        return [round(middle + size * ((i * 7) % 13 - 6) / 6, 3) for i in range(132)]
    quarters = {date: value for date, value in monthly(wave(20000, 900)).items() if date[5:7] in ("01", "04", "07", "10")}
    return {"UNRATE": monthly(wave(4.5, 1)), "JTSJOL": monthly(wave(7000, 1500), (2026, 9)),
            "PAYEMS": monthly(wave(150000, 4000)), "CPIAUCSL": monthly(wave(280, 20)),
            "FEDFUNDS": monthly(wave(2, 1.5)), "GDPC1": quarters}


class FredCase(unittest.TestCase):
    def setUp(self):
        self.fleet = Fleet(appendfsync="no")
        self.addCleanup(self.fleet.close)
        self.fleet.start_redis()
        self.fred = self.enterContext(Fred())
        self.fred.figures = figures()
        self.door = self.fleet.door()

    def work(self, **env):
        return self.fleet.worker("predict", env=self.fred.env | env)

    def predict(self, body=None):
        answer = self.door.post("/api/predict", body or JOB)
        self.assertEqual(answer.status, 200, answer)
        return answer.json

    def enrichment(self, body=None):
        return self.predict(body)["provenance"]["enrichment"]

    def read(self, key):
        job = self.door.post("/v1/jobs/fred", {}, {"Idempotency-Key": key}).json["id"]
        return self.door.finished(job)

    def read_next_day(self, day):
        """The same as if the job of before had been a day ago."""
        document = json.loads(self.fleet.redis("HGET", "macro", "value"))
        self.fleet.redis("HSET", "macro", "value", json.dumps(document | {"asked": "2026-01-01"}))
        self.fred.day = day
        return self.read(f"day-{day}")["result"]


class Reading(FredCase):
    def test_the_figures_of_the_day_are_read_once_and_shift_the_odds(self):
        self.work()
        before = self.predict()
        self.assertEqual(before["provenance"]["enrichment"]["source"], "yearly means from memory, rounded")
        done = self.fleet.parley("fred", door=self.door)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(len(self.fred.queries), 6)
        for query in self.fred.queries:
            self.assertEqual((query["file_type"], query["sort_order"], query["api_key"]), ("json", "desc", KEY))
        self.assertEqual({query["series_id"] for query in self.fred.queries}, set(self.fred.figures))

        used = self.enrichment()
        self.assertEqual((used["series"], used["vintage"], used["source"]), ("JTSJOL/UNRATE", "2026-11-20", "FRED"))
        last = "2026-09-01"  # openings come a month later than unemployment
        self.assertEqual(used["date"], last)
        self.assertAlmostEqual(used["value"], self.fred.figures["JTSJOL"][last] / self.fred.figures["UNRATE"][last])
        told = self.predict()["steps"][2]["outputs"][-1]
        self.assertEqual((told["fact"], told["label"], told["vintage"]), ("economy", "JTSJOL/UNRATE", "2026-11-20"))
        self.assertEqual(told["odds"] > 1, used["z"] > 0)
        self.assertEqual(self.enrichment(EXAM), "none")
        self.assertEqual(self.predict(), self.predict())

        self.assertEqual(self.fleet.parley("fred", door=self.door).returncode, 0)
        self.assertFalse(self.read("another-host")["result"]["read"])
        self.assertEqual(len(self.fred.queries), 6, "once a day")
        kept = json.loads(self.fleet.redis("GET", "macro:vintage:2026-11-20"))
        self.assertEqual(kept["observations"]["UNRATE"][-1], ["2026-10-01", self.fred.figures["UNRATE"]["2026-10-01"]])

    def test_a_revised_vintage_is_another_answer_and_the_old_one_is_kept(self):
        self.work()
        self.assertTrue(self.read("first")["result"]["complete"])
        first = self.predict()
        self.fred.figures["JTSJOL"]["2026-09-01"] += 900
        self.assertEqual(self.read_next_day("2026-11-21")["vintage"], "2026-11-21")
        second = self.predict()
        self.assertGreater(second["probability"], first["probability"])
        self.assertNotEqual(second["seed"], first["seed"])
        vintages = [json.loads(self.fleet.redis("GET", f"macro:vintage:2026-11-{day}"))["observations"]["JTSJOL"][-1][1]
                    for day in (20, 21)]
        self.assertEqual(vintages[1] - vintages[0], 900)

    def test_what_is_missing_is_no_zero(self):
        self.fred.figures["UNRATE"]["2026-09-01"] = "."
        self.work()
        self.assertTrue(self.read("first")["result"]["complete"])
        self.assertEqual(self.enrichment()["date"], "2026-08-01")

    def test_a_series_that_is_gone_keeps_its_last_ratio(self):
        self.work()
        self.read("first")
        was = self.enrichment()
        del self.fred.figures["JTSJOL"]
        result = self.read_next_day("2026-11-21")
        self.assertEqual((result["complete"], result["vintage"]), (False, "2026-11-21"))
        self.assertIn("The series does not exist", result["error"]["message"])
        self.assertEqual(self.enrichment(), was)

    def test_too_many_requests_are_waited_out_and_a_sick_server_is_asked_again(self):
        self.fred.script = [(429, {"Retry-After": "1"}, "{}"), (503, {}, "<html>"), (423, {}, "")]
        self.work()
        self.assertTrue(self.read("first")["result"]["complete"])
        self.assertEqual(len(self.fred.queries), 9)

    def test_a_wrong_key_is_told_and_stands_in_no_log(self):
        wrong = "0123456789zyxwvutsrqponmlkjihgfe"
        worker = self.work(FRED_API_KEY=wrong)
        job = self.read("first")
        self.assertEqual((job["status"], job["error"]["code"]), ("failed", "provider_refused"))
        self.assertIn("api_key is not registered", job["error"]["message"])
        self.fred.script = [self.fred.refusal(f"Bad key {wrong}")] * 6
        self.assertNotIn(wrong, self.door.get(f"/v1/jobs/{self.read('second')['id']}").body.decode())
        self.assertNotIn(wrong, worker.output())
        self.assertEqual(self.enrichment()["source"], "yearly means from memory, rounded")

    def test_without_a_key_the_job_says_so_and_predictions_go_on(self):
        self.fleet.worker("predict")
        job = self.read("first")
        self.assertEqual((job["status"], job["error"]["code"]), ("failed", "config"))
        self.assertEqual(len(self.fred.queries), 0)
        self.assertIn("fred is not configured: its workers need the key FRED_API_KEY", job["error"]["message"])
        self.assertEqual(self.enrichment()["series"], "JTSJOL/UNRATE")


class Replay(FredCase):
    def test_another_attempt_sees_the_vintage_of_the_first(self):
        victim = self.fleet.worker("predict", "w", {"PARLEY_FAILPOINT": "shared.pinned:2", **self.fred.env})
        self.assertTrue(self.read("first")["result"]["complete"])
        job = self.door.post("/v1/jobs/predict", JOB).json["id"]
        until(lambda: victim.process.poll() is not None, "the worker died with the vintage pinned")
        document = json.loads(self.fleet.redis("HGET", "macro", "value"))
        later = document | {"vintage": "2026-11-21", "ratios": [
            ratio | {"vintage": "2026-11-21", "z": -ratio["z"]} for ratio in document["ratios"]]}
        self.fleet.redis("FCALL", "parley1_publish", 1, "macro", "2026-11-21", json.dumps(later))
        self.fleet.worker("predict", "w", self.fred.env)
        self.assertEqual(self.door.finished(job)["result"]["provenance"]["enrichment"]["vintage"], "2026-11-20")
        self.assertEqual(self.enrichment()["vintage"], "2026-11-21")
        self.fleet.redis("FCALL", "parley1_publish", 1, "macro", "2026-11-19", json.dumps(document))
        self.assertEqual(self.enrichment()["vintage"], "2026-11-21", "an older vintage takes no newer one's place")


if __name__ == "__main__":
    unittest.main()
