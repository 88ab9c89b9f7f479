# shellcheck shell=bash disable=SC2034,SC2154 # shares names with tools/bench
# debate: many boardrooms at once, how late what a provider says reaches the reader and what a call costs in memory; then
# boardrooms beside standard debates under one limit, how full it is and what the standard ones wait.

about='200 boardrooms at once (deltas late by: goal p99 20 ms; 150 KiB a call), and boardrooms beside standard debates'

bench_usage() {
    cat <<'TEXT'
Usage: tools/bench debate [OPTION…]

  --boardrooms N   at once, each of twelve personas (default 200)
  --workers N      processes (default 4)
  --rate N         pieces that a provider gives of each answer in a second (default 2)
  --seconds N      of each part of the mixture (default 20)
  --build DIR      the programs of this build folder as they are; without it, a release build is made

The rehearsal provider, the door, the workers and the reader share this machine: with 12 personas, 200 boardrooms and 2
pieces a second that are 4,800 pieces a second, each going through all of them.
TEXT
}

# start_fleet LIMIT TOKENS_PER_SECOND FIRST_BYTE_MS
start_fleet() {
    local i provider=http://127.0.0.1
    start_redis always
    rm -f "$run_folder/port" "$run_folder/provider"
    start provider "$programs/tools/parley-rehearsal" --listen 127.0.0.1:0 --port-file "$run_folder/provider" \
        --tokens-per-second "$2" --first-byte-ms "$3"
    wait_for provider test -s "$run_folder/provider"
    provider+=:$(<"$run_folder/provider")
    start door env PARLEY_LISTEN=127.0.0.1:0 PARLEY_PORT_FILE="$run_folder/port" PARLEY_REDIS="$socket" \
        PARLEY_LOG=error "$programs/parley-door"
    wait_for door test -s "$run_folder/port"
    for ((i = 1; i <= workers; i++)); do
        mkdir -p "$run_folder/state"
        start "worker-$i" env PARLEY_REDIS="$socket" PARLEY_WORKER_NAME="worker-$i" PARLEY_LOG=error \
            PARLEY_STATE_DIR="$run_folder/state" PARLEY_ANTHROPIC_BASE_URL="$provider/anthropic" \
            ANTHROPIC_API_KEY=rehearsal PARLEY_ANTHROPIC_CONCURRENCY="$1" "$programs/parley-worker" debate
    done
    wait_for door curl -fs "http://127.0.0.1:$(<"$run_folder/port")/ready"
}

many_boardrooms() {
    local figures pids
    start_fleet 10000 $((4 * rate)) 200
    pids=$(for ((i = 1; i <= workers; i++)); do printf '%s ' "${pid_of[worker-$i]}"; done)
    # shellcheck disable=SC2086
    figures=$("$pieces/debate.py" boardrooms "$programs/tools/bench-readers" "$(<"$run_folder/port")" \
        "$(<"$run_folder/provider")" "$boardrooms" $pids) || die "the run broke off"
    stop_all
    echo "$figures"
}

mixture() {
    start_fleet 20 0 100
    "$pieces/debate.py" mixture "$(<"$run_folder/port")" "$socket" "$seconds" || die "the run broke off"
    stop_all
}

bench_main() {
    local boardrooms workers rate seconds
    take_options boardrooms=200 workers=4 rate=2 seconds=20 -- "$@"
    want_numbers boardrooms workers rate seconds
    ulimit -n "$(ulimit -Hn)"
    "$root/tools/packages" up
    build_release parley-door parley-worker tools/parley-rehearsal tools/bench-readers
    begin_run
    describe_machine
    many_boardrooms
    mixture
}
