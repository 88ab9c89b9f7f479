#pragma once
/* How sure one can be of a mean over few questions: bootstrap. */

#include <stddef.h>

/* What a resolved question scored. */
struct calibration_score {
    double brier, log_score, base_brier;
};

struct calibration_range {
    double low, high; /* 95 % */
};

struct calibration_ranges {
    struct calibration_range brier, log_score, skill;
};

/* From 1,000 resamples of n > 0 scores, always the same ones: the same scores give the same ranges.
 */
void calibration_bootstrap(const struct calibration_score *scores, size_t n,
                           struct calibration_ranges *ret_ranges);
