"""Reads Prometheus' text format 0.0.4 as strictly as its own linter, and says every fault.

    page = Page(text)              page.faults == []            page["parley_door_connections"]
    page["parley_door_requests_total", {"route": "submit"}]     the sum of the samples that have these labels

Where promtool (Debian: prometheus) is installed, it has its say as well.
"""
import re
import shutil
import subprocess

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\n"])*"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? (\+Inf|NaN|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$")
ONE_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\n"])*)"')
SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("_sum", "_count", "")}
BAD_UNITS = ("_milliseconds", "_ms", "_microseconds", "_us", "_minutes", "_hours", "_kilobytes", "_megabytes", "_percent")
MAX_SERIES = 200


class Page:
    def __init__(self, text):
        self.faults, self.types, self.samples, self.helped = [], {}, {}, set()
        self._family = None
        if not text.endswith("\n"):
            self.faults.append("the last line has no end")
        for line in text.splitlines():
            if line.startswith("# "):
                self._comment(line)
            else:
                self._sample(line)
        self._whole()
        self._promtool(text)

    def _fault(self, condition, text):
        if condition:
            self.faults.append(text)

    def _comment(self, line):
        word, name, rest = (line[2:].split(" ", 2) + ["", ""])[:3]
        self._fault(word not in ("HELP", "TYPE") or not re.fullmatch(NAME, name) or not rest, f"not HELP or TYPE: {line}")
        if word == "HELP":
            self._fault(name in self.helped, f"{name}: HELP twice")
            self.helped.add(name)
        else:
            self._fault(name in self.types, f"{name}: TYPE twice, or its samples are not together")
            self._fault(rest not in ("counter", "gauge", "histogram", "summary"), f"{name}: type {rest}")
            self.types[name] = rest
            self._family = name
            self._name(name, rest)

    def _name(self, name, kind):
        self._fault(name not in self.helped, f"{name}: no HELP before TYPE")
        self._fault((kind == "counter") != name.endswith("_total"), f"{name}: _total is for counters, and only for them")
        self._fault(name != name.lower() or ":" in name, f"{name}: lower case and _ only")
        self._fault(any(name.removesuffix("_total").endswith(unit) for unit in BAD_UNITS), f"{name}: not a base unit")
        self._fault(name.endswith(("_bucket", "_count", "_sum")), f"{name}: the suffix belongs to histograms")
        self._fault(kind in name.split("_"), f"{name}: names its type")

    def _sample(self, line):
        found = SAMPLE.fullmatch(line)
        if not found:
            self.faults.append(f"not a sample: {line!r}")
            return
        name, labels, value = found.group(1), tuple(sorted(ONE_LABEL.findall(found.group(2) or ""))), float(found.group(3))
        names = [n + s for n in [self._family] for s in SUFFIXES.get(self.types.get(n), ("",))] if self._family else []
        self._fault(name not in names, f"{name}: not below its TYPE")
        self._fault((name, labels) in self.samples, f"{line}: twice")
        self._fault(len({label for label, _ in labels}) != len(labels), f"{line}: a label twice")
        self._fault(self.types.get(self._family) == "counter" and value < 0, f"{line}: a counter below zero")
        self.samples[name, labels] = value

    def _whole(self):
        self._fault(len(self.samples) >= MAX_SERIES, f"{len(self.samples)} series, fewer than {MAX_SERIES} are allowed")
        for name in (n for n, kind in self.types.items() if kind == "histogram"):
            buckets = [(float(dict(labels)["le"]), n) for (at, labels), n in self.samples.items() if at == name + "_bucket"]
            self._fault(buckets != sorted(buckets) or [n for _, n in buckets] != sorted(n for _, n in buckets),
                        f"{name}: buckets are not in order")
            self._fault(not buckets or buckets[-1] != (float("inf"), self.samples.get((name + "_count", ()))),
                        f"{name}: +Inf is missing or is not the count")

    def _promtool(self, text):
        if shutil.which("promtool"):
            said = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True,
                                  timeout=60, check=False)
            self._fault(said.returncode != 0, f"promtool: {said.stdout}{said.stderr}")

    def __getitem__(self, key):
        name, wanted = key if isinstance(key, tuple) else (key, {})
        found = [n for (at, labels), n in self.samples.items() if at == name and wanted.items() <= dict(labels).items()]
        if not found:
            raise KeyError(f"{key}: no such sample")
        return sum(found)
