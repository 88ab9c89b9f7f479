"""Scoring predictions: `parley resolve` and `parley calibration` on a real Postgres, their figures beside the same
figures worked out here from the definitions; migrations that may be run at any time."""
import datetime
import json
import math
import os
import pathlib
import random
import statistics
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from database import DatabaseCase  # noqa: E402
from fleet import BUILD, PATIENCE, Fleet, until  # noqa: E402

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
SHOWN_FROM = 30
N_BINS = 10
FIGURES = ("brier", "log_score", "reliability", "resolution", "uncertainty", "ece", "coverage50", "coverage80",
           "coverage95", "skill", "skill_of_mean", "mean_p", "mean_outcome")


def job_id(n):
    """An id of a job, and the uuid of the same 128 bits."""
    value = (n * 0x9E3779B97F4A7C15F39CC0605CEDC835) % 2 ** 128
    text = "".join(ALPHABET[value >> 5 * i & 31] for i in reversed(range(26)))
    digits = f"{value:032x}"
    return text, "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def mean(values):
    return math.fsum(values) / len(values)


def bins_of(rows):
    """Ten of equal count by p; the first ones have one more when it does not divide."""
    rows = sorted(rows, key=lambda row: (row["p"], row["uuid"]))
    size, more = divmod(len(rows), N_BINS)
    at = 0
    for i in range(N_BINS):
        n = size + (i < more)
        yield rows[at:at + n]
        at += n


def log_loss(p, outcome):
    p = min(max(p, 1e-6), 1 - 1e-6)
    return -(outcome * math.log(p) + (1 - outcome) * math.log(1 - p))


def worked_out(rows):
    """The figures of resolved questions, from their definitions."""
    n, observed = len(rows), mean([row["outcome"] for row in rows])
    brier = mean([(row["p"] - row["outcome"]) ** 2 for row in rows])
    base = mean([(row["base_rate"] - row["outcome"]) ** 2 for row in rows])
    uncertainty = mean([(row["outcome"] - observed) ** 2 for row in rows])
    figures = {"brier": brier, "log_score": mean([log_loss(row["p"], row["outcome"]) for row in rows]),
               "uncertainty": uncertainty, "skill": 1 - brier / base, "skill_of_mean": 1 - brier / uncertainty,
               "mean_p": mean([row["p"] for row in rows]), "mean_outcome": observed,
               "reliability": 0, "resolution": 0, "ece": 0, "coverage50": 0, "coverage80": 0, "coverage95": 0}
    for group in bins_of(rows):
        share, p = len(group) / n, mean([row["p"] for row in group])
        came = mean([row["outcome"] for row in group])
        figures["reliability"] += share * (p - came) ** 2
        figures["resolution"] += share * (came - observed) ** 2
        figures["ece"] += share * abs(p - came)
        for percent in ("50", "80", "95"):
            low, high = (mean([row["q"][percent][end] for row in group]) for end in (0, 1))
            figures["coverage" + percent] += share * (low <= came <= high)
    return figures


def predictions(seed, n):
    """Forecasts of every sort, some of them asked again; about a quarter are never resolved."""
    chance = random.Random(seed)
    rows = []
    for i in range(n):
        text, uuid = job_id(seed * 100000 + i + 1)
        truth, width = chance.random(), chance.uniform(0.02, 0.2)
        p = min(max(truth + chance.gauss(0, 0.12), 0), 1)
        rows.append({
            "job": text, "uuid": uuid, "norm_hash": f"{i:064x}", "horizon_days": chance.choice((30, 365.25)), "p": p,
            "q": {percent: [max(p - k * width, 0), min(p + k * width, 1)]
                  for percent, k in (("50", 0.5), ("80", 1), ("95", 1.6))},
            "base_rate": round(chance.uniform(0.05, 0.6), 3), "class": chance.choice(("job_application", "marathon")),
            "type": chance.choice(("job", "sport")), "grade": chance.choice("ABBBCCCC"),
            "extractor": chance.choice(("rules/2", "llm/1")), "backtest": i % 5 == 0,
            "created_at": datetime.datetime(2026, chance.choice((8, 9, 10)), 1 + i % 28, 23, 30, i % 60,
                                            tzinfo=datetime.timezone.utc),
            "outcome": None if chance.random() < 0.25 else
            chance.choice((0.7, 0.25)) if chance.random() < 0.05 else float(chance.random() < truth)})
    for i in range(0, n, 7):  # the same question again, a day later, with another number
        text, uuid = job_id(seed * 100000 + n + i + 1)
        again = {**rows[i], "job": text, "uuid": uuid, "p": chance.random(),
                 "created_at": rows[i]["created_at"] + datetime.timedelta(days=1)}
        if i % 2:  # and that one is resolved too, or only that one
            again["outcome"] = float(chance.random() < 0.5)
        rows.append(again)
    return rows


def questions(rows):
    """One of each: of those that are resolved the first, else the first."""
    chosen = {}
    for row in sorted(rows, key=lambda row: (row["outcome"] is None, row["created_at"], row["uuid"])):
        chosen.setdefault((row["backtest"], row["norm_hash"], row["horizon_days"]), row)
    return list(chosen.values())


def insert(rows):
    for row in rows:
        q = json.dumps(row["q"])
        yield (f"INSERT INTO jobs (id, kind, tenant, state, cost_usd, entry, whole) VALUES ('{row['job']}', 'predict', "
               f"'t', 'succeeded', 0, '1-1', true);"
               f"INSERT INTO predictions VALUES ('{row['uuid']}', '{row['job']}', decode('{row['norm_hash']}', 'hex'), "
               f"'{row['type']}', '{row['class']}', {row['horizon_days']}, timestamptz '{row['created_at']}' + "
               f"make_interval(secs => {row['horizon_days']} * 86400), {row['p']!r}, '{q}', {row['base_rate']}, "
               f"'{row['grade']}', false, '{row['extractor']}', 'classes/1', 'engine/1', {row['backtest']}, "
               f"'{row['created_at']}');")
        if row["outcome"] is not None:
            yield (f"INSERT INTO resolutions (prediction_id, outcome, source, resolver) VALUES ('{row['uuid']}', "
                   f"{row['outcome']}, 'public record', 'test');")


GROUPS = {"all": lambda row: "all", "class": lambda row: row["class"], "type": lambda row: row["type"],
          "grade": lambda row: row["grade"], "extractor": lambda row: row["extractor"],
          "month": lambda row: row["created_at"].strftime("%Y-%m")}


class ScoringCase(DatabaseCase):
    def parley(self, *arguments, url=None, **env):
        full = {k: v for k, v in os.environ.items() if not k.startswith(("PARLEY_", "PG"))}
        full.update({"PARLEY_DATABASE_URL": self.url if url is None else url, "USER": "tester", **env})
        return subprocess.run([BUILD / "tools" / "parley", *arguments], env=full, text=True, capture_output=True,
                              check=False, timeout=60 * PATIENCE)

    def good(self, *arguments):
        done = self.parley(*arguments)
        self.assertEqual(done.returncode, 0, done)
        return done.stdout

    def figures(self, *arguments):
        return [json.loads(line) for line in self.good("calibration", "--json", *arguments).splitlines()]

    def fill(self, rows):
        self.good("db", "migrate")
        self.database.run(self.url, "".join(insert(rows)))


class Migrations(ScoringCase):
    def test_they_may_run_again_and_four_at_once(self):
        running = [subprocess.Popen([BUILD / "tools" / "parley", "db", "migrate", "--json"], stdout=subprocess.PIPE,
                                    env={"PATH": os.environ["PATH"], "PARLEY_DATABASE_URL": self.url})
                   for _ in range(4)]
        said = [process.communicate(timeout=60 * PATIENCE)[0] for process in running]
        self.assertEqual([process.returncode for process in running], [0] * 4)
        applied = sorted(len(json.loads(text)["applied"]) for text in said)
        self.assertEqual(applied[:3], [0, 0, 0])
        self.assertGreater(applied[3], 1)
        self.assertIn("nothing to apply", self.good("db", "migrate"))
        self.assertEqual(self.rows("SELECT count(*) AS n FROM jobs"), [{"n": 0}])

    def test_one_that_was_applied_with_another_text_is_refused_and_nothing_changes(self):
        self.good("db", "migrate")
        self.database.run(self.url, "UPDATE parley_migrations SET hash = 'another' WHERE name LIKE '002%'")
        refused = self.parley("db", "migrate")
        self.assertEqual(refused.returncode, 4, refused)
        self.assertIn("applied with another text", refused.stderr)


class Figures(ScoringCase):
    def test_every_figure_of_every_group_is_what_its_definition_gives(self):
        rows = predictions(seed=1, n=600)
        self.fill(rows)
        n_shown = 0
        for backtest in (False, True):
            asked = [row for row in questions(rows) if row["backtest"] == backtest]
            for facet, group_of in GROUPS.items():
                shown = self.figures(*(["--by", facet] if facet != "all" else []),
                                     *(["--backtests"] if backtest else []))
                self.assertEqual([row["value"] for row in shown], sorted({group_of(row) for row in asked}))
                for row in shown:
                    of_group = [one for one in asked if group_of(one) == row["value"]]
                    resolved = [one for one in of_group if one["outcome"] is not None]
                    where = f"{facet} {row['value']} {'backtests' if backtest else 'live'}"
                    self.assertEqual((row["questions"], row["n"]), (len(of_group), len(resolved)), where)
                    self.assertAlmostEqual(row["resolved_share"], len(resolved) / len(of_group), msg=where)
                    expected = worked_out(resolved) if len(resolved) >= SHOWN_FROM else dict.fromkeys(FIGURES)
                    for name in FIGURES:
                        self.assertAlmostEqual(row[name], expected[name], places=9, msg=f"{where}: {name}")
                    n_shown += len(resolved) >= SHOWN_FROM
        self.assertGreater(n_shown, 15)

    def test_ranges_are_the_same_each_time_and_as_wide_as_the_theory_says(self):
        rows = predictions(seed=2, n=500)
        self.fill(rows)
        first = self.good("calibration", "--json", "--by", "class")
        self.assertEqual(first, self.good("calibration", "--json", "--by", "class"))
        for row in map(json.loads, first.splitlines()):
            resolved = [one for one in questions(rows) if one["outcome"] is not None and not one["backtest"]
                        and one["class"] == row["value"]]
            for name, scores in (("brier", [(one["p"] - one["outcome"]) ** 2 for one in resolved]),
                                 ("log_score", [log_loss(one["p"], one["outcome"]) for one in resolved])):
                low, high = row["ranges95"][name]
                error = 1.96 * statistics.stdev(scores) / math.sqrt(len(scores))
                self.assertLess(abs((high - low) / (2 * error) - 1), 0.15, (row["value"], name))
                self.assertLess(abs((high + low) / 2 - mean(scores)), 0.25 * error, (row["value"], name))
            low, high = row["ranges95"]["skill"]
            self.assertTrue(low < row["skill"] < high, row)

    def test_fewer_than_thirty_say_nothing(self):
        rows = [{**row, "class": "marathon", "backtest": False, "outcome": float(i % 2)}
                for i, row in enumerate(predictions(seed=3, n=SHOWN_FROM)[:SHOWN_FROM])]
        last = rows[-1]["job"]
        rows[-1]["outcome"] = None
        self.fill(rows)
        self.assertIn("fewer than 30 are resolved", self.good("calibration", "--by", "class"))
        row = self.figures("--by", "class")[0]
        self.assertEqual((row["n"], row["questions"], [row[name] for name in FIGURES], "ranges95" in row),
                         (SHOWN_FROM - 1, SHOWN_FROM, [None] * len(FIGURES), False))
        self.assertEqual(self.rows("SELECT * FROM calibration_bins"), [])
        self.good("resolve", last, "yes", "--source", "the finish line")
        self.assertRegex(self.good("calibration", "--by", "class"), r"marathon +30 +30 +100% +0\.\d+ \(0\.\d+ to ")


class Resolving(ScoringCase):
    def test_a_resolution_is_kept_and_a_correction_counts_instead(self):
        row = {**predictions(seed=4, n=1)[0], "outcome": None, "p": 0.25}
        self.fill([row])
        first = self.good("resolve", row["job"], "no", "--source", "Jane; '); DROP TABLE jobs; --", "--evidence", "a\nb")
        self.assertEqual(first, "no, predicted at 25.0 %\n")
        second = json.loads(self.good("resolve", row["job"], "0.7", "--source", "their web page", "--json"))
        self.assertEqual((second["outcome"], second["supersedes"]["outcome"], second["resolver"]), (0.7, 0, "tester"))
        self.assertIn("yes, predicted at 25.0 %; instead of 0.7 (their web page)",
                      self.good("resolve", row["job"], "yes", "--source", "x"))
        kept = self.rows("SELECT outcome, source, evidence FROM resolutions ORDER BY n")
        self.assertEqual([one["outcome"] for one in kept], [0, 0.7, 1])
        self.assertEqual((kept[0]["source"], kept[0]["evidence"]), ("Jane; '); DROP TABLE jobs; --", "a\nb"))
        self.assertEqual(self.rows("SELECT outcome FROM outcomes"), [{"outcome": 1}])
        for change in ("UPDATE resolutions SET outcome = 0", "DELETE FROM resolutions", "TRUNCATE resolutions"):
            with self.assertRaisesRegex(RuntimeError, "never changed"):
                self.database.run(self.url, change)

    def test_what_cannot_be_resolved_is_refused_with_the_reason(self):
        row = {**predictions(seed=5, n=1)[0], "outcome": None}
        self.fill([row])
        nobody = job_id(77)[0]
        for arguments, status, reason in (
                ((row["job"], "maybe", "--source", "x"), 2, "yes, no or a share"),
                ((row["job"], "1.5", "--source", "x"), 2, "yes, no or a share"),
                ((row["job"], "nan", "--source", "x"), 2, "yes, no or a share"),
                ((row["job"], "yes"), 2, "--source"),
                ((row["job"], "yes", "--source", ""), 2, "--source"),
                (("short", "yes", "--source", "x"), 2, "no job's id"),
                ((nobody, "yes", "--source", "x"), 4, "no prediction " + nobody)):
            done = self.parley("resolve", *arguments)
            self.assertEqual(done.returncode, status, done)
            self.assertIn(reason, done.stderr)
        self.assertEqual(self.rows("SELECT count(*) AS n FROM resolutions"), [{"n": 0}])

    def test_without_a_database_the_reason_is_said_and_never_the_password(self):
        for url, status, reason in (("", 2, "PARLEY_DATABASE_URL"), ("u:sesame@host/db", 2, "must be like"),
                                    ("postgresql://u:sesame@/d?host=/nowhere", 3, "No such file or directory"),
                                    (self.url, 4, "parley db migrate")):
            for command in (("calibration",), ("resolve", job_id(1)[0], "yes", "--source", "x")):
                done = self.parley(*command, url=url)
                self.assertEqual(done.returncode, status, done)
                self.assertIn(reason, done.stderr)
                self.assertNotIn("sesame", done.stdout + done.stderr)

    def test_a_prediction_of_the_fleet_can_be_resolved(self):
        with Fleet(appendfsync="no") as fleet:
            door = fleet.door()
            fleet.worker("predict")
            fleet.process("archivist", [BUILD / "parley-archivist"], {"PARLEY_DATABASE_URL": self.url})
            answer = door.post("/v1/jobs/predict", {"extractor": "rules", "prediction_data": {
                "goal": "run a marathon in under 4 hours", "context": "half marathon in 1:52"}})
            job = answer.json["id"]
            p = door.finished(job)["result"]["probability"]
            until(lambda: self.database.has(self.url, "SELECT 1 AS one FROM predictions"), "the prediction is copied")
        said = json.loads(self.good("resolve", job, "yes", "--source", "the organiser's list", "--json"))
        self.assertEqual((said["id"], said["p"], said["supersedes"]), (job, p, None))
        row = self.figures("--by", "grade")[0]
        self.assertEqual((row["questions"], row["n"], row["resolved_share"]), (1, 1, 1))


if __name__ == "__main__":
    unittest.main()
