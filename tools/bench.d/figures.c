/* Samples and CPU time, for the load clients of tools/bench.
 *
 * CPU time is user + system of /proc/PID/stat with the children the process has waited for (Redis
 * rewrites its log in one). The kernel scales both from the exact run time of the threads, so their
 * sum is good to one clock tick a process. */
#include "figures.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "json.h"
#include "text.h"

/* ---- samples ---- */

void samples_deinit(struct samples *samples)
{
    free(samples->us);
    *samples = (struct samples){0};
}

void samples_add(struct samples *samples, int64_t us)
{
    if (samples->n == samples->allocated) {
        samples->allocated = samples->allocated ? samples->allocated * 2 : 4096;
        samples->us = xrealloc(samples->us, samples->allocated * sizeof(*samples->us));
    }
    samples->us[samples->n++] = us;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static struct json *percentile(const struct samples *samples, size_t percent)
{
    if (samples->n == 0)
        return json_new_null();
    size_t rank = (samples->n * percent + 99) / 100;

    return json_new_number((double)samples->us[rank - 1] / 1e3);
}

struct json *samples_json(struct samples *samples)
{
    struct json *json = json_object();

    if (samples->n > 0)
        qsort(samples->us, samples->n, sizeof(*samples->us), compare);
    json_set(json, "p50", percentile(samples, 50));
    json_set(json, "p99", percentile(samples, 99));
    return json;
}

/* ---- CPU ---- */

void cpu_meter_deinit(struct cpu_meter *meter)
{
    for (size_t i = 0; i < meter->n; i++)
        free(meter->rows[i].name);
    *meter = (struct cpu_meter){0};
}

int cpu_meter_add(struct cpu_meter *meter, const char *name_and_pid)
{
    const char *equals = strchr(name_and_pid, '=');
    uint64_t pid;

    if (!equals || equals == name_and_pid || text_to_u64(span_of(equals + 1), INT32_MAX, &pid) < 0)
        return -EINVAL;
    if (meter->n == CPU_MAX)
        return -E2BIG;
    meter->rows[meter->n].name =
        xspandup((struct span){name_and_pid, (size_t)(equals - name_and_pid)});
    meter->rows[meter->n].pid = (int)pid;
    meter->n++;
    return 0;
}

static int read_stat(int pid, char *out, size_t size)
{
    char *path CLEANUP(charp_freep) = xprintf("/proc/%d/stat", pid);
    FILE *file = fopen(path, "re");

    if (!file)
        return -ESRCH;
    size_t n = fread(out, 1, size - 1, file);
    fclose(file);
    out[n] = '\0';
    return 0;
}

static int read_cpu(int pid, int64_t *ret_us)
{
    char text[1024];
    long parts[4], ticks = 0;

    if (read_stat(pid, text, sizeof(text)) < 0)
        return -ESRCH;
    /* proc(5): fields 14 to 17; the name, field 2, may hold anything. */
    const char *rest = strrchr(text, ')');
    if (!rest || sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld %ld %ld",
                        &parts[0], &parts[1], &parts[2], &parts[3]) != 4)
        return -ESRCH;
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
        ticks += parts[i];
    *ret_us = ticks * (1000000 / sysconf(_SC_CLK_TCK));
    return 0;
}

int cpu_meter_begin(struct cpu_meter *meter)
{
    for (size_t i = 0; i < meter->n; i++)
        if (read_cpu(meter->rows[i].pid, &meter->rows[i].begun_us) < 0)
            return -ESRCH;
    return 0;
}

int cpu_meter_end(struct cpu_meter *meter)
{
    for (size_t i = 0; i < meter->n; i++) {
        int64_t now_us;

        if (read_cpu(meter->rows[i].pid, &now_us) < 0)
            return -ESRCH;
        meter->rows[i].used_us = now_us - meter->rows[i].begun_us;
    }
    return 0;
}

struct json *cpu_meter_json(const struct cpu_meter *meter, size_t n_jobs)
{
    struct json *json = json_object();
    double all = 0;

    if (n_jobs == 0)
        return json;
    for (size_t i = 0; i < meter->n; i++) {
        double ms = (double)meter->rows[i].used_us / 1e3 / (double)n_jobs;

        all += ms;
        json_set_number(json, meter->rows[i].name,
                        ms + json_get_number(json, meter->rows[i].name, 0));
    }
    json_set_number(json, "all", all);
    return json;
}
