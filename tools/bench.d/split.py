#!/usr/bin/env python3
"""What `tools/bench split` does with a fleet: runs a large simulation through its door and times it, or cancels running
ones and times that. Prints one line of JSON.

    split.py run PORT REDIS TRIALS         split.py cancel PORT TIMES
"""
import http.client
import json
import socket
import statistics
import sys
import time


def model(trials, seed):
    return {"variables": {"a": {"dist": "uniform", "min": 0, "max": 2}, "b": {"dist": "uniform", "min": 0, "max": 1}},
            "outputs": {"y": "a*b"}, "ask": ["P(y > 0.5)"], "trials": trials, "seed": seed,
            "report": {"drivers": False}}


def ask(port, method, path, body=None, accept="application/json"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=3600)
    connection.request(method, path, body and json.dumps(body), {"Content-Type": "application/json", "Accept": accept})
    return connection.getresponse()


def submit(port, trials, seed):
    """The events of a new job, as they come."""
    answer = ask(port, "POST", "/v1/jobs/montecarlo", model(trials, seed), "application/x-ndjson")
    assert answer.status == 200, answer.read()
    job = answer.headers["Job-Id"]
    return job, (json.loads(line) for line in answer if line.strip())


def most_memory(path):
    with socket.socket(socket.AF_UNIX) as redis:
        redis.connect(path)
        redis.sendall(b"INFO memory\r\n")
        text = redis.recv(65536).decode()
    return int(next(line.split(":")[1] for line in text.split() if line.startswith("used_memory_peak:")))


def run(port, path, trials):
    begun = time.monotonic()
    _, events = submit(port, trials, "split")
    last = list(events)[-1]
    assert last["type"] == "job.succeeded", last
    return {"seconds": time.monotonic() - begun, "result_hash": last["result"]["result_hash"],
            "redis_mb": most_memory(path) / 1e6}


def cancel(port, times):
    """ms from the request to cancel to the job's last event, with a worker that computes on every core."""
    found = []
    for i in range(times):
        job, events = submit(port, 10 ** 10, f"cancel {i}")
        for event in events:
            if event["type"] == "job.partial":
                break
        begun = time.monotonic()
        ask(port, "POST", f"/v1/jobs/{job}/cancel").read()
        last = list(events)[-1]
        assert last["type"] == "job.cancelled", last
        found.append((time.monotonic() - begun) * 1e3)
    return {"cancel_ms": statistics.median(found), "cancel_worst_ms": max(found)}


if sys.argv[1] == "run":
    print(json.dumps(run(int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))))
else:
    print(json.dumps(cancel(int(sys.argv[2]), int(sys.argv[3]))))
