/* Bootstrap: the questions are drawn anew from themselves, a thousand times; the middle 95 % of
 * what the means become is how far they may be off by chance. */
#include <stdint.h>
#include <stdlib.h>

#include "base.h"
#include "cli/calibration.h"
#include "sim/pcg.h"

#define RESAMPLES 1000
#define CUT 25 /* of them at each end */
#define SEED 20261121

static int by_size(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

static struct calibration_range range_of(double values[RESAMPLES])
{
    qsort(values, RESAMPLES, sizeof(values[0]), by_size);
    return (struct calibration_range){values[CUT], values[RESAMPLES - 1 - CUT]};
}

void calibration_bootstrap(const struct calibration_score *scores, size_t n,
                           struct calibration_ranges *ret_ranges)
{
    double brier[RESAMPLES], log_score[RESAMPLES], skill[RESAMPLES];
    struct pcg pcg;

    pcg_init(&pcg, SEED, 1);
    for (size_t i = 0; i < RESAMPLES; i++) {
        struct calibration_score sum = {0};
        for (size_t j = 0; j < n; j++) {
            const struct calibration_score *one =
                &scores[(size_t)(pcg_unit(pcg_next(&pcg)) * (double)n)];
            sum.brier += one->brier;
            sum.log_score += one->log_score;
            sum.base_brier += one->base_brier;
        }
        brier[i] = sum.brier / (double)n;
        log_score[i] = sum.log_score / (double)n;
        skill[i] = sum.base_brier > 0 ? 1 - sum.brier / sum.base_brier : 0;
    }
    ret_ranges->brier = range_of(brier);
    ret_ranges->log_score = range_of(log_score);
    ret_ranges->skill = range_of(skill);
}
