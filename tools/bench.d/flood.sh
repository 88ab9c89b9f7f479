# shellcheck shell=bash disable=SC2034,SC2154 # shares names with tools/bench
# flood: what a well-behaved client notices while others flood the door, what that costs the door in memory, and how late
# its loop gets.

about='a well-behaved client beside floods (goals: p99 5x of alone, loop late by 100 ms, memory bounded)'

bench_usage() {
    cat <<'TEXT'
Usage: tools/bench flood [OPTION…]

  --connections N  of idle connections and slow heads at a time; other floods have a hundredth (default 10000)
  --requests N     of random bytes (default 100000)
  --seconds N      of each other flood (default 5)
  --build DIR      the programs of this build folder as they are; without it, a release build is made

The floods come from one process of the same machine, so a part of what the client notices is their own work.
TEXT
}

bench_main() {
    local connections requests seconds
    take_options connections=10000 requests=100000 seconds=5 -- "$@"
    want_numbers connections requests seconds
    ulimit -n "$(ulimit -Hn)"
    "$root/tools/packages" up
    build_release parley-door
    begin_run
    describe_machine
    start_redis everysec
    start door env PARLEY_LISTEN=127.0.0.1:0 PARLEY_PORT_FILE="$run_folder/port" PARLEY_REDIS="$socket" \
        PARLEY_QUEUE_CAP=10000000 PARLEY_TENANT_CAP=10000000 PARLEY_LOG=error "$programs/parley-door"
    wait_for door test -s "$run_folder/port"
    wait_for door curl -fs "http://127.0.0.1:$(<"$run_folder/port")/ready"
    "$pieces/flood.py" "$(<"$run_folder/port")" "${pid_of[door]}" "$connections" "$requests" "$seconds" ||
        die "the run broke off"
    stop_all
}
