# shellcheck shell=bash disable=SC2034,SC2154 # shares names with tools/bench
# split: one large simulation cut into parts for several worker processes, beside one process alone; how long it takes
# to cancel one.

about='a large simulation over 4 worker processes (goal: within 15 % of ideal), and cancelling one'

bench_usage() {
    cat <<'TEXT'
Usage: tools/bench split [OPTION…]

  --trials N    of the model, two uniform variables and their product (default 10000000000)
  --workers N   processes that share it, with one thread each (default 4)
  --build DIR   the programs of this build folder as they are; without it, a release build is made

Ideal is what one process with one thread takes, divided by the processors that the workers can have.
TEXT
}

start_fleet() {
    local n=$1 split_units=$2 threads=$3 i
    start_redis everysec
    rm -f "$run_folder/port"
    start door env PARLEY_LISTEN=127.0.0.1:0 PARLEY_PORT_FILE="$run_folder/port" PARLEY_REDIS="$socket" \
        PARLEY_LOG=error "$programs/parley-door"
    wait_for door test -s "$run_folder/port"
    for ((i = 1; i <= n; i++)); do
        start "worker-$i" env PARLEY_REDIS="$socket" PARLEY_WORKER_NAME="worker-$i" PARLEY_LOG=error \
            PARLEY_THREADS="$threads" PARLEY_SPLIT_UNITS="$split_units" "$programs/parley-worker" montecarlo
    done
    wait_for door curl -fs "http://127.0.0.1:$(<"$run_folder/port")/ready"
}

split_turn() {
    local name=$1 figures
    figures=$("$pieces/split.py" "${@:2}") || die "$name: the run broke off"
    say "  $name: $figures"
    echo "{\"name\":\"$name\",${figures#\{}" >>"$results"
    stop_all
}

split_table() {
    python3 - "$@" <<'PYTHON'
import json, os, sys
turns = {row["name"]: row for row in map(json.loads, open(sys.argv[1]))}
alone, split, n = turns["alone"], turns["split"], int(sys.argv[2])
cores = min(len(os.sched_getaffinity(0)), n)
ideal = alone["seconds"] / cores
print(f"one process, one thread    {alone['seconds']:8.1f} s")
print(f"{n} processes, {cores} processors {split['seconds']:8.1f} s   ideal {ideal:.1f} s, over it by "
      f"{100 * (split['seconds'] / ideal - 1):.1f} % (goal 15 %)")
print(f"result_hash                {'the same' if alone['result_hash'] == split['result_hash'] else 'DIFFERENT'}")
print(f"Redis, at most             {split['redis_mb']:8.1f} MB (alone {alone['redis_mb']:.1f})")
print(f"cancelled after            {turns['cancel']['cancel_ms']:8.1f} ms (worst {turns['cancel']['cancel_worst_ms']:.1f}, goal 50)")
PYTHON
}

bench_main() {
    local trials workers results
    take_options trials=10000000000 workers=4 -- "$@"
    [[ $trials =~ ^[1-9][0-9]{6,12}$ && $workers =~ ^[1-9][0-9]?$ ]] || die "--trials or --workers: not a number in range"
    "$root/tools/packages" up
    build_release parley-door parley-worker
    begin_run
    describe_machine
    results=$run_folder/split.jsonl
    start_fleet 1 9000000000000000000 1
    split_turn alone run "$(<"$run_folder/port")" "$socket" "$trials"
    start_fleet "$workers" 10000000000 1
    split_turn split run "$(<"$run_folder/port")" "$socket" "$trials"
    start_fleet 1 9000000000000000000 0
    split_turn cancel cancel "$(<"$run_folder/port")" 20
    split_table "$results" "$workers"
}
