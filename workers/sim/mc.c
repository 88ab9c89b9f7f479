/* The life of a model: copied, read (mc_read.c), correlated, linked (mc_link.c) and priced, then
 * given its digest and the streams of its variables. It owns a copy of the document, because names
 * and expressions point into it. */
#include "mc.h"

#include "buf.h"
#include "fault.h"
#include "json.h"
#include "mc_parts.h"
#include "vm.h"

#define DOCUMENT_MAX_BYTES 65536
#define CANONICAL_MAX_BYTES (16 * DOCUMENT_MAX_BYTES) /* escapes grow a byte to six */
#define HISTOGRAM_BINS 64
#define TRIALS 10000

static const double default_percentiles[] = {1, 5, 10, 25, 50, 75, 90, 95, 99};

struct json *mc_resolved(const struct mc *mc)
{
    struct json *json = json_object();

    for (size_t i = 0; i < mc->n_variables; i++)
        json_set(json, mc->variables[i].name, dist_resolved(&mc->variables[i].dist));
    return json;
}

/* The same text for every spelling of the same expression. */
static void set_canonical(struct json *object, const char *key, const struct mc *mc,
                          struct expr expr)
{
    struct buf text;

    buf_init(&text, CANONICAL_MAX_BYTES);
    expr_canonical(&mc->tree, expr, &text);
    json_set_string(object, key, buf_span(&text));
    buf_deinit(&text);
}

static struct json *steps_json(const struct mc *mc)
{
    struct json *json = json_object(), *states = json_object(), *redrawn = json_object();

    for (size_t i = 0; i < mc->n_states; i++) {
        struct json *state = json_object();
        set_canonical(state, "init", mc, mc->states[i].init);
        set_canonical(state, "next", mc, mc->states[i].next);
        json_set(states, mc->states[i].name, state);
    }
    for (size_t i = 0; i < mc->n_variables; i++)
        if (mc->variables[i].redrawn)
            json_set_bool(redrawn, mc->variables[i].name, true);
    json_set_integer(json, "count", mc->n_steps);
    json_set(json, "state", states);
    json_set(json, "redraw", redrawn);
    return json;
}

/* What decides the numbers: resolved variables, correlations, steps and expressions, however they
 * were written. Not the trials or the report, so that more trials continue the same streams. */
static void digest_model(struct mc *mc)
{
    CLEANUP(json_freep) struct json *json = json_object();
    struct json *let = json_object(), *outputs = json_object(), *variables = json_object();
    struct buf text;

    json_set_text(json, "model", "mc/1");
    for (size_t i = 0; i < mc->n_variables; i++)
        json_set(variables, mc->variables[i].name, dist_canonical(&mc->variables[i].dist));
    json_set(json, "variables", variables);
    if (mc->correlations)
        json_set(json, "correlations", json_copy(mc->correlations));
    if (mc->n_steps > 0)
        json_set(json, "steps", steps_json(mc));
    for (size_t i = 0; i < mc->n_definitions; i++)
        set_canonical(mc->definitions[i].is_output ? outputs : let, mc->definitions[i].name, mc,
                      mc->definitions[i].expr);
    json_set(json, "let", let);
    json_set(json, "outputs", outputs);
    buf_init(&text, CANONICAL_MAX_BYTES);
    digest_canonical(json, &text);
    sha256(buf_span(&text), mc->model_digest);
    buf_deinit(&text);
}

static void seed_streams(struct mc *mc)
{
    CLEANUP(charp_freep) char *text = NULL;

    if (!mc->seed) {
        mc->seed = xcalloc(DIGEST_TEXT_BYTES, 1);
        digest_text(mc->model_digest, mc->seed);
    }
    text = xprintf("%s\x1f%s\x1f%s", MC_RNG, MC_ENGINE, mc->seed);
    sha256(span_of(text), mc->seed_digest);
    for (size_t i = 0; i < mc->n_variables; i++)
        pcg_init_named(&mc->variables[i].stream, mc->seed_digest, mc->variables[i].name, 0);
}

/* Intervals of these methods come from the values of each replicate, so all are kept. */
static void check_sizes(const struct mc *mc, struct faults *faults)
{
    if ((mc->method == MC_LHS || mc->method == MC_SOBOL) &&
        mc->trials * mc_n_outputs(mc) > MC_KEPT_MAX)
        fault_add(faults, FAULT_LIMIT, (struct place){"/trials", 0, 0}, NULL,
                  "with this method at most %d trials x outputs, not %llu", MC_KEPT_MAX,
                  (unsigned long long)(mc->trials * mc_n_outputs(mc)));
}

static bool size_good(const struct json *document, struct faults *faults)
{
    struct buf text;

    buf_init(&text, DOCUMENT_MAX_BYTES);
    json_write(document, &text);
    bool good = buf_ok(&text);
    buf_deinit(&text);
    if (!good)
        fault_add(faults, FAULT_LIMIT, (struct place){"", 0, 0}, NULL,
                  "the model is larger than 64 KiB");
    return good;
}

struct mc *mc_new(const struct json *document, struct faults *faults)
{
    CLEANUP(mc_freep) struct mc *mc = xcalloc(1, sizeof(*mc));

    if (!size_good(document, faults))
        return NULL;
    mc->document = json_copy(document);
    mc->variables = xcalloc(MC_VARIABLES_MAX, sizeof(mc->variables[0]));
    mc->definitions = xcalloc(MC_DEFINITIONS_MAX, sizeof(mc->definitions[0]));
    mc->asks = xcalloc(MC_ASKS_MAX + MC_RULES_MAX, sizeof(mc->asks[0]));
    mc->rules = xcalloc(MC_RULES_MAX, sizeof(mc->rules[0]));
    mc->states = xcalloc(MC_STATES_MAX, sizeof(mc->states[0]));
    mc->warnings = xcalloc(1, sizeof(*mc->warnings));
    mc->trials = TRIALS;
    mc->level = 0.95;
    mc->histogram_bins = HISTOGRAM_BINS;
    mc->n_percentiles = ARRAY_SIZE(default_percentiles);
    memcpy(mc->percentiles, default_percentiles, sizeof(default_percentiles));
    mc->program = program_new();
    mc->initial = program_new();
    mc->step = program_new();
    mc_read(mc, faults);
    mc_correlate(mc, faults);
    check_sizes(mc, faults);
    mc_link(mc, faults);
    if (faults->n > 0)
        return NULL;
    mc_price(mc, faults);
    if (faults->n > 0)
        return NULL;
    mc_warn(mc);
    digest_model(mc);
    seed_streams(mc);
    return STEAL(mc);
}

struct mc *mc_free(struct mc *mc)
{
    if (!mc)
        return NULL;
    for (size_t i = 0; i < mc->n_variables; i++) {
        free(mc->variables[i].name);
        dist_deinit(&mc->variables[i].dist);
    }
    for (size_t i = 0; i < mc->n_states; i++)
        free(mc->states[i].name);
    for (size_t i = 0; i < mc->n_definitions; i++) {
        free(mc->definitions[i].name);
        free(mc->definitions[i].path);
    }
    for (size_t i = 0; i < mc->n_asks; i++) {
        free(mc->asks[i].mentions);
        free(mc->asks[i].path);
    }
    if (mc->warnings)
        faults_deinit(mc->warnings);
    free(mc->warnings);
    free(mc->rules);
    free(mc->states);
    free(mc->factor);
    mc->correlations = json_free(mc->correlations);
    free(mc->variables);
    free(mc->definitions);
    free(mc->asks);
    free(mc->seed);
    expr_deinit(&mc->tree);
    mc->program = program_free(mc->program);
    mc->initial = program_free(mc->initial);
    mc->step = program_free(mc->step);
    mc->document = json_free(mc->document);
    free(mc);
    return NULL;
}
