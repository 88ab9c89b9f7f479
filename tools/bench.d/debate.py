#!/usr/bin/env python3
"""What `tools/bench debate` does with a fleet. Prints its part of the table.

    debate.py boardrooms READERS PORT PROVIDER N PID…      debate.py mixture PORT REDIS SECONDS
"""
import http.client
import json
import pathlib
import socket
import statistics
import subprocess
import sys
import threading
import time

BLIND = "Nobody has spoken yet."
# 60 tokens of the rehearsal provider that say when they were given.
TIMED = "@@@@@@@@ " * 60 + '\nVERDICT: {"position":"Yes, in small steps.","answer":null,"confidence":0.7,"reasons":["It can be undone."]}'
N_STANDARD, N_BOARDROOM, LIMIT = 10, 4, 20


def request(port, method, path, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    connection.request(method, path, body and json.dumps(body), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    assert answer.status < 300, text
    return json.loads(text)


# ---- many boardrooms ----

def kib(pid, field):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith(field)))


def boardrooms(readers, port, provider, n, pids):
    request(provider, "POST", "/script", {"rules": [{"contains": BLIND, "text": TIMED}]})
    before = [kib(pid, "VmRSS:") for pid in pids]
    body = {"question": "Shall we open a second plant?", "rounds": {"max": 0}}
    found = json.loads(subprocess.run([readers, "--port", str(port), "--path", "/v1/boardroom", "--body", json.dumps(body),
                                       "--readers", str(n)], check=True, capture_output=True, text=True).stdout)
    most_open = request(provider, "GET", "/stats")["providers"]["anthropic"]["most_open"]
    grown = sum(kib(pid, "VmHWM:") - was for pid, was in zip(pids, before))
    print(f"boardrooms at once          {n:8d}   ended well {found['succeeded']} of {found['readers']}, "
          f"{found['seconds']:.1f} s")
    print(f"calls open at once          {most_open:8d}   over {len(pids)} workers")
    print(f"a delta is late by, p50     {found['late_ms']['p50']:8.1f} ms of {found['marks']} pieces in {found['deltas']} deltas")
    print(f"                    p99     {found['late_ms']['p99']:8.1f} ms (goal 20)")
    print(f"workers' memory a call      {grown / most_open:8.0f} KiB (goal 150)")


# ---- boardrooms beside standard debates ----

class Loop(threading.Thread):
    """Has one debate after the other done."""

    def __init__(self, port, path, body, until, number):
        super().__init__(daemon=True)
        self.port, self.path, self.body, self.until, self.number, self.ms = port, path, body, until, number, []

    def run(self):
        while time.monotonic() < self.until:
            begun = time.monotonic()
            body = self.body | {"question": f"Shall we do {self.number}-{len(self.ms)}?"}
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
            connection.request("POST", self.path, json.dumps(body), {"Content-Type": "application/json",
                                                                    "Accept": "application/x-ndjson"})
            last = [line for line in connection.getresponse() if line.strip()][-1]
            connection.close()
            assert b'"job.succeeded"' in last, last
            self.ms.append((time.monotonic() - begun) * 1e3)


class Gauge(threading.Thread):
    """How many slots are in use while somebody waits for one."""

    def __init__(self, path, until):
        super().__init__(daemon=True)
        self.path, self.until, self.held = path, until, []

    def run(self):
        with socket.socket(socket.AF_UNIX) as redis:
            redis.connect(self.path)
            reader = redis.makefile("rb")
            while time.monotonic() < self.until:
                redis.sendall(b"ZCARD sem:{anthropic}:held\r\nZCARD sem:{anthropic}:wait\r\n")
                held, wait = int(reader.readline()[1:]), int(reader.readline()[1:])
                if wait:
                    self.held.append(held)
                time.sleep(0.003)


def part(port, path, seconds, n_standard, n_boardroom):
    until = time.monotonic() + seconds
    standard = [Loop(port, "/v1/debate", {"rounds": {"max": 1}}, until, f"s{i}") for i in range(n_standard)]
    boards = [Loop(port, "/v1/boardroom", {"rounds": {"max": 1}}, until, f"b{i}") for i in range(n_boardroom)]
    gauge = Gauge(path, until)
    for thread in standard + boards + [gauge]:
        thread.start()
    for thread in standard + boards + [gauge]:
        thread.join()
    return [ms for loop in standard for ms in loop.ms], [ms for loop in boards for ms in loop.ms], gauge.held


def mixture(port, path, seconds):
    alone, _, held_alone = part(port, path, seconds, N_STANDARD, 0)
    beside, boards, held = part(port, path, seconds, N_STANDARD, N_BOARDROOM)
    median = statistics.median
    print(f"limit {LIMIT}, calls of 100 ms; {N_STANDARD} standard debates at any time, then {N_BOARDROOM} boardrooms beside them")
    for name, ms in (("standard alone", alone), ("standard beside boardrooms", beside), ("boardrooms", boards)):
        print(f"{name:<28}{median(ms):8.0f} ms p50 {max(ms):8.0f} ms at worst {len(ms):6d} done")
    print(f"slots in use while work waits {100 * statistics.mean(held) / LIMIT:6.1f} % (goal 95)"
          + (f", alone {100 * statistics.mean(held_alone) / LIMIT:.1f} %" if held_alone else ""))
    share = (N_STANDARD + N_BOARDROOM) / N_STANDARD
    print(f"standard debates take {median(beside) / median(alone):.2f} times as long; {share:.2f} times if each debate had one share")


if sys.argv[1] == "boardrooms":
    boardrooms(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]), sys.argv[6:])
else:
    mixture(int(sys.argv[2]), sys.argv[3], float(sys.argv[4]))
