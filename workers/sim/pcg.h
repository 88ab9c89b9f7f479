#pragma once
/* Random words: PCG RXS-M-XS 64/64 (O'Neill 2014), one stream a variable, random access.
 *
 * The words are those of pcg-cpp's setseq_rxs_m_xs_64_64(state, stream). A stream may be drawn from
 * at most 2^40 times. */

#include <stdint.h>

#include "digest.h"

struct pcg {
    uint64_t state;
    uint64_t increment; /* odd */
};

void pcg_init(struct pcg *pcg, uint64_t state, uint64_t stream);
/* The stream of a name: state and stream are words of SHA-256(digest | 0x1f | name | 0x1f |
 * component), so that adding or reordering names changes no other stream. */
void pcg_init_named(struct pcg *pcg, const unsigned char digest[DIGEST_BYTES], const char *name,
                    unsigned component);
uint64_t pcg_next(struct pcg *pcg);
void pcg_advance(struct pcg *pcg, uint64_t n); /* as n calls of pcg_next(), in at most 64 steps */

/* (2k + 1) / 2^53 with k the top 52 bits: never 0 or 1, and 1 - u is exact. */
double pcg_unit(uint64_t word);
/* The units at positions first … first + n - 1 of the stream that starts at `start`. */
void pcg_units(const struct pcg *start, uint64_t first, double *out, size_t n);
