"""The card of a prediction: a picture for who takes one, JSON for who wants the numbers, the numbers of /api/predict in
both; the same bytes from door, job and command line; none of what is nobody's business."""
import base64
import json
import pathlib
import struct
import sys
import unittest
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import Fleet  # noqa: E402

ROUTE = "/api/shareable-odds"
GOAL, CONTEXT = "I want a job at OpenAI \U0001f680", "CS grad, 2 years experience"


def request(goal=GOAL, context=CONTEXT, **more):
    return {"prediction_data": {"goal": goal, "context": context} | more}


def size_of(png):
    """Width and height: the first chunk of a PNG is its IHDR."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n" and png[12:16] == b"IHDR", png[:32]
    return struct.unpack(">II", png[16:24])


class Odds(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fleet = Fleet(appendfsync="no")
        cls.addClassCleanup(cls.fleet.close)
        cls.fleet.start_redis()
        cls.door = cls.fleet.door()
        cls.fleet.worker("odds")  # serves the predictions it waits for as well

    def post(self, body, path=ROUTE, **headers):
        return self.door.post(path, body, headers)

    def take(self, body, **headers):
        answer = self.post(body, **headers)
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, "image/png"), answer)
        return answer

    def numbers(self, body):
        answer = self.post(body, Accept="application/json")
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, "application/json"), answer)
        return answer.json

    def test_the_picture_comes_as_a_picture_with_its_alt_text(self):
        answer = self.take(request(user_name="Zoë"), Accept="image/png")
        self.assertEqual(size_of(answer.body), (1080, 1080))
        alt = urllib.parse.unquote(answer.headers["Alt-Text"])
        self.assertIn("10,000 simulations", alt)
        self.assertIn(GOAL, alt)
        self.assertIn("Zoë", alt)
        self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")
        self.assertIn(answer.headers["Job-Id"], answer.headers["Location"])

    def test_accept_decides_between_picture_and_json(self):
        for accept, media in (("*/*", "image/png"), ("image/*", "image/png"), ("image/webp, image/png;q=0.5", "image/png"),
                              ("application/json", "application/json"),
                              ("application/json, text/plain, */*", "application/json"),
                              ("image/png;q=0.2, application/json;q=0.9", "application/json"),
                              ("text/event-stream", "text/event-stream")):
            with self.subTest(accept):
                self.assertEqual(self.post(request(), Accept=accept).headers["Content-Type"], media)
        answer = self.post(request(), Accept="image/webp")
        self.assertEqual((answer.status, answer.json["code"]), (406, "not_acceptable"), answer)
        self.assertIn("image/png", answer.json["detail"])

    def test_its_numbers_are_those_of_the_prediction_byte_for_byte(self):
        predicted = self.post(request(), "/api/predict", Accept="application/json")
        result = self.numbers(request())
        self.assertEqual(json.dumps(result["prediction"], ensure_ascii=False, separators=(",", ":")),
                         json.dumps(predicted.json, ensure_ascii=False, separators=(",", ":")))
        self.assertIn(predicted.body.rstrip(), self.post(request(), Accept="application/json").body)

    def test_the_same_request_is_the_same_picture_and_another_name_is_another(self):
        first = self.take(request()).body
        self.assertEqual(base64.b64decode(self.numbers(request())["png_base64"]), first)
        self.assertEqual(self.take(request()).body, first)
        self.assertNotEqual(self.take(request(user_name="Ada")).body, first)

    def test_the_job_itself_is_json_for_everybody(self):
        answer = self.take(request())
        job = self.door.get(f"/v1/jobs/{answer.headers['Job-Id']}", {"Accept": "*/*"}).json
        self.assertEqual((job["kind"], job["status"]), ("odds", "succeeded"))
        self.assertEqual(base64.b64decode(job["result"]["png_base64"]), answer.body)
        fresh = self.post(request(), "/v1/jobs/odds", Accept="*/*")
        self.assertEqual((fresh.status, fresh.json["kind"]), (202, "odds"))

    def test_the_steps_of_the_reasoning_come_with_the_stream(self):
        with self.door.stream(ROUTE, request()) as stream:
            events = stream.rest()
        self.assertEqual([event["output"]["n"] for event in events if event["type"] == "step.completed"], [1, 2, 3, 4, 5])
        self.assertEqual(events[-1]["type"], "job.succeeded")
        self.assertEqual(size_of(base64.b64decode(events[-1]["result"]["png_base64"])), (1080, 1080))

    def test_what_has_no_card_says_so_with_a_code(self):
        for goal, code in (("get pregnant this year", "no_card"), ("find a job after beating cancer", "no_card"),
                           ("get a date with Jennifer", "no_card"),
                           ("hello", "unpredictable"), ("I want to kill myself", "unpredictable")):
            with self.subTest(goal):
                answer = self.post(request(goal), Accept="image/png")
                self.assertEqual((answer.status, answer.json["code"]), (422, code), answer)
                self.assertEqual(answer.headers["Content-Type"], "application/problem+json")

    def test_the_command_line_gives_the_same_bytes_of_either_job(self):
        picture = self.take(request(user_name="Ada"))
        predicted = self.post(request(user_name="Ada"), "/v1/jobs/predict", Prefer="wait=20")
        self.assertEqual(predicted.status, 200, predicted)
        for job in (picture.headers["Job-Id"], predicted.headers["Job-Id"]):
            path = self.fleet.dir / f"{job}.png"
            done = self.fleet.parley("card", job, "-o", str(path))
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(path.read_bytes(), picture.body)

    def test_the_command_line_refuses_in_words(self):
        predicted = self.post(request("get pregnant this year"), "/v1/jobs/predict", Prefer="wait=20")
        self.assertEqual(predicted.status, 200, predicted)
        path = self.fleet.dir / "none.png"
        done = self.fleet.parley("card", predicted.headers["Job-Id"], "--output", str(path))
        self.assertEqual((done.returncode, path.exists()), (4, False), done.stderr)
        self.assertIn("health", done.stderr)
        probe = self.post({"events": 1}, "/v1/jobs/probe")
        done = self.fleet.parley("card", probe.headers["Job-Id"], "-o", str(path))
        self.assertEqual((done.returncode, path.exists()), (4, False), done.stderr)
        self.assertIn("probe", done.stderr)


if __name__ == "__main__":
    unittest.main()
