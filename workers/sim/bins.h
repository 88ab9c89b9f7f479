#pragma once
/* Counts of values in fine bins, for more values than can be kept: by sign, exponent and 11 bits of
 * the distance from a middle. A bin is at most 1/2048 of its distance wide, so next to the middle
 * it is narrower than any statistical error. Counts are whole numbers: merging in any order gives
 * the same. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bins;

struct bins *bins_new(double middle);
struct bins *bins_free(struct bins *bins);
void bins_add(struct bins *bins, const double *x, size_t n);
void bins_merge(struct bins *bins, const struct bins *more); /* of the same middle */
uint64_t bins_n(const struct bins *bins);
double bins_middle(const struct bins *bins);

/* The value of that rank (from 0, may be broken), by interpolation inside its bin. */
double bins_at(const struct bins *bins, double rank);
/* About how many are below x. */
double bins_below(const struct bins *bins, double x);

/* Every bin that is not empty, from below. index < BINS_COUNT. */
#define BINS_COUNT (2u * 512u * 2048u)
void bins_each(const struct bins *bins, void (*fn)(uint32_t index, uint64_t count, void *arg),
               void *arg);
void bins_put(struct bins *bins, uint32_t index, uint64_t count); /* adds */
