#!/usr/bin/env python3
"""What `tools/bench fleet` needs beside processes: fills Parley's queue, times a drain, and drives whole job lives with
nothing but the functions of parley.lua, so that Redis' own CPU can be read off. Prints one line of JSON."""
import json
import socket
import sys
import time

AT = "2026-01-01T00:00:00.000Z"
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


class Redis:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.reader = self.socket.makefile("rb", 1 << 20)

    def pipeline(self, commands):
        parts = []
        for words in commands:
            parts.append(b"*%d\r\n" % len(words))
            for word in words:
                word = word if isinstance(word, bytes) else str(word).encode()
                parts.append(b"$%d\r\n%s\r\n" % (len(word), word))
        self.socket.sendall(b"".join(parts))
        return [self.reply() for _ in commands]

    def call(self, *words):
        return self.pipeline([words])[0]

    def reply(self):
        line = self.reader.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RuntimeError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.reader.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return None if rest == b"-1" else [self.reply() for _ in range(int(rest))]
        return rest

    def cpu_us(self):
        info = self.call("INFO", "cpu").decode()
        return sum(float(line.split(":")[1]) for line in info.split() if line.startswith(("used_cpu_sys:", "used_cpu_user:"))) * 1e6


def job_id(n):
    digits = []
    for _ in range(26):
        digits.append(ALPHABET[n % 32])
        n //= 32
    return "".join(reversed(digits))


def enqueue(n):
    job = job_id(n)
    return ("FCALL", "parley1_enqueue", 3, "probe.requests", f"job:{job}", "tenant:default", job, "default", "probe", AT,
            '{"events":0}', "h", 0, 10**9, 10**9, 3600000, "normal", 0, "", "continue", 3600000)


def in_batches(redis, commands, size=200):
    replies = []
    for i in range(0, len(commands), size):
        replies += redis.pipeline(commands[i:i + size])
    return replies


def fill(redis, n):
    redis.call("FCALL", "parley1_prepare", 1, "probe.requests")
    in_batches(redis, [enqueue(i) for i in range(1, n + 1)])
    return {"filled": redis.call("XLEN", "probe.requests")}


def drain(redis, side, n):
    """From the first job that has gone to the last: starting the processes does not count."""
    keys = {"parley": [("XLEN", "probe.requests")],
            "bullmq": [("LLEN", "bull:probe:wait"), ("LLEN", "bull:probe:active")]}[side]
    began = None
    cpu = redis.cpu_us()
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        left = sum(redis.pipeline(keys))
        now = time.monotonic()
        if began is None and left < n:
            began, at_start = now, left
        if left == 0:
            return {"seconds": now - began, "jobs_per_s": at_start / (now - began),
                    "redis_us_a_job": (redis.cpu_us() - cpu) / n}
        time.sleep(0.002)
    raise SystemExit("the queue was not drained in 120 s")


class Meter:
    """Redis' CPU by function."""

    def __init__(self, redis):
        self.redis, self.us = redis, {}

    def run(self, name, commands, calls):
        before = self.redis.cpu_us()
        replies = in_batches(self.redis, commands)
        self.us[name] = round((self.redis.cpu_us() - before) / calls, 1)
        return replies


def life(redis, n, appends, slots):
    """n jobs through enqueue, claim, six events and finish; `appends`: the events go in calls of their own."""
    meter = Meter(redis)
    redis.call("FCALL", "parley1_prepare", 1, "probe.requests")
    meter.run("enqueue", [enqueue(i) for i in range(1, n + 1)], n)
    claims = [("FCALL", "parley1_claim", 1, "probe.requests", "w", 1, 0, AT)] * n
    jobs = [reply[0] for reply in meter.run("claim", claims, n)]
    event = ("job.progress", '"done":1,"total":6,"unit":"event"')
    if appends:
        for i in range(6):
            meter.run(f"append{i}", [("FCALL", "parley1_append", 1, b"job:" + job[0], job[2], i + 1, AT, "", "emit", *event)
                                     for job in jobs], n)
        meter.us["append"] = round(sum(meter.us.pop(f"append{i}") for i in range(6)) / 6, 1)
    if slots:
        redis.call("FCALL", "parley1_slots_configure", 0, "bench", n, 0, 0)
        permits = [f"w#1.{i}#100" for i in range(n)]
        meter.run("slot acquire", [("FCALL", "parley1_slots_acquire", 0, "bench", p, "f", 1) for p in permits], n)
        meter.run("remember", [("FCALL", "parley1_remember", 2, b"job:" + job[0], b"job:" + job[0] + b":steps", "k",
                                '{"text":"' + "x" * 200 + '"}') for job in jobs], n)
        meter.run("slot release", [("FCALL", "parley1_slots_release", 0, "bench", p, "ok", 100, 0) for p in permits], n)
    last = () if appends else event * 6
    meter.run("finish", [("FCALL", "parley1_finish", 2, "probe.requests", b"job:" + job[0], job[2], 7, AT, "succeeded",
                          "report", '{"events":6}', "", '{"calls":0}', "", *last) for job in jobs], n)
    whole = sum(us * (6 if name == "append" else 1) for name, us in meter.us.items())
    assert redis.call("XLEN", "probe.requests") == 0
    return {"us_a_life": round(whole, 1), "us": meter.us}


def main():
    verb, path, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
    redis = Redis(path)
    answer = {"fill": lambda: fill(redis, n), "drain": lambda: drain(redis, sys.argv[4], n),
              "life": lambda: life(redis, n, "appends" in sys.argv[4:], "slots" in sys.argv[4:])}[verb]()
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
