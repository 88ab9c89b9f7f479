"""`parley simulate` at the desk: no Redis, no door, no worker. The six examples of the language, what is shown of a
result, and how a model's faults are told."""
import json
import os
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import BUILD, PATIENCE  # noqa: E402

# The examples of the language's reference, with what must come out: the answers to "ask" within four standard errors
# or so of what a run of 4e8 trials says.
EXAMPLES = {
    "profit": {"variables": {"price": "15 to 30", "volume": {"dist": "normal", "mean": 1000, "sd": 150,
                                                            "truncate": [0, None]},
                             "cost": {"dist": "triangular", "min": 5, "mode": 8, "max": 14}},
               "outputs": {"profit": "volume*(price-cost)-8000"}, "ask": ["P(profit > 0)"]},
    "days": {"variables": {"design": {"dist": "pert", "min": 5, "mode": 8, "max": 20},
                           "build": {"dist": "pert", "min": 10, "mode": 15, "max": 40}, "legal": "8 to 30"},
             "outputs": {"days": "max(design+build, legal)"}, "ask": ["days.p80", "P(days > 45)"]},
    "savings": {"variables": {"g": {"dist": "normal", "mean": 0.05, "sd": 0.16}},
                "steps": {"count": 30, "redraw": ["g"],
                          "state": {"pot": {"init": "20000", "next": "max(0, pot*(1+g)+6000)"}}},
                "outputs": {"pot": "pot"}, "ask": ["P(pot < 300000)"]},
    "stock": {"variables": {"demand": "800 to 1500", "lead": {"dist": "gamma", "shape": 4, "scale": 2}},
              "correlations": [["demand", "lead", 0.5]], "correlation_kind": "spearman",
              "let": {"need": "demand*lead/30"}, "outputs": {"short": "max(0, need-400)"},
              "ask": ["P(short > 0)", "short.p95"]},
    "launch": {"variables": {"launch": {"dist": "mixture", "of": [{"dist": "constant", "value": 0}, "1e5 to 5e6"],
                                        "weights": [0.6, 0.4]}, "burn": "3e5 to 6e5"},
               "outputs": {"net": "launch - burn"},
               "trials": {"max": 1e8, "until": [{"of": "P(net > 0)", "ci_half_width": 0.0005}]}},
    "offer": {"variables": {"base_logit": {"dist": "normal", "mean": -5.5, "sd": 0.8},
                            "fit": {"dist": "normal", "mean": 0.9, "sd": 0.5}, "tries": {"dist": "poisson", "mean": 3}},
              "let": {"p": "1/(1+exp(-(base_logit+fit)))"}, "outputs": {"odds": "1-(1-p)^max(1,tries)"},
              "method": "sobol", "trials": 8192},
}
SMALL = {"variables": {"price": "15 to 30", "cost": {"dist": "triangular", "min": 5, "mode": 8, "max": 14}},
         "outputs": {"profit": "1000*(price-cost)"}, "ask": ["P(profit > 12000)"], "seed": "shown"}


def simulate(model, *options, env=None):
    text = model if isinstance(model, str) else json.dumps(model)
    full = {k: v for k, v in os.environ.items() if not k.startswith("PARLEY_")}
    return subprocess.run([str(BUILD / "tools" / "parley"), "simulate", "-", *options], input=text, text=True,
                          capture_output=True, timeout=60 * PATIENCE, check=False, env={**full, **(env or {})})


class Simulate(unittest.TestCase):
    def good(self, model, *options, env=None):
        done = simulate(model, *options, env=env)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        return done.stdout

    def result(self, model, *options):
        return json.loads(self.good(model, "--json", *options))

    def test_the_six_examples_of_the_language_run(self):
        for name, model in EXAMPLES.items():
            with self.subTest(name):
                result = self.result(model)
                (output, found), = result["outputs"].items()
                self.assertIn(output, model["outputs"])
                low, high = found["mean"]["ci"]
                self.assertLess(low, found["mean"]["value"])
                self.assertLess(found["mean"]["value"], high)
                self.assertEqual(len(result["asked"]), len(model.get("ask", [])))
                self.assertTrue(self.good(model))

    def test_the_same_bytes_with_any_number_of_threads(self):
        model = {**SMALL, "trials": 300000}
        one = self.good(model, "--json", "--threads", "1")
        self.assertEqual(self.good(model, "--json", "--threads", "3"), one)
        self.assertEqual(self.good(model, "--json"), one)
        self.assertEqual(json.loads(one)["trials"], 300000)

    def test_a_person_sees_a_table_of_80_columns_in_any_locale(self):
        plain = self.good(SMALL, env={"LC_ALL": "C", "TERM": "dumb"})
        self.assertTrue(plain.isascii(), plain)
        pretty = self.good(SMALL, env={"LC_ALL": "C.UTF-8"})
        self.assertIn("█", pretty)
        for text in (plain, pretty):
            self.assertLessEqual(max(map(len, text.splitlines())), 80, text)
            for word in ("profit", "mean", "sd", "p5", "p95", "P(profit > 12000)", "seed shown", "lognormal", "triangular",
                         "model_hash", "result_hash", "10000 trials"):
                self.assertIn(word, text)
        bars = [line for line in plain.splitlines() if "#" in line and ".." in line]
        self.assertGreater(len(bars), 8, plain)

    def test_what_is_the_same_in_every_trial_is_a_bar_of_100_percent(self):
        page = self.good({"variables": {"a": "1 to 2"}, "outputs": {"x": "a > 0"}})
        self.assertIn(" 100%", page)
        self.assertNotIn("e+02%", page)

    def test_a_fault_is_shown_under_the_part_of_the_expression_it_is_about(self):
        done = simulate({**SMALL, "outputs": {"profit": "1000*(pric - cost)", "x": "1 + * 2"}})
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        lines = done.stderr.splitlines()
        at = lines.index("    1000*(pric - cost)")
        self.assertEqual(lines[at + 1], "          ^~~~")
        self.assertIn("E_NAME /outputs/profit", lines[at - 1])
        self.assertIn("price", lines[at + 2])
        self.assertIn("E_PARSE /outputs/x", done.stderr)

    def test_a_long_expression_is_cut_around_its_fault(self):
        long = " + ".join(["price"] * 40) + " + oops + " + " + ".join(["cost"] * 40)
        done = simulate({**SMALL, "outputs": {"profit": long}})
        lines = done.stderr.splitlines()
        carets = next(line for line in lines if "^~~~" in line)
        shown = lines[lines.index(carets) - 1]
        self.assertEqual(shown[carets.index("^"):][:4], "oops")
        self.assertLessEqual(max(map(len, lines)), 100)

    def test_with_json_the_faults_are_json_on_standard_error(self):
        done = simulate({**SMALL, "outputs": {"profit": "oops"}}, "--json")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        fault, = json.loads(done.stderr)["errors"]
        self.assertEqual((fault["code"], fault["path"], fault["span"]), ("E_NAME", "/outputs/profit", [0, 4]))

    def test_what_is_no_json_or_no_file_is_said_and_so_is_a_wrong_use(self):
        done = simulate("{\"variables\":")
        self.assertEqual(done.returncode, 1)
        self.assertIn("line 1", done.stderr)
        parley = str(BUILD / "tools" / "parley")
        for arguments, status in ((["/nowhere/model.json"], 2), ([], 2), (["-", "--threads", "0"], 2),
                                  (["-", "--threads", "many"], 2), (["-", "--help"], 0)):
            done = subprocess.run([parley, "simulate", *arguments], input="", text=True, capture_output=True, check=False)
            self.assertEqual(done.returncode, status, done)

    def test_a_trial_without_a_number_is_a_fault_of_the_model(self):
        done = simulate({"variables": {"a": {"dist": "normal", "mean": 0, "sd": 1}}, "outputs": {"b": "ln(a)"}})
        self.assertEqual(done.returncode, 1)
        self.assertIn("E_DOMAIN /outputs/b", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
