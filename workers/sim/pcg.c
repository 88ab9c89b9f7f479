/* PCG RXS-M-XS 64/64. The state is a linear congruential sequence, so position n is reached by
 * squaring (Brown, "Random number generation with arbitrary strides", 1994); each output is a
 * permutation of the state before the step, as in pcg-cpp for 64-bit states. */
#include "pcg.h"

#include <assert.h>

#include "buf.h"
#include "pcg_constants.h"

#define NAME_MAX_BYTES 256

void pcg_init(struct pcg *pcg, uint64_t state, uint64_t stream)
{
    pcg->increment = stream << 1 | 1;
    pcg->state = (state + pcg->increment) * PCG_MULTIPLIER + pcg->increment;
}

static uint64_t word_of(const unsigned char *bytes)
{
    uint64_t word = 0;

    for (size_t i = 0; i < sizeof(word); i++)
        word |= (uint64_t)bytes[i] << (8 * i);
    return word;
}

void pcg_init_named(struct pcg *pcg, const unsigned char digest[DIGEST_BYTES], const char *name,
                    unsigned component)
{
    unsigned char key[DIGEST_BYTES];
    struct buf text;

    buf_init(&text, DIGEST_BYTES + NAME_MAX_BYTES);
    buf_add(&text, digest, DIGEST_BYTES);
    buf_addf(&text, "\x1f%s\x1f%u", name, component);
    assert(buf_ok(&text));
    sha256(buf_span(&text), key);
    pcg_init(pcg, word_of(key), word_of(key + sizeof(uint64_t)));
    buf_deinit(&text);
}

uint64_t pcg_next(struct pcg *pcg)
{
    uint64_t state = pcg->state;
    uint64_t word = ((state >> ((state >> 59) + 5)) ^ state) * PCG_SCRAMBLE;

    pcg->state = state * PCG_MULTIPLIER + pcg->increment;
    return word >> 43 ^ word;
}

void pcg_advance(struct pcg *pcg, uint64_t n)
{
    uint64_t multiplier = PCG_MULTIPLIER, increment = pcg->increment;
    uint64_t total_multiplier = 1, total_increment = 0;

    for (; n > 0; n >>= 1) {
        if (n & 1) {
            total_multiplier *= multiplier;
            total_increment = total_increment * multiplier + increment;
        }
        increment *= multiplier + 1;
        multiplier *= multiplier;
    }
    pcg->state = total_multiplier * pcg->state + total_increment;
}

double pcg_unit(uint64_t word)
{
    uint64_t bits = word >> 12 | 0x3ff0000000000000u;
    double one_to_two;

    memcpy(&one_to_two, &bits, sizeof(one_to_two));
    return one_to_two - (1 - 0x1p-53);
}

void pcg_units(const struct pcg *start, uint64_t first, double *out, size_t n)
{
    struct pcg pcg = *start;

    pcg_advance(&pcg, first);
    for (size_t i = 0; i < n; i++)
        out[i] = pcg_unit(pcg_next(&pcg));
}
