#!/usr/bin/env python3
"""What `tools/bench predict` does with a fleet: a turn prints one line of JSON, the table is made of such lines.

    predict.py turn PORT PROVIDER CLIENTS SECONDS NAME=PID…      predict.py table FILE
"""
import itertools
import json
import os
import selectors
import socket
import statistics
import sys
import time

WARMUP_S = 1
GOALS = ("I want a job at {}", "get promoted at {} within 2 years", "raise $5M in a seed round for {}",
         "run a marathon in under 4 hours with {}", "pass the bar exam like {}", "lose 10 kg in 6 months with {}")
EXTRACTION = json.dumps({
    "answerable": True, "event": {"class": "promotion", "fit": "close", "negated": False, "quote": "get promoted"},
    "entity": "", "horizon": {"value": 0, "unit": "none", "quote": ""}, "attempts": {"p10": 0, "p90": 0},
    "facts": [{"factor": "experience", "value": 3, "unit": "year", "quote": "3 years"}], "adjustments": [], "unread": []})
DIRECT = {"model": "claude-haiku-5-5", "max_tokens": 2000, "stream": True,
          "messages": [{"role": "user", "content": "get promoted"}]}
# The last two are for the provider; a door reads over them.
HEAD = (b"Host: 127.0.0.1\r\nContent-Type: application/json\r\n"
        b"anthropic-version: 2023-06-01\r\nx-api-key: rehearsal\r\n")
numbers = itertools.count()


class Connection:
    """Keep-alive HTTP/1.1, one request at a time."""

    def __init__(self, port):
        self.port, self.socket = port, socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, path, body):
        body = json.dumps(body).encode()
        self.begun, self.answer = time.perf_counter(), b""
        self.socket.sendall(b"POST %s HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n%s" % (
            path.encode(), HEAD, len(body), body))

    def read(self):
        """Takes what is there. True once the answer is whole."""
        piece = self.socket.recv(262144)
        assert piece, "the server hung up"
        self.answer += piece
        head, _, body = self.answer.partition(b"\r\n\r\n")
        if b"\r\n\r\n" not in self.answer:
            return False
        assert b" 200 " in head[:16], self.answer[:500]
        lower = head.lower()
        if b"content-length: " in lower:
            whole = len(body) >= int(lower.split(b"content-length: ")[1].split(b"\r\n")[0])
        else:
            whole = body.endswith(b"0\r\n\r\n")
        self.seconds = time.perf_counter() - self.begun
        return whole

    def ask(self, path, body):
        self.send(path, body)
        while not self.read():
            pass
        return self.seconds


def goal():
    n = next(numbers)
    return {"prediction_data": {"goal": GOALS[n % len(GOALS)].format(f"company {n}"),
                                "context": f"CS grad, {n % 9 + 1} years experience"}, "extractor": "rules"}


def promotion():
    return {"prediction_data": {"goal": "get promoted", "context": f"3 years of experience, case {next(numbers)}"}}


def cpu_s(pids):
    """User and system time of the processes by name."""
    used = {}
    for name, pid in pids:
        fields = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
        used[name] = used.get(name, 0) + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return used


def one_by_one(port, seconds):
    connection, times = Connection(port), []
    begun = time.perf_counter()
    while (now := time.perf_counter() - begun) < WARMUP_S + seconds:
        took = connection.ask("/api/predict", goal())
        if now >= WARMUP_S:
            times.append(took)
    return times


def all_at_once(port, n_clients, seconds, pids):
    selector, n, times, before = selectors.DefaultSelector(), 0, [], None
    for _ in range(n_clients):
        connection = Connection(port)
        selector.register(connection.socket, selectors.EVENT_READ, connection)
        connection.send("/api/predict", goal())
    begun = time.perf_counter()
    while (now := time.perf_counter() - begun) < WARMUP_S + seconds:
        if before is None and now >= WARMUP_S:
            before = cpu_s(pids)
        for key, _ in selector.select(1):
            connection = key.data
            if connection.read():
                n += before is not None
                times.append(connection.seconds)
                connection.send("/api/predict", goal())
    after = cpu_s(pids)
    return n / seconds, times, {name: 1000 * (after[name] - before[name]) / n for name in after}


def beside_a_model(port, provider, seconds):
    """What a prediction takes longer than its provider, pair by pair."""
    direct, door, more = Connection(provider), Connection(port), []
    direct.send("/script", {"rules": [{"text": EXTRACTION}]})
    while not direct.read():
        pass
    begun = time.perf_counter()
    while (now := time.perf_counter() - begun) < WARMUP_S + seconds:
        alone = direct.ask("/anthropic/v1/messages", DIRECT)
        took = door.ask("/api/predict", promotion())
        answer = json.loads(door.answer.partition(b"\r\n\r\n")[2])
        assert answer["provenance"]["extractor"].startswith("llm/"), "it was not the model that answered"
        if now >= WARMUP_S:
            more.append(took - alone)
    return more


def turn(port, provider, n_clients, seconds, pids):
    alone = sorted(one_by_one(port, seconds))
    rate, together, cpu = all_at_once(port, n_clients, seconds, pids)
    more = sorted(beside_a_model(port, provider, seconds))
    together.sort()
    print(json.dumps({
        "p50_ms": 1000 * statistics.median(alone), "p99_ms": 1000 * alone[int(0.99 * len(alone))], "clients": n_clients,
        "per_s": rate, "together_p50_ms": 1000 * statistics.median(together), "cpu_ms": cpu,
        "more_p50_ms": 1000 * statistics.median(more), "more_max_ms": 1000 * more[-1], "pairs": len(more)}))


def table(path):
    turns = [json.loads(line) for line in open(path)]

    def median(get):
        return statistics.median(get(turn) for turn in turns)

    print(f"by rules, one at a time, p50        {median(lambda t: t['p50_ms']):8.2f} ms (goal 10)   "
          f"p99 {median(lambda t: t['p99_ms']):.2f}")
    print(f"by rules, {turns[0]['clients']:4d} at a time           {median(lambda t: t['per_s']):8.0f} a second (goal 500 over 2 "
          f"cores)   p50 {median(lambda t: t['together_p50_ms']):.1f} ms")
    print("  CPU a prediction                  " + "   ".join(
        f"{name} {median(lambda t, name=name: t['cpu_ms'][name]):.2f} ms" for name in sorted(turns[0]["cpu_ms"])))
    print(f"beside a language model, p50        {median(lambda t: t['more_p50_ms']):8.2f} ms more than it takes (goal 10)   "
          f"most {max(t['more_max_ms'] for t in turns):.2f}, {sum(t['pairs'] for t in turns)} pairs")


if sys.argv[1] == "table":
    table(sys.argv[2])
else:
    turn(int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]),
         [pair.split("=") for pair in sys.argv[6:]])
