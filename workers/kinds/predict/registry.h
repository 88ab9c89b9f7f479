#pragma once
/* What a prediction starts from: kinds of events with their base rates, factors, units. Data, one
 * row each; every row says where its figures come from. A change of any figure is a new
 * REGISTRY_VERSION. */

#include <stdbool.h>
#include <stddef.h>

#include "base.h"

#define REGISTRY_VERSION "registry/2026-11-21"

enum unit_kind {
    UNIT_DURATION,
    UNIT_MONEY,
    UNIT_MASS,
    UNIT_LENGTH,
    UNIT_PERCENT,
    UNIT_GPA,
    UNIT_COUNT
};

struct unit_row {
    const char *words; /* between '|', the first is the canonical one */
    enum unit_kind kind;
    const char *si;
    double factor; /* one of it in si */
};

/* A rate with what we do not know about it. */
struct rate {
    double p10, p50, p90;
};

/* A reference class: how often such a thing happens within horizon_days, before anything is known.
 */
struct event_row {
    const char *type;
    const char *statement; /* "receives a job offer" */
    const char *phrases;   /* what names it, see words_find() */
    struct rate rate;      /* of one attempt, within horizon_days */
    double horizon_days;
    double attempts_p10, attempts_p90; /* 0 = one attempt, and time works through the odds */
    const char *source;
    char grade; /* A data, B study, C judgement, D none */
};

/* A quantity and what a change of it does: log odds = elasticity x ln(value / reference). */
struct factor_row {
    const char *id;
    const char *event; /* type */
    enum unit_kind unit;
    const char *label;
    double reference;                /* in SI */
    double mean, sd;                 /* of the elasticity */
    double missing_p10, missing_p90; /* the ratio in the population, when it is not told */
};

/* A word that changes the odds. */
struct adjustment_row {
    const char *id;
    const char *events; /* types between '|' */
    const char *phrases;
    const char *label;
    struct rate log_odds;
};

extern const struct event_row registry_events[];
extern const struct factor_row registry_factors[];
extern const struct adjustment_row registry_adjustments[];
extern const struct unit_row registry_units[];
extern const size_t registry_n_events, registry_n_factors, registry_n_adjustments, registry_n_units;

/* The class of a goal that names no event we know: nearly anything is possible. */
extern const struct event_row registry_generic;

/* Whether `word` is an item of a '|' list. */
bool registry_list_has(const char *list, struct span word);
const struct unit_row *registry_unit(struct span word); /* NULL when it is none */
