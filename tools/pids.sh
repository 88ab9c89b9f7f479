# shellcheck shell=bash
# Sourced by tools/up and tools/down: who a pid is. A pid alone may belong to somebody else by now, so it is kept
# with the process's start time (proc(5), field 22 of stat).

# The words of /proc/PID/stat behind the name, which may hold anything: state is [0], start time [19].
process_stat() {
    local text
    text=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    read -r -a stat <<<"${text##*) }"
}

# start_time PID: prints it.
start_time() {
    local stat
    process_stat "$1" && echo "${stat[19]}"
}

# lives PID STARTTIME: whether that process is there, and no zombie.
lives() {
    local stat
    process_stat "$1" && [ "${stat[0]}" != Z ] && [ "${stat[19]}" = "$2" ]
}
