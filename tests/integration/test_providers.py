"""A debate speaks to every provider in that provider's own words."""
import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import Fleet, until  # noqa: E402

DEBATE = {"question": "Shall we open a second office?", "rounds": {"max": 1},
          "personas": [{"id": f"p{i}", "name": f"Person {i}", "role": f"adviser number {i}"} for i in range(2)]}
QUICK = ["--first-byte-ms", "2", "--tokens-per-second", "20000"]


class World(unittest.TestCase):
    """A fleet of its own for each case."""

    def setUp(self):
        self.fleet = Fleet()
        self.addCleanup(self.fleet.close)
        self.fleet.start_redis()
        self.rehearsal = self.fleet.rehearsal(QUICK)
        self.door = self.fleet.door()
        self.start()

    def start(self):
        self.fleet.worker("debate")

    def asked(self):
        """The providers of all calls so far."""
        return [call["provider"] for call in self.rehearsal.get("/stats").json["bill"]]


class Providers(unittest.TestCase):
    def debate_with(self, provider, env):
        """The finished job and what its provider was asked."""
        with Fleet() as fleet:
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


class Fallback(World):
    """Anthropic is ill in each case, OpenAI is well."""

    def script(self, **rule):
        answer = self.rehearsal.post("/script", {"rules": [{"provider": "anthropic"} | rule]})
        self.assertLess(answer.status, 300, answer)

    def events(self, job):
        return [json.loads(text) for text in self.fleet.log(job)]

    def debate(self, **more):
        return self.door.post("/v1/debate", DEBATE | {"providers": ["anthropic", "openai"]} | more).json["id"]

    def test_the_next_provider_is_asked_when_one_fails_for_good(self):
        self.script(status=401)
        job = self.door.finished(self.debate())
        self.assertEqual(job["status"], "succeeded", job)
        self.assertEqual(self.asked().count("openai"), 5)
        steps = [event for event in self.events(job["id"]) if event["type"] == "step.completed"]
        self.assertEqual(len(steps), 5)
        self.assertEqual(job["usage"]["calls"], 5)

    def test_a_job_may_forbid_it(self):
        self.script(status=401)
        job = self.door.finished(self.debate(fallback="never"))
        self.assertEqual((job["status"], job["error"]["code"]), ("failed", "provider_refused"))
        self.assertNotIn("openai", self.asked())

    def test_a_paused_provider_is_stepped_over_when_the_job_allows_it(self):
        self.script(status=529, headers={"retry-after": "600"})
        job = self.door.finished(self.debate(fallback="paused"))
        self.assertEqual(job["status"], "succeeded", job)
        again = self.door.finished(self.debate(fallback="paused", question="And a third one?"))
        self.assertEqual(again["status"], "succeeded", again)
        self.assertEqual(self.asked().count("openai"), 10)

    def test_it_waits_for_a_paused_provider_otherwise(self):
        self.script(status=529, headers={"retry-after": "600"})
        job = self.debate()
        until(lambda: any(event["type"] == "job.waiting" and event["reason"] == "provider_paused"
                          for event in self.events(job)), "the debate waits")
        self.assertNotIn("openai", self.asked())

    def test_a_persona_s_own_provider_comes_first(self):
        personas = [DEBATE["personas"][0] | {"provider": "groq"}, DEBATE["personas"][1]]
        job = self.door.finished(self.debate(personas=personas))
        self.assertEqual(job["status"], "succeeded", job)
        self.assertEqual(sorted(set(self.asked())), ["anthropic", "groq"])


class Boards(World):
    """Personas that the worker reads from files."""

    FARM = [{"id": "vet", "name": "Vet", "role": "the vet", "provider": "groq"},
            {"id": "milker", "name": "Milker", "role": "the milker", "model": "claude-sonnet-5-5"},
            {"id": "chair", "name": "Chair", "role": "who moderates", "votes": False}]

    def start(self):
        self.boards = self.fleet.dir / "boards"
        self.boards.mkdir()
        self.write(self.FARM)

    def write(self, personas, name="farm"):
        (self.boards / f"{name}.json").write_text(json.dumps({"name": name, "personas": personas}))

    def worker(self, **more):
        return self.fleet.worker("debate", env={"PARLEY_PERSONAS": str(self.boards)}, **more)

    def debate(self, personas):
        return self.door.post("/v1/debate", DEBATE | {"personas": personas})

    def test_a_set_is_asked_by_its_name_each_persona_at_its_own_provider_and_model(self):
        self.worker()
        job = self.door.finished(self.debate("farm").json["id"])
        self.assertEqual(job["status"], "succeeded", job)
        bill = {(call["provider"], call["model"]) for call in self.rehearsal.get("/stats").json["bill"]}
        self.assertIn(("anthropic", "claude-sonnet-5-5"), bill)
        self.assertIn("groq", {provider for provider, _ in bill})
        self.assertEqual([position["votes"] for position in job["result"]["positions"]], [True, True, False])
        for persona in job["result"]["personas"]:
            self.assertEqual(persona["usage"]["input_tokens"], sum(turn["input_tokens"] for turn in persona["rounds"]))
            self.assertGreater(persona["usage"]["cost_usd"], 0)
            self.assertGreater(persona["ms"], 0)

    def test_ids_of_files_of_the_shipped_board_and_whole_personas_sit_together(self):
        self.worker()
        job = self.door.finished(self.debate(["vet", "boardroom/cfo", DEBATE["personas"][0]]).json["id"])
        self.assertEqual([persona["name"] for persona in job["result"]["personas"]], ["Vet", "CFO", "Person 0"])

    def test_the_record_plays_again_after_the_file_has_changed(self):
        self.worker()
        job = self.door.finished(self.debate("farm").json["id"])
        self.write([persona | {"name": "Somebody else"} for persona in self.FARM])
        done = self.fleet.parley("replay", job["id"])
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_a_name_that_the_worker_does_not_know_costs_nothing(self):
        self.worker()
        for personas, expected in (("moon", 'no set "moon"'), (["cfo", "nobody"], "/personas/1")):
            with self.subTest(personas):
                job = self.door.finished(self.debate(personas).json["id"])
                self.assertEqual((job["status"], job["error"]["code"]), ("failed", "invalid"))
                self.assertIn(expected, job["error"]["message"])
        self.assertEqual(self.asked(), [])

    def test_the_door_refuses_what_can_be_no_name(self):
        for personas, pointer in (("no name", "/personas"), (["cfo", "a b"], "/personas/1"), (["cfo"], "/personas")):
            with self.subTest(personas):
                answer = self.debate(personas)
                self.assertEqual((answer.status, answer.json["errors"][0]["pointer"]), (422, pointer), answer)

    def test_a_fault_in_a_file_stops_the_worker_and_the_command_tells_it_first(self):
        self.write([{"id": "x", "name": "X"}], "faulty")
        worker = self.worker(ready=False)
        self.assertNotEqual(worker.wait(), 0)
        done = self.fleet.parley("personas", self.boards)
        self.assertEqual(done.returncode, 1)
        self.assertIn("faulty.json: /personas/0", done.stderr)
        (self.boards / "faulty.json").unlink()
        done = self.fleet.parley("personas", env={"PARLEY_PERSONAS": str(self.boards)})
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("farm/milker\tMilker\n", done.stdout)
        self.assertIn("boardroom/cfo\tCFO\n", done.stdout)


class Retrieval(World):
    """Passages found by their sense: "tariffs" has no word in common with what matters here, but its beginning."""

    PASSAGES = ["The canteen opens at noon.", "A tariffication of steel is planned.", "Rents rose.", "The lift is old."]

    def restart(self, **env):
        for process in self.fleet.processes:
            if process.name.startswith("worker"):
                process.terminate()
        self.fleet.worker("debate", env=env)

    def debate(self, **more):
        request = DEBATE | {"question": "Which tariffs threaten us?", "corpus": self.PASSAGES, "top_k": 1} | more
        return self.door.finished(self.door.post("/v1/debate", request).json["id"])

    def formats(self):
        return [call["format"] for call in self.rehearsal.get("/stats").json["bill"]]

    def test_the_sense_finds_what_the_words_do_not(self):
        self.assertEqual(self.debate()["result"]["passages"][0]["text"], self.PASSAGES[0], "words only")
        self.restart(PARLEY_EMBEDDINGS="openai")
        job = self.debate()
        result = job["result"]
        self.assertEqual(result["retrieval"], {"method": "words and sense"})
        self.assertEqual(result["passages"][0]["text"], self.PASSAGES[1])
        self.assertEqual(self.formats().count("embeddings"), 1)
        self.assertEqual(job["usage"]["calls"], 6)
        self.assertEqual(result["usage"]["calls"], 6)
        self.assertEqual(self.fleet.parley("replay", job["id"]).returncode, 0)

    def test_nothing_is_asked_where_there_is_nothing_to_choose_or_words_are_wanted(self):
        self.restart(PARLEY_EMBEDDINGS="compatible/bge-m3", PARLEY_COMPATIBLE_MODEL="m")
        for more in ({"top_k": 4}, {"top_k": 0}, {"retrieval": "words"}):
            with self.subTest(more):
                self.assertEqual(self.debate(**more)["status"], "succeeded")
        self.assertNotIn("embeddings", self.formats())

    def test_words_decide_and_it_is_said_where_the_sense_cannot_be_had(self):
        self.restart(PARLEY_EMBEDDINGS="openai")
        for rule, code, more in (({"status": 401}, "provider_refused", {}),
                                 ({"hang": True}, "deadline", {"budget": {"wall_ms": 8000}}),
                                 ({"status": 200, "body": {"data": []}}, "provider", {})):
            with self.subTest(code):
                self.rehearsal.post("/script", {"rules": [{"contains": "encoding_format"} | rule]})
                job = self.debate(**more)
                self.assertEqual(job["status"], "succeeded", job)
                retrieval = job["result"]["retrieval"]
                self.assertEqual((retrieval["method"], retrieval["error"]["code"]), ("words", code))
                self.assertEqual(self.fleet.parley("replay", job["id"]).returncode, 0)

    def test_a_wrong_name_stops_the_worker(self):
        for name, expected in (("anthropic/x", "openai, groq"), ("compatible", "openai, groq"), ("moon", "openai, groq")):
            with self.subTest(name):
                worker = self.fleet.worker("debate", env={"PARLEY_EMBEDDINGS": name}, ready=False)
                self.assertNotEqual(worker.wait(), 0)
                self.assertIn(expected, worker.output())
                self.fleet.processes.remove(worker)


class Cache(World):
    """The same debate twice, at temperature 0 or not, with leave to remember or without."""

    def twice(self, **more):
        """Two finished jobs of the same request, and how many calls the second made."""
        jobs, calls = [], []
        for _ in range(2):
            job = self.door.post("/v1/debate", DEBATE | {"seed": 1} | more).json["id"]
            jobs.append(self.door.finished(job))
            calls.append(len(self.rehearsal.get("/stats").json["bill"]))
        return jobs, calls[1] - calls[0]

    def test_identical_calls_at_temperature_0_cost_nothing_the_second_time(self):
        jobs, n_calls = self.twice(temperature=0, cache={"ttl_s": 60})
        self.assertEqual(n_calls, 0)
        self.assertGreater(jobs[0]["usage"]["cost_usd"], 0)
        self.assertEqual(jobs[1]["usage"]["cost_usd"], 0)
        self.assertEqual(jobs[0]["result"]["positions"], jobs[1]["result"]["positions"])
        steps = [json.loads(text) for text in self.fleet.log(jobs[1]["id"])]
        self.assertTrue(all(step["cached"] for step in steps if step["type"] == "step.completed"))

    def test_nothing_is_taken_from_it_unasked_or_with_chance(self):
        for more in ({"temperature": 0}, {"temperature": 0.7, "cache": {"ttl_s": 60}}, {"cache": {"ttl_s": 60}}):
            with self.subTest(more):
                self.assertEqual(self.twice(**more)[1], 5)

    def test_another_question_is_another_answer(self):
        self.twice(temperature=0, cache={"ttl_s": 60})
        before = len(self.rehearsal.get("/stats").json["bill"])
        job = self.door.post("/v1/debate", DEBATE | {"seed": 1, "temperature": 0, "cache": {"ttl_s": 60},
                                                     "question": "Shall we close it again?"}).json["id"]
        self.door.finished(job)
        self.assertEqual(len(self.rehearsal.get("/stats").json["bill"]) - before, 5)


class Hedge(World):
    """Three personas; the first call of one of them hangs."""

    def setUp(self):
        super().setUp()
        self.request = DEBATE | {"rounds": {"max": 0}, "hedge": True, "providers": ["anthropic"], "personas": [
            {"id": f"p{i}", "name": f"Person {i}", "role": f"adviser number {i}"} for i in range(3)]}

    def hang(self, **more):
        self.rehearsal.post("/script", {"rules": [{"contains": "You are Person 1,", "times": 1} | more]})

    def debate(self, **more):
        job = self.door.finished(self.door.post("/v1/debate", self.request | more).json["id"])
        self.assertEqual(job["result"]["usage"]["calls"], job["usage"]["calls"], "both calls are on the bill")
        return job

    def test_the_last_answer_of_a_round_is_asked_for_again_when_it_is_slow(self):
        self.hang(hang=True)
        job = self.debate()
        self.assertEqual(job["status"], "succeeded", job)
        self.assertFalse(any(persona["absent"] for persona in job["result"]["personas"]))
        self.assertEqual([persona["usage"]["calls"] for persona in job["result"]["personas"]], [1, 2, 1])
        bill = self.rehearsal.get("/stats").json["bill"]
        self.assertEqual(len(bill), 5, "three, a hedge and the synthesis")
        until(lambda: sorted(call["end"] or "" for call in self.rehearsal.get("/stats").json["bill"])
              == ["finished"] * 4 + ["left"], "the call that hung is closed")
        self.assertEqual(self.fleet.parley("replay", job["id"]).returncode, 0)

    def test_another_provider_is_asked_when_the_job_names_one(self):
        self.hang(hang=True, provider="anthropic")
        job = self.debate(providers=["anthropic", "groq"])
        self.assertEqual(job["status"], "succeeded", job)
        providers = [call["provider"] for call in self.rehearsal.get("/stats").json["bill"]]
        self.assertEqual(sorted(providers), ["anthropic"] * 4 + ["groq"])

    def test_a_slow_call_that_comes_first_after_all_counts(self):
        self.hang(first_byte_ms=600)
        rules = self.rehearsal.get("/script").json["rules"]
        self.rehearsal.post("/script", {"rules": rules + [{"contains": "You are Person 1,", "hang": True}]})
        job = self.debate()
        self.assertEqual(job["status"], "succeeded", job)
        self.assertFalse(job["result"]["personas"][1]["absent"])
        self.assertEqual(self.fleet.parley("replay", job["id"]).returncode, 0)

    def test_nobody_is_asked_twice_unless_the_job_wants_it(self):
        self.hang(first_byte_ms=900)
        self.debate(hedge=False)
        self.assertEqual(len(self.rehearsal.get("/stats").json["bill"]), 4)


if __name__ == "__main__":
    unittest.main()
