#pragma once
/* What a load client measures: latencies as samples, and the CPU time of the processes it loads. */

#include <stddef.h>
#include <stdint.h>

#include "base.h"

struct json;

struct samples {
    int64_t *us; /* private */
    size_t n, allocated;
};

void samples_deinit(struct samples *samples);
void samples_add(struct samples *samples, int64_t us);
/* {"p50":…,"p99":…} in milliseconds, by nearest rank; nulls when there is no sample. Sorts. */
struct json *samples_json(struct samples *samples);

#define CPU_MAX 16

struct cpu_meter {
    struct {
        char *name;
        int pid;
        int64_t begun_us, used_us;
    } rows[CPU_MAX]; /* private */
    size_t n;
};

void cpu_meter_deinit(struct cpu_meter *meter);
/* From "NAME=PID"; several may share a name. -EINVAL for other text, -E2BIG for too many. */
int cpu_meter_add(struct cpu_meter *meter, const char *name_and_pid) MUST_CHECK;
/* Reads the clocks of all processes. -ESRCH when one is not there. */
int cpu_meter_begin(struct cpu_meter *meter) MUST_CHECK;
int cpu_meter_end(struct cpu_meter *meter) MUST_CHECK;
/* {"all":…,"NAME":…}: milliseconds a job between begin and end, waited-for children included. */
struct json *cpu_meter_json(const struct cpu_meter *meter, size_t n_jobs);
