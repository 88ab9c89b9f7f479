# shellcheck shell=bash disable=SC2034,SC2154 # shares names with tools/bench
# poststream: from POST to the first event and to the last one, of a job that does nothing but emit five. Both sides
# run with the same redis.conf, the same load client and as many processes: one that serves, one that works, one Redis.
# They take turns, each time on an empty Redis, and the table shows the medians of the turns.

about='POST to first event and to done, jobs/s, CPU a job: Parley beside fastify + BullMQ + QueueEvents'

bench_usage() {
    cat <<'TEXT'
Usage: tools/bench poststream [OPTION…]

  --fsync always|everysec|no   appendfsync of both sides (default always)
  --clients LIST               keep-alive connections, one job at a time each (default 1,64)
  --rounds N                   turns of each side (default 3)
  --seconds N                  measured a turn and number of clients (default 5)
  --warmup N                   seconds before, not measured (default 2)
  --only parley|bullmq         one side
  --build DIR                  the programs of this build folder as they are; without it, a release build is made

The figures of every turn are kept in build-bench/poststream.jsonl. CPU a job is user + system time of the side's three
processes. "missed" counts streams that lack an event, have one out of turn or never end. How fast it is does not change
the exit status. Without node, npm or a registry to install from, only Parley runs.
TEXT
}

# start_SIDE: sets `port`, and `target` to the arguments of the load client.
start_parley() {
    rm -f "$run_folder/port"
    start door env PARLEY_LISTEN=127.0.0.1:0 PARLEY_PORT_FILE="$run_folder/port" PARLEY_REDIS="$socket" \
        PARLEY_LOG=error "$programs/parley-door"
    start worker env PARLEY_REDIS="$socket" PARLEY_LOG=error "$programs/parley-worker" probe
    wait_for door test -s "$run_folder/port"
    port=$(cat "$run_folder/port")
    target=(--path /v1/jobs/probe --progress job.progress --end job.succeeded)
}

start_bullmq() {
    local name
    port=$(free_port)
    for name in door worker; do
        start "$name" env NODE_ENV=production BENCH_REDIS="$socket" BENCH_PORT="$port" node "$build/bullmq/$name.js"
    done
    for name in door worker; do
        wait_for "$name" grep -q '^ready$' "$run_folder/$name.log"
    done
    target=(--path /probe --progress progress --end completed)
}

# one_turn SIDE: a line of figures for each number of clients.
one_turn() {
    local side=$1 n name figures
    local -a pids=()
    start_redis "$fsync"
    "start_$side"
    for name in door worker redis; do
        pids+=(--pid "$name=${pid_of[$name]}")
    done
    for n in ${clients//,/ }; do
        figures=$("$programs/tools/bench-poststream" --port "$port" "${target[@]}" "${pids[@]}" --clients "$n" \
            --warmup-ms $((warmup * 1000)) --window-ms $((seconds * 1000))) || die "$side: the run broke off"
        echo "{\"side\":\"$side\",${figures#\{}" >>"$results"
        say "  $side, clients=$n: $("$pieces/poststream-table" --short <<<"$figures")"
    done
    stop_all
}

bench_main() {
    local fsync rounds seconds warmup only clients port results=$build/poststream.jsonl i side
    local -a target sides=(parley bullmq)
    take_options fsync=always clients=1,64 rounds=3 seconds=5 warmup=2 only= -- "$@"
    [[ $fsync =~ ^(always|everysec|no)$ ]] || die "--fsync wants always, everysec or no"
    [[ $only =~ ^(|parley|bullmq)$ ]] || die "--only wants parley or bullmq"
    [[ $clients =~ ^[1-9][0-9]{0,3}(,[1-9][0-9]{0,3})*$ ]] || die "--clients wants numbers: 1,64"
    want_numbers rounds seconds
    [[ $warmup =~ ^[0-9]{1,3}$ ]] || die "not a number from 0 to 999: $warmup"
    "$root/tools/packages" up
    build_release parley-door parley-worker tools/bench-poststream
    [ -z "$only" ] || sides=("$only")
    if [ "$only" != parley ] && ! prepare_bullmq; then
        [ -z "$only" ] || exit 1
        sides=(parley)
    fi
    begin_run
    : >"$results"
    describe_machine
    echo "both: $(redis-server --version | grep -o 'v=[0-9.]*' | sed 's/v=/Redis /'), appendfsync $fsync;" \
        "$rounds turns a side, $seconds s each after $warmup s of warm-up"
    echo "parley: $(parley_version)"
    [[ " ${sides[*]} " != *' bullmq '* ]] || echo "bullmq: $(version_bullmq)"
    for ((i = 1; i <= rounds; i++)); do
        say "turn $i of $rounds"
        for side in "${sides[@]}"; do one_turn "$side"; done
    done
    "$pieces/poststream-table" "$results"
}
