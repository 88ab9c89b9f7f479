"""Reading jobs: versions of the object, long polls, filters of types, tokens for pages."""
import json
import pathlib
import signal
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import Fleet, until  # noqa: E402
from websocket import Refused, WebSocket  # noqa: E402

PEPPER = {"PARLEY_KEY_PEPPER": "0123456789abcdef0123456789abcdef-for-tests"}


class ReadingCase(unittest.TestCase):
    """Two doors on one Redis, no worker: the test moves the jobs."""

    env = {}

    @classmethod
    def setUpClass(cls):
        cls.fleet = Fleet()
        cls.addClassCleanup(cls.fleet.close)
        cls.fleet.start_redis()
        cls.door, cls.other = cls.fleet.door(cls.env), cls.fleet.door(cls.env)

    def setUp(self):
        self.fleet.redis("FLUSHDB")

    def queue(self, headers=None):
        answer = self.door.post("/v1/jobs/probe", {"events": 1}, headers)
        self.assertEqual(answer.status, 202, answer)
        return answer.json["id"]

    def append(self, job, seq, type="step.delta"):
        text = json.dumps({"type": type, "seq": seq, "job": job, "at": "x", "attempt": 1}, separators=(",", ":"))
        self.fleet.write_event(job, seq, text)
        self.fleet.redis("PUBLISH", f"ev:{job}", text)

    def later(self, path, headers):
        """The answer of a request under way: a list that it will be in."""
        answers = []
        thread = threading.Thread(target=lambda: answers.append(self.door.get(path, headers, timeout=60)))
        thread.start()
        self.addCleanup(thread.join)
        return answers

    def watched(self, job):
        return self.fleet.redis("PUBSUB", "NUMSUB", f"ev:{job}")[1] > 0


class Versions(ReadingCase):
    def test_the_same_object_has_the_same_etag_at_every_door_and_another_one_another(self):
        job = self.queue()
        first = self.door.get(f"/v1/jobs/{job}")
        self.assertRegex(first.headers["ETag"], r'^"[0-9a-f]{16}"$')
        self.assertEqual(self.other.get(f"/v1/jobs/{job}").headers["ETag"], first.headers["ETag"])
        self.append(job, 2)
        self.assertNotEqual(self.door.get(f"/v1/jobs/{job}").headers["ETag"], first.headers["ETag"])

    def test_who_knows_the_version_is_told_304_without_a_body(self):
        job = self.queue()
        etag = self.door.get(f"/v1/jobs/{job}").headers["ETag"]
        for known in (etag, f"W/{etag}", f'"nonsense", {etag}', "*"):
            answer = self.other.get(f"/v1/jobs/{job}", {"If-None-Match": known})
            self.assertEqual((answer.status, answer.body, answer.headers["ETag"]), (304, b"", etag))
        self.assertEqual(self.door.get(f"/v1/jobs/{job}", {"If-None-Match": '"nonsense"'}).status, 200)

    def test_a_long_poll_answers_with_the_next_version(self):
        job = self.queue()
        etag = self.door.get(f"/v1/jobs/{job}").headers["ETag"]
        answers = self.later(f"/v1/jobs/{job}", {"If-None-Match": etag, "Prefer": "wait=50"})
        until(lambda: self.watched(job), "somebody waits")
        self.assertEqual(answers, [])
        self.append(job, 2)
        until(lambda: answers, "the answer")
        self.assertEqual((answers[0].status, answers[0].json["last_seq"]), (200, 2))
        self.assertEqual(answers[0].headers["Preference-Applied"], "wait=50")
        self.assertNotEqual(answers[0].headers["ETag"], etag)

    def test_a_long_poll_in_which_nothing_happens_ends_with_304(self):
        job = self.queue()
        etag = self.door.get(f"/v1/jobs/{job}").headers["ETag"]
        answer = self.door.get(f"/v1/jobs/{job}", {"If-None-Match": etag, "Prefer": "wait=1"})
        self.assertEqual(answer.status, 304)

    def test_an_old_version_is_answered_at_once(self):
        job = self.queue()
        answer = self.door.get(f"/v1/jobs/{job}", {"If-None-Match": '"old"', "Prefer": "wait=60"}, timeout=20)
        self.assertEqual((answer.status, answer.json["last_seq"]), (200, 1))

    def test_without_a_version_it_waits_for_the_end(self):
        job = self.queue()
        answers = self.later(f"/v1/jobs/{job}", {"Prefer": "wait=50"})
        until(lambda: self.watched(job), "somebody waits")
        self.append(job, 2)
        self.assertEqual(self.door.post(f"/v1/jobs/{job}/cancel").status, 200)
        until(lambda: answers, "the answer")
        self.assertEqual((answers[0].status, answers[0].json["status"]), (200, "cancelled"))

    def test_a_draining_door_answers_who_waits(self):
        job = self.queue()
        door = self.fleet.door()
        answers = []
        thread = threading.Thread(target=lambda: answers.append(door.get(f"/v1/jobs/{job}", {"Prefer": "wait=50"})))
        thread.start()
        until(lambda: self.watched(job), "somebody waits")
        door.send(signal.SIGTERM)
        thread.join(30)
        self.assertEqual((answers[0].status, answers[0].json["status"]), (200, "queued"))
        self.assertEqual(door.wait(), 0)


class Types(ReadingCase):
    def test_only_the_wanted_types_come_and_always_the_end(self):
        job = self.queue()
        for seq, type in enumerate(("job.started", "step.started", "step.delta", "step.delta", "step.completed"), 2):
            self.append(job, seq, type)
        self.assertEqual(self.door.post(f"/v1/jobs/{job}/cancel").status, 200)
        for types, wanted in (("step.completed", [6, 7]), ("step.*", [3, 4, 5, 6, 7]), ("job.queued,step.delta", [1, 4, 5, 7]),
                              ("job.*", [1, 2, 7])):
            for accept in ("text/event-stream", "application/x-ndjson"):
                with self.subTest(f"{types} {accept}"), \
                        self.door.stream(f"/v1/jobs/{job}/events?types={types}", accept=accept) as stream:
                    self.assertEqual([event["seq"] for event in stream.rest()], wanted)
            with WebSocket(self.door, f"/v1/jobs/{job}/events?types={types}") as reader:
                self.assertEqual([event["seq"] for event in reader.rest()], wanted)

    def test_live_events_are_filtered_too_and_the_cursor_goes_on(self):
        job = self.queue()
        with self.door.stream(f"/v1/jobs/{job}/events?types=step.completed") as some, \
                self.door.stream(f"/v1/jobs/{job}/events") as all_:
            self.assertEqual(all_.next()["seq"], 1)
            for seq in range(2, 40):
                self.append(job, seq, "step.completed" if seq == 30 else "step.delta")
            self.assertEqual([event["seq"] for event in all_.take(38)], list(range(2, 40)))
            self.assertEqual(some.next()["seq"], 30)

    def test_a_type_that_does_not_exist_is_refused(self):
        job = self.queue()
        for types in ("step.nonsense", "", "step.completed,", "*", ".*", "step"):
            answer = self.door.get(f"/v1/jobs/{job}/events?types={types}", {"Accept": "text/event-stream"})
            self.assertEqual((answer.status, answer.json["code"]), (400, "bad_request"), types)


class Tokens(ReadingCase):
    env = PEPPER

    def key(self, tenant, *arguments):
        made = self.fleet.parley("keys", "add", tenant, *arguments, env=PEPPER)
        self.assertEqual(made.returncode, 0, made.stderr)
        return {"Authorization": f"Bearer {made.stdout.strip()}"}

    def token(self, job, key):
        answer = self.door.post(f"/v1/jobs/{job}/token", headers=key)
        self.assertEqual(answer.status, 200, answer)
        self.assertGreater(answer.json["expires_at"], time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()))
        self.assertEqual(answer.json["events"], f"/v1/jobs/{job}/events?token={answer.json['token']}")
        return answer.json["token"]

    def test_a_token_opens_the_events_of_its_job_at_every_door_on_every_wire(self):
        key = self.key("acme")
        job = self.queue(key)
        path = f"/v1/jobs/{job}/events?token={self.token(job, key)}"
        for door in (self.door, self.other):
            with door.stream(path) as sse, door.stream(path, accept="application/x-ndjson") as lines:
                self.assertEqual((sse.next()["seq"], lines.next()["seq"]), (1, 1))
            with WebSocket(door, path) as reader:
                self.assertEqual(reader.next()["seq"], 1)

    def test_it_opens_nothing_else(self):
        key = self.key("acme")
        job, neighbour = self.queue(key), self.queue(key)
        token = self.token(job, key)
        for method, path in (("GET", f"/v1/jobs/{neighbour}/events"), ("GET", f"/v1/jobs/{job}"), ("GET", "/v1/jobs"),
                             ("POST", f"/v1/jobs/{job}/cancel"), ("POST", f"/v1/jobs/{job}/token"), ("POST", "/v1/jobs/probe")):
            with self.subTest(f"{method} {path}"):
                body = {} if path.endswith("probe") else None
                self.assertEqual(self.door.request(method, f"{path}?token={token}", body).status, 401)
                self.assertEqual(self.door.request(method, path, body, {"Authorization": f"Bearer {token}"}).status, 401)

    def test_a_changed_or_empty_token_and_two_credentials_at_once_are_refused(self):
        key = self.key("acme")
        job = self.queue(key)
        token = self.token(job, key)
        parts = token.split(".")
        last = token[:-1] + ("0" if token[-1] != "0" else "1")
        for bad in ("", "x", last, token + "0", token + ".", ".".join([*parts[:2], str(int(parts[2]) + 1), parts[3]]),
                    ".".join([parts[0], "0" * 12, *parts[2:]]), token.upper()):
            with self.subTest(bad):
                self.assertEqual(self.door.get(f"/v1/jobs/{job}/events?token={bad}").status, 401)
        self.assertEqual(self.door.get(f"/v1/jobs/{job}/events?token={token}", key).status, 401)
        with self.assertRaises(Refused) as refused:
            WebSocket(self.door, f"/v1/jobs/{job}/events?token={last}")
        self.assertEqual(refused.exception.status, 401)

    def test_it_ends_with_its_key_and_cannot_be_had_for_a_foreign_job(self):
        key, theirs = self.key("acme"), self.key("globex")
        job = self.queue(key)
        self.assertEqual(self.door.post(f"/v1/jobs/{job}/token", headers=theirs).status, 404)
        token = self.token(job, key)
        with self.door.stream(f"/v1/jobs/{job}/events?token={token}") as stream:
            self.assertEqual(stream.next()["seq"], 1)
            self.fleet.parley("keys", "revoke", key["Authorization"].split("_")[1])
            self.assertEqual(stream.next()["reason"], "revoked")
        until(lambda: self.door.get(f"/v1/jobs/{job}/events?token={token}").status == 401, "the token is dead")

    def test_a_token_is_not_logged(self):
        key = self.key("acme")
        job = self.queue(key)
        door = self.fleet.door(PEPPER)
        token = self.token(job, key)
        for path in (f"/v1/jobs/{job}?token={token}", f"/v1/jobs/{job}/events?token={token}0", f"/nothing?token={token}"):
            door.get(path)
        self.assertEqual(door.terminate(), 0)
        self.assertNotIn(token[-64:], door.output())


class WithoutKeys(ReadingCase):
    def test_no_token_is_needed_and_the_address_is_the_plain_one(self):
        job = self.queue()
        answer = self.door.post(f"/v1/jobs/{job}/token").json
        self.assertEqual((answer["token"], answer["events"]), (None, f"/v1/jobs/{job}/events"))


if __name__ == "__main__":
    unittest.main()
