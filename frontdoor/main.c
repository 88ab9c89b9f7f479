/* parley-door: configuration, the objects, the loop, the end.
 *
 * Everything that serves is in libdoor; here is only what belongs to a process: the environment,
 * systemd (readiness, watchdog, activated sockets) and signals. A wrong configuration ends with
 * status 78. A new setting is a row here, its key in lib/conf_keys.h, and a member of struct
 * door_config. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "apikey.h"
#include "conf.h"
#include "door.h"
#include "error.h"
#include "http.h"
#include "log.h"
#include "service.h"
#include "text.h"

#define REDIS_GRACE_MS 1000
/* Beside those of clients: Redis, listener, event loop, log. */
#define OWN_DESCRIPTORS 32

// clang-format off
#define ROW(key, type, member, fallback, min, max, help) \
    {key, type, offsetof(struct door_config, member), fallback, min, max, help}
static const struct conf_row rows[] = {
    ROW("PARLEY_LISTEN",          CONF_TEXT,     listen,             "127.0.0.1:8080", 0, 0,               "address to serve on, without PARLEY_KEY_PEPPER loopback only; port 0 = any free one"),
    ROW("PARLEY_REUSE_PORT",      CONF_BOOL,     reuse_port,         "false",          0, 0,               "several doors may listen on the one address; the kernel deals clients out to them"),
    ROW("PARLEY_REDIS",           CONF_TEXT,     redis,              "127.0.0.1:6379", 0, 0,               "Redis: host:port (an IP address or localhost), or the path of its unix socket"),
    ROW("PARLEY_KEY_PEPPER",      CONF_SECRET,   pepper,             NULL,             0, 0,               "secret that API keys are checked with, 32 bytes or more; without it there are no keys"),
    ROW("PARLEY_CORS_ORIGINS",    CONF_TEXT,     cors_origins,       NULL,             0, 0,               "origins of pages that may use the door, exact: https://app.example, …"),
    ROW("PARLEY_TRUSTED_PROXIES", CONF_TEXT,     trusted_proxies,    NULL,             0, 0,               "networks of proxies whose X-Forwarded-For is believed: 10.0.0.0/8, …"),
    ROW("PARLEY_ADDRESS_RATE",    CONF_INTEGER,  address_rate,       "20",             0, 100000,          "submissions a second from one address that is not loopback; 0 = no limit"),
    ROW("PARLEY_LOG",             CONF_TEXT,     log.level,          "info",           0, 0,               "least level of log lines: debug, info, warn or error"),
    ROW("PARLEY_LOG_FORMAT",      CONF_TEXT,     log.format,         "text",           0, 0,               "form of log lines: text or json"),
    ROW("PARLEY_PORT_FILE",       CONF_TEXT,     port_file,          NULL,             0, 0,               "file to write the port to once the door listens"),
    ROW("PARLEY_METRICS_LISTEN",  CONF_TEXT,     metrics_listen,     NULL,             0, 0,               "host:port where whoever reaches it may read /metrics; empty = only with a key on the door"),
    ROW("PARLEY_QUEUE_CAP",       CONF_INTEGER,  queue_cap,          "100000",         1, 100000000,       "open jobs of one kind, all tenants; over it 503"),
    ROW("PARLEY_TENANT_CAP",      CONF_INTEGER,  tenant_cap,         "10000",          1, 100000000,       "open jobs of one tenant; over it 429"),
    ROW("PARLEY_MAX_CONNECTIONS", CONF_INTEGER,  max_connections,    "20000",          1, 1000000,         "connections of clients at a time"),
    ROW("PARLEY_ADDRESS_CONNECTIONS", CONF_INTEGER, address_connections, "1000",       0, 1000000,         "connections from one address (IPv6: /64) that is neither loopback nor a trusted proxy; 0 = no limit"),
    ROW("PARLEY_MAX_HEAD_BYTES",  CONF_INTEGER,  max_head_bytes,     "16384",          1024, 65536,        "request line and header fields of one request; over it 431"),
    ROW("PARLEY_MAX_UNSENT_BYTES", CONF_INTEGER, max_unsent_bytes,   "16384",          4096,  67108864,    "events kept for a reader that does not take them; over it the reader is paused"),
    ROW("PARLEY_HEAD_TIMEOUT",    CONF_DURATION, head_ms,            "10s",            100, 600000,        "for the whole head of a request; then 408"),
    ROW("PARLEY_BODY_TIMEOUT",    CONF_DURATION, body_ms,            "30s",            100, 600000,        "for each 64 KiB of a request's body; then 408"),
    ROW("PARLEY_IDLE_TIMEOUT",    CONF_DURATION, idle_ms,            "75s",            100, 3600000,       "between two requests of a connection; a proxy in front should give up earlier"),
    ROW("PARLEY_WRITE_TIMEOUT",   CONF_DURATION, write_ms,           "30s",            100, 600000,        "a client that takes no byte for so long is hung up on, a reader with stream.closed and its cursor"),
    ROW("PARLEY_IDEMPOTENCY_TTL", CONF_DURATION, idempotency_ttl_ms, "24h",            1000, 2592000000,   "how long an Idempotency-Key is remembered"),
    ROW("PARLEY_DISCONNECT_GRACE", CONF_DURATION, disconnect_ms,     "10s",            100, 3600000,     "a job with on_disconnect cancel goes on for so long without a reader"),
    ROW("PARLEY_DRAIN",           CONF_DURATION, drain_ms,           "10s",            0, 600000,          "after SIGTERM: time for open answers before they are cut"),
};
// clang-format on

static bool host_is_loopback(struct span listen)
{
    const char *colon = memrchr(listen.at, ':', listen.n);
    struct span host = {listen.at, colon ? (size_t)(colon - listen.at) : listen.n};

    return text_starts(listen, "unix:") || text_starts(host, "127.") ||
           span_equal(host, SPAN("[::1]")) || span_equal(host, SPAN("localhost"));
}

/* Whoever reaches the door may use it as long as there are no keys: so only this machine may. */
static bool check_address(struct door_config *config)
{
    config->listen_fd = sd_listen_fds(1) > 0 ? SD_LISTEN_FDS_START : -1;
    bool loopback = config->listen_fd >= 0 ? http_socket_is_local(config->listen_fd)
                                           : host_is_loopback(span_of(config->listen));
    if (!loopback && !config->pepper)
        log_error("event=config.refused key=PARLEY_LISTEN reason=\"no API keys are configured, so "
                  "the door serves loopback addresses only\"");
    return loopback || config->pepper;
}

static bool check_pepper(const struct door_config *config)
{
    if (!config->pepper || strlen(config->pepper) >= APIKEY_PEPPER_MIN_BYTES)
        return true;
    log_error("event=config.refused key=PARLEY_KEY_PEPPER reason=\"it has less than %d bytes\"",
              APIKEY_PEPPER_MIN_BYTES);
    return false;
}

static bool configure(struct door_config *config)
{
    return service_configure("parley-door", rows, ARRAY_SIZE(rows), config,
                             offsetof(struct door_config, log)) &&
           config->listen && config->redis && check_pepper(config) && check_address(config);
}

static void on_signal(void *arg)
{
    service_stopping();
    door_drain(arg);
}

/* Whole or not at all: readers wait for the file to appear. */
static int write_port(const char *path, uint16_t port)
{
    char *draft CLEANUP(charp_freep) = xprintf("%s.%ld", path, (long)getpid());
    FILE *file = fopen(draft, "we");

    if (!file)
        return -errno;
    int n = fprintf(file, "%u\n", (unsigned)port);
    if (fclose(file) != 0 || n < 0 || rename(draft, path) < 0)
        return -errno;
    return 0;
}

static int announce(const struct door_config *config, const struct door *door)
{
    uint16_t port = http_server_port(door->server);

    if (config->port_file && write_port(config->port_file, port) < 0) {
        log_error("event=port_file.failed path=%s", config->port_file);
        return -EIO;
    }
    log_info("event=door.listening port=%u", (unsigned)port);
    service_ready();
    return 0;
}

/* Each client costs one, and a login shell's soft limit is made for shells. */
static void raise_descriptors(const struct door_config *config)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < (rlim_t)config->max_connections + OWN_DESCRIPTORS)
        log_warn("event=descriptors.few limit=%llu max_connections=%lld",
                 (unsigned long long)limit.rlim_max, (long long)config->max_connections);
}

static int run(const struct door_config *config)
{
    CLEANUP(loop_freep) struct loop *loop = loop_new();
    CLEANUP(door_freep) struct door *door = NULL;
    struct service service = {0};
    struct error error = {0};

    raise_descriptors(config);
    if (door_new(loop, config, &door, &error) < 0) {
        log_error("event=door.refused reason=\"%s\"", error.message);
        return SERVICE_EXIT_CONFIG;
    }
    service_begin(&service, loop, on_signal, door);
    door_await_redis(door, REDIS_GRACE_MS);
    if (door->draining)
        return EXIT_SUCCESS;
    if (door_listen(door, &error) < 0) {
        log_error("event=door.refused reason=\"%s\"", error.message);
        return SERVICE_EXIT_CONFIG;
    }
    if (announce(config, door) < 0)
        return EXIT_FAILURE;
    loop_run(loop);
    service_end(&service);
    log_info("event=door.stopped");
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct door_config config = {.listen_fd = -1};

    if (argc > 1) {
        bool help = span_equal(span_of(argv[1]), SPAN("--help"));
        printf("parley-door %s: takes jobs over HTTP, puts them on Redis streams, streams their "
               "events.\nIt takes no arguments; the environment configures it:\n\n",
               PARLEY_VERSION);
        conf_help(rows, ARRAY_SIZE(rows));
        return help ? EXIT_SUCCESS : SERVICE_EXIT_CONFIG;
    }
    int status = configure(&config) ? run(&config) : SERVICE_EXIT_CONFIG;
    conf_clear(rows, ARRAY_SIZE(rows), &config);
    return status;
}
