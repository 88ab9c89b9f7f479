# shellcheck shell=bash disable=SC2034,SC2154 # shares names with tools/bench
# slots: what the provider limiter loses. Four worker processes share four providers; a call is a timer of 20 ms, so that
# the limiter is measured and nothing else. Each turn is on an empty Redis; the table shows the medians of the turns.

about='provider slots: most calls open at once, and slots in use while work waits (goal: 98 %)'

bench_usage() {
    cat <<'TEXT'
Usage: tools/bench slots [OPTION…]

  --fsync always|everysec|no   appendfsync (default always)
  --calls N                    calls of all workers (default 5000)
  --ms N                       length of a call (default 20)
  --workers N                  processes (default 4)
  --wanted N                   calls a process wants at any time (default 128)
  --rounds N                   turns (default 5)
  --build DIR                  the programs of this build folder as they are; without it, a release build is made

The start, when nobody holds a slot yet, counts too: with 5000 calls it is a hundredth of the time. The exit status is
1 when a provider ever saw more calls than its limit.
TEXT
}

# slots_table FILE: a line of JSON a turn.
slots_table() {
    python3 - "$1" <<'PYTHON'
import json, statistics, sys
turns = [json.loads(line) for line in open(sys.argv[1])]
print(f"{'provider':<12}{'limit':>6}{'most open':>11}{'in use on average':>19}")
over = False
for i, row in enumerate(turns[0]["providers"]):
    most = max(turn["providers"][i]["most_open"] for turn in turns)
    average = statistics.median(turn["providers"][i]["average"] for turn in turns)
    over = over or most > row["limit"]
    print(f"{row['provider']:<12}{row['limit']:>6}{most:>11}{average:>19.2f}")
shares = sorted(100 * turn["in_use"] for turn in turns)
redis_us = statistics.median(turn["redis_us_a_call"] for turn in turns)
print(f"slots in use while work waits: {statistics.median(shares):.1f} % (goal 98), turns {shares[0]:.1f} to "
      f"{shares[-1]:.1f}; Redis {redis_us:.0f} us a call")
sys.exit(over)
PYTHON
}

redis_cpu_us() {
    redis-cli -s "$socket" info cpu |
        awk -F: '/^used_cpu_(sys|user):/ { us += $2 * 1e6 } END { printf "%d", us }'
}

bench_main() {
    local fsync rounds calls ms workers wanted results i before line
    take_options fsync=always rounds=5 calls=5000 ms=20 workers=4 wanted=128 -- "$@"
    [[ $fsync =~ ^(always|everysec|no)$ ]] || die "--fsync wants always, everysec or no"
    want_numbers rounds calls ms workers wanted
    build_release tools/bench-slots
    begin_run
    results=$run_folder/slots.jsonl
    describe_machine
    echo "$(redis-server --version | grep -o 'v=[0-9.]*' | sed 's/v=/Redis /'), appendfsync $fsync; $workers processes," \
        "$calls calls of $ms ms, $rounds turns"
    for ((i = 1; i <= rounds; i++)); do
        start_redis "$fsync"
        before=$(redis_cpu_us)
        line=$("$programs/tools/bench-slots" --redis "$socket" --calls "$calls" --ms "$ms" --workers "$workers" \
            --wanted "$wanted") || die "the run broke off"
        echo "{\"redis_us_a_call\":$((($(redis_cpu_us) - before) / calls)),${line#\{}" >>"$results"
        stop_all
    done
    slots_table "$results"
}
