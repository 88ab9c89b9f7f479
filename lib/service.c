/* The protocol with systemd (sd_notify(3), sd_watchdog_enabled(3)); without systemd every call does
 * nothing. */
#include "service.h"

#include <signal.h>
#include <systemd/sd-daemon.h>

#include "log.h"

bool service_configure(const char *program, const struct conf_row *rows, size_t n_rows,
                       void *config, size_t log_offset)
{
    struct service_log log;
    enum log_level level = LOG_INFO_;
    enum log_format format;

    log_setup(program, LOG_INFO_, LOG_TEXT);
    if (conf_load(rows, n_rows, config) < 0)
        return false;
    memcpy(&log, (char *)config + log_offset, sizeof(log));
    if (log_level_parse(span_of(log.level), &level) < 0) {
        log_error(
            "event=config.refused key=PARLEY_LOG reason=\"must be debug, info, warn or error\"");
        return false;
    }
    if (log_format_parse(span_of(log.format), &format) < 0) {
        log_error("event=config.refused key=PARLEY_LOG_FORMAT reason=\"must be text or json\"");
        return false;
    }
    log_setup(program, level, format);
    conf_dump(rows, n_rows, config);
    return true;
}

static void on_watchdog(void *arg)
{
    struct service *service = arg;

    (void)sd_notify(0, "WATCHDOG=1");
    loop_timer_set(&service->watchdog, service->watchdog_ms);
}

void service_begin(struct service *service, struct loop *loop, loop_fn *on_stop, void *arg)
{
    uint64_t watchdog_us = 0;

    /* A peer that hangs up is an error of the write, not the end of the process. */
    (void)signal(SIGPIPE, SIG_IGN);
    loop_on_signal(loop, on_stop, arg);
    loop_timer_init(&service->watchdog, loop, on_watchdog, service);
    if (sd_watchdog_enabled(0, &watchdog_us) <= 0)
        return;
    service->watchdog_ms = (int64_t)(watchdog_us / 3000);
    on_watchdog(service);
}

void service_ready(void)
{
    (void)sd_notify(0, "READY=1");
}

void service_stopping(void)
{
    (void)sd_notify(0, "STOPPING=1");
}

void service_end(struct service *service)
{
    loop_timer_clear(&service->watchdog);
}
