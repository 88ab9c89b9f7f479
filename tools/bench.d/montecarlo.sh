# shellcheck shell=bash disable=SC2034,SC2154 # shares names with tools/bench
# montecarlo: the simulation engine beside NumPy and GSL. Each piece is the fastest of many turns, so that a machine with
# other work on it still gives a fair ratio; one thread unless said.

about='simulation engine against NumPy and GSL (goal: 8 times NumPy with AVX-512, 4 times with AVX2)'

bench_usage() {
    cat <<'TEXT'
Usage: tools/bench montecarlo [--build DIR]

  --build DIR   the programs of this build folder as they are; without it, a release build is made

Peers: Debian's python3-numpy, libgsl-dev. A peer that is not installed is left out.
TEXT
}

montecarlo_table() {
    python3 - "$@" <<'PYTHON'
import json, sys
sets = [json.loads(line) for line in open(sys.argv[1])]
peers = {}
for line in open(sys.argv[2]):
    peers.update(json.loads(line))
print(f"{'':<34}{'NumPy ' + peers.get('numpy', '-'):>14}" + "".join(f"{row['kernels']:>18}" for row in sets))
for label, key in (("normal draw, ns", "normal_ns"), ("5 variables + percentiles, ns", "model_ns"),
                   ("job of 10,000, us", "job_us")):
    peer = peers.get(key)
    cells = [f"{row[key]:.2f}" + (f" ({peer / row[key]:.1f}x)" if peer else "") for row in sets]
    print(f"{label:<34}{f'{peer:.2f}' if peer else '-':>14}" + "".join(f"{cell:>18}" for cell in cells))
print(f"{'  from JSON to JSON with hash, us':<34}{'':>14}" + "".join(f"{row['job_text_us']:>18.2f}" for row in sets))
print(f"{'two threads, times one: trials':<34}{'':>14}" + "".join(f"{row['two_threads']:>18.2f}" for row in sets))
print(f"{'  and with the result':<34}{'':>14}" +
      "".join(f"{row['model_ns'] / row['model_two_ns']:>18.2f}" for row in sets))
if "gsl_normal_ns" in peers:
    print(f"{'normal draw, GSL (ziggurat), ns':<34}{peers['gsl_normal_ns']:>14.2f}" +
          "".join(f"{'(%.1fx)' % (peers['gsl_normal_ns'] / row['normal_ns']):>18}" for row in sets))
PYTHON
}

bench_main() {
    local set results peers
    take_options -- "$@"
    build_release tools/bench-montecarlo
    begin_run
    describe_machine
    results=$run_folder/engine.jsonl peers=$run_folder/peers.jsonl
    : >"$results"
    : >"$peers"
    # Debian's NumPy belongs to Debian's python3, which need not be the first in PATH.
    OMP_NUM_THREADS=1 /usr/bin/python3 "$pieces/montecarlo_peer.py" >>"$peers" 2>"$run_folder/numpy.log" ||
        say "NumPy is not here (python3-numpy)"
    if cc -O2 -o "$run_folder/gsl" "$pieces/montecarlo_peer.c" -lgsl -lgslcblas -lm 2>"$run_folder/gsl.log"; then
        "$run_folder/gsl" >>"$peers"
    else
        say "GSL is not here (libgsl-dev)"
    fi
    for set in avx512 avx2 base; do
        PARLEY_BENCH_KERNELS=$set "$programs/tools/bench-montecarlo" >>"$results" || true
    done
    montecarlo_table "$results" "$peers"
}
