"""What providers do wrong, one row each, and what becomes of the persona whose call it hits.

Every row is a debate of its own; all run at once, since each member's name picks its rule of the script."""
import json
import pathlib
import sys
import time
import unittest
from email.utils import formatdate

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import Fleet, until  # noqa: E402

PROVIDERS = ("anthropic", "openai", "groq", "xai", "compatible")
SAID = 'So.\nVERDICT: {"position":"Yes.","answer":null,"reasons":["It pays."]}'


def chunk(delta=None, finish=None, **more):
    """A chunk of chat/completions as every compatible server sends it."""
    choices = [{"index": 0, "delta": delta or {}, "finish_reason": finish}]
    return "data: " + json.dumps({"id": "c", "model": "m", "choices": choices} | more) + "\n\n"


def anthropic(*events):
    return "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)


TEXT, STOP, DONE = chunk({"content": SAID}), chunk(finish="stop"), "data: [DONE]\n\n"
ERROR = {"error": {"message": "CUDA out of memory", "type": "InternalServerError", "code": 500}}
BEGIN = {"type": "message_start", "message": {"id": "m", "model": "m", "usage": {"input_tokens": 5, "output_tokens": 1}}}
BLOCK = ({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
         {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": SAID}},
         {"type": "content_block_stop", "index": 0})


def ended(reason):
    return ({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 9}},
            {"type": "message_stop"})


def error_body(message="x", **members):
    return {"error": {"message": message} | members}


# (what happens, provider, rule, calls made, what it is: "answers", or the code of the error it is absent with)
ROWS = [
    # faults.md 19: what another try may help
    ("500 once", "openai", {"status": 500, "times": 1}, 2, "answers"),
    ("502 twice", "openai", {"status": 502, "times": 2}, 3, "answers"),
    ("504 for good", "anthropic", {"status": 504}, 3, "provider"),
    ("408 once", "openai", {"status": 408, "times": 1}, 2, "answers"),
    ("409, a lock", "anthropic", {"status": 409, "times": 1}, 2, "answers"),
    ("500 with Retry-After in ms", "openai", {"status": 500, "times": 1, "headers": {"retry-after-ms": "15.5"}}, 2, "answers"),
    ("500 with Retry-After in seconds", "openai", {"status": 500, "times": 1, "headers": {"retry-after": "0.01"}}, 2, "answers"),
    ("500 with Retry-After as a date", "openai",
     {"status": 500, "times": 1, "headers": {"retry-after": formatdate(time.time() - 5, usegmt=True)}}, 2, "answers"),
    ("500 with Retry-After over the cap", "openai", {"status": 500, "headers": {"retry-after": "3600"}}, 1, "provider"),
    ("500, x-should-retry: false", "openai", {"status": 500, "headers": {"x-should-retry": "false"}}, 1, "provider"),
    ("400, x-should-retry: true", "openai", {"status": 400, "times": 1, "headers": {"x-should-retry": "true"}}, 2, "answers"),
    # faults.md 20: what no other try helps
    *((f"{status} at {provider}", provider, {"status": status}, 1, "provider_refused")
      for provider, statuses in (("anthropic", (400, 401, 402, 403, 404, 413)), ("openai", (400, 401, 403, 404, 405, 413, 422)),
                                 ("groq", (400, 401, 413, 424)), ("xai", (400, 402, 403)), ("compatible", (401, 404)))
      for status in statuses),
    ("context too long", "openai", {"status": 400, "body": error_body(type="invalid_request_error",
                                                                      code="context_length_exceeded")}, 1, "provider_refused"),
    ("429 for want of quota", "openai", {"status": 429, "body": error_body(code="insufficient_quota")}, 1, "provider_refused"),
    ("429 at the spend limit", "anthropic", {"status": 429, "body": {"type": "error", "error": {
        "type": "rate_limit_error", "message": "x", "details": {"error_code": "enforced_spend_limit_reached"}}}}, 1,
     "provider_refused"),
    ("refusal by stop reason", "anthropic", {"garbage": anthropic(BEGIN, *BLOCK, *ended("refusal"))}, 1, "provider_refused"),
    ("content filter", "openai", {"garbage": TEXT + chunk(finish="content_filter") + DONE}, 1, "provider_refused"),
    ("tokens used up by thinking", "openai", {"garbage": chunk(finish="length") + DONE}, 1, "provider_refused"),
    # Groq's own
    ("422 at groq, once", "groq", {"status": 422, "times": 1}, 2, "answers"),
    ("422 at groq, twice", "groq", {"status": 422}, 2, "provider_refused"),
    ("json_validate_failed once", "groq", {"status": 400, "times": 1, "body": error_body(code="json_validate_failed")}, 2, "answers"),
    ("x_groq.error", "groq", {"garbage": TEXT + 'data: {"choices":[],"x_groq":{"id":"r","error":"over capacity"}}\n\n' + DONE,
                              "times": 1}, 2, "answers"),
    # xAI's own
    ("200 with an error that passes", "xai", {"status": 200, "times": 1, "body": {
        "code": "The service is currently unavailable", "error": "later"}}, 2, "answers"),
    ("200 with an error that stays", "xai", {"status": 200, "body": {"code": "Some text", "error": "Some text"}}, 1, "provider_refused"),
    ("an error that is a text", "xai", {"status": 400, "body": {"error": "Incorrect API key provided"}}, 1, "provider_refused"),
    # vLLM, llama.cpp and others
    ("an error before [DONE]", "compatible", {"garbage": TEXT + f"data: {json.dumps(ERROR)}\n\n" + DONE}, 2, "provider"),
    ("401 whose error is a text", "compatible", {"status": 401, "body": {"error": "Unauthorized"}}, 1, "provider_refused"),
    ("422 with a list of faults", "compatible", {"status": 422, "body": {"detail": [{"loc": ["body"], "msg": "no"}]}}, 1,
     "provider_refused"),
    ("503 while the model loads, then 500", "compatible", {"status": 500, "times": 1, "body": {"error": {
        "code": 503, "message": "Loading model", "type": "unavailable_error"}}}, 2, "answers"),
    ("stream_options is not known", "compatible", {"status": 400, "times": 1, "body": error_body("unknown field stream_options")},
     2, "answers"),
    ("no [DONE] after the finish", "compatible", {"garbage": TEXT + STOP}, 1, "answers"),
    ("data:[DONE] without a space, CRLF, a heartbeat", "compatible",
     {"garbage": ": ping\r\n\r\n" + (TEXT + STOP).replace("\n", "\r\n") + "data:[DONE]\r\n\r\n"}, 1, "answers"),
    ("lines that end in CR", "compatible", {"garbage": (TEXT + STOP + DONE).replace("\n", "\r")}, 1, "answers"),
    ("a finish reason of its own", "compatible", {"garbage": TEXT + chunk(finish="eos") + DONE}, 1, "answers"),
    ("choices that are null", "compatible", {"garbage": TEXT + 'data: {"choices":null}\n\n' + STOP + DONE}, 1, "answers"),
    # faults.md 22: streams that are none, or not whole
    *((f"a stream cut after {n} pieces for good at {provider}", provider, {"cut_after_chunks": n}, 3 if n == 0 else 2, "provider")
      for provider in PROVIDERS for n in (0, 2)),
    ("a stream cut once", "anthropic", {"cut_after_chunks": 2, "times": 1}, 2, "answers"),
    *((f"an error in mid-stream at {provider}", provider, {"error_after_chunks": 1}, 2, "provider") for provider in PROVIDERS),
    ("an error in mid-stream once", "anthropic", {"error_after_chunks": 1, "times": 1}, 2, "answers"),
    ("bytes that are no stream", "anthropic", {"garbage": True}, 3, "provider"),
    ("a page of HTML with 200", "openai", {"status": 200, "content_type": "text/html", "body": "<html>Welcome"}, 3, "provider"),
    ("a page of HTML with 502, once", "openai", {"status": 502, "content_type": "text/html", "body": "<html>Oh no", "times": 1}, 2,
     "answers"),
    ("JSON that is cut", "openai", {"status": 200, "body": '{"id":"c","choices":[{"ind'}, 3, "provider"),
    ("JSON instead of a stream", "openai", {"status": 200, "body": {"id": "c", "model": "m", "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": SAID}}]}}, 1, "answers"),
    ("a line without an end", "openai", {"flood_bytes": 20 << 20}, 1, "provider"),
    ("text in many scripts", "anthropic", {"text": "Café € 🚀 日本語 " * 40 + SAID}, 1, "answers"),
    ("a usage that lies", "openai", {"garbage": TEXT + STOP + 'data: {"choices":[],"usage":{"prompt_tokens":-5,'
                                     '"completion_tokens":"many"}}\n\n' + DONE}, 1, "answers"),
    ("events of the future", "anthropic", {"garbage": anthropic(
        {"type": "comet"}, BEGIN, {"type": "ping"}, *BLOCK, *ended("a_new_reason"))}, 1, "answers"),
    ("an answer without any text", "anthropic", {"garbage": anthropic(BEGIN, *ended("end_turn"))}, 1, None),
    ("no verdict in the answer", "anthropic", {"text": "I would rather not say."}, 1, "answers"),
]
# faults.md 19, too much at once: the fleet waits for the provider, no try and no persona is lost by it.
OVERLOADS = [
    (provider, status, headers) for provider, status, headers in (
        ("anthropic", 429, {"retry-after": "0.2"}), ("anthropic", 529, {}), ("openai", 503, {}),
        ("groq", 498, {}), ("xai", 429, {}), ("compatible", 429, {"retry-after-ms": "50"}))
]


class Faults(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fleet = Fleet()
        cls.addClassCleanup(cls.fleet.close)
        cls.fleet.start_redis()
        cls.rehearsal = cls.fleet.rehearsal(["--first-byte-ms", "2", "--tokens-per-second", "20000"])
        cls.door = cls.fleet.door()
        limits = {f"PARLEY_{provider.upper()}_CONCURRENCY": "400" for provider in PROVIDERS}
        cls.fleet.worker("debate", env=limits | {"PARLEY_CONCURRENCY": "200", "PARLEY_COMPATIBLE_MODEL": "m"})

    def tearDown(self):
        self.rehearsal.post("/script", {"rules": []})

    def submit(self, name, provider):
        personas = [{"id": "hit", "name": name, "role": "a member"}, {"id": "well", "name": "Well", "role": "a member"}]
        return self.door.post("/v1/debate", {"question": "Why?", "personas": personas, "rounds": {"max": 0}, "quorum": 0.5,
                                             "providers": [provider], "seed": 1}).json["id"]

    def script(self, rules):
        answer = self.rehearsal.post("/script", {"rules": rules})
        self.assertLess(answer.status, 300, answer)

    def tries(self, job):
        events = [json.loads(text) for text in self.fleet.log(job)]
        return sum(event["type"] == "step.started" and event["step"] == "blind/hit" for event in events)

    def test_each_fault_has_the_outcome_written_for_it(self):
        self.script([{"contains": f"You are Case {i:03}", **rule} for i, (_, _, rule, _, _) in enumerate(ROWS)])
        jobs = [self.submit(f"Case {i:03}", provider) for i, (_, provider, _, _, _) in enumerate(ROWS)]
        for job, (name, _, _, calls, outcome) in zip(jobs, ROWS):
            with self.subTest(name):
                result = self.door.finished(job, 60)["result"]
                hit, well = result["personas"]
                self.assertFalse(well["absent"], "the other member is not hit")
                self.assertEqual((hit["absent"], hit.get("error", {}).get("code")),
                                 (outcome != "answers", None if outcome == "answers" else outcome), hit)
                self.assertEqual(self.tries(job), calls)
                self.assertEqual(self.fleet.parley("replay", job).returncode, 0)

    def test_too_much_at_once_loses_nobody(self):
        self.script([{"contains": f"You are Case {i:03}", "provider": provider, "status": status, "headers": headers, "times": 1}
                     for i, (provider, status, headers) in enumerate(OVERLOADS)])
        jobs = [self.submit(f"Case {i:03}", provider) for i, (provider, _, _) in enumerate(OVERLOADS)]
        for job, (provider, status, _) in zip(jobs, OVERLOADS):
            with self.subTest(f"{status} at {provider}"):
                self.assertFalse(self.door.finished(job, 60)["result"]["personas"][0]["absent"])
                self.assertEqual(self.tries(job), 2)

    def test_a_key_that_is_refused_is_told_to_the_operator_and_its_text_to_nobody(self):
        self.script([{"contains": "You are Case 000", "status": 401,
                      "body": error_body("Incorrect API key provided: sk-abcdefgh")}])
        job = self.submit("Case 000", "openai")
        error = self.door.finished(job)["result"]["personas"][0]["error"]
        self.assertEqual(error["code"], "provider_refused")
        self.assertNotIn("sk-abc", error["message"])
        log = "".join(process.output() for process in self.fleet.processes)
        self.assertIn("event=llm.key_refused provider=openai status=401", log)
        self.assertNotIn("sk-abcdefgh", log)

    def test_what_came_before_a_cut_is_kept_and_paid_but_does_not_count(self):
        self.script([{"contains": "You are Case 000", "cut_after_chunks": 3}])
        job = self.submit("Case 000", "anthropic")
        hit = self.door.finished(job)["result"]["personas"][0]
        self.assertTrue(hit["absent"])
        self.assertGreater(hit["usage"]["output_tokens"], 0)
        self.assertGreater(hit["usage"]["cost_usd"], 0)
        events = [json.loads(text) for text in self.fleet.log(job)]
        again = [event["will_retry"] for event in events
                 if event["type"] == "step.failed" and event["step"] == "blind/hit"]
        self.assertEqual(again, [True, False], "told before it is asked again, and at the end")

    def test_an_answer_at_one_token_a_second_is_waited_for_no_longer_than_its_share(self):
        self.script([{"contains": "You are Case 000", "tokens_per_second": 1}])
        personas = [{"id": "hit", "name": "Case 000", "role": "a member"}, {"id": "well", "name": "Well", "role": "a member"}]
        job = self.door.post("/v1/debate", {"question": "Why?", "personas": personas, "rounds": {"max": 0}, "quorum": 0.5,
                                            "budget": {"wall_ms": 2000}}).json["id"]
        hit = self.door.finished(job)["result"]["personas"][0]
        self.assertEqual((hit["absent"], hit["error"]["code"]), (True, "deadline"))
        until(lambda: all(call["end"] for call in self.rehearsal.get("/stats").json["bill"]), "its call is closed")


if __name__ == "__main__":
    unittest.main()
