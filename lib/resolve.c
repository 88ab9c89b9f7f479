/* Names to addresses: c-ares driven by our descriptors and one timer, and what it said, for a
 * while.
 *
 * Nobody's code runs inside c-ares: its answers are noted with the name, and whoever waits is told
 * at the end of the turn. The resolver owns names; a name owns the lookups that wait for it, so
 * that a cancelled lookup leaves nothing behind although c-ares cannot take back a question. A
 * channel reads the system's servers once: one that got no answer is made anew when nothing is
 * asked, since the machine may be in another network by now. */
#include "resolve.h"

#include <ares.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "buf.h"
#include "clock.h"
#include "error.h"
#include "log.h"
#include "loop.h"
#include "text.h"

#define MAX_NAMES 256
#define MAX_ADDRESSES 16
#define MAX_ADDRESS_TEXT 1024
#define MIN_TTL_S 1
#define MAX_TTL_S 300
#define STALE_MS 3600000
#define TRY_MS 2000
#define TRIES 3

struct lookup {
    TAILQ_ENTRY(lookup) link;
    struct name *name;
    resolved_fn *on_done;
    void *arg;
};
TAILQ_HEAD(lookup_list, lookup);

struct name {
    TAILQ_ENTRY(name) link;
    struct resolver *resolver;
    char *host;
    struct lookup_list waiting;
    bool asking, telling;
    int outcome;
    const char *reason; /* c-ares' own, static */
    char *addresses;    /* the last good answer; NULL = none yet */
    int64_t fresh_until_ms, answered_ms;
    struct loop_later tell;
};

/* A descriptor of c-ares. */
struct watch {
    TAILQ_ENTRY(watch) link;
    struct resolver *resolver;
    ares_socket_t fd;
    struct event *event;
};

struct resolver {
    struct loop *loop; /* borrowed */
    ares_channel channel;
    char *servers; /* NULL = the system's */
    struct loop_timer timer;
    TAILQ_HEAD(, watch) watches;
    TAILQ_HEAD(, name) names; /* the last asked for comes last */
    size_t n_names, n_asking;
    bool unheard; /* no server answered: the channel is to be made anew */
};

/* ---- c-ares and the loop ---- */

static void set_timer(struct resolver *resolver)
{
    struct timeval left;

    if (ares_timeout(resolver->channel, NULL, &left))
        loop_timer_set(&resolver->timer, (int64_t)left.tv_sec * 1000 + left.tv_usec / 1000 + 1);
    else
        loop_timer_clear(&resolver->timer);
}

static void on_timer(void *arg)
{
    struct resolver *resolver = arg;

    ares_process_fd(resolver->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    set_timer(resolver);
}

static void on_descriptor(evutil_socket_t fd, short what, void *arg)
{
    struct resolver *resolver = arg;

    ares_process_fd(resolver->channel, what & EV_READ ? fd : ARES_SOCKET_BAD,
                    what & EV_WRITE ? fd : ARES_SOCKET_BAD);
    set_timer(resolver);
}

static void unwatch(struct watch *watch)
{
    TAILQ_REMOVE(&watch->resolver->watches, watch, link);
    event_free(watch->event);
    free(watch);
}

static void watch_descriptor(void *arg, ares_socket_t fd, int readable, int writable)
{
    struct resolver *resolver = arg;
    short what = (short)(EV_PERSIST | (readable ? EV_READ : 0) | (writable ? EV_WRITE : 0));
    struct watch *watch;

    TAILQ_FOREACH(watch, &resolver->watches, link)
    if (watch->fd == fd)
        break;
    if (watch)
        unwatch(watch);
    if (!readable && !writable)
        return;
    watch = xcalloc(1, sizeof(*watch));
    watch->resolver = resolver;
    watch->fd = fd;
    watch->event = event_new(loop_base(resolver->loop), fd, what, on_descriptor, resolver);
    if (!watch->event || event_add(watch->event, NULL) != 0)
        abort();
    TAILQ_INSERT_TAIL(&resolver->watches, watch, link);
}

static void open_channel(struct resolver *resolver)
{
    struct ares_options options = {.timeout = TRY_MS,
                                   .tries = TRIES,
                                   .sock_state_cb = watch_descriptor,
                                   .sock_state_cb_data = resolver};

    if (ares_init_options(&resolver->channel, &options,
                          ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB) !=
        ARES_SUCCESS)
        abort();
    if (resolver->servers &&
        ares_set_servers_ports_csv(resolver->channel, resolver->servers) != ARES_SUCCESS)
        abort(); /* resolver_servers() has tried them */
    resolver->unheard = false;
}

/* ---- answers ---- */

static void add_address(struct buf *list, const struct ares_addrinfo_node *node)
{
    char text[NI_MAXHOST];

    if (getnameinfo(node->ai_addr, node->ai_addrlen, text, sizeof(text), NULL, 0, NI_NUMERICHOST) !=
        0)
        return;
    buf_add_text(list, list->n > 0 ? "," : "");
    buf_addf(list, node->ai_family == AF_INET6 ? "[%s]" : "%s", text);
}

static void take_addresses(struct name *name, const struct ares_addrinfo *found)
{
    struct buf list;
    int n = 0, ttl_s = MAX_TTL_S;

    buf_init(&list, MAX_ADDRESS_TEXT);
    for (const struct ares_addrinfo_node *node = found->nodes; node && n < MAX_ADDRESSES;
         node = node->ai_next, n++) {
        add_address(&list, node);
        ttl_s = node->ai_ttl < ttl_s ? node->ai_ttl : ttl_s;
    }
    free(name->addresses);
    name->addresses = buf_steal(&list);
    name->outcome = name->addresses ? 0 : -ENOENT;
    name->reason = ares_strerror(ARES_ENODATA);
    name->answered_ms = clock_monotonic_ms();
    name->fresh_until_ms = name->answered_ms + 1000 * (ttl_s > MIN_TTL_S ? ttl_s : MIN_TTL_S);
}

static void take_failure(struct name *name, int status)
{
    int64_t now_ms = clock_monotonic_ms();
    bool none = status == ARES_ENOTFOUND || status == ARES_ENODATA || status == ARES_EBADNAME;

    name->outcome = none ? -ENOENT : -EAGAIN;
    name->reason = ares_strerror(status);
    name->fresh_until_ms = now_ms + 1000 * MIN_TTL_S;
    name->resolver->unheard |= !none;
    if (!none && name->addresses && now_ms - name->answered_ms < STALE_MS) {
        log_warn("event=resolve.stale host=%s age_s=%lld reason=\"%s\"", name->host,
                 (long long)(now_ms - name->answered_ms) / 1000, name->reason);
        name->outcome = 0;
    }
}

static void on_answer(void *arg, int status, int n_timeouts, struct ares_addrinfo *found)
{
    struct name *name = arg;

    (void)n_timeouts;
    name->asking = false;
    name->resolver->n_asking--;
    if (status == ARES_SUCCESS)
        take_addresses(name, found);
    else if (status != ARES_EDESTRUCTION)
        take_failure(name, status);
    ares_freeaddrinfo(found);
    if (status != ARES_EDESTRUCTION)
        loop_later_set(&name->tell, name->resolver->loop);
}

static void ask(struct name *name)
{
    static const struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC,
                                                     .ai_socktype = SOCK_STREAM};
    struct resolver *resolver = name->resolver;

    if (resolver->unheard && resolver->n_asking == 0) {
        ares_destroy(resolver->channel);
        open_channel(resolver);
    }
    name->asking = true;
    resolver->n_asking++;
    ares_getaddrinfo(resolver->channel, name->host, NULL, &hints, on_answer, name);
    set_timer(resolver);
}

/* ---- names ---- */

static size_t count(const struct lookup_list *list)
{
    const struct lookup *lookup;
    size_t n = 0;

    TAILQ_FOREACH(lookup, list, link)
    n++;
    return n;
}

/* Tells those who wait now; who asks again while being told is told in the next turn. */
static void tell(void *arg)
{
    struct name *name = arg;
    struct lookup *lookup;
    struct resolved resolved = {.outcome = name->outcome, .reason = name->reason};

    resolved.addresses = span_of(name->outcome == 0 ? name->addresses : "");
    name->telling = true;
    for (size_t n = count(&name->waiting); n > 0 && (lookup = TAILQ_FIRST(&name->waiting)); n--) {
        TAILQ_REMOVE(&name->waiting, lookup, link);
        lookup->on_done(&resolved, lookup->arg);
        free(lookup);
    }
    name->telling = false;
}

static void free_name(struct name *name)
{
    struct lookup *lookup;

    while ((lookup = TAILQ_FIRST(&name->waiting)))
        (void)lookup_cancel(lookup);
    TAILQ_REMOVE(&name->resolver->names, name, link);
    name->resolver->n_names--;
    loop_later_clear(&name->tell);
    free(name->addresses);
    free(name->host);
    free(name);
}

static void forget_oldest(struct resolver *resolver)
{
    struct name *name;

    TAILQ_FOREACH(name, &resolver->names, link)
    if (!name->asking && !name->telling && TAILQ_EMPTY(&name->waiting))
        break;
    if (name)
        free_name(name);
}

static struct name *get_name(struct resolver *resolver, const char *host)
{
    struct name *name;

    TAILQ_FOREACH(name, &resolver->names, link)
    if (text_equal_nocase(span_of(name->host), span_of(host)))
        break;
    if (name) {
        TAILQ_REMOVE(&resolver->names, name, link);
        TAILQ_INSERT_TAIL(&resolver->names, name, link);
        return name;
    }
    if (resolver->n_names >= MAX_NAMES)
        forget_oldest(resolver);
    name = xcalloc(1, sizeof(*name));
    name->resolver = resolver;
    name->host = xstrdup(host);
    name->fresh_until_ms = INT64_MIN;
    TAILQ_INIT(&name->waiting);
    loop_later_init(&name->tell, tell, name);
    TAILQ_INSERT_TAIL(&resolver->names, name, link);
    resolver->n_names++;
    return name;
}

struct lookup *lookup_start(struct resolver *resolver, const char *host, resolved_fn *on_done,
                            void *arg)
{
    struct name *name = get_name(resolver, host);
    struct lookup *lookup = xcalloc(1, sizeof(*lookup));

    *lookup = (struct lookup){.name = name, .on_done = on_done, .arg = arg};
    TAILQ_INSERT_TAIL(&name->waiting, lookup, link);
    if (name->asking)
        return lookup;
    if (clock_monotonic_ms() < name->fresh_until_ms)
        loop_later_set(&name->tell, resolver->loop);
    else
        ask(name);
    return lookup;
}

struct lookup *lookup_cancel(struct lookup *lookup)
{
    if (!lookup)
        return NULL;
    TAILQ_REMOVE(&lookup->name->waiting, lookup, link);
    free(lookup);
    return NULL;
}

/* ---- life ---- */

struct resolver *resolver_new(struct loop *loop)
{
    struct resolver *resolver = xcalloc(1, sizeof(*resolver));

    if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS)
        abort();
    resolver->loop = loop;
    TAILQ_INIT(&resolver->watches);
    TAILQ_INIT(&resolver->names);
    loop_timer_init(&resolver->timer, loop, on_timer, resolver);
    open_channel(resolver);
    return resolver;
}

struct resolver *resolver_free(struct resolver *resolver)
{
    if (!resolver)
        return NULL;
    ares_destroy(resolver->channel);
    loop_timer_clear(&resolver->timer);
    while (!TAILQ_EMPTY(&resolver->names))
        free_name(TAILQ_FIRST(&resolver->names));
    while (!TAILQ_EMPTY(&resolver->watches))
        unwatch(TAILQ_FIRST(&resolver->watches));
    free(resolver->servers);
    ares_library_cleanup();
    free(resolver);
    return NULL;
}

int resolver_servers(struct resolver *resolver, const char *list, struct error *error)
{
    int status = ares_set_servers_ports_csv(resolver->channel, list);

    if (status != ARES_SUCCESS)
        return error_set(error, ERROR_CONFIG, -EINVAL,
                         "\"%s\" is no list of name servers like 192.0.2.1,[2001:db8::1]:53", list);
    free(resolver->servers);
    resolver->servers = xstrdup(list);
    return 0;
}
