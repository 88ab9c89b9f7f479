/* Numbers in order, by radix: no comparisons, and equal numbers stay as they stood.
 *
 * Eleven bits a pass; a pass whose digit is the same for all moves nothing. */
#include "stats.h"

#include <stdlib.h>

#include "base.h"

#define DIGIT_BITS 11
#define DIGITS ((64 + DIGIT_BITS - 1) / DIGIT_BITS)
#define SIGN 0x8000000000000000u

struct place {
    uint64_t key;
    uint32_t at;
};

/* Doubles as integers that compare the same way. */
static uint64_t key_of(double x)
{
    uint64_t bits;

    memcpy(&bits, &x, sizeof(bits));
    return bits & SIGN ? ~bits : bits | SIGN;
}

static double value_of(uint64_t key)
{
    uint64_t bits = key & SIGN ? key ^ SIGN : ~key;
    double x;

    memcpy(&x, &bits, sizeof(x));
    return x;
}

/* false when all have the same digit and nothing was moved. */
static bool sort_digit(const struct place *from, struct place *to, size_t n, unsigned shift)
{
    size_t starts[1u << DIGIT_BITS] = {0};
    size_t at = 0;
    const uint64_t mask = (1u << DIGIT_BITS) - 1;

    for (size_t i = 0; i < n; i++)
        starts[from[i].key >> shift & mask]++;
    if (starts[from[0].key >> shift & mask] == n)
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
        size_t count = starts[i];
        starts[i] = at;
        at += count;
    }
    for (size_t i = 0; i < n; i++)
        to[starts[from[i].key >> shift & mask]++] = from[i];
    return true;
}

/* Returns where the sorted ones are, one of the two. */
static struct place *sort_places(struct place *from, struct place *to, size_t n)
{
    for (unsigned digit = 0; n > 0 && digit < DIGITS; digit++) {
        if (sort_digit(from, to, n, digit * DIGIT_BITS)) {
            struct place *sorted = to;
            to = from;
            from = sorted;
        }
    }
    return from;
}

uint32_t *order_of(const double *values, size_t n)
{
    struct place *scratch = xcalloc(2 * n + 1, sizeof(scratch[0]));
    uint32_t *order = xcalloc(n + 1, sizeof(order[0]));

    for (size_t i = 0; i < n; i++)
        scratch[i] = (struct place){key_of(values[i] + 0.0), (uint32_t)i}; /* -0 is 0 */
    const struct place *sorted = sort_places(scratch, scratch + n, n);
    for (size_t i = 0; i < n; i++)
        order[i] = sorted[i].at;
    free(scratch);
    return order;
}

void order_sort(double *values, size_t n)
{
    struct place *scratch = xcalloc(2 * n + 1, sizeof(scratch[0]));

    for (size_t i = 0; i < n; i++)
        scratch[i].key = key_of(values[i]);
    const struct place *sorted = sort_places(scratch, scratch + n, n);
    for (size_t i = 0; i < n; i++)
        values[i] = value_of(sorted[i].key);
    free(scratch);
}
