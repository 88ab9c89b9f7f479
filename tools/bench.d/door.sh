# shellcheck shell=bash disable=SC2034,SC2154 # shares names with tools/bench
# door: what a submission and a stream cost. Enqueueing stands beside fastify + BullMQ (the same body, schema, Redis and
# fsync policy) and beside nginx that only returns a text; streams beside node's http + ioredis. Sides take turns.

about='enqueue over HTTP beside fastify + BullMQ and nginx; 10,000 SSE streams and 1,000 stalled ones beside node'

bench_usage() {
    cat <<'TEXT'
Usage: tools/bench door [OPTION…]

  --part enqueue|streams|stalled   one part (default all)
  --only parley|bullmq|node|nginx  one side
  --fsync always|everysec|no       appendfsync of both sides (default always)
  --clients N                      connections that enqueue (default 64)
  --streams N                      SSE streams (default 10000), each of a job of its own
  --rounds N                       turns of each side (default 3)
  --seconds N                      measured a turn (default 5)
  --build DIR                      the programs of this build folder as they are; without it, a release build is made

Every stream gets one event a second. Memory a stream is what the server's RSS grew by from none to all of them, silent.
Stalled readers take nothing while their job says 100 KB a second; their RSS is told before and after. 10,000 streams want
10,200 descriptors (ulimit -Hn) of client and server. How fast it is does not change the exit status.
TEXT
}

goal='get a job offer from a company that builds language models within the next twelve months, working on the serving side'
context='computer science degree, two years of professional C and Python, one open source project with users, living in Europe'
body="{\"prediction_data\":{\"goal\":\"$goal\",\"context\":\"$context, ready to relocate now\"}}"

start_parley() {
    rm -f "$run_folder/port"
    start server env PARLEY_LISTEN=127.0.0.1:0 PARLEY_PORT_FILE="$run_folder/port" PARLEY_REDIS="$socket" \
        PARLEY_LOG=error PARLEY_QUEUE_CAP=100000000 PARLEY_TENANT_CAP=100000000 "$programs/parley-door"
    wait_for server test -s "$run_folder/port"
    port=$(cat "$run_folder/port")
    wait_for server curl -sf "http://127.0.0.1:$port/ready"
    path=/v1/jobs/predict
}

start_node() {
    port=$(free_port)
    start server env NODE_ENV=production BENCH_REDIS="$socket" BENCH_PORT="$port" node "$build/bullmq/$1.js"
    wait_for server grep -q '^ready$' "$run_folder/server.log"
    path=/jobs
}

start_nginx() {
    port=$(free_port)
    cat >"$run_folder/nginx.conf" <<CONF
daemon off;
master_process off;
pid $run_folder/nginx.pid;
error_log stderr;
events { worker_connections 1024; }
http {
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path $run_folder;
    server { listen 127.0.0.1:$port; location / { return 202 '{"id":"01kc00000000000000000000000","status":"queued"}'; } }
}
CONF
    start server nginx -c "$run_folder/nginx.conf" -p "$run_folder"
    wait_for server curl -s "http://127.0.0.1:$port/"
    path=/jobs
}

start_side() {
    case $1 in
    parley) start_parley ;;
    bullmq) start_node door ;;
    node) start_node sse ;;
    nginx) start_nginx ;;
    esac
}

# note PART SIDE FIGURES
note() {
    echo "{\"part\":\"$1\",\"side\":\"$2\",${3#\{}" >>"$results"
    say "  $1, $2: $3"
}

enqueue_turn() {
    local figures
    start_redis "$fsync"
    start_side "$1"
    figures=$("$programs/tools/bench-posts" --port "$port" --path "$path" --body "$body" --clients "$clients" \
        --window-ms $((seconds * 1000)) --pid server="${pid_of[server]}" --pid redis="${pid_of[redis]}") ||
        die "$1: the run broke off"
    note enqueue "$1" "$figures"
    stop_all
}

# make_jobs N: that many jobs that wait for their time; their ids in $run_folder/jobs. Other servers ask for no jobs.
make_jobs() {
    python3 - "$1" "$2" "$port" >"$run_folder/jobs" <<'PYTHON'
import http.client, json, sys, time
side, n, port = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
door, later = http.client.HTTPConnection("127.0.0.1", port), int(time.time() + 86400) * 1000
for i in range(n):
    if side != "parley":
        print(f"job{i}")
        continue
    door.request("POST", "/v1/jobs/probe", json.dumps({"not_before": later}), {"Content-Type": "application/json"})
    print(json.loads(door.getresponse().read())["id"])
PYTHON
}

# streams_turn PART SIDE JOBS OPTION…
streams_turn() {
    local part=$1 side=$2 jobs=$3 figures
    shift 3
    start_redis "$fsync"
    start_side "$side"
    make_jobs "$side" "$jobs"
    figures=$("$programs/tools/bench-streams" --port "$port" --jobs "$run_folder/jobs" --redis "$socket" \
        --server "${pid_of[server]}" --window-ms $((seconds * 1000)) --pid server="${pid_of[server]}" \
        --pid redis="${pid_of[redis]}" "$@") || die "$side: the run broke off"
    note "$part" "$side" "$figures"
    stop_all
}

door_table() {
    python3 - "$1" <<'PYTHON'
import json, statistics, sys
turns = [json.loads(line) for line in open(sys.argv[1])]

def value(turn, path):
    for key in path.split("."):
        turn = turn.get(key) if isinstance(turn, dict) else None
    return turn

def row(part, words, figure, sides, digits, goal):
    found = {}
    for side in sides:
        values = [figure(t) for t in turns if (t["part"], t["side"]) == (part, side)]
        if values and None not in values:
            found[side] = statistics.median(values)
    cells = "".join(f"{found[side]:>12.{digits}f}" if side in found else f"{'-':>12}" for side in sides)
    ratio = f"{found['parley'] / found[sides[1]]:>8.2f}x" if {"parley", sides[1]} <= found.keys() and found[sides[1]] else f"{'-':>9}"
    print(f"{words:<34}{cells}{ratio}  {goal}")

def table(part, title, sides, rows):
    if any(t["part"] == part for t in turns):
        print(f"{title:<34}" + "".join(f"{side:>12}" for side in sides) + f"{'ratio':>9}")
        for words, figure, digits, goal in rows:
            row(part, words, figure if callable(figure) else lambda t: value(t, figure), sides, digits, goal)

def us(path):
    return lambda t: None if value(t, path) is None else value(t, path) * 1000

def lost(t):
    return t["wanted"] - t["came"]

def grown(t):
    return (t["rss_end_kb"] - t["rss_idle_kb"]) / t["streams"]

table("enqueue", "enqueue", ("parley", "bullmq", "nginx"), (
    ("requests/s", "requests_per_s", 0, "goal 1.5x"), ("p99, ms", "done_ms.p99", 2, ""),
    ("server, us a request", us("cpu_ms_per_request.server"), 1, "goal 12"),
    ("Redis, us a request", us("cpu_ms_per_request.redis"), 1, "goal 15")))
table("streams", "streams", ("parley", "node"), (
    ("KB a silent stream", "kb_a_stream", 2, "goal 1"), ("server, us an event", us("cpu_ms_per_event.server"), 1, "goal 20"),
    ("events/s to all streams", "events_per_s", 0, ""), ("append to client p50, ms", "late_ms.p50", 2, ""), ("append to client p99, ms", "late_ms.p99", 2, "goal 5"),
    ("events that did not come", lost, 0, "goal 0")))
table("stalled", "stalled readers", ("parley", "node"), (
    ("RSS of all, silent, MB", lambda t: t["rss_idle_kb"] / 1024, 1, ""), ("RSS of all at the end, MB", lambda t: t["rss_end_kb"] / 1024, 1, ""),
    ("KB a reader more at the end", grown, 1, "goal flat")))
PYTHON
}

door_options() {
    take_options fsync=always clients=64 streams=10000 rounds=3 seconds=5 only= part= -- "$@"
    [[ $fsync =~ ^(always|everysec|no)$ ]] || die "--fsync wants always, everysec or no"
    [[ $part =~ ^(|enqueue|streams|stalled)$ ]] || die "--part wants enqueue, streams or stalled"
    [[ $only =~ ^(|parley|bullmq|node|nginx)$ ]] || die "--only wants parley, bullmq, node or nginx"
    want_numbers clients streams rounds seconds
    ulimit -n "$(ulimit -Hn)"
    [ "$(ulimit -n)" = unlimited ] || [ "$(ulimit -n)" -ge $((streams + 200)) ] ||
        die "$streams streams want $((streams + 200)) descriptors, the system allows $(ulimit -n): ulimit -Hn, or --streams"
}

# has SIDE: it is asked for, and here.
has() {
    [ -z "$only" ] || [ "$only" = "$1" ] || return 1
    case $1 in
    bullmq | node) [ "$with_node" = yes ] ;;
    nginx) command -v nginx >/dev/null ;;
    esac
}

# has_part PART: it is asked for.
has_part() {
    [ -z "$part" ] || [ "$part" = "$1" ]
}

bench_main() {
    local fsync clients streams rounds seconds only part port path with_node=no results=$build/door.jsonl i side
    door_options "$@"
    "$root/tools/packages" up
    build_release parley-door tools/bench-posts tools/bench-streams
    if [[ $only =~ ^(|bullmq|node)$ ]] && prepare_bullmq; then with_node=yes; fi
    begin_run
    : >"$results"
    describe_machine
    echo "all: $(redis-server --version | grep -o 'v=[0-9.]*' | sed 's/v=/Redis /'), appendfsync $fsync; $rounds turns a" \
        "side, $seconds s each; $clients connections that post ${#body} bytes"
    echo "parley: $(parley_version)"
    [ "$with_node" = no ] || echo "bullmq, node: $(version_bullmq)"
    ! has nginx || nginx -v 2>&1
    for ((i = 1; i <= rounds; i++)); do
        say "turn $i of $rounds"
        for side in parley bullmq nginx; do
            ! has_part enqueue || ! has $side || enqueue_turn $side
        done
        for side in parley node; do
            has $side || continue
            ! has_part streams || streams_turn streams $side "$streams" --readers "$streams"
            ! has_part stalled || streams_turn stalled $side 1 --readers 1000 --stalled --rate 100 --text-bytes 1000
        done
    done
    door_table "$results"
}
