#pragma once
/* What a prediction starts from: kinds of events with their base rates, factors, units, and how the
 * economy counts. The rows stand in data/classes.json, factors.json and macro.json; every row says
 * where its figures come from. A change of any figure is a new version there. */

#include <stdbool.h>
#include <stddef.h>

#include "base.h"

struct json;

enum unit_kind {
    UNIT_DURATION,
    UNIT_MONEY,
    UNIT_MASS,
    UNIT_LENGTH,
    UNIT_PERCENT,
    UNIT_GPA,
    UNIT_COUNT,
    UNIT_KIND_COUNT_
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

/* How time works on a class. */
enum time_effect {
    TIME_HELPS, /* more time, better odds */
    TIME_HURTS, /* what shall last */
    TIME_NONE,  /* it is decided once */
};

/* Where the figures of a row come from. */
struct evidence {
    const char *period; /* of whom, in what time; "" for factors */
    const char *source, *date;
    char grade; /* A data, B study, C judgement, D none */
};

/* A reference class: how often such a thing happens within horizon_days, before anything is known.
 */
struct event_row {
    const char *id;
    const char *type;      /* what kind of event: factors go by it */
    const char *statement; /* "receives a job offer" */
    const char *phrases;   /* what names it, see words_find() */
    struct rate rate;      /* of one attempt, within horizon_days */
    double horizon_days;
    double attempts_p10, attempts_p90; /* 0 = one attempt, and time works through the odds */
    enum time_effect time;
    struct evidence evidence;
};

/* A quantity and what a change of it does: log odds = elasticity x ln(value / reference). */
struct factor_row {
    const char *id;
    const char *types;   /* of events, between '|' */
    const char *classes; /* their ids, NULL = all of the types */
    enum unit_kind unit;
    const char *label;
    double reference;                /* in SI */
    double mean, sd;                 /* of the elasticity */
    double missing_p10, missing_p90; /* the ratio in the population, when it is not told */
    bool optional;                   /* not told, it does not matter */
    double most;                     /* in SI: beyond it something else is meant */
    struct evidence evidence;
};

/* A word that changes the odds. */
struct adjustment_row {
    const char *id;
    const char *types;   /* of events, between '|' */
    const char *classes; /* their ids, NULL = all of the types */
    const char *phrases;
    const char *label;
    struct rate log_odds;
    struct evidence evidence;
};

/* A ratio of the economy that shifts the odds: log odds += gamma x z (macro.h). */
struct macro_row {
    const char *id;
    const char *types;        /* of events, between '|' */
    const char *over, *under; /* series; under NULL = none */
    bool change;              /* from a year before, instead of the level */
    double mean, sd;          /* of gamma */
    struct evidence evidence;
};

struct registry {
    struct json *class_file, *factor_file, *macro_file; /* owned; all texts below are theirs */
    struct json *vintage_file;                          /* owned; see macro_shipped() */
    const char *version;                                /* of the first three */
    const char *valid_until;                            /* a day: the figures want a look by then */
    struct event_row *events;
    struct factor_row *factors;
    struct adjustment_row *adjustments;
    struct macro_row *macros;
    size_t n_events, n_factors, n_adjustments, n_macros;
};

/* Read by the first call, never changed and never freed, like names(). A row that cannot be read is
 * a bug of ours: it aborts. */
const struct registry *registry(void);
/* The class of a goal that names no event we know: nearly anything is possible. */
extern const struct event_row registry_generic;
const struct event_row *registry_event(struct span id); /* NULL when there is none */
/* Whether a quantity told can be meant. */
bool factor_takes(const struct factor_row *factor, double si);
bool factor_applies(const struct factor_row *factor, const struct event_row *event);
const struct macro_row *registry_macro(const struct event_row *event); /* NULL: none shifts it */
bool adjustment_applies(const struct adjustment_row *row, const struct event_row *event);

/* ---- units.c ---- */

extern const struct unit_row registry_units[];
extern const size_t registry_n_units;
const struct unit_row *registry_unit(struct span word); /* NULL when it is none */
