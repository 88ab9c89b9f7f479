"""NumPy's side of `tools/bench montecarlo`: the same pieces in the idiom its users write, fastest of many turns."""

import json
import time

import numpy as np

LARGE, SMALL, BLOCK = 10_000_000, 10_000, 65_536
PERCENTILES = [1, 5, 10, 25, 50, 75, 90, 95, 99]
rng = np.random.Generator(np.random.SFC64(1))  # the fastest of NumPy's generators
out = np.empty(BLOCK)


def fastest(turns, call):
    best = float("inf")
    for _ in range(turns):
        begun = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - begun)
    return best


def normal():
    rng.standard_normal(out=out)
    return out


def model(n):
    price = rng.lognormal(3.05, 0.21, n)
    volume = rng.normal(1000, 150, n)
    cost = rng.triangular(5, 8, 14, n)
    fee = rng.uniform(0, 100, n)
    rent = rng.normal(8000, 500, n)
    profit = volume * (price - cost) - rent - fee
    return (profit.mean(), profit.std(ddof=1), np.percentile(profit, PERCENTILES), (profit > 0).mean(),
            np.histogram(profit, 64))


print(json.dumps({
    "numpy": np.__version__,
    "normal_ns": fastest(400, normal) / BLOCK * 1e9,
    "model_ns": fastest(3, lambda: model(LARGE)) / LARGE * 1e9,
    "job_us": fastest(300, lambda: model(SMALL)) * 1e6,
}))
