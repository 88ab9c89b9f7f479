#!/usr/bin/env python3
"""Adds up test runs: tally.py [--faults N] LOGBASE… prints "N passed, N failed" as its only line;
tally.py --explain LOGBASE… prints what the TAP tests that failed had to say, which meson keeps to itself.

LOGBASE.json and LOGBASE.junit.xml are what one `meson test --logbase` left. Each case of a TAP test
counts; any other test counts once; skipped ones do not count. A test that died or ran out of time counts as
failed even if all the cases it reported had passed. A run without logs counts as one failure, and so does
each of the N faults the caller saw itself (builds). Exits 1 when anything failed or nothing passed."""
import argparse
import json
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree

GOOD = {"OK", "EXPECTEDFAIL", "SKIP"}
# meson copies what a test printed; XML has no way to hold these.
UNPRINTABLE = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")

TAP_LINE = re.compile(r"(not )?ok \d|1\.\.\d")
MAX_COMMENTS = 60


def count_cases(suite):
    passed = failed = 0
    for case in suite.iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif case.find("skipped") is None:
            passed += 1
    return passed, failed


def count_run(logbase):
    try:
        lines = pathlib.Path(logbase + ".json").read_text(encoding="utf-8", errors="replace").splitlines()
        xml = UNPRINTABLE.sub(b"", pathlib.Path(logbase + ".junit.xml").read_bytes())
    except OSError:
        return 0, 1
    suites = {suite.get("name"): suite for suite in ElementTree.fromstring(xml)}
    total_passed = total_failed = 0
    for test in map(json.loads, lines):
        good = test["result"] in GOOD
        suite = suites.get("parley." + test["name"])
        if suite is not None:
            passed, failed = count_cases(suite)
            failed += not good and failed == 0
        else:
            passed, failed = int(test["result"] in GOOD - {"SKIP"}), int(not good)
        total_passed += passed
        total_failed += failed
    return total_passed, total_failed


def explain(logbase):
    """Cases that failed, with the comments before them (tap.py) or the message in their line (Check)."""
    try:
        lines = pathlib.Path(logbase + ".json").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for test in map(json.loads, lines):
        comments = []
        said = test.get("stdout", "").splitlines()
        if test["result"] in GOOD or not any(TAP_LINE.match(line) for line in said):
            continue
        for line in said:
            if line.startswith("ok "):
                comments = []
                continue
            comments.append(line)
            if line.startswith("not ok "):
                print(f"---- {test['name']}", *comments[-MAX_COMMENTS:], sep="\n")
                comments = []
        if comments:
            print(f"---- {test['name']}, after the last case", *comments[-MAX_COMMENTS:], sep="\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--explain", action="store_true")
    parser.add_argument("--faults", type=int, default=0)
    parser.add_argument("logbase", nargs="*")
    args = parser.parse_args()
    if args.explain:
        for logbase in args.logbase:
            explain(logbase)
        return 0
    counts = [count_run(logbase) for logbase in args.logbase]
    passed = sum(count[0] for count in counts)
    failed = sum(count[1] for count in counts) + args.faults
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


sys.exit(main())
