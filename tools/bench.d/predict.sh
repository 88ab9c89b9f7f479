# shellcheck shell=bash disable=SC2034,SC2154 # shares names with tools/bench
# predict: whole predictions at the door, by rules alone and with a language model. Door, workers, Redis, provider and
# client share the machine's cores; each turn is on an empty Redis, the table shows the medians of the turns.

about='POST /api/predict to its answer: by rules (goals: p50 10 ms, 500/s over 2 cores), beside a model (goal: 10 ms more)'

bench_usage() {
    cat <<'TEXT'
Usage: tools/bench predict [OPTION…]

  --fsync always|everysec|no   appendfsync (default always)
  --workers N                  processes (default 2)
  --clients N                  connections for the requests a second (default 32)
  --model_ms N                 what the provider takes for its first byte (default 200)
  --seconds N                  of each part of a turn (default 5)
  --rounds N                   turns (default 3)
  --build DIR                  the programs of this build folder as they are; without it, a release build is made

No goal is asked twice. Beside a model: what a prediction takes longer than the same provider asked directly, once for
each prediction, by the same client. How fast it is does not change the exit status.
TEXT
}

start_fleet() {
    local i provider=http://127.0.0.1
    start_redis "$fsync"
    rm -f "$run_folder/port" "$run_folder/provider"
    start provider "$programs/tools/parley-rehearsal" --listen 127.0.0.1:0 --port-file "$run_folder/provider" \
        --first-byte-ms "$model_ms" --tokens-per-second 0
    wait_for provider test -s "$run_folder/provider"
    provider+=:$(<"$run_folder/provider")
    start door env PARLEY_LISTEN=127.0.0.1:0 PARLEY_PORT_FILE="$run_folder/port" PARLEY_REDIS="$socket" \
        PARLEY_LOG=error "$programs/parley-door"
    wait_for door test -s "$run_folder/port"
    mkdir -p "$run_folder/state"
    for ((i = 1; i <= workers; i++)); do
        start "worker-$i" env PARLEY_REDIS="$socket" PARLEY_WORKER_NAME="worker-$i" PARLEY_LOG=error \
            PARLEY_STATE_DIR="$run_folder/state" PARLEY_ANTHROPIC_BASE_URL="$provider/anthropic" \
            ANTHROPIC_API_KEY=rehearsal "$programs/parley-worker" predict
    done
    wait_for door curl -fs "http://127.0.0.1:$(<"$run_folder/port")/ready"
}

bench_main() {
    local fsync workers clients model_ms seconds rounds results i name
    local -a pids
    take_options fsync=always workers=2 clients=32 model_ms=200 seconds=5 rounds=3 -- "$@"
    [[ $fsync =~ ^(always|everysec|no)$ ]] || die "--fsync wants always, everysec or no"
    want_numbers workers clients model_ms seconds rounds
    "$root/tools/packages" up
    build_release parley-door parley-worker tools/parley-rehearsal
    begin_run
    results=$run_folder/predict.jsonl
    describe_machine
    echo "$(redis-server --version | grep -o 'v=[0-9.]*' | sed 's/v=/Redis /'), appendfsync $fsync; parley: $(parley_version);" \
        "$workers workers, $rounds turns"
    for ((i = 1; i <= rounds; i++)); do
        start_fleet
        pids=()
        for name in "${!pid_of[@]}"; do pids+=("${name%%-*}=${pid_of[$name]}"); done
        "$pieces/predict.py" turn "$(<"$run_folder/port")" "$(<"$run_folder/provider")" "$clients" "$seconds" "${pids[@]}" \
            >>"$results" || die "the run broke off"
        stop_all
    done
    "$pieces/predict.py" table "$results"
}
