/* predict: the probability of a goal told in plain language (domain.md D). One step of the kind for
 * each step of the reasoning that the client sees: understood, base_rate, ratios, simulated,
 * concluded; before them `extract`, which finds out what is asked (extractor.c), and `enrich`.
 *
 * After the extraction everything is a pure function of it and the normalised text, so all
 * spellings of a goal give the same bytes and a second attempt gives the same events. */
#include "predict.h"

#include <errno.h>

#include "buf.h"
#include "error.h"
#include "extractor.h"
#include "json.h"
#include "kind.h"
#include "macro.h"
#include "run.h"
#include "sim/fault.h"
#include "sim/mc.h"
#include "sim/sim.h"

/* How the economy is pinned to the job. */
#define MACRO_KEY "macro"

struct predict {
    struct buf goal, context; /* normalised; the prediction's spans point into them */
    char *seed;               /* the request's own, may be empty */
    struct extractor extractor;
    struct prediction prediction;
    struct json *steps; /* those told so far */
};

static const size_t looks[] = {1000, 2500, 5000, PREDICT_TRIALS};

static void free_state(void *arg)
{
    struct predict *predict = arg;

    if (!predict)
        return;
    predict->prediction.drivers = json_free(predict->prediction.drivers);
    predict->prediction.run = json_free(predict->prediction.run);
    predict->prediction.sim = sim_free(predict->prediction.sim);
    predict->prediction.mc = mc_free(predict->prediction.mc);
    predict->prediction.model = json_free(predict->prediction.model);
    predict->steps = json_free(predict->steps);
    extractor_deinit(&predict->extractor);
    buf_deinit(&predict->goal);
    buf_deinit(&predict->context);
    free(predict->seed);
    free(predict);
}

/* The request's own seed: a text, or the digits of an integer. */
static char *own_seed(const struct json *seed)
{
    return json_is_whole(seed) ? xprintf("%lld", (long long)json_integer(seed))
                               : xspandup(json_string(seed));
}

static int compile(struct predict *predict, struct error *error)
{
    struct prediction *prediction = &predict->prediction;
    CLEANUP(charp_freep)
    char *full = predict_seed(prediction->goal, prediction->context, &prediction->extraction,
                              &prediction->macro, span_of(predict->seed));
    struct faults faults = {0};
    int r = 0;

    prediction->model = predict_model(&prediction->extraction, &prediction->macro, full);
    prediction->mc = mc_new(prediction->model, &faults);
    if (!prediction->mc)
        r = error_set(error, ERROR_INTERNAL, -EINVAL, "our model is wrong: %s %s",
                      faults.at[0].path, faults.at[0].message);
    faults_deinit(&faults);
    return r;
}

static int read_request(struct predict *predict, const struct json *request, struct error *error)
{
    const struct json *data = json_get(request, "prediction_data");
    struct prediction *prediction = &predict->prediction;

    predict_normalise(json_get_string(data, "goal", ""), &predict->goal);
    predict_normalise(json_get_string(data, "context", ""), &predict->context);
    if (!buf_ok(&predict->goal) || !buf_ok(&predict->context))
        return error_set(error, ERROR_UNPREDICTABLE, -EINVAL,
                         "unpredictable: the text is larger than 64 KiB");
    predict->seed = own_seed(json_get(request, "seed"));
    prediction->goal = buf_span(&predict->goal);
    prediction->context = buf_span(&predict->context);
    int r = predict_refuse(prediction->goal, prediction->context, error);
    if (r < 0)
        return r;
    bool rules = span_equal(json_get_string(request, "extractor", "auto"), SPAN("rules"));
    unsigned n_personas = (unsigned)json_get_integer(request, "ensemble", 1);
    extractor_init(&predict->extractor, prediction->goal, prediction->context, rules, n_personas);
    return 0;
}

static int prepare(struct run *run, const struct json *request, void **ret_state,
                   struct error *error)
{
    struct predict *predict = xcalloc(1, sizeof(*predict));

    (void)run;
    buf_init(&predict->goal, PREDICT_TEXT_MAX_BYTES);
    buf_init(&predict->context, PREDICT_TEXT_MAX_BYTES);
    predict->steps = json_array();
    int r = read_request(predict, request, error);
    if (r < 0) {
        free_state(predict);
        return r;
    }
    *ret_state = predict;
    return 0;
}

/* What is asked. */
static enum step_result extract(struct run *run)
{
    struct predict *predict = run_state(run);
    enum step_result result =
        extractor_step(&predict->extractor, run, &predict->prediction.extraction);

    /* While a model thinks there is time to look. */
    if (result == STEP_WAIT)
        (void)run_pin(run, MACRO_KEY, MACRO_NAME);
    return result;
}

/* How the economy stands, as the daily job has left it; then the model is whole. */
static enum step_result enrich(struct run *run)
{
    struct predict *predict = run_state(run);
    struct prediction *prediction = &predict->prediction;
    struct error error = {0};

    if (registry_macro(prediction->extraction.event)) {
        const struct run_answer *published = run_pin(run, MACRO_KEY, MACRO_NAME);
        if (!published)
            return STEP_WAIT;
        prediction->macro = macro_of(prediction->extraction.event, published->json, macro_shipped(),
                                     run_clock(run));
    }
    extractor_pool(&predict->extractor, &prediction->macro, &prediction->extraction);
    if (compile(predict, &error) < 0)
        return run_fail(run, error.code, "%s", error.message);
    return STEP_NEXT;
}

static void emit_started(struct run *run, unsigned n)
{
    struct json *members = json_object();

    json_set_text(members, "step", predict_step_id(n));
    json_set_text(members, "title", predict_step_title(n));
    run_emit(run, run_key("started/%u", n), EVENT_STEP_STARTED, members);
}

static void emit_completed(struct run *run, unsigned n)
{
    struct predict *predict = run_state(run);
    struct json *members = json_object(), *step = predict_step(&predict->prediction, n);

    json_set_text(members, "step", predict_step_id(n));
    json_set_text(members, "title", predict_step_title(n));
    json_set(members, "output", json_copy(step));
    json_append(predict->steps, step);
    run_emit(run, run_key("completed/%u", n), EVENT_STEP_COMPLETED, members);
}

static enum step_result tell(struct run *run, unsigned n)
{
    emit_started(run, n);
    emit_completed(run, n);
    return STEP_NEXT;
}

static enum step_result understood(struct run *run)
{
    return tell(run, 1);
}

static enum step_result base_rate(struct run *run)
{
    return tell(run, 2);
}

static enum step_result ratios(struct run *run)
{
    return tell(run, 3);
}

static enum step_result simulated(struct run *run)
{
    struct prediction *prediction = &((struct predict *)run_state(run))->prediction;
    struct faults faults = {0};

    emit_started(run, 4);
    if (!predict_run(prediction, &faults)) {
        enum step_result result = run_fail(run, ERROR_INTERNAL, "our model is wrong: %s %s",
                                           faults.at[0].path, faults.at[0].message);
        faults_deinit(&faults);
        return result;
    }
    for (size_t i = 0; i < ARRAY_SIZE(looks); i++)
        run_emit(run, run_key("partial/%zu", looks[i]), EVENT_JOB_PARTIAL,
                 predict_partial(prediction->sim, looks[i]));
    emit_completed(run, 4);
    return STEP_NEXT;
}

static enum step_result concluded(struct run *run)
{
    struct predict *predict = run_state(run);

    (void)tell(run, 5);
    run_set_result(run, predict_result(&predict->prediction, STEAL(predict->steps)));
    return STEP_NEXT;
}

static const struct step steps[] = {
    {"extract",    extract   },
    {"enrich",     enrich    },
    {"understood", understood},
    {"base_rate",  base_rate },
    {"ratios",     ratios    },
    {"simulated",  simulated },
    {"concluded",  concluded },
    {NULL,         NULL      },
};

const struct kind kind_predict = {
    .name = "predict",
    .steps = steps,
    .prepare = prepare,
    .free_state = free_state,
    .also = "fred",
    .without_model = true,
};
