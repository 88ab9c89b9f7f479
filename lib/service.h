#pragma once
/* What every long-running program of ours owes the one who started it (systemd, or nobody). */

#include <stdint.h>

#include "base.h"
#include "conf.h"
#include "loop.h"

/* The start must not be tried again: the configuration is wrong (sysexits.h EX_CONFIG; our units
 * say RestartPreventExitStatus=78). */
#define SERVICE_EXIT_CONFIG 78

/* Of a program's config: rows PARLEY_LOG and PARLEY_LOG_FORMAT. */
struct service_log {
    char *level, *format;
};

/* Fills config from the environment, sets the log up by its struct service_log at `log_offset`,
 * logs the table. false: the faults have been printed. */
bool service_configure(const char *program, const struct conf_row *rows, size_t n_rows,
                       void *config, size_t log_offset) MUST_CHECK;

struct service {
    struct loop_timer watchdog; /* private */
    int64_t watchdog_ms;
};

/* SIGTERM and SIGINT call on_stop (systemd is told STOPPING); the watchdog is fed from the loop, so
 * that a stuck loop is found. SIGPIPE is ignored. */
void service_begin(struct service *service, struct loop *loop, loop_fn *on_stop, void *arg);
void service_ready(void);    /* READY=1: work is being taken */
void service_stopping(void); /* STOPPING=1 */
void service_end(struct service *service);
