/* What every exporter says of its process, read from /proc when the page is asked for. A file that
 * cannot be read leaves its figure out. */
#include "metrics.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include "buf.h"
#include "log.h"
#include "text.h"

#define FILE_BYTES 1024
#define US_PER_S 1000000u

/* Field n of a line of numbers, counted from 1. */
static uint64_t field(struct span line, size_t n)
{
    struct span word = {NULL, 0};
    uint64_t value;

    for (size_t i = 0; i < n; i++)
        if (!text_next(&line, ' ', &word))
            return METRIC_UNKNOWN;
    return text_to_u64(word, INT64_MAX, &value) < 0 ? METRIC_UNKNOWN : value;
}

/* The whole of a small file of /proc. */
static struct span read_small(const char *path, char bytes[FILE_BYTES])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, bytes, FILE_BYTES);

    if (fd >= 0)
        (void)close(fd);
    return (struct span){bytes, n > 0 ? (size_t)n : 0};
}

static uint64_t cpu_us(void)
{
    struct rusage usage;

    if (getrusage(RUSAGE_SELF, &usage) < 0)
        return METRIC_UNKNOWN;
    return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * US_PER_S +
           (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static uint64_t resident_bytes(void)
{
    char bytes[FILE_BYTES];
    uint64_t pages = field(read_small("/proc/self/statm", bytes), 2);

    return pages == METRIC_UNKNOWN ? pages : pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* proc(5): starttime in clock ticks is field 22 of stat, the 20th behind the name, which may hold
 * spaces; btime of the whole machine. Rounded to whole seconds: it must not move between pages. */
static uint64_t start_s(void)
{
    char bytes[FILE_BYTES];
    struct span line = read_small("/proc/self/stat", bytes);
    const char *end = line.n > 0 ? memrchr(line.at, ')', line.n) : NULL;
    struct timespec now, up;

    if (!end || (size_t)(end - line.at) + 2 > line.n)
        return METRIC_UNKNOWN;
    uint64_t ticks = field((struct span){end + 2, line.n - (size_t)(end + 2 - line.at)}, 20);
    if (ticks == METRIC_UNKNOWN || clock_gettime(CLOCK_REALTIME, &now) < 0 ||
        clock_gettime(CLOCK_BOOTTIME, &up) < 0)
        return METRIC_UNKNOWN;
    return (uint64_t)(now.tv_sec - up.tv_sec) + ticks / (uint64_t)sysconf(_SC_CLK_TCK);
}

static uint64_t open_files(void)
{
    DIR *folder = opendir("/proc/self/fd");
    uint64_t n = 0;

    if (!folder)
        return METRIC_UNKNOWN;
    while (readdir(folder))
        n++;
    (void)closedir(folder);
    return n - 3; /* ".", ".." and the folder itself */
}

static uint64_t max_files(void)
{
    struct rlimit limit;

    return getrlimit(RLIMIT_NOFILE, &limit) < 0 ? METRIC_UNKNOWN : (uint64_t)limit.rlim_cur;
}

struct process {
    uint64_t cpu_us, resident_bytes, start_s, open_files, max_files, lost_lines;
};

// clang-format off
#define ROW(name, type, per, member, help) \
    {name, help, type, per, offsetof(struct process, member), {NULL, NULL}}
static const struct metric_row rows[] = {
    ROW("process_cpu_seconds_total",     METRIC_COUNTER, US_PER_S, cpu_us,         "User and system time spent."),
    ROW("process_resident_memory_bytes", METRIC_GAUGE,   1,        resident_bytes, "Memory that is resident."),
    ROW("process_start_time_seconds",    METRIC_GAUGE,   1,        start_s,        "When the process began, since 1970."),
    ROW("process_open_fds",              METRIC_GAUGE,   1,        open_files,     "File descriptors in use."),
    ROW("parley_log_lost_lines_total",   METRIC_COUNTER, 1,        lost_lines,     "Log lines that standard error did not take."),
    ROW("process_max_fds",               METRIC_GAUGE,   1,        max_files,      "File descriptors allowed."),
};
// clang-format on

static const char *const version[] = {PARLEY_VERSION};
static const struct metric_label by_version = {"version", version, 1};
static const struct metric_row build = {
    "parley_build_info", "Always 1; the labels say which program this is.", METRIC_GAUGE, 1, 0,
    {&by_version, NULL}
};

void metrics_write_process(const char *program, struct buf *out)
{
    const struct process process = {cpu_us(),     resident_bytes(), start_s(),
                                    open_files(), max_files(),      log_lost()};
    const uint64_t one = 1;
    const struct metric_thing thing = {span_of(program), &one};

    metrics_write(rows, ARRAY_SIZE(rows), &process, out);
    metrics_write_each(&build, 1, "program", &thing, 1, out);
}
