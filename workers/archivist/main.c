/* parley-archivist: configuration, the objects, the loop, the end. */
#include <stdio.h>
#include <stdlib.h>

#include "archivist.h"
#include "conf.h"
#include "error.h"
#include "log.h"
#include "loop.h"
#include "service.h"

struct config {
    char *redis, *database;
    struct service_log log;
};

// clang-format off
#define ROW(key, type, member, fallback, min, max, help) \
    {key, type, offsetof(struct config, member), fallback, min, max, help}
static const struct conf_row rows[] = {
    ROW("PARLEY_REDIS",        CONF_TEXT,   redis,     "127.0.0.1:6379", 0, 0, "Redis: host:port (an IP address or localhost), or the path of its unix socket"),
    ROW("PARLEY_DATABASE_URL", CONF_SECRET, database,  NULL,             0, 0, "Postgres: postgresql://user:password@host/database"),
    ROW("PARLEY_LOG",          CONF_TEXT,   log.level, "info",           0, 0, "least level of log lines: debug, info, warn or error"),
    ROW("PARLEY_LOG_FORMAT",   CONF_TEXT,   log.format, "text",          0, 0, "form of log lines: text or json"),
};
// clang-format on

static void on_stop(void *arg)
{
    service_stopping();
    loop_stop(arg);
}

static int run(const struct config *config)
{
    CLEANUP(loop_freep) struct loop *loop = loop_new();
    const struct archivist_options options = {config->redis, config->database};
    struct archivist *archivist = NULL;
    struct service service = {0};
    struct error error = {0};

    if (!config->database) {
        log_error("event=archivist.refused reason=\"PARLEY_DATABASE_URL is not set\"");
        return SERVICE_EXIT_CONFIG;
    }
    if (archivist_new(loop, &options, &archivist, &error) < 0) {
        log_error("event=archivist.refused reason=\"PARLEY_DATABASE_URL: %s\"", error.message);
        return SERVICE_EXIT_CONFIG;
    }
    service_begin(&service, loop, on_stop, loop);
    service_ready();
    loop_run(loop);
    service_end(&service);
    archivist_free(archivist);
    log_info("event=archivist.stopped");
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct config config = {0};
    int status = SERVICE_EXIT_CONFIG;

    if (argc > 1) {
        puts("usage: parley-archivist\n\nCopies finished jobs, bills and predictions from Redis to "
             "Postgres. The environment\nconfigures it:\n");
        conf_help(rows, ARRAY_SIZE(rows));
        return strcmp(argv[1], "--help") == 0 ? EXIT_SUCCESS : SERVICE_EXIT_CONFIG;
    }
    if (service_configure("parley-archivist", rows, ARRAY_SIZE(rows), &config,
                          offsetof(struct config, log)))
        status = run(&config);
    conf_clear(rows, ARRAY_SIZE(rows), &config);
    return status;
}
