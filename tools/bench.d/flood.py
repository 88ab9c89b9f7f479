#!/usr/bin/env python3
"""What `tools/bench flood` does with a door. Prints its table.

    flood.py PORT PID CONNECTIONS REQUESTS SECONDS        flood.py attack NAME PORT N JOB
"""
import http.client
import json
import pathlib
import re
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "support"))
from flood import FLOODS, PROBE  # noqa: E402

PACE_S = 0.005
MANY = ("idle connections", "slow heads")


def attack(name, port, n, job):
    """Floods until its input ends, telling what it has done whenever it is asked by a line."""
    with FLOODS[name](("127.0.0.1", port), n, job) as flood:
        for _ in iter(sys.stdin.readline, ""):
            print(json.dumps({str(what): count for what, count in flood.seen.items()}), flush=True)


class Attack:
    def __init__(self, *arguments):
        self.process = subprocess.Popen([sys.executable, __file__, "attack", *map(str, arguments)], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.seen()

    def seen(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(60) == 0
        self.process.stdout.close()


class Polite:
    """Asks at a steady pace, over one connection."""

    def __init__(self, port):
        self.port, self.connection = port, http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def ask(self, method="POST", path=PROBE, body="{}"):
        self.connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        text = answer.read()
        assert answer.status < 300, text
        return text

    def milliseconds(self, goes_on):
        taken = []
        while goes_on():
            begun = time.monotonic()
            self.ask()
            taken.append(1e3 * (time.monotonic() - begun))
            time.sleep(PACE_S)
        return sorted(taken)

    def lag(self):
        """The loop's lag as it was counted: {upper bound in seconds: how often}."""
        text = self.ask("GET", "/metrics", None).decode()
        found = re.findall(r'parley_loop_lag_seconds_bucket\{le="([^"]+)"\} (\d+)', text)
        return {float(bound): int(n) for bound, n in found}


def worst(before, after):
    """The bucket of the greatest lag between two looks, in milliseconds."""
    total = after[float("inf")] - before[float("inf")]
    return 1e3 * min(bound for bound in after if after[bound] - before[bound] == total)


def memory(pid, field):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith(field))) / 1024


def at(values, share):
    return values[min(len(values) - 1, int(share * len(values)))]


def main(port, pid, connections, n_requests, seconds):
    polite = Polite(port)
    job = json.loads(polite.ask("POST", PROBE, json.dumps({"not_before": int(time.time() * 1000) + 86400000})))["id"]
    end = time.monotonic() + seconds
    alone = polite.milliseconds(lambda: time.monotonic() < end)
    print(f"{'flood':18} {'p50 ms':>7} {'p99 ms':>7} {'of alone':>8} {'lag ms':>7} {'RSS MiB':>8}  what became of it")
    print(f"{'none':18} {at(alone, .5):7.2f} {at(alone, .99):7.2f} {'':8} {'':7} {memory(pid, 'VmRSS:'):8.1f}")
    for name in FLOODS:
        lag = polite.lag()
        flood = Attack(name, port, connections if name in MANY else max(1, connections // 100), job)
        end = time.monotonic() + seconds
        if name == "random bytes":
            taken = polite.milliseconds(lambda: sum(flood.seen().values()) < n_requests)
        else:
            taken = polite.milliseconds(lambda: time.monotonic() < end)
        late, held, seen = worst(lag, polite.lag()), memory(pid, "VmRSS:"), flood.seen()
        flood.close()
        print(f"{name:18} {at(taken, .5):7.2f} {at(taken, .99):7.2f} {at(taken, .99) / at(alone, .99):7.1f}x {late:7.0f} {held:8.1f}  "
              + ", ".join(f"{count} {what}" for what, count in sorted(seen.items())), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "attack":
        attack(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
    else:
        main(*map(int, sys.argv[1:]))
