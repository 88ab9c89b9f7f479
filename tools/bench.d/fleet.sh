# shellcheck shell=bash disable=SC2034,SC2154 # shares names with tools/bench
# fleet: how fast two worker processes drain a backlog of jobs that do nothing, beside BullMQ, and what a whole life of
# a job costs Redis, function by function, also with a slot taken and an answer remembered.

about='draining 20,000 no-op jobs beside BullMQ, and the CPU a whole job costs Redis'

bench_usage() {
    cat <<'TEXT'
Usage: tools/bench fleet [OPTION…]

  --fsync always|everysec|no   appendfsync of both sides (default always)
  --jobs N                     in the backlog (default 20000)
  --rounds N                   turns of each side (default 3)
  --only parley|bullmq         one side
  --build DIR                  the programs of this build folder as they are; without it, a release build is made

The drain is timed from the first job gone to the last. A job's life is Redis' own user + system time, parsing and AOF
included, over 2,000 jobs. How fast it is does not change the exit status.
TEXT
}

worker_parley() {
    start "$1" env PARLEY_REDIS="$socket" PARLEY_WORKER_NAME="$1" PARLEY_LOG=error "$programs/parley-worker" probe
}

worker_bullmq() {
    start "$1" env NODE_ENV=production BENCH_REDIS="$socket" node "$build/bullmq/worker.js"
}

# The library comes from a door, which is stopped again.
load_functions() {
    start door env PARLEY_LISTEN=127.0.0.1:0 PARLEY_PORT_FILE="$run_folder/port" PARLEY_REDIS="$socket" \
        PARLEY_LOG=error "$programs/parley-door"
    wait_for door redis-cli -s "$socket" -e fcall parley1_build 0
    kill "${pid_of[door]}"
}

fill_parley() {
    load_functions
    "$pieces/fleet.py" fill "$socket" "$jobs" >"$run_folder/fill.log"
}

fill_bullmq() {
    BENCH_REDIS="$socket" BENCH_JOBS="$jobs" node "$build/bullmq/fill.js"
}

drain_turn() {
    local side=$1 figures
    start_redis "$fsync"
    "fill_$side" || die "$side: the queue could not be filled"
    "worker_$side" worker-1
    "worker_$side" worker-2
    figures=$("$pieces/fleet.py" drain "$socket" "$jobs" "$side") || die "$side: the run broke off"
    echo "{\"side\":\"$side\",${figures#\{}" >>"$results"
    say "  $side: $figures"
    stop_all
}

life_turn() {
    local name=$1
    shift
    start_redis "$fsync"
    load_functions
    figures=$("$pieces/fleet.py" life "$socket" 2000 "$@") || die "the run broke off"
    echo "{\"life\":\"$name\",${figures#\{}" >>"$results"
    stop_all
}

fleet_table() {
    python3 - "$1" <<'PYTHON'
import json, statistics, sys
turns = [json.loads(line) for line in open(sys.argv[1])]
sides = {name: [t for t in turns if t.get("side") == name] for name in ("parley", "bullmq")}
print(f"{'draining':<28}{'Parley':>12}{'BullMQ':>12}{'ratio':>9}")
for key, words, digits, goal in (("jobs_per_s", "jobs/s, 2 workers", 0, "  goal 1.5"), ("redis_us_a_job", "Redis, us a job", 1, "")):
    found = {name: statistics.median(t[key] for t in ts) for name, ts in sides.items() if ts}
    row = "".join(f"{found[name]:>12.{digits}f}" if name in found else f"{'-':>12}" for name in ("parley", "bullmq"))
    ratio = f"{found['parley'] / found['bullmq']:>8.2f}x" if len(found) == 2 else f"{'-':>9}"
    print(f"{words:<28}{row}{ratio}{goal}")
for name in dict.fromkeys(t["life"] for t in turns if "life" in t):
    lives = [t for t in turns if t.get("life") == name]
    us = {f: statistics.median(t["us"][f] for t in lives) for f in lives[0]["us"]}
    print(f"a job's life, {name}: {statistics.median(t['us_a_life'] for t in lives):.1f} us of Redis ("
          + ", ".join(f"{f} {v:.1f}" for f, v in us.items()) + ")")
PYTHON
}

bench_main() {
    local fsync rounds jobs only results=$build/fleet.jsonl i side figures
    local -a sides=(parley bullmq)
    take_options fsync=always rounds=3 jobs=20000 only= -- "$@"
    [[ $fsync =~ ^(always|everysec|no)$ ]] || die "--fsync wants always, everysec or no"
    [[ $only =~ ^(|parley|bullmq)$ ]] || die "--only wants parley or bullmq"
    [[ $jobs =~ ^[1-9][0-9]{2,5}$ && $rounds =~ ^[1-9][0-9]?$ ]] || die "--jobs or --rounds: not a number in range"
    "$root/tools/packages" up
    build_release parley-door parley-worker
    [ -z "$only" ] || sides=("$only")
    if [ "$only" != parley ] && ! prepare_bullmq; then
        [ -z "$only" ] || exit 1
        sides=(parley)
    fi
    begin_run
    : >"$results"
    describe_machine
    echo "both: appendfsync $fsync; $jobs jobs, $rounds turns a side"
    for ((i = 1; i <= rounds; i++)); do
        say "turn $i of $rounds"
        for side in "${sides[@]}"; do drain_turn "$side"; done
        [ "$only" = bullmq ] || {
            life_turn "6 events with the end"
            life_turn "6 events one by one" appends
            life_turn "with a slot and an answer" slots
        }
    done
    fleet_table "$results"
}
