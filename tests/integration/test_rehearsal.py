"""The rehearsal provider over real sockets: both wire formats byte by byte, the bill, every action of a script.

Needs PARLEY_BUILD, the build folder; starts $PARLEY_BUILD/tools/parley-rehearsal on a port of its own.
"""

import concurrent.futures
import hashlib
import http.client
import json
import os
import pathlib
import subprocess
import tempfile
import time
import unittest

PROGRAM = pathlib.Path(os.environ.get("PARLEY_BUILD", "build")) / "tools" / "parley-rehearsal"
ANTHROPIC = "/anthropic/v1/messages"
OPENAI = "/openai/v1/chat/completions"
RESPONSES = "/openai/v1/responses"
GROQ = "/groq/openai/v1/chat/completions"
XAI = "/xai/v1/chat/completions"
COMPATIBLE = "/compatible/v1/chat/completions"

SYSTEM = (
    "You are the CFO, keeper of the money.\n"
    'End with one line: VERDICT: {"position":"…","answer":…,"confidence":0.7,"reasons":["…"]}\n'
    '"answer" must be one of ["yes","no"].'
)


def anthropic_body(**more):
    body = {
        "model": "claude-haiku-5-5",
        "max_tokens": 900,
        "thinking": {"type": "disabled"},
        "system": SYSTEM,
        "messages": [{"role": "user", "content": "Question: Should we open a second plant?"}],
    }
    body.update(more)
    return {name: value for name, value in body.items() if value is not None}


def openai_body(**more):
    body = {
        "model": "gpt-6-luna",
        "reasoning_effort": "none",
        "messages": [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": "Question: Should we open a second plant?"},
        ],
    }
    body.update(more)
    return {name: value for name, value in body.items() if value is not None}


def events(text):
    """[(event name or None, data)] of a stream; every line of it has to belong to one."""
    found = []
    for block in text.split("\n\n")[:-1]:
        name, data = None, None
        for line in block.split("\n"):
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            else:
                assert field == "data", line
                data = value
        found.append((name, data))
    return found


class Rehearsal(unittest.TestCase):
    pace = ["--tokens-per-second", "0", "--first-byte-ms", "0"]

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        port_file = pathlib.Path(cls.folder.name) / "port"
        cls.process = subprocess.Popen(
            [PROGRAM, "--listen", "127.0.0.1:0", "--port-file", port_file, *cls.pace],
            stdout=subprocess.PIPE,
            text=True,
        )
        cls.url = cls.process.stdout.readline().strip()
        cls.port = int(port_file.read_text())

    @classmethod
    def tearDownClass(cls):
        cls.process.terminate()
        try:
            cls.exit = cls.process.wait(10)
        finally:
            cls.process.kill()
            cls.process.stdout.close()
            cls.folder.cleanup()
        assert cls.exit == 0, f"ended with {cls.exit}"

    def setUp(self):
        self.control("DELETE", "/script")
        self.control("DELETE", "/stats")

    def connect(self, timeout=10):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        self.addCleanup(connection.close)
        return connection

    def send(self, path, body, timeout=10):
        connection = self.connect(timeout)
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "anthropic-version": "2026-10-21"}
        connection.request("POST", path, raw, headers)
        return connection

    def call(self, path, body):
        response = self.send(path, body).getresponse()
        return response, response.read().decode()

    def control(self, method, path, body=None):
        connection = self.connect()
        connection.request(method, path, None if body is None else json.dumps(body))
        response = connection.getresponse()
        return response.status, json.loads(response.read())

    def script(self, *rules):
        status, answer = self.control("POST", "/script", {"rules": list(rules)})
        self.assertEqual(status, 200, answer)

    def stats(self):
        return self.control("GET", "/stats")[1]

    def ends(self):
        return [row["end"] for row in self.stats()["bill"]]

    def wait_for_ends(self, expected):
        deadline = time.monotonic() + 5
        while self.ends() != expected and time.monotonic() < deadline:
            pass
        self.assertEqual(self.ends(), expected)


class Formats(Rehearsal):
    def test_it_says_where_it_is(self):
        self.assertEqual(self.url, f"http://127.0.0.1:{self.port}")
        self.assertEqual(self.control("GET", "/health"), (200, {"status": "ok", "rehearsal": True}))

    def test_anthropic_answers_whole(self):
        response, text = self.call(ANTHROPIC, anthropic_body())
        message = json.loads(text)
        self.assertEqual(response.status, 200)
        self.assertEqual(response.getheader("Content-Type"), "application/json")
        self.assertEqual(
            (message["type"], message["role"], message["model"], message["stop_reason"]),
            ("message", "assistant", "claude-haiku-5-5", "end_turn"),
        )
        self.assertEqual([block["type"] for block in message["content"]], ["text"])
        self.assertIn("rehearsal", message["content"][0]["text"].lower())
        self.assertGreater(message["usage"]["input_tokens"], 20)
        self.assertGreater(message["usage"]["output_tokens"], 20)

    def test_anthropic_streams_in_the_documented_order(self):
        whole = json.loads(self.call(ANTHROPIC, anthropic_body(stream=False))[1])
        response, text = self.call(ANTHROPIC, anthropic_body(stream=True))
        self.assertTrue(response.getheader("Content-Type").startswith("text/event-stream"))
        parsed = [(name, json.loads(data)) for name, data in events(text)]
        for name, data in parsed:
            self.assertEqual(name, data["type"])
        order = [name for name, _ in parsed if name not in ("content_block_delta", "ping")]
        self.assertEqual(
            order,
            ["message_start", "content_block_start", "content_block_stop", "message_delta", "message_stop"],
        )
        start, final = parsed[0][1]["message"], parsed[-2][1]
        self.assertIsNone(start["stop_reason"])
        self.assertEqual(start["content"], [])
        self.assertEqual(final["delta"]["stop_reason"], "end_turn")
        spoken = "".join(
            data["delta"]["text"] for name, data in parsed if name == "content_block_delta"
        )
        self.assertIn("VERDICT: {", spoken)
        self.assertIn(verdict_of(spoken)["answer"], ["yes", "no"])
        self.assertIn(verdict_of(whole["content"][0]["text"])["answer"], ["yes", "no"])
        self.assertEqual(final["usage"]["input_tokens"], whole["usage"]["input_tokens"])

    def test_anthropic_thinks_first_unless_told_not_to(self):
        _, text = self.call(ANTHROPIC, anthropic_body(stream=True, thinking=None))
        blocks = [
            json.loads(data)["content_block"]["type"]
            for name, data in events(text)
            if name == "content_block_start"
        ]
        self.assertEqual(blocks, ["thinking", "text"])

    def test_openai_streams_with_usage_only_when_asked(self):
        for options, expects_usage in (({"include_usage": True}, True), (None, False)):
            _, text = self.call(OPENAI, openai_body(stream=True, stream_options=options))
            found = events(text)
            self.assertEqual(found[-1], (None, "[DONE]"))
            chunks = [json.loads(data) for _, data in found[:-1]]
            self.assertEqual({chunk["object"] for chunk in chunks}, {"chat.completion.chunk"})
            self.assertEqual(chunks[0]["choices"][0]["delta"], {"role": "assistant", "content": ""})
            self.assertEqual(any(chunk.get("usage") for chunk in chunks), expects_usage)
            if expects_usage:
                self.assertEqual(chunks[-1]["choices"], [])
                self.assertTrue(all(chunk["usage"] is None for chunk in chunks[:-1]))
                usage = chunks.pop()["usage"]
                self.assertEqual(
                    usage["total_tokens"], usage["prompt_tokens"] + usage["completion_tokens"]
                )
            self.assertEqual(chunks[-1]["choices"][0]["finish_reason"], "stop")
            spoken = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)
            self.assertIn("rehearsal", spoken.lower())

    def test_openai_answers_whole(self):
        _, text = self.call(OPENAI, openai_body())
        answer = json.loads(text)
        self.assertEqual(answer["object"], "chat.completion")
        self.assertEqual(answer["choices"][0]["finish_reason"], "stop")
        self.assertIn("rehearsal", answer["choices"][0]["message"]["content"].lower())

    def test_responses_stream_as_named_events_and_end_with_their_usage(self):
        body = {"model": "gpt-6-luna", "store": False, "instructions": "Be brief.", "input": "Will ACME hire?"}
        whole = json.loads(self.call(RESPONSES, body)[1])
        text = whole["output"][0]["content"][0]["text"]
        self.assertEqual(whole["status"], "completed")
        self.assertIn("rehearsal", text.lower())

        found = [(name, json.loads(data)) for name, data in events(self.call(RESPONSES, body | {"stream": True})[1])]
        self.assertTrue(all(name == data["type"] for name, data in found))
        self.assertEqual(found[0][0], "response.created")
        spoken = "".join(data["delta"] for name, data in found if name == "response.output_text.delta")
        self.assertIn("rehearsal", spoken.lower())
        self.assertEqual(found[-1][0], "response.completed")
        self.assertGreater(found[-1][1]["response"]["usage"]["output_tokens"], 0)

    def test_responses_cut_at_the_token_limit_are_incomplete(self):
        body = {"model": "gpt-6-luna", "input": [{"role": "user", "content": "Will ACME hire?"}], "max_output_tokens": 3}
        whole = json.loads(self.call(RESPONSES, body)[1])
        self.assertEqual((whole["status"], whole["incomplete_details"]), ("incomplete", {"reason": "max_output_tokens"}))

    def test_groq_puts_usage_into_x_groq(self):
        _, text = self.call(GROQ, openai_body(model="openai/gpt-oss-20b", stream=True))
        chunks = [json.loads(data) for _, data in events(text)[:-1]]
        self.assertIn("id", chunks[0]["x_groq"])
        self.assertGreater(chunks[-1]["x_groq"]["usage"]["completion_tokens"], 0)
        self.assertEqual(chunks[-1]["choices"][0]["finish_reason"], "stop")

    def test_xai_gives_usage_without_being_asked(self):
        _, text = self.call(XAI, openai_body(model="grok-4.3", stream=True))
        chunks = [json.loads(data) for _, data in events(text)[:-1]]
        self.assertEqual(chunks[-1]["choices"], [])
        self.assertGreater(chunks[-1]["usage"]["completion_tokens"], 0)

    def test_the_same_request_gets_the_same_words_and_another_gets_others(self):
        first = json.loads(self.call(ANTHROPIC, anthropic_body())[1])["content"]
        again = json.loads(self.call(ANTHROPIC, anthropic_body())[1])["content"]
        other = json.loads(self.call(ANTHROPIC, anthropic_body(max_tokens=901))[1])["content"]
        self.assertEqual(first, again)
        self.assertNotEqual(first, other)

    def test_a_schema_gets_json_that_fits(self):
        schema = {
            "type": "object",
            "additionalProperties": False,
            "required": ["company", "p", "n", "tags", "kind", "maybe"],
            "properties": {
                "company": {"type": "string"},
                "p": {"type": "number"},
                "n": {"type": "integer", "minimum": 3, "maximum": 4},
                "tags": {"type": "array", "items": {"$ref": "#/$defs/tag"}, "minItems": 1},
                "kind": {"enum": ["a", "b"]},
                "maybe": {"type": ["boolean", "null"]},
            },
            "$defs": {"tag": {"type": "string"}},
        }
        asked = {
            ANTHROPIC: anthropic_body(
                output_config={"format": {"type": "json_schema", "schema": schema}}
            ),
            OPENAI: openai_body(
                response_format={
                    "type": "json_schema",
                    "json_schema": {"name": "x", "strict": True, "schema": schema},
                }
            ),
        }
        for path, body in asked.items():
            answer = json.loads(self.call(path, body)[1])
            text = (
                answer["content"][0]["text"]
                if path == ANTHROPIC
                else answer["choices"][0]["message"]["content"]
            )
            value = json.loads(text)
            self.assertEqual(list(value), list(schema["properties"]))
            self.assertIn("rehearsal", value["company"])
            self.assertTrue(0 <= value["p"] <= 1)
            self.assertIn(value["n"], (3, 4))
            self.assertTrue(value["tags"] and all(isinstance(tag, str) for tag in value["tags"]))
            self.assertIn(value["kind"], ("a", "b"))
            self.assertIsInstance(value["maybe"], bool)

    def test_max_tokens_cuts_the_text_and_says_so(self):
        answer = json.loads(self.call(ANTHROPIC, anthropic_body(max_tokens=7))[1])
        self.assertEqual(answer["stop_reason"], "max_tokens")
        self.assertEqual(answer["usage"]["output_tokens"], 7)
        _, text = self.call(OPENAI, openai_body(max_completion_tokens=7, stream=True))
        last = json.loads(events(text)[-2][1])
        self.assertEqual(last["choices"][0]["finish_reason"], "length")

    def test_what_the_real_ones_refuse_is_refused(self):
        rows = [
            (ANTHROPIC, anthropic_body(max_tokens=None), "max_tokens: Field required"),
            (ANTHROPIC, anthropic_body(temperature=1.0), "temperature: Extra inputs are not permitted"),
            (ANTHROPIC, anthropic_body(messages=[]), "messages: Field required"),
            (OPENAI, openai_body(max_tokens=5), "max_completion_tokens"),
            (OPENAI, openai_body(temperature=0.5, reasoning_effort="low"), "temperature"),
            (OPENAI, openai_body(model=None), "model"),
            (OPENAI, b"{not json", "JSON"),
        ]
        for path, body, expected in rows:
            response, text = self.call(path, body)
            self.assertEqual(response.status, 400, text)
            error = json.loads(text)["error"]
            self.assertEqual(error["type"], "invalid_request_error")
            self.assertIn(expected, error["message"])
        self.assertEqual(self.ends(), ["error"] * len(rows))

    def test_an_unknown_path_is_told_what_there_is(self):
        connection = self.connect()
        connection.request("GET", "/v2/nothing")
        response = connection.getresponse()
        self.assertEqual(response.status, 404)
        self.assertIn("/anthropic/v1/messages", json.loads(response.read())["error"])


def verdict_of(text):
    return json.loads(text.rsplit("VERDICT:", 1)[1])


class Speech(Rehearsal):
    """What a debate needs: opinions within the choices, held through the rounds, changed with a reason."""

    def ask(self, system, prompt):
        body = anthropic_body(system=system, messages=[{"role": "user", "content": prompt}])
        return json.loads(self.call(ANTHROPIC, body)[1])["content"][0]["text"]

    def test_twelve_personas_differ_and_stay_within_the_choices(self):
        names = "Chair CFO COO CTO Customer Sales Legal People Competitor Sceptic Ethics Expert".split()
        texts = [
            self.ask(SYSTEM.replace("the CFO", name), "Question: Should we open a second plant?")
            for name in names
        ]
        self.assertEqual(len(set(texts)), 12)
        self.assertEqual({verdict_of(text)["answer"] for text in texts}, {"yes", "no"})
        for name, text in zip(names, texts):
            self.assertIn("rehears", text.lower())
            self.assertLessEqual(len(text.split("VERDICT")[0].split()), 120)

    def test_numbers_and_probabilities_are_numbers(self):
        for rule, most in (("a number", 1000), ("a probability from 0 to 1", 1)):
            system = SYSTEM.replace('one of ["yes","no"]', rule)
            answer = verdict_of(self.ask(system, "Question: How much?"))["answer"]
            self.assertTrue(0 <= answer <= most, answer)

    def test_an_earlier_answer_is_kept_or_changed_for_a_reason_that_was_read(self):
        changed = 0
        for i in range(40):
            prompt = (
                f"Question: Should we open plant {i}?\n"
                'Your answer so far: {"position":"I am for it.","answer":"yes"}\n'
                "A. no\n  A1: It costs too much.\n  A2: Nobody asked.\n"
            )
            verdict = verdict_of(self.ask(SYSTEM, prompt))
            if verdict["change"] == "keep":
                self.assertEqual(
                    (verdict["answer"], verdict["position"], verdict["moved_by"]),
                    ("yes", "I am for it.", None),
                )
            else:
                changed += 1
                self.assertEqual(verdict["answer"], "no")
                self.assertIn(verdict["moved_by"], ("A1", "A2"))
        self.assertTrue(0 < changed < 40, changed)

    def test_a_summary_repeats_what_was_decided(self):
        prompt = "Question: Should we?\nThe vote decided: yes (3 of 4)\nA. yes\n  A1: It pays.\n"
        text = self.ask("You are the secretary.\nLast line: VERDICT: {}", prompt)
        self.assertIn("yes (3 of 4)", text)
        self.assertEqual(verdict_of(text)["position"], "yes (3 of 4)")

    def test_a_plain_question_gets_plain_text(self):
        text = self.ask("", "What is the weather like?")
        self.assertIn("rehears", text.lower())
        self.assertIn("What is the weather like?", text)


class Bill(Rehearsal):
    def test_a_row_a_call_with_hash_and_times(self):
        body = json.dumps(anthropic_body()).encode()
        before = int(time.time() * 1000)
        self.call(ANTHROPIC, body)
        self.call(GROQ, openai_body(model="openai/gpt-oss-20b"))
        stats = self.stats()
        first, second = stats["bill"]
        self.assertEqual(
            (first["provider"], first["model"], first["end"]),
            ("anthropic", "claude-haiku-5-5", "finished"),
        )
        self.assertEqual(first["request_hash"], hashlib.sha256(body).hexdigest())
        self.assertTrue(before - 1 <= first["started_ms"] <= first["ended_ms"])
        self.assertEqual(second["provider"], "groq")
        self.assertEqual(
            stats["providers"]["groq"], {"begun": 1, "finished": 1, "open": 0, "most_open": 1}
        )
        self.control("DELETE", "/stats")
        self.assertEqual(self.stats()["bill"], [])

    def test_who_leaves_first_is_on_the_bill(self):
        self.script({"hang_after_chunks": 2})
        connection = self.send(ANTHROPIC, anthropic_body(stream=True))
        connection.getresponse().read(10)
        self.assertEqual(self.stats()["providers"]["anthropic"]["open"], 1)
        self.assertIsNone(self.stats()["bill"][0]["end"])
        connection.sock.close()
        connection.close()
        self.wait_for_ends(["left"])
        self.assertEqual(self.stats()["providers"]["anthropic"]["open"], 0)

    def test_hundreds_of_slow_streams_run_at_once(self):
        n = 300
        self.script({"first_byte_ms": 300, "tokens_per_second": 400})
        with concurrent.futures.ThreadPoolExecutor(n) as pool:
            texts = list(
                pool.map(
                    lambda i: self.call(ANTHROPIC, anthropic_body(stream=True, max_tokens=200 + i))[1],
                    range(n),
                )
            )
        self.assertTrue(all("message_stop" in text for text in texts))
        stats = self.stats()["providers"]["anthropic"]
        self.assertEqual((stats["begun"], stats["finished"], stats["open"]), (n, n, 0))
        self.assertGreater(stats["most_open"], n // 2)


class Script(Rehearsal):
    def test_the_nth_call_of_a_provider_gets_its_status_headers_and_body(self):
        body = {"type": "error", "error": {"type": "rate_limit_error", "message": "slow"}}
        self.script(
            {"provider": "anthropic", "calls": [2, 3], "status": 429, "headers": {"retry-after": "7"},
             "body": body}
        )
        seen = []
        for path in (ANTHROPIC, OPENAI, ANTHROPIC, ANTHROPIC, ANTHROPIC):
            response, text = self.call(path, anthropic_body() if path == ANTHROPIC else openai_body())
            seen.append((response.status, response.getheader("retry-after")))
            if response.status == 429:
                self.assertEqual(json.loads(text), body)
        self.assertEqual(seen, [(200, None), (200, None), (429, "7"), (429, "7"), (200, None)])

    def test_a_status_without_body_gets_the_provider_s_own_shape(self):
        for path, status, kind in (
            (ANTHROPIC, 529, "overloaded_error"),
            (ANTHROPIC, 401, "authentication_error"),
            (OPENAI, 429, "requests"),
            (GROQ, 498, "capacity"),
        ):
            self.script({"status": status})
            response, text = self.call(path, openai_body(max_tokens=5, model="m"))
            self.assertEqual(response.status, status)
            self.assertEqual(json.loads(text)["error"]["type"], kind)

    def test_rules_match_model_bytes_and_a_number_of_times(self):
        self.script(
            {"model": "grok-4.3", "text": "by model"},
            {"contains": "second plant", "times": 1, "text": "by bytes"},
            {"text": ""},
        )
        texts = []
        for path, model in ((XAI, "grok-4.3"), (OPENAI, "gpt-6-luna"), (OPENAI, "gpt-6-luna")):
            answer = json.loads(self.call(path, openai_body(model=model))[1])
            texts.append(answer["choices"][0]["message"]["content"])
        self.assertEqual(texts, ["by model", "by bytes", ""])

    def test_a_fixed_text_is_streamed_whole_whatever_its_letters(self):
        fixed = "Café jobs: 3 € 🚀 " * 9 + "\n\"end\"\\"
        self.script({"text": fixed})
        _, text = self.call(COMPATIBLE, openai_body(model="m", stream=True))
        chunks = [json.loads(data) for _, data in events(text)[:-1]]
        self.assertEqual(
            "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks), fixed
        )

    def test_a_mark_in_a_fixed_text_says_when_its_piece_was_given(self):
        self.script({"text": "@@@@@@@@ " * 12, "tokens_per_second": 400})
        before = time.monotonic_ns() // 100000
        _, text = self.call(COMPATIBLE, openai_body(model="m", stream=True))
        pieces = [json.loads(data)["choices"][0]["delta"].get("content", "") for _, data in events(text)[:-1]]
        times = [int(word) for piece in pieces for word in piece.split()]
        self.assertEqual(len(times), 12)
        passed = [(at - before) % 10 ** 8 for at in times]
        self.assertEqual(passed, sorted(passed))
        self.assertGreater(passed[-1], passed[0], "three pieces, one after the other")
        self.assertLessEqual(passed[-1], (time.monotonic_ns() // 100000 - before))

    def test_a_cut_stream_ends_after_n_pieces_without_its_last_events(self):
        self.script({"cut_after_chunks": 3})
        response = self.send(ANTHROPIC, anthropic_body(stream=True)).getresponse()
        with self.assertRaises(http.client.IncompleteRead) as broken:
            response.read()
        text = broken.exception.partial.decode()
        self.assertEqual(text.count("event: content_block_delta"), 3)
        self.assertNotIn("message_stop", text)
        self.assertEqual(self.ends(), ["cut"])

    def test_an_error_in_mid_stream_is_the_provider_s_own_event(self):
        self.script({"error_after_chunks": 1})
        _, text = self.call(ANTHROPIC, anthropic_body(stream=True))
        name, data = events(text)[-1]
        self.assertEqual((name, json.loads(data)["error"]["type"]), ("error", "overloaded_error"))
        _, text = self.call(OPENAI, openai_body(stream=True))
        self.assertEqual(json.loads(events(text)[-1][1])["error"]["type"], "server_error")
        self.assertEqual(self.ends(), ["error", "error"])

    def test_garbage_is_bytes_that_are_no_stream(self):
        for garbage, expected in ((True, b"\xff\xfe"), ("event: ]]", b"event: ]]")):
            self.script({"garbage": garbage})
            response = self.send(OPENAI, openai_body(stream=True)).getresponse()
            self.assertIn(expected, response.read())
        self.assertEqual(self.ends(), ["error", "error"])

    def test_a_hanging_call_never_answers_and_ends_when_the_caller_leaves(self):
        self.script({"hang": True})
        connection = self.send(OPENAI, openai_body(), timeout=0.3)
        with self.assertRaises(TimeoutError):
            connection.getresponse()
        connection.close()
        self.wait_for_ends(["left"])

    def test_the_pace_is_the_script_s(self):
        self.script({"first_byte_ms": 200, "tokens_per_second": 40, "text": "one two three four " * 5})
        begun = time.monotonic()
        response = self.send(OPENAI, openai_body(stream=True)).getresponse()
        response.readline()
        first = time.monotonic() - begun
        response.read()
        whole = time.monotonic() - begun
        self.assertGreaterEqual(first, 0.199)
        self.assertGreaterEqual(whole, 0.2 + 16 / 40)

    def test_a_script_with_a_mistake_is_refused_and_the_old_one_stays(self):
        self.script({"text": "kept"})
        for rules, expected in (
            ([{"statsu": 500}], "/rules/0/statsu is not known"),
            ([{}, {"status": 99}], "/rules/1/status"),
            ([{"calls": [1]}], "/rules/0/calls"),
            ([7], "/rules/0"),
            ({}, "rules"),
        ):
            status, answer = self.control("POST", "/script", {"rules": rules})
            self.assertEqual(status, 400)
            self.assertIn(expected, answer["error"])
        answer = json.loads(self.call(OPENAI, openai_body())[1])
        self.assertEqual(answer["choices"][0]["message"]["content"], "kept")


class Start(unittest.TestCase):
    def run_it(self, *options):
        return subprocess.run([PROGRAM, *options], capture_output=True, text=True, timeout=10)

    def test_wrong_options_are_said_and_end_with_2(self):
        for options in (["--tokens-per-second", "x"], ["--nothing"], ["word"]):
            ended = self.run_it(*options)
            self.assertEqual(ended.returncode, 2)
            self.assertTrue(ended.stderr)

    def test_a_script_that_cannot_be_read_ends_with_1(self):
        with tempfile.TemporaryDirectory() as folder:
            bad = pathlib.Path(folder) / "bad.json"
            bad.write_text('{"rules":[{"hnag":true}]}')
            for path in (bad, pathlib.Path(folder) / "missing"):
                ended = self.run_it("--script", str(path))
                self.assertEqual(ended.returncode, 1)
                self.assertIn(path.name, ended.stderr)

    def test_help_goes_to_standard_output(self):
        ended = self.run_it("--help")
        self.assertEqual(ended.returncode, 0)
        self.assertIn("--port-file", ended.stdout)


if __name__ == "__main__":
    unittest.main()
