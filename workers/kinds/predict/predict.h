#pragma once
/* The stages of a prediction (domain.md D2), each a pure function of the one before:
 * text -> normalised text -> extraction -> mc/1 model -> simulation -> report. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base.h"
#include "registry.h"

struct buf;
struct error;
struct json;
struct mc;
struct sim;

#define PREDICT_TEXT_MAX_BYTES 65536
#define PREDICT_WORDS_MAX 2048
#define PREDICT_FACTS_MAX 16
#define PREDICT_TRIALS 10000
#define PREDICT_EXTRACTOR "rules/1"
#define PREDICT_STEPS 5

/* ---- normalise.c, company.c ---- */

/* Lower case, plain quotes and spaces, full-width letters made narrow, zero-width characters gone,
 * separators out of numbers, company names in their canonical spelling: every spelling of one goal
 * gives the same bytes. What changes the meaning (negation, currency, magnitude) stays. Appends to
 * out. */
void predict_normalise(struct span text, struct buf *out);

struct company {
    const char *id;   /* "company:openai" */
    const char *name; /* in normalised text: one word */
    const char *keys; /* spellings without spaces, between '|' */
    bool plain_word;  /* a word of the language too: only after at, for, from, … */
};
/* Rewrites company names in lower-case text to their canonical name. Appends to out. */
void company_rewrite(struct span text, struct buf *out);
/* The company of a word of normalised text, NULL when it is none. */
const struct company *company_named(struct span word, struct span previous);

/* ---- numbers.c ---- */

struct word {
    size_t from, to; /* bytes of the text */
};

struct text_words {
    struct span text; /* borrowed */
    struct word *at;  /* owned */
    size_t n;
    bool cut; /* there were more than PREDICT_WORDS_MAX */
};

void words_init(struct text_words *words, struct span text);
void words_deinit(struct text_words *words);
struct span words_at(const struct text_words *words, size_t i); /* empty beyond the end */

/* A number with its unit: "2 years", "$5m", "10kg", "3.8 gpa". */
struct quantity {
    double value;                /* as written, multiplied out */
    const struct unit_row *unit; /* NULL = none */
    size_t first, last;          /* words */
};
/* The quantity that begins at word i. */
bool quantity_read(const struct text_words *words, size_t i, struct quantity *ret_quantity);
/* Finds one of "a b|c d*" ("run*", "*kg" and "*" stand for any word like that) in the words from
 * `start`. The longest wins, then the first. */
bool words_find(const struct text_words *words, const char *phrases, size_t start,
                size_t *ret_first, size_t *ret_last);

/* ---- extract.c ---- */

struct fact {
    const char *id;
    const struct factor_row *factor; /* NULL = read, but it changes nothing */
    const struct adjustment_row *adjustment;
    double value, si, ratio; /* of a factor */
    const char *unit;        /* as written, canonical; NULL = none */
    bool in_context;         /* the quote is from the context, not the goal */
    struct span quote;       /* borrowed from the normalised text */
    size_t from;             /* byte of that text */
};

struct extraction {
    const struct event_row *event; /* never NULL once predict_extract() has succeeded */
    bool negated;
    const struct company *company; /* NULL = none named */
    double horizon_days;
    struct span horizon_quote; /* empty = the default of the event */
    struct fact facts[PREDICT_FACTS_MAX];
    size_t n_facts;
    struct span unread[PREDICT_FACTS_MAX]; /* quantities nobody could place */
    size_t n_unread;
};

/* Reads normalised texts, which must outlive the extraction. -EINVAL and error: it is no goal we
 * can put a number on. */
int predict_extract(struct span goal, struct span context, struct extraction *ret_extraction,
                    struct error *error) MUST_CHECK;
struct json *predict_extraction_json(const struct extraction *extraction);

/* ---- compile.c ---- */

/* The mc/1 document of an extraction; its output is "probability". seed: text. */
struct json *predict_model(const struct extraction *extraction, const char *seed);
/* sha256:… of everything a prediction depends on. extra_seed may be empty. */
char *predict_seed(struct span goal, struct span context, const struct extraction *extraction,
                   struct span extra_seed);
double predict_logit(double p);

/* ---- report.c ---- */

struct prediction {
    struct span goal, context; /* normalised */
    struct extraction extraction;
    struct json *model; /* mc/1 */
    struct mc *mc;
    struct sim *sim; /* all trials done when the last steps are reported */
};

/* Step 1 … PREDICT_STEPS as {n,id,title,text,inputs,outputs,chart,duration_hint_ms}; the last two
 * need the simulation. */
struct json *predict_step(struct prediction *prediction, unsigned n);
const char *predict_step_id(unsigned n);
const char *predict_step_title(unsigned n);
struct json *predict_drivers(const struct prediction *prediction);
/* steps is taken over. */
struct json *predict_result(struct prediction *prediction, struct json *steps);
