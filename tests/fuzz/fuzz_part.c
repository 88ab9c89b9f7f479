/* Bytes of a simulation's part, as they may stand in Redis: refused or merged, never a crash. The
 * input has the checksum put behind it and the model's own digest put in, or nothing would get past
 * them. */
#include <stdlib.h>

#include "error.h"
#include "json.h"
#include "sha256.h"
#include "sim/fault.h"
#include "sim/mc.h"
#include "sim/sim.h"

#define MODEL_AT 8 /* of the digest: behind the magic number */

static const char *const models[] = {
    "{\"variables\":{\"a\":{\"dist\":\"uniform\",\"min\":0,\"max\":1}},\"outputs\":{\"x\":\"a\"},"
    "\"ask\":[\"P(x > 0.5)\"],\"trials\":5000}",
    "{\"variables\":{\"a\":{\"dist\":\"uniform\",\"min\":0,\"max\":1}},\"outputs\":{\"x\":\"a\"},"
    "\"trials\":30000000}",
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct mc *model_new(const char *text)
{
    CLEANUP(json_freep) struct json *json = NULL;
    struct faults faults = {0};

    if (json_parse(span_of(text), NULL, &json, NULL) != 0)
        abort();
    return mc_new(json, &faults);
}

static void merge(const struct mc *mc, const char *bytes, size_t n)
{
    CLEANUP(sim_freep) struct sim *sim = sim_new(mc);
    struct error error = {0};

    if (sim_merge(sim, (struct span){bytes, n}, &error) == 0 && sim_done(sim) > sim_trials(sim))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct mc *made[ARRAY_SIZE(models)];
    char *bytes = xcalloc(size + SHA256_BYTES + 1, 1);

    if (size > 0)
        memcpy(bytes, data, size);
    for (size_t i = 0; i < ARRAY_SIZE(models); i++) {
        if (!made[i])
            made[i] = model_new(models[i]);
        if (size >= MODEL_AT + DIGEST_BYTES)
            memcpy(bytes + MODEL_AT, made[i]->model_digest, DIGEST_BYTES);
        sha256((struct span){bytes, size}, (unsigned char *)bytes + size);
        merge(made[i], bytes, size + SHA256_BYTES);
    }
    free(bytes);
    return 0;
}
