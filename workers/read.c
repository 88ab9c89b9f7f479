/* A run's readings: GET from servers that give data for the asking (run_read()).
 *
 * want a slot -> fetch -> the data go to Redis -> the step sees them. A reading that failed for
 * good is known to this attempt only, since another one may find the server well again. The key
 * travels in the query, so neither the address nor what curl says of it gets into a log or an
 * error. A reading belongs to the answer that waits for it. */
#include <errno.h>
#include <stdlib.h>

#include "clock.h"
#include "fetch.h"
#include "id.h"
#include "json.h"
#include "llm_call.h"
#include "llm_request.h"
#include "log.h"
#include "provider.h"
#include "run_private.h"
#include "text.h"

#define BODY_MAX_BYTES ((size_t)4 << 20)
#define TOTAL_MS 20000
#define PAUSE_MS 20000 /* after a 429 that names no time */
#define SAID_MAX_BYTES 200

struct reading {
    struct answer *answer;         /* borrowed: it owns us */
    const struct provider *source; /* borrowed from the host */
    char *path;
    struct slot *slot;
    struct fetch *fetch;
    struct loop_timer again;
    struct buf body;
    int n_retries;
};

void reading_stop(struct reading *reading)
{
    if (!reading)
        return;
    reading->fetch = fetch_cancel(reading->fetch);
    reading->slot = slots_release(reading->slot, SLOT_FAILED, -1, 0);
    loop_timer_clear(&reading->again);
}

struct reading *reading_free(struct reading *reading)
{
    if (!reading)
        return NULL;
    reading_stop(reading);
    buf_deinit(&reading->body);
    free(reading->path);
    free(reading);
    return NULL;
}

static void fail(struct answer *answer, const struct error *error)
{
    struct json *json = json_object(), *members = json_object();

    json_set_text(members, "code", error_name(error->code));
    json_set_text(members, "message", error->message);
    json_set(json, "error", members);
    run_answered(answer, json);
}

static void want_slot(struct reading *reading);

static void on_again(void *arg)
{
    want_slot(arg);
}

/* Whether the server may be well again soon: then it is asked again. */
static bool try_again(struct reading *reading, int status, int outcome)
{
    uint32_t word;

    if (reading->n_retries >= LLM_RETRIES || (outcome == 0 && status != 423 && status < 500))
        return false;
    id_random(&word, sizeof(word));
    loop_timer_set(&reading->again, llm_retry_backoff_ms(reading->n_retries++, word));
    return true;
}

/* The fleet pauses; the reading waits for that in the queue, at most to the job's deadline. */
static void wait_out(struct reading *reading, const struct fetch *fetch)
{
    int64_t asked_ms =
        llm_retry_asked_ms(SPAN(""), fetch_header(fetch, "retry-after"), clock_wall_ms());

    reading->slot =
        slots_release(reading->slot, SLOT_OVERLOADED, -1, asked_ms > 0 ? asked_ms : PAUSE_MS);
    want_slot(reading);
}

/* What the server says is wrong, unless it quotes the key. */
static void set_refused(const struct reading *reading, int status, struct error *error)
{
    CLEANUP(json_freep) struct json *json = NULL;
    const char *key = reading->source->api_key;

    struct span said = {0};
    if (json_parse(buf_span(&reading->body), NULL, &json, NULL) == 0)
        said = json_get_string(json, "error_message", "");
    if (key && text_contains(said, key))
        said.n = 0;
    (void)error_set(error, status >= 500 ? ERROR_PROVIDER : ERROR_PROVIDER_REFUSED, -EPROTO,
                    "%s: status %d%s%.*s", reading->source->name, status, said.n > 0 ? ", " : "",
                    (int)(said.n < SAID_MAX_BYTES ? said.n : SAID_MAX_BYTES), said.at);
}

static const char *outcome_text(int outcome)
{
    static const struct {
        int outcome;
        const char *text;
    } rows[] = {
        {-ECONNREFUSED, "cannot be reached"         },
        {-ETIMEDOUT,    "did not answer in time"    },
        {-ECONNRESET,   "broke off"                 },
        {-E2BIG,        "answered more than we read"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (rows[i].outcome == outcome)
            return rows[i].text;
    return "cannot be understood";
}

static void finish(struct reading *reading, int status, int outcome)
{
    const char *name = reading->source->name;
    struct error error = {0};
    struct json *data = NULL;

    if (outcome != 0)
        (void)error_set(&error, ERROR_PROVIDER, outcome, "%s %s", name, outcome_text(outcome));
    else if (status != 200)
        set_refused(reading, status, &error);
    else if (json_parse(buf_span(&reading->body), NULL, &data, NULL) < 0)
        (void)error_set(&error, ERROR_PROVIDER, -EPROTO, "%s answered with what is not JSON", name);
    if (!data) {
        log_warn("event=read.failed source=%s error=\"%s\"", name, error.message);
        fail(reading->answer, &error);
        return;
    }
    CLEANUP(json_freep) struct json *json = json_object();
    json_set(json, "data", data);
    run_keep(reading->answer, json);
}

static void on_data(struct fetch *fetch, struct span bytes, void *arg)
{
    struct reading *reading = arg;

    (void)fetch;
    buf_add_span(&reading->body, bytes);
}

static void on_done(struct fetch *fetch, const struct fetch_result *result, void *arg)
{
    struct reading *reading = arg;
    bool well = result->outcome == 0 && result->status < 500;

    reading->fetch = NULL;
    if (result->outcome == 0 && result->status == 429) {
        wait_out(reading, fetch);
        return;
    }
    reading->slot = slots_release(reading->slot, well ? SLOT_OK : SLOT_FAILED, -1, 0);
    if (!try_again(reading, result->status, result->outcome))
        finish(reading, result->status, result->outcome);
}

static const struct fetch_ops fetch_ops = {.on_data = on_data, .on_done = on_done};

static void on_granted(void *arg)
{
    struct reading *reading = arg;
    const struct provider *source = reading->source;
    const char *key = source->api_key ? source->api_key : "";
    struct fetch_header headers[2];
    char parent[TRACE_PARENT_BYTES];
    CLEANUP(charp_freep)
    char *url = xprintf("%s%s%s%s=%s", source->base_url, reading->path,
                        strchr(reading->path, '?') ? "&" : "?", source->key_query, key);

    buf_clear(&reading->body);
    reading->fetch = fetch_start(
        reading->answer->run->host->llm->fetcher,
        &(struct fetch_request){
            .method = "GET",
            .url = url,
            .headers = headers,
            .n_headers = llm_trace_headers(&reading->answer->run->lease.trace, parent, headers),
            .first_byte_ms = source->first_byte_ms,
            .idle_ms = source->idle_ms,
            .total_ms = TOTAL_MS,
            .max_bytes = BODY_MAX_BYTES,
        },
        &fetch_ops, reading);
    explicit_bzero(url, strlen(url));
}

static void on_lost(void *arg)
{
    struct reading *reading = arg;

    reading->slot = NULL;
    reading->fetch = fetch_cancel(reading->fetch);
    want_slot(reading);
}

static const struct slot_ops slot_ops = {.on_granted = on_granted, .on_lost = on_lost};

static void want_slot(struct reading *reading)
{
    struct run *run = reading->answer->run;

    reading->slot = slots_acquire(run->host->llm->slots, reading->source->name, run->lease.id, 0,
                                  &slot_ops, reading);
}

const struct run_answer *run_read(struct run *run, const char *key, const char *source,
                                  const char *path)
{
    struct answer *answer = run_find(run, key);
    struct error error = {0};

    if (!answer) {
        const struct provider *provider =
            provider_source(run->host->llm->providers, source, &error);
        answer = run_add(run, key, ANSWER_ASKING);
        if (!provider) {
            fail(answer, &error);
            return &answer->view;
        }
        answer->reading = xcalloc(1, sizeof(*answer->reading));
        answer->reading->answer = answer;
        answer->reading->source = provider;
        answer->reading->path = xstrdup(path);
        buf_init(&answer->reading->body, BODY_MAX_BYTES);
        loop_timer_init(&answer->reading->again, run->host->loop, on_again, answer->reading);
        want_slot(answer->reading);
    }
    return answer->state == ANSWER_KNOWN ? &answer->view : NULL;
}
