"""The history in Postgres: every finished job once, with its bill and its prediction, whoever dies; what the database
does not take is told, and stops nobody else."""
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from database import DatabaseCase  # noqa: E402
from fleet import BUILD, PATIENCE, ROOT, START_S, Fleet, until  # noqa: E402

QUICK = ["--first-byte-ms", "5", "--tokens-per-second", "20000"]
GOAL = {"prediction_data": {"goal": "get a job offer from OpenAI within a year", "context": "CS grad"},
        "extractor": "rules"}
MAX_HISTORY = 100000


def debate(n=2):
    return {"question": "Shall we open a second office?", "rounds": {"max": 1}, "providers": ["anthropic"],
            "personas": [{"id": f"p{i}", "name": f"Person {i}", "role": f"adviser {i}"} for i in range(n)]}


class HistoryCase(DatabaseCase):
    def setUp(self):
        super().setUp()
        self.fleet = Fleet(appendfsync="no")
        self.addCleanup(self.fleet.close)
        self.fleet.start_redis()

    def archivist(self, ready=True, **env):
        process = self.fleet.process("archivist", [BUILD / "parley-archivist"],
                                     {"PARLEY_DATABASE_URL": self.url, **env})
        if ready:
            until(process.notified, "the archivist is ready", START_S)
        return process

    def copied(self, n):
        until(lambda: self.database.has(self.url, f"SELECT 1 FROM (SELECT count(*) AS n FROM jobs) j WHERE n >= {n}"),
              f"{n} jobs are in the database")
        until(lambda: self.fleet.redis("XLEN", "history") == 0, "the stream is empty")
        self.assertEqual(self.fleet.redis("XPENDING", "history", "archivist")[0], 0)

    def end_jobs(self, n):
        """Jobs that end at once."""
        door = self.fleet.door()
        self.fleet.worker("probe")
        ids = [door.post("/v1/jobs/probe", {"events": 1}).json["id"] for _ in range(n)]
        for job in ids:
            door.finished(job)
        return ids

    def past_job(self, job, entry="*", **fields):
        """A job that ended, as the fleet leaves it in Redis."""
        record = {"kind": "debate", "tenant": "acme", "state": "succeeded", "payload": "{}", "result": "{}",
                  "created_at": "2026-11-20T10:00:00.000Z", "ended_at": "2026-11-20T10:00:01.000Z", "attempt": "1",
                  **fields}
        self.fleet.redis("HSET", f"job:{job}", *(part for pair in record.items() for part in pair))
        return self.fleet.redis("XADD", "history", entry, "job", job, "kind", "debate", "tenant", "acme", "state",
                                record["state"], "cost_usd", fields.get("cost_usd", "0"))


class Copies(HistoryCase):
    def test_a_debate_and_its_bill_become_rows(self):
        self.fleet.rehearsal(QUICK)
        door = self.fleet.door()
        self.fleet.worker("debate")
        job = door.post("/v1/debate", debate(3)).json["id"]
        ended = door.finished(job)
        self.archivist()
        self.copied(1)
        row = self.rows("SELECT * FROM jobs")[0]
        self.assertEqual((row["id"], row["kind"], row["tenant"], row["state"], row["attempts"], row["whole"]),
                         (job, "debate", "default", "succeeded", 1, True))
        self.assertEqual((row["result"], row["usage"]), (ended["result"], ended["usage"]))
        self.assertEqual(row["request"]["question"], "Shall we open a second office?")
        self.assertAlmostEqual(row["cost_usd"], ended["usage"]["cost_usd"], places=6)
        bills = self.rows("SELECT * FROM bills")
        self.assertEqual([(bill["provider"], bill["model"] != "") for bill in bills], [("anthropic", True)])
        self.assertEqual((bills[0]["calls"], bills[0]["input_tokens"], bills[0]["output_tokens"]),
                         tuple(ended["usage"][name] for name in ("calls", "input_tokens", "output_tokens")))
        self.assertAlmostEqual(bills[0]["cost_usd"], ended["usage"]["cost_usd"], places=6)

    def test_a_prediction_becomes_a_row(self):
        door = self.fleet.door()
        self.fleet.worker("predict")
        self.archivist()
        job = door.post("/v1/jobs/predict", {**GOAL, "backtest": True}).json["id"]
        result = door.finished(job)["result"]
        self.copied(1)
        row = self.rows("SELECT *, encode(norm_hash, 'hex') AS hash, extract(epoch FROM horizon_at - created_at) / "
                        "86400 AS days FROM predictions")[0]
        self.assertEqual((row["job"], row["p"], row["q"], row["grade"], row["degraded"], row["backtest"]),
                         (job, result["probability"], result["intervals"], result["grade"], result["degraded"], True))
        self.assertEqual(row["hash"],
                         hashlib.sha256((result["goal"] + "\x1f" + result["context"]).encode()).hexdigest())
        event, provenance = result["extraction"]["event"], result["provenance"]
        self.assertEqual((row["event_type"], row["class"], row["base_rate"], row["horizon_days"]),
                         (event["type"], provenance["base_rate"]["class"], provenance["base_rate"]["p50"],
                          event["horizon"]["value"]))
        self.assertAlmostEqual(row["days"], event["horizon"]["value"], places=3)
        self.assertEqual((row["extractor"], row["registry"], row["engine"]),
                         (provenance["extractor"], provenance["registry"], provenance["engine"]))

    def test_what_only_json_can_hold_is_kept_to_the_byte(self):
        text = '{"question": "nul \\u0000, 1e400: 1e400, half \\ud83d\\ude00", "b": 1, "a": 2}'
        self.past_job("0" * 26, payload=text)
        self.archivist()
        self.copied(1)
        self.assertEqual(self.database.run(self.url, "SELECT request FROM jobs").strip(), text)

    def test_a_job_that_redis_has_forgotten_is_a_row_all_the_same(self):
        self.past_job("1" * 26)
        self.fleet.redis("DEL", "job:" + "1" * 26)
        self.archivist()
        self.copied(1)
        row = self.rows("SELECT * FROM jobs")[0]
        self.assertEqual((row["state"], row["kind"], row["whole"], row["result"]), ("succeeded", "debate", False, None))

    def test_what_no_answer_accounts_for_is_a_row_without_a_name(self):
        usage = {"calls": 5, "input_tokens": 100, "output_tokens": 50, "cost_usd": 0.25,
                 "uncertain": {"calls": 1, "cost_usd": 0.01}}
        answer = {"provider": "groq", "model": "m", "tries": 1,
                  "usage": {"input_tokens": 30, "output_tokens": 20, "cost_usd": 0.1}}
        self.past_job("2" * 26, usage=json.dumps(usage), cost_usd="0.26")
        self.fleet.redis("HSET", f"job:{'2' * 26}:steps", "a", json.dumps(answer), "b",
                         json.dumps({**answer, "cached": True}), "c", "no json", "d", '{"children": 1}')
        self.archivist()
        self.copied(1)
        bills = self.rows("SELECT provider, calls, input_tokens, output_tokens, cost_usd, uncertain_calls, "
                          "uncertain_usd FROM bills ORDER BY provider")
        self.assertEqual([list(bill.values()) for bill in bills],
                         [["", 4, 70, 30, 0.15, 1, 0.01], ["groq", 1, 30, 20, 0.1, 0, 0]])

    def test_a_dead_letter_that_was_tried_again_has_its_last_end(self):
        self.past_job("3" * 26, state="failed", error='{"code": "provider", "message": "x"}')
        self.archivist()
        self.copied(1)
        self.fleet.redis("HDEL", f"job:{'3' * 26}", "error")
        self.past_job("3" * 26, state="succeeded", attempt="2")
        until(lambda: self.rows("SELECT 1 FROM jobs WHERE state = 'succeeded'"), "the later end")
        row = self.rows("SELECT * FROM jobs")[0]
        self.assertEqual((row["attempts"], row["error"]), (2, None))


class Endures(HistoryCase):
    def test_an_archivist_killed_at_any_step_loses_and_doubles_nothing(self):
        for i, point in enumerate(("archivist.read", "archivist.written")):
            with self.subTest(point):
                for j in range(3):
                    self.past_job(f"{i}{j}".rjust(26, "0"), usage='{"calls": 1, "cost_usd": 0.5}', cost_usd="0.5")
                killed = self.archivist(ready=False, PARLEY_FAILPOINT=point)
                self.assertEqual(killed.wait(START_S), -9, killed.output())
                again = self.archivist()
                self.copied(3 * (i + 1))
                self.assertEqual(again.terminate(), 0)
        self.assertEqual(self.rows("SELECT count(*) AS n, sum(cost_usd) AS usd FROM jobs"), [{"n": 6, "usd": 3.0}])
        self.assertEqual(self.rows("SELECT count(*) AS n, sum(calls) AS calls FROM bills"), [{"n": 6, "calls": 6}])

    def test_an_entry_that_comes_again_changes_nothing(self):
        entry = self.past_job("4" * 26, usage='{"calls": 1, "cost_usd": 0.5}', cost_usd="0.5")
        archivist = self.archivist()
        self.copied(1)
        archivist.terminate()
        before = self.rows("SELECT * FROM jobs"), self.rows("SELECT * FROM bills")
        # Its stream was restored from a backup, and the record is gone meanwhile.
        self.fleet.redis("DEL", "history", f"job:{'4' * 26}")
        self.fleet.redis("XADD", "history", entry, "job", "4" * 26, "kind", "debate", "tenant", "acme", "state",
                         "succeeded", "cost_usd", "0")
        self.past_job("5" * 26)
        self.archivist()
        self.copied(2)
        after = [self.rows(f"SELECT * FROM {table} WHERE {name} = '{'4' * 26}'")
                 for table, name in (("jobs", "id"), ("bills", "job"))]
        self.assertEqual((after[0], after[1]), before)

    def test_while_the_database_is_away_the_fleet_runs_on_and_then_it_catches_up(self):
        archivist = self.archivist()
        self.past_job("6" * 26)
        self.copied(1)
        self.database.stop()
        try:
            ids = self.end_jobs(5)
            until(lambda: "event=archivist.waits" in archivist.output(), "it says that it waits")
            self.assertEqual(self.fleet.redis("XLEN", "history"), 5)
            late = self.archivist()
        finally:
            self.database.start()
        self.copied(6)
        self.assertEqual({row["id"] for row in self.rows("SELECT id FROM jobs")}, {*ids, "6" * 26})
        archivist.check()
        late.check()

    def test_a_row_that_the_database_refuses_stops_no_other(self):
        for i in range(10):
            self.past_job(f"{i}".rjust(26, "7"), **({"created_at": "nonsense"} if i in (3, 7) else {}))
        self.fleet.redis("XADD", "history", "*", "strange", "entry")
        self.fleet.redis("XADD", "history", "*", "job", b"\xff\xfe", "kind", "k", "tenant", "t", "state", "s",
                         "cost_usd", "many")
        archivist = self.archivist()
        self.copied(8)
        refused = self.rows("SELECT job, state, reason FROM refused ORDER BY job")
        self.assertEqual([(row["job"], row["state"]) for row in refused],
                         [("3".rjust(26, "7"), "22007"), ("7".rjust(26, "7"), "22007"), ("?", "22021")])
        self.assertEqual(archivist.output().count("event=archivist.refused"), 3)
        self.assertEqual(len(self.rows("SELECT 1 AS one FROM jobs")), 8)

    def test_what_a_full_stream_loses_is_counted_and_told(self):
        self.fleet.redis("EVAL", f"for i = 1, {MAX_HISTORY} do redis.call('XADD', 'history', '1-' .. i, 'job', "
                                 "'none') end", "0")
        for _ in range(3):  # of those that end in one millisecond the first cuts
            self.end_jobs(1)
        self.assertEqual((self.fleet.redis("XLEN", "history"), self.fleet.redis("GET", "history:lost")),
                         (MAX_HISTORY, "3"))
        self.fleet.redis("XTRIM", "history", "MAXLEN", "3")
        archivist = self.archivist()
        self.copied(3)
        self.assertIn("event=archivist.lost n=3 all=3", archivist.output())
        # A Redis that begins anew counts anew.
        self.fleet.redis("DEL", "history:lost")
        self.past_job("9" * 26)
        self.copied(4)
        self.fleet.redis("INCRBY", "history:lost", "2")
        until(lambda: "event=archivist.lost n=2 all=2" in archivist.output(), "it tells of the later loss")

    def test_tools_up_starts_it_when_the_address_of_a_database_is_given(self):
        env = {key: value for key, value in os.environ.items() if not key.startswith(("PARLEY_", "PG"))}
        folder, env["PARLEY_DATABASE_URL"] = self.fleet.dir / "up", self.url
        done = subprocess.run([ROOT / "tools/up", "--detach", "--dir", folder, "--port", "0", "--build", BUILD], env=env,
                              text=True, capture_output=True, stdin=subprocess.DEVNULL, check=False,
                              timeout=60 * PATIENCE)
        try:
            self.assertEqual(done.returncode, 0, done)
            self.assertIn("archivist", (folder / "pids").read_text())
            until(lambda: self.database.has(self.url, "SELECT 1 AS one FROM parley_migrations"), "the tables are made")
        finally:
            subprocess.run([ROOT / "tools/down", "--dir", folder], capture_output=True, check=False,
                           timeout=60 * PATIENCE)

    def test_no_log_has_the_password_and_a_wrong_address_ends_it_at_once(self):
        good = self.archivist()
        self.past_job("8" * 26)
        self.copied(1)
        self.assertNotIn("sesame", good.output())
        for url in ("", "parley:sesame@host/db"):
            bad = subprocess.run([BUILD / "parley-archivist"], text=True, capture_output=True, check=False,
                                 env={"PARLEY_REDIS": str(self.fleet.socket), "PARLEY_DATABASE_URL": url})
            self.assertEqual(bad.returncode, 78, bad)
            self.assertIn("PARLEY_DATABASE_URL", bad.stderr)
            self.assertNotIn("sesame", bad.stdout + bad.stderr)


if __name__ == "__main__":
    unittest.main()
