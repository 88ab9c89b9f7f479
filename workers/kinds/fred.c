/* fred: reads the figures of the economy from FRED once a day and publishes the ratios that
 * predictions use (predict/macro.h). No request waits for FRED: predictions pin what is there.
 *
 * Whoever asks for it, on however many hosts, the first job of a day that gets all figures does the
 * work and the others find it done. Each vintage is kept whole for a year and some, as
 * macro:vintage:<day>. A series that cannot be read keeps its last ratio, with its vintage; when
 * none can, the job fails and is tried again later. */
#include <stdlib.h>

#include "clock.h"
#include "error.h"
#include "json.h"
#include "kind.h"
#include "predict/macro.h"
#include "run.h"
#include "text.h"

#define KEPT_S (400LL * 86400)
#define YEARS 11 /* ten, and one more for changes from a year before */
#define MAX_ROWS 200

struct fred {
    char day[MACRO_DAY_BYTES];     /* of the job's first start */
    char vintage[MACRO_DAY_BYTES]; /* as FRED says; "" = nothing was read */
    struct json *observations;     /* {series: [[day, value]…]} */
    struct json *document;
    const struct run_answer *before; /* what was published; borrowed from the run */
    const struct json *error;        /* the first that a reading ended with; NULL = none */
};

static void free_state(void *arg)
{
    struct fred *fred = arg;

    if (!fred)
        return;
    json_free(fred->observations);
    json_free(fred->document);
    free(fred);
}

static int prepare(struct run *run, const struct json *request, void **ret_state,
                   struct error *error)
{
    struct fred *fred = xcalloc(1, sizeof(*fred));
    char now[CLOCK_TEXT_BYTES];

    (void)request, (void)error;
    clock_text(run_clock(run), now);
    (void)snprintf(fred->day, sizeof(fred->day), "%.10s", now);
    fred->observations = json_object();
    *ret_state = fred;
    return 0;
}

static bool is_done(const struct fred *fred)
{
    const struct json *before = fred->before->json;

    return json_get_bool(before, "complete", false) &&
           span_equal(json_get_string(before, "asked", ""), span_of(fred->day));
}

static enum step_result look(struct run *run)
{
    struct fred *fred = run_state(run);

    fred->before = run_pin(run, "before", MACRO_NAME);
    return fred->before ? STEP_NEXT : STEP_WAIT;
}

/* ---- reading ---- */

static const struct run_answer *ask(struct run *run, size_t i)
{
    const struct fred *fred = run_state(run);
    char first[MACRO_DAY_BYTES];

    macro_years_before(fred->day, YEARS, first);
    CLEANUP(charp_freep)
    char *path = xprintf("/series/observations?series_id=%s&file_type=json&sort_order=desc&limit=%d"
                         "&observation_start=%.4s-01-01",
                         macro_series[i], MAX_ROWS, first);
    return run_read(run, run_key("series/%zu", i), "fred", path);
}

/* A figure is a text; "." says that there is none. */
static bool read_figure(struct span text, double *ret_value)
{
    CLEANUP(json_freep) struct json *json = NULL;

    if (json_parse(text, NULL, &json, NULL) < 0 || !json_is(json, JSON_NUMBER))
        return false;
    *ret_value = json_number(json);
    return true;
}

/* The newest come first, we keep the oldest first. */
static struct json *rows_of(const struct json *data)
{
    const struct json *observations = json_get(data, "observations");
    struct json *rows = json_array();

    for (size_t i = json_length(observations); i-- > 0;) {
        const struct json *observation = json_at(observations, i);
        struct span day = json_get_string(observation, "date", "");
        double value;
        if (day.n != MACRO_DAY_BYTES - 1 ||
            !read_figure(json_get_string(observation, "value", ""), &value))
            continue;
        struct json *row = json_array();
        json_append(row, json_new_string(day));
        json_append(row, json_new_number(value));
        json_append(rows, row);
    }
    return rows;
}

static void take(struct fred *fred, const char *series, const struct run_answer *answer)
{
    if (answer->failed) {
        if (!fred->error)
            fred->error = json_get(answer->json, "error");
        return;
    }
    const struct json *data = json_get(answer->json, "data");
    struct span vintage = json_get_string(data, "realtime_end", "");
    if (vintage.n == MACRO_DAY_BYTES - 1 && strcmp(vintage.at, fred->vintage) > 0)
        (void)snprintf(fred->vintage, sizeof(fred->vintage), "%s", vintage.at);
    json_set(fred->observations, series, rows_of(data));
}

static enum step_result read(struct run *run)
{
    struct fred *fred = run_state(run);
    const struct run_answer *answers[MACRO_SERIES_MAX];
    size_t n = 0, n_known = 0;

    if (is_done(fred))
        return STEP_NEXT;
    for (; macro_series[n]; n++)
        n_known += (answers[n] = ask(run, n)) != NULL;
    if (n_known < n)
        return STEP_WAIT;
    for (size_t i = 0; i < n; i++)
        take(fred, macro_series[i], answers[i]);
    if (fred->vintage[0])
        return STEP_NEXT;
    enum error_code code;
    if (error_parse(json_get_string(fred->error, "code", ""), &code) < 0)
        code = ERROR_PROVIDER;
    return run_fail(run, code, "%s",
                    json_get_string(fred->error, "message", "FRED gave no vintage").at);
}

/* ---- storing ---- */

/* The figures and what was made of them. */
static struct json *whole(const struct fred *fred)
{
    struct json *json = json_copy(fred->document);

    json_set(json, "observations", json_copy(fred->observations));
    return json;
}

static enum step_result store(struct run *run)
{
    struct fred *fred = run_state(run);

    if (is_done(fred))
        return STEP_NEXT;
    if (!fred->document)
        fred->document = macro_document(fred->day, fred->vintage, "FRED", fred->observations,
                                        fred->before->json);
    CLEANUP(json_freep) struct json *all = whole(fred);
    CLEANUP(charp_freep) char *name = xprintf(MACRO_NAME ":vintage:%s", fred->vintage);
    bool complete = json_get_bool(fred->document, "complete", false);
    bool kept = !complete || run_record(run, "vintage", name, all, KEPT_S);
    bool published = run_publish(run, "publish", MACRO_NAME, fred->vintage, fred->document);
    return kept && published ? STEP_NEXT : STEP_WAIT;
}

static enum step_result report(struct run *run)
{
    const struct fred *fred = run_state(run);
    const struct json *document = fred->document ? fred->document : fred->before->json;
    struct json *result = json_copy(document);

    json_set_bool(result, "read", fred->document != NULL);
    if (fred->error)
        json_set(result, "error", json_copy(fred->error));
    run_set_result(run, result);
    return STEP_NEXT;
}

static const struct step steps[] = {
    {"look",   look  },
    {"read",   read  },
    {"store",  store },
    {"report", report},
    {NULL,     NULL  },
};

const struct kind kind_fred = {"fred", steps, prepare, free_state};
