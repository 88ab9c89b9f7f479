/* parley-worker KIND: configuration, the objects, the loop, the end. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"
#include "error.h"
#include "figures.h"
#include "kind.h"
#include "log.h"
#include "money.h"
#include "provider.h"
#include "scrape.h"
#include "service.h"
#include "worker.h"

#define MAX_CREW 2

struct config {
    char *redis, *name, *state_dir, *name_servers, *metrics_listen, *personas, *tenant_budget;
    struct service_log log;
    int64_t concurrency, lease_ms, ghost_ms, drain_ms, threads, split_units;
};

// clang-format off
#define ROW(key, type, member, fallback, min, max, help) \
    {key, type, offsetof(struct config, member), fallback, min, max, help}
static const struct conf_row rows[] = {
    ROW("PARLEY_REDIS",       CONF_TEXT,     redis,       "127.0.0.1:6379", 0, 0,        "Redis: host:port (an IP address or localhost), or the path of its unix socket"),
    ROW("PARLEY_WORKER_NAME", CONF_TEXT,     name,        NULL,             0, 0,        "name in the fleet, unique and best stable; empty = host:kind:pid"),
    ROW("PARLEY_STATE_DIR",   CONF_TEXT,     state_dir,   NULL,             0, 0,        "folder for paid answers on their way to Redis, shared by the workers of a host; empty = none are kept"),
    ROW("PARLEY_CONCURRENCY", CONF_INTEGER,  concurrency, "0",              0, 1000,     "jobs at once; 0 = what the kind's schema says"),
    ROW("PARLEY_LEASE",       CONF_DURATION, lease_ms,    "10s",            300, 600000, "a job whose worker is silent for so long is taken over"),
    ROW("PARLEY_GHOST_AFTER", CONF_DURATION, ghost_ms,    "1h",             1000, 30LL * 86400000, "a worker's name that nobody used for so long, with no job left, is forgotten"),
    ROW("PARLEY_DRAIN",       CONF_DURATION, drain_ms,    "5s",             0, 600000,   "after SIGTERM: time for running jobs before they are handed back"),
    ROW("PARLEY_THREADS",     CONF_INTEGER,  threads,     "0",              0, 256,      "threads that compute one simulation; 0 = one a processor"),
    ROW("PARLEY_SPLIT_UNITS", CONF_INTEGER,  split_units, "10000000000",    1, INT64_MAX, "a simulation of more cost units than this is cut into parts for all workers of its kind"),
    ROW("PARLEY_NAME_SERVERS", CONF_TEXT,    name_servers, NULL,            0, 0,        "DNS servers to ask for providers' addresses, like 192.0.2.1,[2001:db8::1]:53; empty = the system's"),
    ROW("PARLEY_PERSONAS",    CONF_TEXT,     personas,    NULL,             0, 0,        "JSON file with a set of personas for debates, or a folder of such files"),
    ROW("PARLEY_TENANT_BUDGET_USD_DAY", CONF_TEXT, tenant_budget, "0", 0, 0,             "dollars a tenant may spend on models a day (UTC) when it has no budget of its own; 0 = no limit"),
    ROW("PARLEY_METRICS_LISTEN", CONF_TEXT,  metrics_listen, NULL,          0, 0,        "host:port where whoever reaches it may read /metrics; empty = nowhere"),
    ROW("PARLEY_LOG",         CONF_TEXT,     log.level,   "info",           0, 0,        "least level of log lines: debug, info, warn or error"),
    ROW("PARLEY_LOG_FORMAT",  CONF_TEXT,     log.format,  "text",           0, 0,        "form of log lines: text or json"),
};
// clang-format on

/* The workers of the process: the kind's, and that of the kind it serves as well. */
struct crew {
    struct loop *loop; /* borrowed from run() */
    struct worker_options options[MAX_CREW];
    struct worker *workers[MAX_CREW];
    size_t n, n_ready, n_drained;
    struct histogram lag;
    struct scrape *scrape; /* NULL: nobody is told */
};

static void on_ready(void *arg)
{
    struct crew *crew = arg;

    if (++crew->n_ready < crew->n)
        return;
    log_info("event=worker.ready");
    service_ready();
}

static void on_drained(void *arg)
{
    struct crew *crew = arg;

    if (++crew->n_drained == crew->n)
        loop_stop(crew->loop);
}

static void on_stop(void *arg)
{
    struct crew *crew = arg;

    service_stopping();
    for (size_t i = 0; i < crew->n; i++)
        worker_drain(crew->workers[i]);
}

static void crew_deinit(struct crew *crew)
{
    scrape_free(crew->scrape);
    for (size_t i = 0; i < crew->n; i++)
        worker_free(crew->workers[i]);
}

static int hire(struct crew *crew, const struct worker_options *options)
{
    struct error error = {0};

    crew->options[crew->n] = *options;
    if (worker_new(crew->loop, &crew->options[crew->n], &crew->workers[crew->n], &error) < 0) {
        log_error("event=worker.refused reason=\"%s\"", error.message);
        return -1;
    }
    crew->n++;
    return 0;
}

static void write_figures(struct buf *out, void *arg)
{
    const struct crew *crew = arg;

    figures_write(crew->workers, crew->n, &crew->lag, out);
}

static int show_figures(struct crew *crew, const char *listen)
{
    struct error error = {0};

    if (!listen)
        return 0;
    if (scrape_new(crew->loop, listen, write_figures, crew, &crew->scrape, &error) < 0) {
        log_error("event=worker.refused reason=\"%s\"", error.message);
        return -1;
    }
    loop_measure_lag(crew->loop, &crew->lag, clock_monotonic_us);
    log_info("event=metrics.listening port=%u", (unsigned)scrape_port(crew->scrape));
    if (!scrape_is_local(crew->scrape))
        log_warn("event=metrics.public reason=\"whoever reaches PARLEY_METRICS_LISTEN may read the "
                 "figures: keep the internet out\"");
    return 0;
}

static int run(const struct config *config, const struct kind *kind,
               const struct provider_set *providers)
{
    CLEANUP(loop_freep) struct loop *loop = loop_new();
    CLEANUP(charp_freep)
    char *companion = xprintf("%s.%s", config->name, kind->also ? kind->also : "");
    CLEANUP(crew_deinit) struct crew crew = {.loop = loop};
    struct service service = {0};
    struct worker_options options = {
        .redis = config->redis,
        .name = config->name,
        .state_dir = config->state_dir,
        .name_servers = config->name_servers,
        .kind = kind,
        .providers = providers,
        .concurrency = config->concurrency,
        .personas = config->personas,
        .compute = {.n_threads = (unsigned)config->threads,
                    .split_units = (uint64_t)config->split_units},
        .lease_ms = config->lease_ms,
        .ghost_ms = config->ghost_ms,
        .drain_ms = config->drain_ms,
        .on_ready = on_ready,
        .on_drained = on_drained,
        .arg = &crew,
    };

    if (money_parse(span_of(config->tenant_budget), &options.tenant_budget) < 0) {
        log_error("event=worker.refused reason=\"PARLEY_TENANT_BUDGET_USD_DAY must be dollars like "
                  "5 or 0.25, at most a million\"");
        return SERVICE_EXIT_CONFIG;
    }
    if (hire(&crew, &options) < 0)
        return SERVICE_EXIT_CONFIG;
    options.companion = true;
    options.name = companion;
    options.kind = kind->also ? kind_find(span_of(kind->also)) : NULL;
    if ((options.kind && hire(&crew, &options) < 0) ||
        show_figures(&crew, config->metrics_listen) < 0)
        return SERVICE_EXIT_CONFIG;
    service_begin(&service, loop, on_stop, &crew);
    loop_run(loop);
    service_end(&service);
    log_info("event=worker.stopped");
    return EXIT_SUCCESS;
}

static int usage(bool asked)
{
    FILE *out = asked ? stdout : stderr;

    fprintf(out,
            "usage: parley-worker KIND\n\nTakes jobs of one kind from Redis and runs them. Kinds:");
    for (const struct kind *const *kind = kinds; *kind; kind++)
        fprintf(out, " %s", (*kind)->name);
    fprintf(out, ".\nThe environment configures it:\n\n");
    fflush(out);
    if (asked) {
        conf_help(rows, ARRAY_SIZE(rows));
        provider_help();
    }
    return asked ? EXIT_SUCCESS : SERVICE_EXIT_CONFIG;
}

static void name_default(struct config *config, const struct kind *kind)
{
    char host[256] = "host";

    if (config->name)
        return;
    (void)gethostname(host, sizeof(host) - 1);
    config->name = xprintf("%s:%s:%d", host, kind->name, (int)getpid());
}

int main(int argc, char **argv)
{
    const struct kind *kind = argc == 2 ? kind_find(span_of(argv[1])) : NULL;
    CLEANUP(provider_set_freep) struct provider_set *providers = NULL;
    struct config config = {0};
    int status = SERVICE_EXIT_CONFIG;

    if (!kind)
        return usage(argc == 2 && span_equal(span_of(argv[1]), SPAN("--help")));
    if (service_configure("parley-worker", rows, ARRAY_SIZE(rows), &config,
                          offsetof(struct config, log)) &&
        provider_set_new(&providers) == 0) {
        name_default(&config, kind);
        provider_dump(providers);
        status = run(&config, kind, providers);
    }
    conf_clear(rows, ARRAY_SIZE(rows), &config);
    return status;
}
