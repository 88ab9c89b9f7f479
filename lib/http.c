/* The HTTP server: its address, its accepting, its queues of connections and its end.
 *
 * The server owns its connections; each stands in one of `queues`. All connections of a queue have
 * the same time limit, so the queue is sorted by deadline and one timer a queue serves them all.
 * When there are max_connections, one that dawdles or is idle is closed for a new one. Accepting
 * pauses for 100 ms when there is none, or when the process has no more descriptors: a listener
 * that stays ready would spin. */
#include "http.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "clock.h"
#include "error.h"
#include "http_conn.h"
#include "id.h"
#include "text.h"

#define ACCEPTS_PER_TURN 4
#define ACCEPT_PAUSE_MS 100
#define BACKLOG 4096
#define DRAIN_IDLE_MS 1000
/* A request that is on its way for so long may have to make room. */
#define DAWDLE_MS 1000

/* Accepting. */

static void listener_stop(struct http_server *server)
{
    if (server->listening)
        (void)event_del(&server->listener);
    server->listening = false;
}

static void listener_start(void *arg)
{
    struct http_server *server = arg;

    if (server->listening || server->draining || server->listen_fd < 0)
        return;
    (void)event_add(&server->listener, NULL);
    server->listening = true;
}

/* The address costs a longer system call: asked for only where it counts. */
static int accept_socket(struct http_server *server, struct sockaddr_storage *peer)
{
    socklen_t size = sizeof(*peer);
    bool asked = server->options.max_per_address > 0;

    peer->ss_family = AF_UNSPEC;
    return accept4(server->listen_fd, asked ? (struct sockaddr *)peer : NULL, asked ? &size : NULL,
                   SOCK_NONBLOCK | SOCK_CLOEXEC);
}

static void accept_later(struct http_server *server, uint64_t *reason)
{
    ++*reason;
    listener_stop(server);
    loop_timer_set(&server->accept_pause, ACCEPT_PAUSE_MS);
}

/* Who takes its time to ask goes before who said nothing yet: the others' connections between two
 * requests would be pushed out by a flood of slow ones. NULL: all are busy. */
static struct http_exchange *least_needed(const struct http_server *server)
{
    static const enum http_wait slow[] = {HTTP_WAIT_HEAD, HTTP_WAIT_BODY};
    int64_t now_ms = clock_monotonic_ms();

    for (size_t i = 0; i < ARRAY_SIZE(slow); i++) {
        const struct http_queue *queue = &server->queues[slow[i]];
        struct http_exchange *first = TAILQ_FIRST(&queue->list);

        if (first && now_ms - (first->due_ms - queue->ms) >= DAWDLE_MS)
            return first;
    }
    return TAILQ_FIRST(&server->queues[HTTP_WAIT_IDLE].list);
}

static bool accept_one(struct http_server *server)
{
    struct sockaddr_storage peer;
    struct http_address *address;
    bool full = server->n_connections >= server->options.max_connections;
    struct http_exchange *leaver = full ? least_needed(server) : NULL;

    if (full && !leaver) {
        accept_later(server, &server->counts.no_room);
        return false;
    }
    int fd = accept_socket(server, &peer);
    if (fd >= 0 && !http_address_enter(server, &peer, &address)) {
        server->counts.over_address++;
        (void)close(fd);
        return true;
    }
    if (fd >= 0) {
        server->counts.accepted++;
        server->counts.made_room += full;
        if (full)
            http_conn_close(leaver);
        http_conn_new(server, fd, address);
        return true;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        accept_later(server, &server->counts.no_descriptor);
        return false;
    }
    return errno == ECONNABORTED || errno == EINTR;
}

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    /* Few at a time: other processes on the same socket should get their share. */
    for (int i = 0; i < ACCEPTS_PER_TURN; i++)
        if (!accept_one(arg))
            return;
}

void http_server_conn_gone(struct http_server *server)
{
    server->n_connections--;
    if (server->freed)
        return;
    loop_timer_clear(&server->accept_pause);
    listener_start(server);
    if (server->draining && server->n_connections == 0)
        loop_later_set(&server->drained, server->loop);
}

/* Queues. */

static void on_queue_timer(void *arg)
{
    struct http_queue *queue = arg;
    struct http_server *server = queue->server;
    struct http_exchange *first;
    int64_t now_ms = clock_monotonic_ms();

    while (!server->freed && (first = TAILQ_FIRST(&queue->list)) && first->due_ms <= now_ms)
        http_conn_on_deadline(first);
    if (!server->freed && (first = TAILQ_FIRST(&queue->list)))
        loop_timer_set(&queue->timer, first->due_ms - now_ms);
}

/* Those that come back while this runs wait for the next turn. */
static void on_ready(void *arg)
{
    struct http_server *server = arg;
    struct http_exchange *conn;
    size_t n = 0;

    TAILQ_FOREACH(conn, &server->queues[HTTP_WAIT_READY].list, link)
    n++;
    while (n-- > 0 && !server->freed && (conn = TAILQ_FIRST(&server->queues[HTTP_WAIT_READY].list)))
        http_conn_on_ready(conn);
}

static void on_drained(void *arg)
{
    struct http_server *server = arg;

    if (server->on_drained)
        server->on_drained(server->drained_arg);
}

/* Listening. */

static int listen_on(struct http_server *server, int family, const struct sockaddr *address,
                     socklen_t size)
{
    const int yes = 1;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    if (family != AF_UNIX)
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (family != AF_UNIX && server->options.reuse_port)
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof(yes));
    if (bind(fd, address, size) < 0 || listen(fd, BACKLOG) < 0) {
        int r = -errno;
        (void)close(fd);
        return r;
    }
    server->listen_fd = fd;
    return 0;
}

static int listen_unix(struct http_server *server, const char *path, struct error *error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t n = strlen(path);
    struct stat old;

    if (n == 0 || n >= sizeof(address.sun_path))
        return error_set(error, ERROR_CONFIG, -EINVAL, "listen=unix:%s is no path for a socket",
                         path);
    memcpy(address.sun_path, path, n);
    /* A socket file outlives the process that made it. */
    if (lstat(path, &old) == 0 && S_ISSOCK(old.st_mode))
        (void)unlink(path);
    int r = listen_on(server, AF_UNIX, (const struct sockaddr *)&address, sizeof(address));
    if (r < 0)
        return error_set(error, ERROR_CONFIG, r, "listen=unix:%s: %s", path, strerror(-r));
    if (lstat(path, &old) == 0)
        server->unix_inode = old.st_ino;
    server->unix_path = xstrdup(path);
    return 0;
}

static int listen_tcp(struct http_server *server, const char *listen, struct error *error)
{
    const struct addrinfo hints = {.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM};
    const char *colon = strrchr(listen, ':');
    struct addrinfo *addresses = NULL;
    uint64_t port;

    /* getaddrinfo() takes 65537 for 1. */
    if (!colon || text_to_u64(span_of(colon + 1), UINT16_MAX, &port) < 0)
        return error_set(error, ERROR_CONFIG, -EINVAL,
                         "listen=%s is not host:port with a port of 0 to 65535", listen);
    struct span host = {listen, (size_t)(colon - listen)};
    if (host.n >= 2 && host.at[0] == '[' && host.at[host.n - 1] == ']')
        host = (struct span){host.at + 1, host.n - 2};
    CLEANUP(charp_freep) char *name = xspandup(host);
    int r = getaddrinfo(host.n > 0 ? name : NULL, colon + 1, &hints, &addresses);
    if (r != 0)
        return error_set(error, ERROR_CONFIG, -EINVAL, "listen=%s: %s", listen, gai_strerror(r));
    r = -EADDRNOTAVAIL;
    for (struct addrinfo *at = addresses; at && r < 0; at = at->ai_next)
        r = listen_on(server, at->ai_family, at->ai_addr, at->ai_addrlen);
    freeaddrinfo(addresses);
    if (r < 0)
        return error_set(error, ERROR_CONFIG, r, "listen=%s: %s", listen, strerror(-r));
    return 0;
}

static int open_listener(struct http_server *server, struct error *error)
{
    const char *listen = server->options.listen;
    const int yes = 1;
    int r = 0;

    if (server->options.listen_fd > 0)
        server->listen_fd = server->options.listen_fd;
    else if (!listen)
        return error_set(error, ERROR_CONFIG, -EINVAL, "listen is not set");
    else if (text_starts(span_of(listen), "unix:"))
        r = listen_unix(server, listen + strlen("unix:"), error);
    else
        r = listen_tcp(server, listen, error);
    if (r < 0)
        return r;
    (void)evutil_make_socket_nonblocking(server->listen_fd);
    /* Accepted sockets inherit it: pipelined answers must not wait for an acknowledgement. */
    (void)setsockopt(server->listen_fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    (void)event_assign(&server->listener, loop_base(server->loop), server->listen_fd,
                       EV_READ | EV_PERSIST, on_accept, server);
    listener_start(server);
    return 0;
}

static void set_defaults(struct http_options *options)
{
    const struct {
        size_t *value;
        size_t otherwise;
    } sizes[] = {
        {&options->max_head_bytes,   16384            },
        {&options->max_connections,  20000            },
        {&options->max_unsent_bytes, 262144           },
        {&options->max_held_bytes,   (size_t)256 << 20},
    };
    const struct {
        int64_t *value;
        int64_t otherwise;
    } times[] = {
        {&options->head_ms,       10000},
        {&options->body_ms,       30000},
        {&options->idle_ms,       75000},
        {&options->write_ms,      30000},
        {&options->half_close_ms, 1000 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
        if (*sizes[i].value == 0)
            *sizes[i].value = sizes[i].otherwise;
    for (size_t i = 0; i < ARRAY_SIZE(times); i++)
        if (*times[i].value == 0)
            *times[i].value = times[i].otherwise;
}

static void init_queues(struct http_server *server)
{
    const struct http_options *options = &server->options;
    const int64_t limits_ms[HTTP_WAIT_COUNT_] = {
        [HTTP_WAIT_IDLE] = options->idle_ms,   [HTTP_WAIT_HEAD] = options->head_ms,
        [HTTP_WAIT_BODY] = options->body_ms,   [HTTP_WAIT_HALF_CLOSED] = options->half_close_ms,
        [HTTP_WAIT_WRITE] = options->write_ms, [HTTP_WAIT_LINGER] = HTTP_LINGER_MS,
    };

    for (size_t i = 0; i < HTTP_WAIT_COUNT_; i++) {
        struct http_queue *queue = &server->queues[i];

        TAILQ_INIT(&queue->list);
        queue->server = server;
        queue->ms = limits_ms[i];
        loop_timer_init(&queue->timer, server->loop, on_queue_timer, queue);
    }
}

static void set_id_prefix(struct http_server *server)
{
    unsigned char bytes[4];
    char text[2 * sizeof(bytes) + 1];

    id_random(bytes, sizeof(bytes));
    text_hex(bytes, sizeof(bytes), text);
    memcpy(server->id_prefix, text, 2 * sizeof(bytes));
    server->id_prefix[2 * sizeof(bytes)] = '-';
}

int http_server_new(struct loop *loop, const struct http_options *options,
                    struct http_server **ret_server, struct error *error)
{
    CLEANUP(http_server_freep) struct http_server *server = xcalloc(1, sizeof(*server));

    server->loop = loop;
    server->options = *options;
    server->listen_fd = -1;
    set_defaults(&server->options);
    set_id_prefix(server);
    buf_init(&server->head, (size_t)1 << 20);
    init_queues(server);
    loop_timer_init(&server->accept_pause, loop, listener_start, server);
    loop_later_init(&server->ready, on_ready, server);
    loop_later_init_last(&server->uncork, http_server_uncork, server);
    TAILQ_INIT(&server->corked);
    loop_later_init(&server->drained, on_drained, server);
    int r = open_listener(server, error);
    if (r < 0)
        return r;
    *ret_server = STEAL(server);
    return 0;
}

static void close_listener(struct http_server *server)
{
    struct stat file;

    listener_stop(server);
    loop_timer_clear(&server->accept_pause);
    if (server->listen_fd >= 0)
        (void)close(server->listen_fd);
    server->listen_fd = -1;
    /* A successor may have put its own there already. */
    if (server->unix_path && lstat(server->unix_path, &file) == 0 &&
        file.st_ino == server->unix_inode)
        (void)unlink(server->unix_path);
    free(STEAL(server->unix_path));
}

static void free_server(void *arg)
{
    struct http_server *server = arg;

    buf_deinit(&server->head);
    free(server);
}

struct http_server *http_server_free(struct http_server *server)
{
    if (!server || server->freed)
        return NULL;
    server->freed = true;
    close_listener(server);
    for (size_t i = 0; i < HTTP_WAIT_COUNT_; i++) {
        struct http_exchange *first;

        while ((first = TAILQ_FIRST(&server->queues[i].list)))
            http_conn_close(first);
    }
    for (size_t i = 0; i < HTTP_WAIT_COUNT_; i++)
        loop_timer_clear(&server->queues[i].timer);
    loop_later_clear(&server->ready);
    loop_later_clear(&server->uncork);
    loop_later_clear(&server->drained);
    /* A handler of ours may be on the call stack. */
    loop_free_later(server->loop, server, free_server);
    return NULL;
}

uint16_t http_server_port(const struct http_server *server)
{
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof(address);

    if (getsockname(server->listen_fd, (struct sockaddr *)&address, &size) < 0)
        return 0;
    if (address.ss_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)&address)->sin_port);
    if (address.ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)&address)->sin6_port);
    return 0;
}

size_t http_server_connections(const struct http_server *server)
{
    return server->n_connections;
}

const struct http_counts *http_server_counts(const struct http_server *server)
{
    return &server->counts;
}

void http_server_drain(struct http_server *server, void (*on_drained_fn)(void *arg), void *arg)
{
    struct http_queue *idle = &server->queues[HTTP_WAIT_IDLE];
    struct http_exchange *conn;
    int64_t due_ms = clock_monotonic_ms() + DRAIN_IDLE_MS;

    server->on_drained = on_drained_fn;
    server->drained_arg = arg;
    if (server->draining)
        return;
    /* Who was let in by the kernel already would be reset: they get their answer too. Whoever is
     * half-way through the handshake is reset all the same, unless net.ipv4.tcp_migrate_req hands
     * them to another listener of the address; a shared socket has neither. */
    while (server->listen_fd != server->options.listen_fd && accept_one(server))
        ;
    server->draining = true;
    close_listener(server);
    idle->ms = DRAIN_IDLE_MS;
    TAILQ_FOREACH(conn, &idle->list, link)
    if (conn->due_ms > due_ms)
        conn->due_ms = due_ms;
    if (!TAILQ_EMPTY(&idle->list))
        loop_timer_set(&idle->timer, DRAIN_IDLE_MS);
    if (server->n_connections == 0)
        loop_later_set(&server->drained, server->loop);
}
