/* The life of a model: copied, read (mc_read.c), linked (mc_link.c), then given its digest and the
 * streams of its variables. It owns a copy of the document, because names and expressions point
 * into it. */
#include "mc.h"

#include "buf.h"
#include "fault.h"
#include "json.h"
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

/* What decides the numbers: resolved variables and the text of definitions. Not the trials or the
 * report, so that more trials continue the same streams. */
static void digest_model(struct mc *mc)
{
    CLEANUP(json_freep) struct json *json = json_object();
    struct buf text;

    json_set_text(json, "model", "mc/1");
    json_set(json, "variables", mc_resolved(mc));
    struct json *let = json_object(), *outputs = json_object();
    for (size_t i = 0; i < mc->n_definitions; i++)
        json_set_string(mc->definitions[i].is_output ? outputs : let, mc->definitions[i].name,
                        mc->definitions[i].text);
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

static void check_sizes(const struct mc *mc, struct faults *faults)
{
    if (mc_n_outputs(mc) == 0)
        fault_add(faults, FAULT_SCHEMA, (struct place){"/outputs", 0, 0}, NULL,
                  "at least one output is needed");
    else if (mc->trials * mc_n_outputs(mc) > MC_KEPT_MAX)
        fault_add(faults, FAULT_LIMIT, (struct place){"/trials", 0, 0}, NULL,
                  "at most %d trials x outputs, not %llu", MC_KEPT_MAX,
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
    mc->asks = xcalloc(MC_ASKS_MAX, sizeof(mc->asks[0]));
    mc->trials = TRIALS;
    mc->level = 0.95;
    mc->histogram_bins = HISTOGRAM_BINS;
    mc->n_percentiles = ARRAY_SIZE(default_percentiles);
    memcpy(mc->percentiles, default_percentiles, sizeof(default_percentiles));
    mc->program = program_new();
    mc_read(mc, faults);
    check_sizes(mc, faults);
    mc_link(mc, faults);
    if (faults->n > 0)
        return NULL;
    digest_model(mc);
    seed_streams(mc);
    return STEAL(mc);
}

struct mc *mc_free(struct mc *mc)
{
    if (!mc)
        return NULL;
    for (size_t i = 0; i < mc->n_variables; i++)
        free(mc->variables[i].name);
    for (size_t i = 0; i < mc->n_definitions; i++) {
        free(mc->definitions[i].name);
        free(mc->definitions[i].path);
    }
    for (size_t i = 0; i < mc->n_asks; i++)
        free(mc->asks[i].mentions);
    free(mc->variables);
    free(mc->definitions);
    free(mc->asks);
    free(mc->seed);
    expr_deinit(&mc->tree);
    mc->program = program_free(mc->program);
    mc->document = json_free(mc->document);
    free(mc);
    return NULL;
}
