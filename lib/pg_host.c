/* Where Postgres is: the parts of its url, and the addresses of the hosts named there.
 *
 * PQconnectStart() asks the name server itself and waits for it. So names are looked up before it,
 * at each connect and beside the loop, and libpq gets numeric addresses next to the names, which it
 * still needs to check certificates. A host with several addresses becomes as many entries of
 * libpq's lists: it tries them in turn. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "buf.h"
#include "error.h"
#include "pg_private.h"
#include "resolve.h"
#include "text.h"

#define MAX_LIST_BYTES 16384
#define MAX_KEYWORDS 96 /* libpq 15 knows 41 */

struct pg_target {
    PQconninfoOption *options;
    struct resolver *resolver;
    struct lookup *lookup;            /* of `host`; NULL = none runs */
    struct span hosts, ports;         /* still to look at */
    struct span host, port;           /* being looked at */
    struct buf names, numbers, doors; /* libpq's host, hostaddr, port: the n-th belong together */
    size_t n;
    char fault[256];
    pg_found_fn *fn;
    void *arg;
};

static void add_item(struct buf *list, size_t n, struct span item)
{
    if (n > 0)
        buf_add_char(list, ',');
    buf_add_span(list, item);
}

static void add_place(struct pg_target *target, struct span address)
{
    add_item(&target->names, target->n, target->host);
    add_item(&target->numbers, target->n, address);
    add_item(&target->doors, target->n, target->port);
    target->n++;
}

static bool go_on(struct pg_target *target);

static void on_resolved(const struct resolved *resolved, void *arg)
{
    struct pg_target *target = arg;
    struct span addresses = resolved->addresses, address;

    target->lookup = NULL;
    if (resolved->outcome != 0)
        (void)snprintf(target->fault, sizeof(target->fault), "host %.*s is not known: %s",
                       (int)(target->host.n < 150 ? target->host.n : 150), target->host.at,
                       resolved->reason);
    while (resolved->outcome == 0 && text_next(&addresses, ',', &address)) {
        if (address.n > 1 && address.at[0] == '[')
            address = (struct span){address.at + 1, address.n - 2};
        add_place(target, address);
    }
    if (go_on(target))
        target->fn(target->n == 0 ? target->fault : NULL, target->arg);
}

/* Looks at the hosts that are left. true: that was all of them. */
static bool go_on(struct pg_target *target)
{
    while (text_next(&target->hosts, ',', &target->host)) {
        (void)text_next(&target->ports, ',', &target->port); /* one port is all hosts' */
        /* A folder of unix sockets, maybe an abstract one. */
        if (target->host.n == 0 || target->host.at[0] == '/' || target->host.at[0] == '@') {
            add_place(target, SPAN(""));
            continue;
        }
        CLEANUP(charp_freep) char *name = xspandup(target->host);
        target->lookup = lookup_start(target->resolver, name, on_resolved, target);
        return false;
    }
    return true;
}

static const char *option(const struct pg_target *target, const char *keyword)
{
    for (const PQconninfoOption *at = target->options; at->keyword; at++)
        if (strcmp(at->keyword, keyword) == 0)
            return at->val;
    return NULL;
}

bool pg_target_find(struct pg_target *target, pg_found_fn *fn, void *arg)
{
    const char *hosts = option(target, "host"), *ports = option(target, "port");

    if (!hosts)
        hosts = getenv("PGHOST"); /* as libpq does */
    if (!hosts || option(target, "hostaddr"))
        hosts = "";
    target->hosts = span_of(hosts);
    target->ports = span_of(ports ? ports : "");
    buf_clear(&target->names);
    buf_clear(&target->numbers);
    buf_clear(&target->doors);
    target->n = 0;
    target->fn = fn;
    target->arg = arg;
    return go_on(target);
}

void pg_target_leave(struct pg_target *target)
{
    target->lookup = lookup_cancel(target->lookup);
}

int pg_target_new(struct loop *loop, const char *url, struct pg_target **ret_target,
                  struct error *error)
{
    /* What libpq has to say of it may quote the password. */
    PQconninfoOption *options = PQconninfoParse(url, NULL);

    if (!options)
        return error_set(error, ERROR_CONFIG, -EINVAL,
                         "the database's address must be like postgresql://user@host/database");
    struct pg_target *target = xcalloc(1, sizeof(*target));
    target->options = options;
    target->resolver = resolver_new(loop);
    buf_init(&target->names, MAX_LIST_BYTES);
    buf_init(&target->numbers, MAX_LIST_BYTES);
    buf_init(&target->doors, MAX_LIST_BYTES);
    *ret_target = target;
    return 0;
}

struct pg_target *pg_target_free(struct pg_target *target)
{
    if (!target)
        return NULL;
    pg_target_leave(target);
    resolver_free(target->resolver);
    buf_deinit(&target->names);
    buf_deinit(&target->numbers);
    buf_deinit(&target->doors);
    PQconninfoFree(target->options);
    free(target);
    return NULL;
}

struct keywords {
    const char *names[MAX_KEYWORDS + 1], *values[MAX_KEYWORDS + 1];
    size_t n;
};

static void add_keyword(struct keywords *keywords, const char *name, const char *value)
{
    if (!value || !*value || keywords->n == MAX_KEYWORDS)
        return;
    keywords->names[keywords->n] = name;
    keywords->values[keywords->n++] = value;
}

PGconn *pg_target_connect(const struct pg_target *target)
{
    struct keywords keywords = {0};

    /* Of a keyword that comes twice the last counts. Kerberos would be asked for tickets on the
     * loop. */
    add_keyword(&keywords, "gssencmode", "disable");
    add_keyword(&keywords, "fallback_application_name", "parley");
    for (const PQconninfoOption *at = target->options; at->keyword; at++)
        add_keyword(&keywords, at->keyword, at->val);
    if (!option(target, "hostaddr")) {
        add_keyword(&keywords, "host", target->names.at);
        add_keyword(&keywords, "hostaddr", target->numbers.at);
        add_keyword(&keywords, "port", target->doors.at);
    }
    add_keyword(&keywords, "client_encoding", "UTF8");
    return PQconnectStartParams(keywords.names, keywords.values, 0);
}
