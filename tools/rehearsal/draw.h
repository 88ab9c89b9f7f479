#pragma once
/* Draws that follow from a seed: splitmix64, for choosing words only. */

#include <stdint.h>

#include "base.h"

struct draw {
    uint64_t state;
};

static inline uint64_t draw_next(struct draw *draw)
{
    uint64_t z = (draw->state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* 0 … n-1; n > 0. */
static inline size_t draw_below(struct draw *draw, size_t n)
{
    return (size_t)(draw_next(draw) % n);
}

/* 0 ≤ value < 1. */
static inline double draw_unit(struct draw *draw)
{
    return (double)(draw_next(draw) >> 11) * 0x1p-53;
}

/* FNV-1a, to seed a draw by a text. */
static inline uint64_t draw_hash(uint64_t hash, struct span text)
{
    hash = hash ? hash : UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < text.n; i++)
        hash = (hash ^ (unsigned char)text.at[i]) * UINT64_C(0x100000001b3);
    return hash;
}
