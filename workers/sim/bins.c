/* Counts in fine bins (bins.h). Pages of an octave are made when something falls into them, so that
 * a usual output takes a few hundred kilobytes. */
#include "bins.h"

#include <stdlib.h>
#include <string.h>

#include "base.h"

#define PAGE_BINS 2048u
#define PAGES (BINS_COUNT / PAGE_BINS)
#define SIDE (BINS_COUNT / 2)
#define MANTISSA_SHIFT 41                     /* 52 bits less the 11 that count */
#define LOWEST ((uint64_t)(1023 - 256) << 11) /* exponent and mantissa of 2^-256 */
#define SIGN_BIT 0x8000000000000000u

struct bins {
    double middle;
    uint64_t n;
    uint64_t *pages[PAGES]; /* NULL: all 0 */
};

struct bins *bins_new(double middle)
{
    struct bins *bins = xcalloc(1, sizeof(*bins));

    bins->middle = middle;
    return bins;
}

struct bins *bins_free(struct bins *bins)
{
    for (size_t i = 0; bins && i < PAGES; i++)
        free(bins->pages[i]);
    free(bins);
    return NULL;
}

uint64_t bins_n(const struct bins *bins)
{
    return bins->n;
}

double bins_middle(const struct bins *bins)
{
    return bins->middle;
}

static uint32_t index_of(double distance)
{
    uint64_t bits, size;

    memcpy(&bits, &distance, sizeof(bits));
    size = (bits & ~SIGN_BIT) >> MANTISSA_SHIFT;
    size = size < LOWEST ? 0 : size - LOWEST;
    size = size < SIDE ? size : SIDE - 1;
    return bits & SIGN_BIT ? SIDE - 1 - (uint32_t)size : SIDE + (uint32_t)size;
}

/* Where the bin of that distance from 0 begins. */
static double edge_of(uint32_t size)
{
    uint64_t bits = ((uint64_t)size + LOWEST) << MANTISSA_SHIFT;
    double edge;

    memcpy(&edge, &bits, sizeof(edge));
    return size == 0 ? 0 : edge;
}

static double low_edge(uint32_t index)
{
    return index >= SIDE ? edge_of(index - SIDE) : -edge_of(SIDE - index);
}

static uint64_t *page_of(struct bins *bins, uint32_t index)
{
    uint64_t **page = &bins->pages[index / PAGE_BINS];

    if (!*page)
        *page = xcalloc(PAGE_BINS, sizeof(**page));
    return *page;
}

void bins_add(struct bins *bins, const double *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t index = index_of(x[i] - bins->middle);

        page_of(bins, index)[index % PAGE_BINS]++;
    }
    bins->n += n;
}

void bins_put(struct bins *bins, uint32_t index, uint64_t count)
{
    page_of(bins, index)[index % PAGE_BINS] += count;
    bins->n += count;
}

void bins_merge(struct bins *bins, const struct bins *more)
{
    for (uint32_t page = 0; page < PAGES; page++)
        for (uint32_t i = 0; more->pages[page] && i < PAGE_BINS; i++)
            if (more->pages[page][i] > 0)
                bins_put(bins, page * PAGE_BINS + i, more->pages[page][i]);
}

void bins_each(const struct bins *bins, void (*fn)(uint32_t index, uint64_t count, void *arg),
               void *arg)
{
    for (uint32_t page = 0; page < PAGES; page++)
        for (uint32_t i = 0; bins->pages[page] && i < PAGE_BINS; i++)
            if (bins->pages[page][i] > 0)
                fn(page * PAGE_BINS + i, bins->pages[page][i], arg);
}

struct search {
    double rank, below; /* values before the bin */
    uint32_t index;     /* the bin that holds the rank */
    uint64_t count;
    bool found;
};

static void look_for_rank(uint32_t index, uint64_t count, void *arg)
{
    struct search *search = arg;

    if (search->found)
        return;
    search->index = index;
    search->count = count;
    if (search->rank < search->below + (double)count)
        search->found = true;
    else
        search->below += (double)count;
}

double bins_at(const struct bins *bins, double rank)
{
    struct search search = {.rank = rank};
    double low, high, part;

    bins_each(bins, look_for_rank, &search);
    low = low_edge(search.index);
    high = low_edge(search.index + 1);
    part = (rank - search.below + 0.5) / (double)search.count;
    part = part < 0 ? 0 : part > 1 ? 1 : part;
    return bins->middle + (low + (high - low) * part);
}

struct counting {
    double distance, below;
    uint32_t index;
};

static void count_below(uint32_t index, uint64_t count, void *arg)
{
    struct counting *counting = arg;
    double low, high;

    if (index < counting->index) {
        counting->below += (double)count;
    } else if (index == counting->index) {
        low = low_edge(index);
        high = low_edge(index + 1);
        counting->below += (double)count * ((counting->distance - low) / (high - low));
    }
}

double bins_below(const struct bins *bins, double x)
{
    struct counting counting = {.distance = x - bins->middle};

    counting.index = index_of(counting.distance);
    bins_each(bins, count_below, &counting);
    return counting.below;
}
