/* HTTP requests on the loop: libcurl's multi interface, driven by our descriptors and timers.
 *
 * Nobody's code runs inside curl: its callbacks only note what came (head, pending, done) and mark
 * the fetch ready; after each curl_multi_socket_action() one place delivers. So a callback of ours
 * may start and cancel fetches freely, which curl itself forbids.
 *
 * The fetcher owns the fetches in `all`; ended ones are freed at the end of the turn, because their
 * caller may stand on the stack. Life of a fetch: CONNECTING (its host's addresses are asked for
 * and pinned first: curl never resolves a name) -> WAITING (request may have been sent) -> READING
 * (status line came) -> closed. Each phase has its deadline, `total_ms` bounds them all; one timer
 * serves the nearest. */
#include "fetch.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "buf.h"
#include "clock.h"
#include "fetch_easy.h"
#include "fetch_head.h"
#include "loop.h"
#include "resolve.h"

#define KEPT_CONNECTIONS 64
#define ANSWER_BYTES ((size_t)8 << 20)

enum phase { CONNECTING, WAITING, READING, PHASE_COUNT_ };

struct fetch {
    struct fetcher *fetcher; /* borrowed */
    const struct fetch_ops *ops;
    void *arg;
    TAILQ_ENTRY(fetch) link, ready_link;
    bool ready;  /* in fetcher->ready */
    bool closed; /* ended or cancelled: no callback any more */

    CURL *easy; /* NULL once closed */
    struct curl_slist *headers, *pinned;
    struct lookup *lookup; /* while the host is asked for */
    char *host, *port;
    char curl_error[CURL_ERROR_SIZE];

    enum phase phase;
    int64_t limit_ms[PHASE_COUNT_], total_ms;
    int64_t started_ms, phase_ms; /* phase_ms: since when the phase's limit counts */
    struct loop_timer timer;
    struct loop_later unstarted; /* reports a request that could not be started */

    struct fetch_head head;
    bool head_told;
    struct buf pending; /* body not delivered yet */
    size_t n_received, max_bytes;
    bool too_big, done, sent;
    CURLcode code; /* valid when done */
};

struct fetcher {
    struct loop *loop; /* borrowed */
    CURLM *multi;
    struct resolver *resolver;
    struct loop_timer timer; /* curl's */
    TAILQ_HEAD(, fetch) all;
    TAILQ_HEAD(, fetch) ready;
};

/* What curl's codes mean to a caller; all others are -EPROTO. */
static const struct {
    CURLcode code;
    int outcome;
} outcomes[] = {
    {CURLE_OK,                   0            },
    {CURLE_COULDNT_RESOLVE_HOST, -ECONNREFUSED},
    {CURLE_COULDNT_CONNECT,      -ECONNREFUSED},
    {CURLE_SSL_CONNECT_ERROR,    -ECONNREFUSED},
    {CURLE_OPERATION_TIMEDOUT,   -ETIMEDOUT   },
    {CURLE_PARTIAL_FILE,         -ECONNRESET  },
    {CURLE_GOT_NOTHING,          -ECONNRESET  },
    {CURLE_SEND_ERROR,           -ECONNRESET  },
    {CURLE_RECV_ERROR,           -ECONNRESET  },
    {CURLE_HTTP2,                -ECONNRESET  },
    {CURLE_HTTP2_STREAM,         -ECONNRESET  },
    {CURLE_FILESIZE_EXCEEDED,    -E2BIG       },
};

static int outcome_of(CURLcode code)
{
    for (size_t i = 0; i < ARRAY_SIZE(outcomes); i++)
        if (outcomes[i].code == code)
            return outcomes[i].outcome;
    return -EPROTO;
}

static void fetch_destroy(void *object)
{
    struct fetch *fetch = object;

    curl_slist_free_all(fetch->headers);
    curl_slist_free_all(fetch->pinned);
    free(fetch->host);
    free(fetch->port);
    fetch_head_deinit(&fetch->head);
    buf_deinit(&fetch->pending);
    free(fetch);
}

/* Ends a fetch: its connection goes back to the pool when the answer is complete, else is closed.
 */
static void fetch_close(struct fetch *fetch)
{
    struct fetcher *fetcher = fetch->fetcher;

    fetch->closed = true;
    loop_timer_clear(&fetch->timer);
    loop_later_clear(&fetch->unstarted);
    TAILQ_REMOVE(&fetcher->all, fetch, link);
    if (fetch->ready)
        TAILQ_REMOVE(&fetcher->ready, fetch, ready_link);
    fetch->ready = false;
    fetch->lookup = lookup_cancel(fetch->lookup);
    if (fetch->easy) {
        (void)curl_multi_remove_handle(fetcher->multi, fetch->easy);
        curl_easy_cleanup(fetch->easy);
        fetch->easy = NULL;
    }
    loop_free_later(fetcher->loop, fetch, fetch_destroy);
}

static void finish(struct fetch *fetch, struct fetch_result *result)
{
    result->status = fetch->head.status >= 200 ? fetch->head.status : 0;
    result->sent = fetch->sent;
    /* on_done may look at the head, so close only marks and unlinks; memory stays until the turn
     * ends. */
    fetch_close(fetch);
    fetch->ops->on_done(fetch, result, fetch->arg);
}

static void finish_done(struct fetch *fetch)
{
    struct fetch_result result = {.outcome = outcome_of(fetch->code)};
    const char *text = fetch->curl_error[0] ? fetch->curl_error : curl_easy_strerror(fetch->code);

    if (fetch->too_big) {
        result.outcome = error_set(&result.error, ERROR_PROVIDER, -E2BIG,
                                   "the answer is larger than %zu bytes", fetch->max_bytes);
    } else if (result.outcome != 0) {
        (void)error_set(&result.error, ERROR_PROVIDER, result.outcome, "%s", text);
    }
    finish(fetch, &result);
}

static void mark_ready(struct fetch *fetch)
{
    if (fetch->ready || fetch->closed)
        return;
    fetch->ready = true;
    TAILQ_INSERT_TAIL(&fetch->fetcher->ready, fetch, ready_link);
}

static void deliver(struct fetch *fetch)
{
    if (fetch->head.done && !fetch->head_told) {
        fetch->head_told = true;
        if (fetch->ops->on_head)
            fetch->ops->on_head(fetch, fetch->head.status, fetch->arg);
        if (fetch->closed)
            return;
    }
    if (fetch->pending.n > 0) {
        if (fetch->ops->on_data)
            fetch->ops->on_data(fetch, buf_span(&fetch->pending), fetch->arg);
        if (fetch->closed)
            return;
        buf_clear(&fetch->pending);
    }
    if (fetch->done)
        finish_done(fetch);
}

/* Runs after every call into curl that may have moved transfers. */
static void fetcher_deliver(struct fetcher *fetcher)
{
    CURLMsg *message;
    int n_left = 0;
    struct fetch *fetch;

    while ((message = curl_multi_info_read(fetcher->multi, &n_left))) {
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result;
        char *private = NULL;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
        fetch = (struct fetch *)(void *)private;
        fetch->done = true;
        fetch->code = code;
        mark_ready(fetch);
    }
    while ((fetch = TAILQ_FIRST(&fetcher->ready))) {
        TAILQ_REMOVE(&fetcher->ready, fetch, ready_link);
        fetch->ready = false;
        deliver(fetch);
    }
}

/* Deadlines. */

static int64_t deadline_ms(const struct fetch *fetch)
{
    int64_t phase = fetch->phase_ms + fetch->limit_ms[fetch->phase];
    int64_t total = fetch->started_ms + fetch->total_ms;

    return phase < total ? phase : total;
}

static void enter_phase(struct fetch *fetch, enum phase phase)
{
    int64_t now_ms = clock_monotonic_ms();

    fetch->phase = phase;
    fetch->phase_ms = now_ms;
    loop_timer_set(&fetch->timer, deadline_ms(fetch) - now_ms);
}

static void on_deadline(void *arg)
{
    static const char *const missed[] = {"no connection", "no answer", "no further byte"};
    struct fetch *fetch = arg;
    struct fetch_result result = {0};
    int64_t now_ms = clock_monotonic_ms();

    /* Bytes move phase_ms without touching the timer. */
    if (now_ms < deadline_ms(fetch)) {
        loop_timer_set(&fetch->timer, deadline_ms(fetch) - now_ms);
        return;
    }
    bool total = now_ms >= fetch->started_ms + fetch->total_ms;
    int64_t limit_ms = total ? fetch->total_ms : fetch->limit_ms[fetch->phase];
    result.outcome = error_set(&result.error, ERROR_PROVIDER, -ETIMEDOUT, "%s within %lld ms",
                               total ? "not finished" : missed[fetch->phase], (long long)limit_ms);
    finish(fetch, &result);
}

/* What curl calls: notes only, see above. */

static int on_connected(void *arg, char *peer, char *local, int peer_port, int local_port)
{
    struct fetch *fetch = arg;

    (void)peer;
    (void)local;
    (void)peer_port;
    (void)local_port;
    fetch->sent = true;
    enter_phase(fetch, WAITING);
    return CURL_PREREQFUNC_OK;
}

static size_t on_header_line(char *at, size_t size, size_t n, void *arg)
{
    struct fetch *fetch = arg;

    if (fetch->phase != READING)
        enter_phase(fetch, READING);
    fetch->phase_ms = clock_monotonic_ms();
    fetch->too_big = !fetch_head_line(&fetch->head, (struct span){at, size * n});
    if (fetch->head.done && !fetch->head_told)
        mark_ready(fetch);
    return fetch->too_big ? 0 : size * n;
}

static size_t on_body(char *at, size_t size, size_t n, void *arg)
{
    struct fetch *fetch = arg;
    size_t n_bytes = size * n;

    fetch->phase_ms = clock_monotonic_ms();
    if (n_bytes > fetch->max_bytes - fetch->n_received) {
        fetch->too_big = true;
        return 0;
    }
    fetch->n_received += n_bytes;
    buf_add(&fetch->pending, at, n_bytes);
    mark_ready(fetch);
    return n_bytes;
}

/* The loop's side of curl. */

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
    struct fetcher *fetcher = arg;
    int flags = (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0);
    int n_running = 0;

    (void)curl_multi_socket_action(fetcher->multi, fd, flags, &n_running);
    fetcher_deliver(fetcher);
}

static void on_curl_timer(void *arg)
{
    struct fetcher *fetcher = arg;
    int n_running = 0;

    (void)curl_multi_socket_action(fetcher->multi, CURL_SOCKET_TIMEOUT, 0, &n_running);
    fetcher_deliver(fetcher);
}

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *assigned)
{
    struct fetcher *fetcher = arg;
    struct event *event = assigned;
    short events = EV_PERSIST;

    (void)easy;
    if (event)
        event_free(event);
    event = NULL;
    if (what != CURL_POLL_REMOVE) {
        events |= what & CURL_POLL_IN ? EV_READ : 0;
        events |= what & CURL_POLL_OUT ? EV_WRITE : 0;
        event = event_new(loop_base(fetcher->loop), fd, events, on_socket, fetcher);
        if (!event || event_add(event, NULL) != 0)
            abort();
    }
    (void)curl_multi_assign(fetcher->multi, fd, event);
    return 0;
}

static int set_curl_timer(CURLM *multi, long ms, void *arg)
{
    struct fetcher *fetcher = arg;

    (void)multi;
    if (ms < 0)
        loop_timer_clear(&fetcher->timer);
    else
        loop_timer_set(&fetcher->timer, ms);
    return 0;
}

/* Starting. */

static void set_callbacks(struct fetch *fetch)
{
    CURL *easy = fetch->easy;

    (void)curl_easy_setopt(easy, CURLOPT_PRIVATE, (char *)fetch);
    (void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, fetch->curl_error);
    (void)curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_connected);
    (void)curl_easy_setopt(easy, CURLOPT_PREREQDATA, fetch);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header_line);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERDATA, fetch);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, fetch);
}

static bool prepare(struct fetch *fetch, const struct fetch_request *request)
{
    fetch->easy = fetch_easy_new(request, &fetch->headers);
    if (!fetch->easy || !fetch_easy_place(request->url, &fetch->host, &fetch->port))
        return false;
    set_callbacks(fetch);
    (void)curl_easy_setopt(fetch->easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)fetch->max_bytes);
    (void)curl_easy_setopt(fetch->easy, CURLOPT_CONNECTTIMEOUT_MS,
                           (long)fetch->limit_ms[CONNECTING]);
    return true;
}

static bool connect_now(struct fetch *fetch)
{
    return curl_multi_add_handle(fetch->fetcher->multi, fetch->easy) == CURLM_OK;
}

static void on_resolved(const struct resolved *resolved, void *arg)
{
    struct fetch *fetch = arg;
    struct fetch_result result = {0};

    fetch->lookup = NULL;
    if (resolved->outcome != 0) {
        result.outcome =
            error_set(&result.error, ERROR_PROVIDER, -ECONNREFUSED,
                      "the address of %s is not known: %s", fetch->host, resolved->reason);
        finish(fetch, &result);
        return;
    }
    fetch->pinned = fetch_easy_pin(fetch->easy, fetch->host, fetch->port, resolved->addresses);
    if (!connect_now(fetch))
        loop_later_set(&fetch->unstarted, fetch->fetcher->loop);
}

/* false: the request cannot be made. */
static bool begin(struct fetch *fetch, const struct fetch_request *request)
{
    if (!prepare(fetch, request))
        return false;
    if (fetch_easy_is_address(fetch->host))
        return connect_now(fetch);
    fetch->lookup = lookup_start(fetch->fetcher->resolver, fetch->host, on_resolved, fetch);
    return true;
}

static void on_unstarted(void *arg)
{
    struct fetch *fetch = arg;
    struct fetch_result result = {0};

    result.outcome = error_set(&result.error, ERROR_PROVIDER, -EPROTO,
                               "the request cannot be made: address, method or header field");
    finish(fetch, &result);
}

static int64_t or_default(int64_t value, int64_t fallback)
{
    return value > 0 ? value : fallback;
}

/* Public. */

struct fetcher *fetcher_new(struct loop *loop)
{
    struct fetcher *fetcher = xcalloc(1, sizeof(*fetcher));

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(fetcher->multi = curl_multi_init()))
        abort();
    fetcher->loop = loop;
    fetcher->resolver = resolver_new(loop);
    TAILQ_INIT(&fetcher->all);
    TAILQ_INIT(&fetcher->ready);
    loop_timer_init(&fetcher->timer, loop, on_curl_timer, fetcher);
    (void)curl_multi_setopt(fetcher->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
    (void)curl_multi_setopt(fetcher->multi, CURLMOPT_SOCKETDATA, fetcher);
    (void)curl_multi_setopt(fetcher->multi, CURLMOPT_TIMERFUNCTION, set_curl_timer);
    (void)curl_multi_setopt(fetcher->multi, CURLMOPT_TIMERDATA, fetcher);
    (void)curl_multi_setopt(fetcher->multi, CURLMOPT_MAXCONNECTS, (long)KEPT_CONNECTIONS);
    return fetcher;
}

struct fetcher *fetcher_free(struct fetcher *fetcher)
{
    struct fetch *fetch;

    if (!fetcher)
        return NULL;
    while ((fetch = TAILQ_FIRST(&fetcher->all)))
        fetch_close(fetch);
    resolver_free(fetcher->resolver);
    (void)curl_multi_cleanup(fetcher->multi);
    loop_timer_clear(&fetcher->timer);
    curl_global_cleanup();
    free(fetcher);
    return NULL;
}

int fetcher_name_servers(struct fetcher *fetcher, const char *list, struct error *error)
{
    return resolver_servers(fetcher->resolver, list, error);
}

struct fetch *fetch_start(struct fetcher *fetcher, const struct fetch_request *request,
                          const struct fetch_ops *ops, void *arg)
{
    struct fetch *fetch = xcalloc(1, sizeof(*fetch));

    fetch->fetcher = fetcher;
    fetch->ops = ops;
    fetch->arg = arg;
    fetch->max_bytes = request->max_bytes ? request->max_bytes : ANSWER_BYTES;
    fetch_head_init(&fetch->head);
    buf_init(&fetch->pending, fetch->max_bytes);
    fetch->limit_ms[CONNECTING] = or_default(request->connect_ms, 10000);
    fetch->limit_ms[WAITING] = or_default(request->first_byte_ms, 60000);
    fetch->limit_ms[READING] = or_default(request->idle_ms, 60000);
    fetch->total_ms = or_default(request->total_ms, 600000);
    fetch->started_ms = clock_monotonic_ms();
    loop_timer_init(&fetch->timer, fetcher->loop, on_deadline, fetch);
    loop_later_init(&fetch->unstarted, on_unstarted, fetch);
    TAILQ_INSERT_TAIL(&fetcher->all, fetch, link);
    enter_phase(fetch, CONNECTING);
    if (!begin(fetch, request))
        loop_later_set(&fetch->unstarted, fetcher->loop);
    return fetch;
}

struct fetch *fetch_cancel(struct fetch *fetch)
{
    if (fetch && !fetch->closed)
        fetch_close(fetch);
    return NULL;
}

struct span fetch_header(const struct fetch *fetch, const char *name)
{
    return fetch_head_field(&fetch->head, name);
}
