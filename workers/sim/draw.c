/* Random words of jobs, as functions of a seed, a name and a position. */
#include "draw.h"

#include <stdlib.h>

#include "json.h"
#include "pcg.h"

void draw_seed(const struct json *request, const char *job_id, unsigned char out[DIGEST_BYTES])
{
    const struct json *seed = json_get(request, "seed");
    CLEANUP(charp_freep) char *text = seed ? json_text(seed) : xstrdup(job_id);

    sha256(span_of(text), out);
}

uint64_t draw_word(const unsigned char seed[DIGEST_BYTES], const char *name, uint64_t n)
{
    struct pcg pcg;

    pcg_init_named(&pcg, seed, name, 0);
    pcg_advance(&pcg, n);
    return pcg_next(&pcg);
}
