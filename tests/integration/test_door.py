"""The front door against a real Redis: the HTTP contract of product.md section 2."""
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import BUILD, Client, Fleet, PATIENCE, until  # noqa: E402

KINDS = ["debate", "montecarlo", "predict", "probe"]
NO_JOB = "0" * 26
JSON = {"Content-Type": "application/json"}
SANITIZED = b"__asan_init" in (BUILD / "parley-door").read_bytes()
QUESTION = "Should we open a second office?"


def personas(n):
    return [{"name": f"P{i}", "role": "adviser"} for i in range(n)]


class DoorCase(unittest.TestCase):
    """Two doors on one Redis, no worker: what is queued stays queued."""

    @classmethod
    def setUpClass(cls):
        cls.fleet = Fleet()
        cls.addClassCleanup(cls.fleet.close)
        cls.fleet.start_redis()
        cls.door, cls.other = cls.fleet.door(), cls.fleet.door()

    def setUp(self):
        self.fleet.redis("FLUSHDB")

    def queue(self, body=None, **headers):
        answer = self.door.post("/v1/jobs/probe", body or {"events": 3}, headers)
        self.assertEqual(answer.status, 202, answer)
        return answer.json["id"]

    def append(self, job, *numbers, publish=True):
        """Events as parley.lua writes them, by hand: some of them not published, as if lost on the way."""
        for seq in numbers:
            text = json.dumps({"type": "step.delta", "seq": seq, "job": job, "at": "x", "attempt": 1, "text": "t" * 50},
                              separators=(",", ":"))
            self.fleet.write_event(job, seq, text)
            if publish:
                self.fleet.redis("PUBLISH", f"ev:{job}", text)

    def assert_problem(self, answer, status, code):
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(answer.headers["Content-Type"], "application/problem+json")
        problem = answer.json
        self.assertEqual(problem["status"], status)
        self.assertEqual(problem["code"], code, problem)
        self.assertEqual(problem["type"], "about:blank")
        self.assertTrue(problem["title"] and problem["detail"] and problem["request_id"], problem)
        self.assertIsInstance(problem["retryable"], bool)
        return problem


class BadInput(DoorCase):
    ROWS = [
        # name, path, body, headers, status, code, pointer, words of the message
        ("malformed JSON", "/v1/debate", b'{"question": "x",}', {}, 400, "bad_json", "", r"line 1, column 18"),
        ("no JSON at all", "/v1/debate", b"question=x", {}, 400, "bad_json", "", r"line 1"),
        ("an empty body", "/v1/debate", b"", {}, 400, "bad_json", "", r"."),
        ("a key given twice", "/v1/debate", b'{"question":"a","question":"b"}', {}, 400, "bad_json", "", r"question"),
        ("bytes that are not UTF-8", "/v1/debate", b'{"question":"\xff"}', {}, 400, "bad_json", "", r"UTF-8"),
        ("a wrong type", "/v1/debate", {"question": 5}, {}, 422, "invalid", "/question", r"string"),
        ("an unknown field", "/v1/debate", {"question": QUESTION, "colour": 1}, {}, 422, "invalid", "/colour", r"."),
        ("a missing field", "/v1/debate", {}, {}, 422, "invalid", "/question", r"required"),
        ("an array", "/v1/debate", [], {}, 422, "invalid", "", r"object"),
        ("13 personas", "/v1/boardroom", {"question": QUESTION, "personas": personas(13)}, {}, 422, "invalid",
         "/personas", r"12"),
        ("an empty question", "/v1/debate", {"question": ""}, {}, 422, "invalid", "/question", r"."),
        ("a standard debate in the boardroom", "/v1/boardroom", {"question": QUESTION, "format": "standard"}, {}, 422,
         "invalid", "/format", r"boardroom"),
        ("a body of 1 MiB", "/v1/debate", b'{"question":"' + b"x" * (1 << 20) + b'"}', {}, 413, "too_large", "", r"."),
        ("an unknown kind", "/v1/jobs/nonesuch", {}, {}, 404, "unknown_kind", "", r"nonesuch.*debate"),
        ("a kind with a slash in disguise", "/v1/jobs/a%2fb", {}, {}, 404, "unknown_kind", "", r"."),
        ("no such address", "/v2/debate", {}, {}, 404, "not_found", "", r"/v2/debate"),
        ("a form", "/v1/debate", b"question=x", {"Content-Type": "application/x-www-form-urlencoded"}, 415,
         "unsupported_media_type", "", r"application/json"),
        ("no content type", "/v1/debate", b"{}", {"Content-Type": ""}, 415, "unsupported_media_type", "", r"."),
        ("a packed body", "/v1/debate", b"\x1f\x8b\x08", {"Content-Encoding": "gzip"}, 415, "unsupported_media_type", "",
         r"Content-Encoding"),
        ("a type we lack", "/v1/debate", {"question": QUESTION}, {"Accept": "text/html, image/*"}, 406,
         "not_acceptable", "", r"text/event-stream"),
        ("JSON refused with q=0", "/v1/debate", {"question": QUESTION}, {"Accept": "application/json;q=0"}, 406,
         "not_acceptable", "", r"."),
        ("an empty Idempotency-Key", "/v1/debate", {"question": QUESTION}, {"Idempotency-Key": '""'}, 400,
         "bad_request", "", r"Idempotency-Key"),
        ("an Idempotency-Key of 256", "/v1/debate", {"question": QUESTION}, {"Idempotency-Key": "k" * 256}, 400,
         "bad_request", "", r"255"),
        ("an open quote in Idempotency-Key", "/v1/debate", {"question": QUESTION}, {"Idempotency-Key": '"a'}, 400,
         "bad_request", "", r"Idempotency-Key"),
        ("Cancel-After without a unit", "/v1/debate", {"question": QUESTION}, {"Cancel-After": "90"}, 400,
         "bad_request", "", r"90s"),
        ("Cancel-After of a week", "/v1/debate", {"question": QUESTION}, {"Cancel-After": "168h"}, 400, "bad_request",
         "", r"24h"),
        ("cancelling an unknown job", f"/v1/jobs/{NO_JOB}/cancel", None, {}, 404, "unknown_job", "", r"job"),
        ("cancelling with a wrong body", f"/v1/jobs/{NO_JOB}/cancel", {"why": 1}, {}, 422, "invalid", "", r"reason"),
    ]

    def test_each_fault_has_its_own_answer_and_nothing_is_enqueued(self):
        for name, path, body, headers, status, code, pointer, words in self.ROWS:
            with self.subTest(name):
                answer = self.door.post(path, body, headers)
                problem = self.assert_problem(answer, status, code)
                found = [e for e in problem["errors"] if e["pointer"] == pointer]
                self.assertTrue(found, problem)
                self.assertRegex(found[0]["message"], words)
        self.assertEqual(sum(self.fleet.xlen(kind) for kind in KINDS), 0)
        self.assertEqual(self.fleet.redis("KEYS", "job:*"), [])
        self.assertEqual(self.fleet.redis("KEYS", "idem:*"), [])

    def test_names_as_long_as_the_body_do_not_break_the_answer(self):
        for body in ({"question": QUESTION, "personas": [{"x" * 200000: 1}], "y" * 50000: 1},
                     {"question": QUESTION, "\u00fc" * 299: 1}, {"question": QUESTION, "a" + "\u00fc" * 299: 1}):
            self.assert_problem(self.door.post("/v1/debate", body), 422, "invalid")

    def test_every_fault_of_a_body_is_told_at_once(self):
        answer = self.door.post("/v1/debate", {"question": 5, "colour": 1, "personas": 7})
        pointers = {e["pointer"] for e in self.assert_problem(answer, 422, "invalid")["errors"]}
        self.assertLessEqual({"/question", "/colour", "/personas"}, pointers)

    def test_a_key_given_in_two_fields_is_refused(self):
        got = self.door.raw(b"POST /v1/debate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                            b"Idempotency-Key: a\r\nIdempotency-Key: b\r\nContent-Length: 16\r\n\r\n"
                            b'{"question":"q"}')
        self.assertIn(b" 400 ", got.split(b"\r\n")[0])
        self.assertIn(b"Idempotency-Key", got)
        self.assertEqual(self.fleet.xlen("debate"), 0)

    def test_what_the_engine_refuses_is_a_problem_too(self):
        rows = [
            ("bare line feeds", b"GET /health HTTP/1.1\nHost: x\n\n", 400, "bad_request"),
            ("two lengths", b"POST /v1/debate HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
             400, "bad_request"),
            ("a coding we lack", b"POST /v1/debate HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501,
             "not_implemented"),
            ("a head without end", b"GET /health HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 40000 + b"\r\n\r\n", 431,
             "headers_too_large"),
            ("another version", b"GET /health HTTP/2.0\r\nHost: x\r\n\r\n", 505, "http_version"),
        ]
        for name, data, status, code in rows:
            with self.subTest(name):
                head, _, body = self.door.raw(data).partition(b"\r\n\r\n")
                self.assertIn(f" {status} ".encode(), head.split(b"\r\n")[0])
                self.assertIn(b"application/problem+json", head)
                self.assertEqual(json.loads(body)["code"], code)

    def test_reading_faults(self):
        job = self.queue()
        rows = [
            ("unknown job", f"/v1/jobs/{NO_JOB}", {}, 404, "unknown_job"),
            ("events of an unknown job", f"/v1/jobs/{NO_JOB}/events", {}, 404, "unknown_job"),
            ("no id", "/v1/jobs/%20", {}, 404, "unknown_job"),
            ("cursor ahead", f"/v1/jobs/{job}/events?after=2", {}, 400, "cursor_ahead"),
            ("cursor ahead in the header", f"/v1/jobs/{job}/events", {"Last-Event-ID": "99"}, 400, "cursor_ahead"),
            ("cursor not a number", f"/v1/jobs/{job}/events?after=x", {}, 400, "bad_request"),
            ("cursor negative", f"/v1/jobs/{job}/events?after=-1", {}, 400, "bad_request"),
            ("cursor beyond numbers", f"/v1/jobs/{job}/events?after=99999999999999999999", {}, 400, "bad_request"),
            ("header not a number", f"/v1/jobs/{job}/events?after=0", {"Last-Event-ID": "one"}, 400, "bad_request"),
            ("events as JSON", f"/v1/jobs/{job}/events", {"Accept": "application/json"}, 406, "not_acceptable"),
            ("a job as a stream", f"/v1/jobs/{job}", {"Accept": "text/event-stream"}, 406, "not_acceptable"),
            ("a list too long", "/v1/jobs?limit=1000", {}, 400, "bad_request"),
            ("a list before nothing", "/v1/jobs?before=x", {}, 400, "bad_request"),
        ]
        for name, path, headers, status, code in rows:
            with self.subTest(name):
                self.assert_problem(self.door.get(path, headers), status, code)

    def test_the_log_of_a_purged_job_is_gone(self):
        job = self.queue()
        self.door.post(f"/v1/jobs/{job}/cancel")
        self.fleet.redis("DEL", f"job:{job}:events")
        self.assert_problem(self.door.get(f"/v1/jobs/{job}/events"), 410, "gone")

    def test_other_methods_are_told_which_ones_there_are(self):
        rows = [("/v1/debate", "GET", "POST"), ("/v1/jobs", "POST", "GET, HEAD"), ("/health", "DELETE", "GET, HEAD"),
                (f"/v1/jobs/{NO_JOB}/cancel", "PUT", "POST"), (f"/v1/jobs/{NO_JOB}", "PATCH", None)]
        for path, method, allow in rows:
            with self.subTest(f"{method} {path}"):
                answer = self.door.request(method, path)
                self.assert_problem(answer, 405, "method_not_allowed")
                if allow:
                    self.assertEqual(answer.headers["Allow"], allow)
        # One path, two rows: a kind's name and a job's id look alike.
        allow = self.door.request("PATCH", f"/v1/jobs/{NO_JOB}").headers["Allow"]
        self.assertEqual(set(allow.split(", ")), {"POST", "GET", "HEAD"})


class Jobs(DoorCase):
    def test_an_accepted_job_is_in_the_stream_and_answers_with_its_address(self):
        answer = self.door.post("/v1/jobs/probe", {"events": 3}, {"Prefer": "respond-async"})
        self.assertEqual(answer.status, 202)
        job = answer.json["id"]
        self.assertEqual(answer.headers["Location"], f"/v1/jobs/{job}")
        self.assertEqual(answer.headers["Retry-After"], "1")
        self.assertEqual(answer.headers["Preference-Applied"], "respond-async")
        self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")
        self.assertEqual(answer.headers["Cache-Control"], "no-store")
        self.assertEqual(self.fleet.xlen("probe"), 1)
        found = self.other.get(f"/v1/jobs/{job}").json
        for member in ("id", "kind", "status", "attempt", "last_seq", "urls"):
            self.assertEqual(found[member], answer.json[member])
        self.assertEqual((found["kind"], found["status"], found["last_seq"]), ("probe", "queued", 1))
        self.assertEqual(json.loads(self.fleet.redis("HGET", f"job:{job}", "payload")), {"events": 3})

    def test_a_content_type_may_have_parameters(self):
        for content_type in ("application/json; charset=utf-8", "Application/JSON ;charset=utf-8"):
            with self.subTest(content_type):
                answer = self.door.post("/v1/jobs/probe", {}, {"Content-Type": content_type})
                self.assertEqual(answer.status, 202, answer)

    def test_named_routes_are_kinds_with_presets(self):
        rows = [("/v1/debate", {"question": QUESTION}, "debate", "standard"),
                ("/v1/debate", {"question": QUESTION, "format": "boardroom"}, "debate", "boardroom"),
                ("/v1/boardroom", {"question": QUESTION}, "debate", "boardroom"),
                ("/v1/boardroom", {"question": QUESTION, "format": "boardroom"}, "debate", "boardroom")]
        for path, body, kind, form in rows:
            with self.subTest(path, body=body):
                answer = self.door.post(path, body)
                self.assertEqual(answer.status, 202, answer)
                stored = self.fleet.redis("HMGET", f"job:{answer.json['id']}", "kind", "payload")
                self.assertEqual((stored[0], json.loads(stored[1])["format"]), (kind, form))

    def test_old_addresses_wait_by_default_unless_told_not_to(self):
        body = {"prediction_data": {"goal": "Run a marathon", "context": ""}}
        for path in ("/api/predict", "/predict"):
            with self.subTest(path):
                answer = self.door.post(path, body, {"Prefer": "respond-async"})
                self.assertEqual((answer.status, answer.json["kind"]), (202, "predict"))
                answer = self.door.post(path, body, {"Prefer": "wait=1"})
                self.assertEqual(answer.status, 202)
                self.assertGreaterEqual(answer.seconds, 0.9)

    def test_jobs_are_listed_newest_first_in_pages(self):
        jobs = []
        for _ in range(5):
            jobs.insert(0, self.queue())
            time.sleep(0.002)  # ids sort by the millisecond
        page = self.door.get("/v1/jobs?limit=2").json
        self.assertEqual([job["id"] for job in page["jobs"]], jobs[:2])
        page = self.other.get(page["next"]).json
        self.assertEqual([job["id"] for job in page["jobs"]], jobs[2:4])
        page = self.other.get(page["next"]).json
        self.assertEqual(([job["id"] for job in page["jobs"]], page["next"]), (jobs[4:], None))

    def test_cancel_needs_no_body_and_no_length(self):
        job = self.queue()
        request = f"POST /v1/jobs/{job}/cancel HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        self.assertIn(b"200 OK", self.door.raw(request.encode()).split(b"\r\n")[0])

    def test_a_queued_job_is_cancelled_at_once_and_only_once(self):
        job = self.queue()
        answer = self.other.post(f"/v1/jobs/{job}/cancel", {"reason": "changed my mind"})
        self.assertEqual((answer.status, answer.json["status"]), (200, "cancelled"))
        self.assertEqual(answer.json["error"]["message"], "changed my mind")
        self.assertEqual(self.fleet.xlen("probe"), 0)
        again = self.door.post(f"/v1/jobs/{job}/cancel")
        self.assertEqual((again.status, again.json), (200, answer.json))

    def test_full_queues_and_greedy_tenants_are_told_apart(self):
        full = self.fleet.door({"PARLEY_QUEUE_CAP": 2})
        greedy = self.fleet.door({"PARLEY_TENANT_CAP": 1})
        self.queue()
        answer = greedy.post("/v1/jobs/probe", {})
        self.assert_problem(answer, 429, "tenant_limit")
        self.assertTrue(answer.headers["Retry-After"])
        self.queue()
        answer = full.post("/v1/jobs/probe", {})
        self.assert_problem(answer, 503, "queue_full")
        self.assertTrue(answer.headers["Retry-After"])
        self.assertEqual(self.fleet.xlen("probe"), 2)

    def test_head_is_get_without_a_body(self):
        job = self.queue()
        for path in ("/health", "/ready", "/v1/jobs", f"/v1/jobs/{job}", f"/v1/jobs/{NO_JOB}"):
            with self.subTest(path):
                head, get = self.door.request("HEAD", path), self.door.get(path)
                self.assertEqual((head.status, head.body), (get.status, b""))
                self.assertEqual(head.headers["Content-Type"], get.headers["Content-Type"])
        self.door.post(f"/v1/jobs/{job}/cancel")
        with self.subTest("a stream"):
            path = f"/v1/jobs/{job}/events"
            head, get = self.door.request("HEAD", path), self.door.get(path)
            self.assertEqual((head.status, head.body), (200, b""))
            differ = {name for name, _ in set(head.headers.items()) ^ set(get.headers.items())}
            self.assertLessEqual(differ, {"Date"})
        two = f"HEAD {path} HTTP/1.1\r\nHost: x\r\n\r\nGET /health HTTP/1.1\r\nHost: x\r\n\r\n"
        self.assertEqual(self.door.raw(two.encode()).count(b"HTTP/1.1 200 "), 2)

    def test_requests_one_after_the_other_on_one_connection(self):
        body = b'{"events":1}'
        one = (b"POST /v1/jobs/probe HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: "
               + str(len(body)).encode() + b"\r\n\r\n" + body)
        got = self.door.raw(one * 20 + b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertEqual(got.count(b"HTTP/1.1 202 "), 20)
        self.assertEqual(got.count(b"HTTP/1.1 200 "), 1)
        self.assertEqual(self.fleet.xlen("probe"), 20)


class Idempotency(DoorCase):
    def test_the_same_key_and_body_is_the_same_job_at_every_door(self):
        first = self.door.post("/v1/jobs/probe", {"events": 3}, {"Idempotency-Key": '"k-1"'})
        again = self.other.post("/v1/jobs/probe", {"events": 3}, {"Idempotency-Key": "k-1"})
        self.assertNotIn("Idempotent-Replayed", first.headers)
        self.assertEqual(again.headers["Idempotent-Replayed"], "true")
        self.assertEqual((again.status, again.json["id"]), (202, first.json["id"]))
        self.assertEqual(again.headers["Location"], first.headers["Location"])
        self.assertEqual(self.fleet.xlen("probe"), 1)

    def test_another_body_kind_or_address_is_refused(self):
        key = {"Idempotency-Key": "k"}
        self.assertEqual(self.door.post("/v1/debate", {"question": QUESTION}, key).status, 202)
        for path, body in (("/v1/debate", {"question": QUESTION + "?"}), ("/v1/boardroom", {"question": QUESTION}),
                           ("/v1/jobs/probe", {})):
            with self.subTest(path):
                self.assert_problem(self.other.post(path, body, key), 422, "idempotency_key_reuse")
        self.assertEqual(sum(self.fleet.xlen(kind) for kind in KINDS), 1)

    def test_a_hundred_at_once_make_one_job(self):
        jobs = []

        def post(door):
            jobs.append(door.post("/v1/jobs/probe", {"events": 1}, {"Idempotency-Key": "race"}).json["id"])
        threads = [threading.Thread(target=post, args=([self.door, self.other][i % 2],)) for i in range(100)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual((len(jobs), len(set(jobs)), self.fleet.xlen("probe")), (100, 1, 1))

    def test_a_replayed_stream_is_the_earlier_jobs(self):
        key = {"Idempotency-Key": "k"}
        job = self.door.post("/v1/jobs/probe", {"events": 3}, key).json["id"]
        with self.other.stream("/v1/jobs/probe", {"events": 3}, key) as stream:
            self.assertEqual(stream.headers["Idempotent-Replayed"], "true")
            self.assertEqual(stream.headers["Job-Id"], job)
            self.assertEqual(stream.next()["job"], job)


class Waiting(DoorCase):
    def test_what_does_not_end_in_time_is_answered_with_202(self):
        answer = self.door.post("/v1/jobs/probe", {"events": 3}, {"Prefer": "wait=1"})
        self.assertEqual((answer.status, answer.json["status"]), (202, "queued"))
        self.assertEqual(answer.headers["Preference-Applied"], "wait=1")
        self.assertTrue(0.9 <= answer.seconds <= 1.5 * PATIENCE, answer.seconds)

    def test_a_wait_is_capped_and_a_wrong_one_ignored(self):
        for prefer, applied in (("wait=0", None), ("wait=soon", None), ("respond-async, wait=0", "respond-async")):
            with self.subTest(prefer):
                answer = self.door.post("/v1/jobs/probe", {}, {"Prefer": prefer})
                self.assertEqual((answer.status, answer.headers["Preference-Applied"]), (202, applied))

    def test_the_end_ends_the_wait(self):
        got = []
        waiter = threading.Thread(target=lambda: got.append(
            self.door.post("/v1/jobs/probe", {"events": 3}, {"Prefer": "wait=20"})))
        waiter.start()
        job = until(lambda: self.door.get("/v1/jobs").json["jobs"], "the job is there")[0]["id"]
        self.other.post(f"/v1/jobs/{job}/cancel", {"reason": "no more"})
        waiter.join(5)
        problem = self.assert_problem(got[0], 409, "cancelled")
        self.assertEqual(problem["detail"], "no more")
        self.assertEqual(got[0].headers["Location"], f"/v1/jobs/{job}")


class Streams(DoorCase):
    def test_a_stream_begins_at_once_and_says_how_to_come_back(self):
        with self.door.stream("/v1/jobs/probe", {"events": 3}) as stream:
            first = stream.next()
            self.assertEqual((first["type"], first["seq"], first["_id"], first["_event"]),
                             ("job.queued", 1, "1", "job.queued"))
            self.assertEqual(stream.retry, 1000)
            self.assertGreaterEqual(stream.comments, 1)
            job = stream.headers["Job-Id"]
            self.assertEqual(stream.headers["Location"], f"/v1/jobs/{job}/events")
            self.assertEqual(stream.headers["Content-Type"], "text/event-stream")
            self.assertEqual(stream.headers["Cache-Control"], "no-store, no-transform")
            self.assertEqual(stream.headers["X-Accel-Buffering"], "no")
            self.other.post(f"/v1/jobs/{job}/cancel")
            self.assertEqual([event["type"] for event in stream.rest()], ["job.cancelled"])

    def test_accept_decides_between_the_forms(self):
        rows = [("application/x-ndjson", "application/x-ndjson"), ("text/*", "text/event-stream"),
                ("text/event-stream;q=0.5, application/x-ndjson", "application/x-ndjson"),
                ("application/json;q=0.1, text/event-stream;q=0.2, */*;q=0.05", "text/event-stream"),
                ("TEXT/Event-Stream", "text/event-stream")]
        for accept, form in rows:
            with self.subTest(accept):
                with self.door.stream("/v1/jobs/probe", {}, accept=accept) as stream:
                    self.assertEqual(stream.headers["Content-Type"], form)
        for accept in ("*/*", "application/json, text/event-stream", "application/*"):
            with self.subTest(accept):
                self.assertEqual(self.door.post("/v1/jobs/probe", {}, {"Accept": accept}).status, 202)

    def test_every_form_carries_the_bytes_of_the_log(self):
        job = self.queue()
        self.append(job, 2, 3)
        self.door.post(f"/v1/jobs/{job}/cancel")
        log = self.fleet.log(job)
        self.assertEqual(len(log), 4)
        for accept in ("text/event-stream", "application/x-ndjson"):
            with self.door.stream(f"/v1/jobs/{job}/events", accept=accept) as stream:
                stream.rest()
                self.assertEqual(stream.raw, log)

    def test_a_reader_that_comes_back_anywhere_sees_the_rest_once(self):
        job = self.queue()
        self.append(job, *range(2, 301))
        self.door.post(f"/v1/jobs/{job}/cancel")
        log = self.fleet.log(job)
        for after in (0, 1, 127, 128, 129, 255, 256, 299, 300):
            with self.subTest(after=after):
                with self.other.stream(f"/v1/jobs/{job}/events?after=7",
                                       headers={"Last-Event-ID": str(after)}) as stream:
                    stream.rest()
                    self.assertEqual(stream.raw, log[after:])
        self.assertEqual(self.other.get(f"/v1/jobs/{job}/events?after=301").status, 204)

    def test_a_message_lost_on_the_way_is_read_from_the_log(self):
        job = self.queue()
        with self.door.stream(f"/v1/jobs/{job}/events") as stream:
            stream.take(1)
            self.append(job, 2, 3, publish=False)
            self.append(job, 4)
            self.assertEqual([event["seq"] for event in stream.take(3)], [2, 3, 4])

    def test_a_message_that_comes_twice_is_given_once(self):
        job = self.queue()
        with self.door.stream(f"/v1/jobs/{job}/events") as stream:
            stream.take(1)
            self.append(job, 2)
            for text in self.fleet.log(job):
                self.fleet.redis("PUBLISH", f"ev:{job}", text)
            self.append(job, 3)
            self.assertEqual([event["seq"] for event in stream.take(2)], [2, 3])

    def test_a_lost_subscription_loses_no_event(self):
        job = self.queue()
        with self.door.stream(f"/v1/jobs/{job}/events") as stream:
            stream.take(1)
            for n in range(2, 42):
                if n % 10 == 0:
                    self.fleet.redis("CLIENT", "KILL", "TYPE", "pubsub")
                self.append(job, n)
            self.assertEqual([event["seq"] for event in stream.take(40)], list(range(2, 42)))

    def test_a_stream_whose_job_is_no_more_says_so_and_ends(self):
        job = self.queue()
        with self.door.stream(f"/v1/jobs/{job}/events") as stream:
            stream.take(1)
            self.fleet.redis("FLUSHDB")
            self.fleet.redis("CLIENT", "KILL", "TYPE", "pubsub")
            self.assertEqual([(item["type"], item["reason"]) for item in stream.rest()], [("stream.closed", "gone")])

    def test_readers_of_a_job_share_one_subscription_that_ends_with_them(self):
        job = self.queue()
        streams = [self.door.stream(f"/v1/jobs/{job}/events") for _ in range(5)]
        for stream in streams:
            stream.take(1)
        self.append(job, 2)
        for stream in streams:
            self.assertEqual(stream.next()["seq"], 2)
        self.assertEqual(self.fleet.redis("PUBSUB", "NUMSUB", f"ev:{job}"), [f"ev:{job}", 1])
        for stream in streams:
            stream.close()
        until(lambda: self.fleet.redis("PUBSUB", "NUMSUB", f"ev:{job}")[1] == 0, "nobody is subscribed")
        until(lambda: self.door.get("/health").json["streams"] == 0, "no stream is open")

    def test_hundreds_of_readers_see_everything(self):
        job = self.queue()
        streams = [[self.door, self.other][i % 2].stream(f"/v1/jobs/{job}/events", accept="application/x-ndjson")
                   for i in range(200)]
        self.append(job, *range(2, 22))
        self.door.post(f"/v1/jobs/{job}/cancel")
        log = self.fleet.log(job)
        for stream in streams:
            stream.rest()
            self.assertEqual(stream.raw, log)
            stream.close()

    def test_a_silent_stream_says_that_it_lives(self):
        job = self.queue()
        with self.door.stream(f"/v1/jobs/{job}/events", timeout=15) as stream, \
                self.door.stream(f"/v1/jobs/{job}/events", accept="application/x-ndjson", timeout=15) as lines:
            stream.take(1)
            lines.take(1)
            begun = time.monotonic()
            self.assertEqual(stream._line()[:1], ":")
            self.assertEqual(lines._line(), "")
            self.assertLess(time.monotonic() - begun, 10.5 * PATIENCE)


class SlowReaders(DoorCase):
    def test_a_client_that_does_not_read_costs_little_and_misses_nothing(self):
        job = self.queue()
        self.fill(job, 8000)
        before = self.rss()
        stalled = []
        for _ in range(30):
            connection = socket.socket()
            self.addCleanup(connection.close)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect((self.door.host, self.door.port))
            connection.sendall(f"GET /v1/jobs/{job}/events HTTP/1.1\r\nHost: x\r\n"
                               "Accept: application/x-ndjson\r\n\r\n".encode())
            stalled.append(connection)
        until(lambda: self.door.get("/health").json["streams"] == 30, "30 streams are open")
        # Others are served meanwhile, and the door keeps no copy for those who do not read.
        with self.door.stream(f"/v1/jobs/{job}/events", accept="application/x-ndjson") as stream:
            self.assertEqual([event["seq"] for event in stream.take(8000)], list(range(1, 8001)))
        if not SANITIZED:  # its allocator keeps what was freed
            self.assertLess(self.rss() - before, 30 * 400 * 1024)
        self.door.post(f"/v1/jobs/{job}/cancel")
        log = self.fleet.log(job)
        for connection in stalled[:2]:
            self.assertEqual(self.read_lines(connection), log)
        for connection in stalled:
            connection.close()
        until(lambda: self.door.get("/health").json["streams"] == 0, "no stream is open")

    def fill(self, job, last):
        text = "x" * 600
        self.append(job, 2)
        self.fleet.redis("EVAL", """
            for seq = 3, tonumber(ARGV[2]) do
              redis.call('XADD', 'job:' .. ARGV[1] .. ':events', seq .. '-0', 'e', '{"type":"step.delta","seq":' .. seq ..
                ',"job":"' .. ARGV[1] .. '","at":"x","attempt":1,"text":"' .. ARGV[3] .. '"}')
            end
            redis.call('HSET', 'job:' .. ARGV[1], 'seq', ARGV[2])
            return 1""", 0, job, last, text)

    def rss(self):
        status = pathlib.Path(f"/proc/{self.door.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024

    def read_lines(self, connection):
        connection.settimeout(20 * PATIENCE)
        with connection.makefile("rb") as reader:
            while reader.readline() not in (b"\r\n", b""):
                pass
            body = b""
            while True:
                n = int(reader.readline() or b"0", 16)
                if n == 0:
                    break
                body += reader.read(n + 2)[:n]
        return [line for line in body.decode().split("\n") if line]


class RedisFaults(unittest.TestCase):
    def setUp(self):
        self.fleet = Fleet()
        self.addCleanup(self.fleet.close)
        self.fleet.start_redis()
        self.door = self.fleet.door()

    def assert_unavailable(self, answer):
        self.assertEqual((answer.status, answer.json["code"]), (503, "unavailable"), answer)
        self.assertTrue(answer.json["retryable"])
        self.assertTrue(answer.headers["Retry-After"])
        return answer.json

    def test_without_redis_the_answer_is_503_and_it_comes_back_by_itself(self):
        job = self.door.post("/v1/jobs/probe", {"events": 1}).json["id"]
        stream = self.door.stream(f"/v1/jobs/{job}/events")
        self.addCleanup(stream.close)
        stream.take(1)
        self.fleet.kill_redis()
        for _ in range(3):
            self.assert_unavailable(self.door.post("/v1/jobs/probe", {"events": 1}))
            self.assert_unavailable(self.door.get(f"/v1/jobs/{job}"))
            self.assert_unavailable(self.door.get(f"/v1/jobs/{job}/events"))
            self.assert_unavailable(self.door.post(f"/v1/jobs/{job}/cancel"))
            self.assert_unavailable(self.door.get("/v1/jobs"))
            self.assert_unavailable(self.door.get("/ready"))
            self.assertEqual(self.door.get("/health").status, 200)
        refused = self.assert_unavailable(self.door.post("/v1/jobs/probe", {"events": 1}))
        self.assertIn("nothing was enqueued", refused["detail"])
        self.fleet.start_redis()
        until(lambda: self.door.get("/ready").status == 200, "the door is ready again", 5)
        self.assertEqual(self.fleet.xlen("probe"), 1)
        self.assertEqual(self.door.post(f"/v1/jobs/{job}/cancel").json["status"], "cancelled")
        self.assertEqual([event["type"] for event in stream.rest()], ["job.cancelled"])
        self.assertEqual(self.door.post("/v1/jobs/probe", {"events": 1}).status, 202)

    def test_a_redis_that_hangs_holds_nobody_up(self):
        job = self.door.post("/v1/jobs/probe", {"events": 1}).json["id"]
        self.fleet.redis_process.send(signal.SIGSTOP)
        try:
            answers, threads = [], []
            for n in range(20):
                path, body = [("/v1/jobs/probe", {"events": 1}), (f"/v1/jobs/{job}", None),
                              (f"/v1/jobs/{job}/events", None)][n % 3]
                threads.append(threading.Thread(target=lambda path=path, body=body: answers.append(
                    self.door.request("POST" if body else "GET", path, body))))
            for thread in threads:
                thread.start()
            health = self.door.get("/health")
            self.assertEqual(health.status, 200)
            for thread in threads:
                thread.join()
            self.assertEqual(len(answers), 20)
            for answer in answers:
                self.assert_unavailable(answer)
        finally:
            self.fleet.redis_process.send(signal.SIGCONT)
        until(lambda: self.door.get("/ready").status == 200, "the door is ready again", 5)
        self.assertEqual(self.door.get(f"/v1/jobs/{job}").status, 200)

    def test_a_lost_answer_is_told_as_one_and_the_key_finds_the_job(self):
        key = {"Idempotency-Key": "k"}
        self.fleet.redis_process.send(signal.SIGSTOP)
        try:
            answer = self.door.post("/v1/jobs/probe", {"events": 1}, key)
        finally:
            self.fleet.redis_process.send(signal.SIGCONT)
        problem = self.assert_unavailable(answer)
        self.assertIn("may have been accepted", problem["detail"])
        until(lambda: self.door.get("/ready").status == 200, "the door is ready again", 5)
        again = self.door.post("/v1/jobs/probe", {"events": 1}, key)
        self.assertEqual(again.status, 202)
        self.assertEqual(self.fleet.xlen("probe"), 1)

    def test_redis_without_its_functions_gets_them_again(self):
        self.fleet.redis("FUNCTION", "FLUSH")
        self.fleet.redis("CLIENT", "KILL", "TYPE", "normal")
        until(lambda: self.door.post("/v1/jobs/probe", {}).status == 202, "the functions are back", 5)

    def test_a_redis_that_cannot_be_reached_is_named_with_the_reason(self):
        for address, why in (("127.0.0.1:1", "Connection refused"), ("redis.example:6379", "numeric host"),
                             ("127.0.0.1", "numeric host")):
            with self.subTest(address):
                door = self.fleet.door({"PARLEY_REDIS": address}, ready=False)
                until(lambda: f"event=redis.unreachable address={address} " in door.output(), "it is told")
                self.assertIn(why, door.output())

    def test_a_redis_that_does_not_keep_its_promises_is_warned_of(self):
        self.fleet.redis("CONFIG", "SET", "appendfsync", "everysec")
        door = self.fleet.door()
        until(lambda: "name=appendfsync value=everysec wanted=always" in door.output(), "the warning")


class Life(unittest.TestCase):
    def setUp(self):
        self.fleet = Fleet()
        self.addCleanup(self.fleet.close)
        self.fleet.start_redis()

    def test_a_door_that_is_told_to_stop_sends_its_readers_to_another(self):
        door, other = self.fleet.door(), self.fleet.door()
        with door.stream("/v1/jobs/probe", {"events": 1}) as stream:
            job = stream.next()["job"]
            waiting = []
            waiter = threading.Thread(target=lambda: waiting.append(
                door.post("/v1/jobs/probe", {"events": 1}, {"Prefer": "wait=20"})))
            waiter.start()
            until(lambda: self.fleet.xlen("probe") == 2, "both are queued")
            door.send(signal.SIGTERM)
            last = stream.rest()
        self.assertEqual([item["type"] for item in last], ["stream.closed"])
        self.assertEqual((last[0]["reason"], last[0]["_id"]), ("draining", None))
        waiter.join(5)
        self.assertEqual(waiting[0].status, 202)
        self.assertEqual(door.wait(), 0)
        with other.stream(last[0]["resume"]) as stream:
            other.post(f"/v1/jobs/{job}/cancel")
            self.assertEqual([event["type"] for event in stream.rest()], ["job.cancelled"])

    def test_an_activated_door_serves_the_socket_it_was_given(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            client = Client(listener.getsockname()[1])
            answers = []
            early = threading.Thread(target=lambda: answers.append(client.post("/v1/jobs/probe", {"events": 1})))
            early.start()  # before the door listens: it is not refused
            door = self.fleet.activated_door(listener)
            early.join(15 * PATIENCE)
            self.assertEqual(answers[0].status, 202)
            self.assertEqual(door.terminate(), 0)

    def test_systemd_is_told_how_it_goes(self):
        door = self.fleet.process("door-notifying", [BUILD / "parley-door"], {
            "PARLEY_LISTEN": "127.0.0.1:0", "WATCHDOG_USEC": 150000})
        for word in ("READY=1", "WATCHDOG=1", "WATCHDOG=1"):
            until(lambda word=word: word in (door.notification() or ""), word)
        door.send(signal.SIGTERM)
        until(lambda: "STOPPING=1" in (door.notification() or ""), "STOPPING=1")
        self.assertEqual(door.wait(), 0)

    def test_what_must_not_be_configured_stops_the_start(self):
        rows = [
            ("an address others can reach", {"PARLEY_LISTEN": "0.0.0.0:0"}, "loopback"),
            ("every address", {"PARLEY_LISTEN": "[::]:0"}, "loopback"),
            ("no level", {"PARLEY_LOG": "loud"}, "PARLEY_LOG"),
            ("no number", {"PARLEY_QUEUE_CAP": "many"}, "PARLEY_QUEUE_CAP"),
            ("nothing allowed", {"PARLEY_QUEUE_CAP": "0"}, "PARLEY_QUEUE_CAP"),
            ("a misspelt key", {"PARLEY_LISTN": "127.0.0.1:0"}, "PARLEY_LISTN"),
        ]
        for name, env, words in rows:
            with self.subTest(name):
                full = {k: v for k, v in os.environ.items() if not k.startswith("PARLEY_")}
                full.update({"PARLEY_REDIS": str(self.fleet.socket), "PARLEY_LISTEN": "127.0.0.1:0", **env})
                done = subprocess.run([BUILD / "parley-door"], env=full, capture_output=True, text=True,
                                      timeout=20 * PATIENCE, check=False)
                self.assertEqual(done.returncode, 78, done.stderr)
                self.assertIn(words, done.stderr)

    def test_a_door_without_redis_lives_and_becomes_ready(self):
        self.fleet.kill_redis()
        door = self.fleet.door(ready=False)
        self.assertEqual(door.get("/health").json["status"], "ok")
        answer = door.get("/ready")
        self.assertEqual((answer.status, answer.json["code"]), (503, "unavailable"))
        self.fleet.start_redis()
        door.ready()


class WithWorkers(unittest.TestCase):
    """Jobs that really run: the probe kind."""

    @classmethod
    def setUpClass(cls):
        cls.fleet = Fleet()
        cls.addClassCleanup(cls.fleet.close)
        cls.fleet.start_redis()
        cls.door, cls.other = cls.fleet.door(), cls.fleet.door()
        cls.fleet.worker("probe")

    def test_a_wait_is_answered_with_the_result(self):
        answer = self.door.post("/v1/jobs/probe", {"events": 5}, {"Prefer": "wait=20"})
        self.assertEqual(answer.status, 200, answer)
        job = answer.headers["Job-Id"]
        self.assertEqual(answer.headers["Preference-Applied"], "wait=20")
        self.assertEqual(answer.json, self.door.get(f"/v1/jobs/{job}").json["result"])

    def test_posting_for_a_stream_gives_every_event_up_to_the_end(self):
        for accept in ("text/event-stream", "application/x-ndjson"):
            for _ in range(100):
                with self.door.stream("/v1/jobs/probe", {"events": 5}, accept=accept) as stream:
                    events = stream.rest()
                    self.assertEqual([event["seq"] for event in events], list(range(1, len(events) + 1)))
                    self.assertEqual(events[-1]["type"], "job.succeeded")
                    self.assertEqual(stream.raw, self.fleet.log(stream.headers["Job-Id"]))

    def test_cut_after_every_event_and_joined_at_another_door_it_is_the_log(self):
        with self.door.stream("/v1/jobs/probe", {"events": 40, "delay_ms": 2}) as stream:
            raw, job = [], stream.headers["Job-Id"]
            stream.take(1)
            raw += stream.raw
        for n in range(1, 1000):
            door = [self.other, self.door][n % 2]
            answer = door.get(f"/v1/jobs/{job}", timeout=5)
            self.assertEqual(answer.status, 200)
            finished = answer.json["status"] == "succeeded"
            if finished and n == answer.json["last_seq"]:
                break
            with door.stream(f"/v1/jobs/{job}/events", headers={"Last-Event-ID": str(n)}) as stream:
                stream.take(1)
                raw += stream.raw
        self.assertEqual(raw, self.fleet.log(job))

    def test_open_streams_go_on_where_they_were_when_redis_is_back(self):
        streams = [[self.door, self.other][n % 2].stream("/v1/jobs/probe", {"events": 60, "delay_ms": 20})
                   for n in range(8)]
        for _ in range(2):
            for stream in streams:
                stream.take(8)
            self.fleet.kill_redis()
            self.fleet.start_redis()
        for stream in streams:
            events = stream.rest()
            self.assertEqual(events[-1]["type"], "job.succeeded")
            self.assertEqual(stream.raw, self.fleet.log(stream.headers["Job-Id"]))
            stream.close()

    def test_many_clients_at_once_each_see_their_own_job_whole(self):
        faults = []

        def client(n):
            try:
                for _ in range(5):
                    with [self.door, self.other][n % 2].stream("/v1/jobs/probe", {"events": 10}) as stream:
                        events = stream.rest()
                        job = stream.headers["Job-Id"]
                        assert [event["seq"] for event in events] == list(range(1, len(events) + 1)), events
                        assert {event["job"] for event in events} == {job}
                        assert events[-1]["type"] == "job.succeeded"
            except Exception as fault:  # reported by the main thread
                faults.append(repr(fault))
        threads = [threading.Thread(target=client, args=(n,)) for n in range(32)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(faults, [])


if __name__ == "__main__":
    unittest.main()
