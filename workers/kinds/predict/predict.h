#pragma once
/* The stages of a prediction (domain.md D2), each a pure function of the one before:
 * text -> normalised text -> extraction -> mc/1 model -> simulation -> report. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base.h"
#include "registry.h"

struct buf;
struct company;
struct error;
struct faults;
struct json;
struct mc;
struct sim;

#define PREDICT_TEXT_MAX_BYTES 65536
#define PREDICT_WORDS_MAX 2048
#define PREDICT_FACTS_MAX 16
#define PREDICT_TRIALS 10000
#define PREDICT_HORIZON_MAX_DAYS 36525.0
#define PREDICT_RULES "rules/3"
#define PREDICT_LLM "llm/1"
#define PREDICT_WIDEN_RULES 1.5 /* rules read less than they should (domain.md D7) */
#define PREDICT_WIDEN_LLM 2.0   /* on a model's own ranges: they are too narrow (D5) */
#define PREDICT_STEPS 5
#define PREDICT_PERSONAS 5

/* ---- normalise.c ---- */

/* Lower case, plain quotes and spaces, full-width letters made narrow, zero-width characters gone,
 * separators out of numbers, company names in their canonical spelling: every spelling of one goal
 * gives the same bytes. What changes the meaning (negation, currency, magnitude) stays. Appends to
 * out. */
void predict_normalise(struct span text, struct buf *out);

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
/* The last word of a number in pieces that only a colon or a comma joins, like "1:52" and "10,5m",
 * which are not 1 and 10; i where there is none. */
size_t number_end(const struct text_words *words, size_t i);
bool quantity_read(const struct text_words *words, size_t i, struct quantity *ret_quantity);
/* Finds one of "a b|c d*" ("run*", "*kg" and "*" stand for any word like that) in the words from
 * `start`. The one with the most letters wins, then the first. Returns how many letters, 0 = none.
 */
size_t words_find(const struct text_words *words, const char *phrases, size_t start,
                  size_t *ret_first, size_t *ret_last);
struct span words_between(const struct text_words *words, size_t first, size_t last);

/* ---- language.c ---- */

/* Whether it is told in another language than English. */
bool predict_is_foreign(const struct text_words *words);

/* ---- extract.c, extract_llm.c, extract_json.c ---- */

struct fact {
    const char *id;
    const struct factor_row *factor; /* NULL = an adjustment */
    const struct adjustment_row *adjustment;
    double value, si, ratio; /* of a factor */
    const char *unit;        /* as written, canonical; NULL = none */
    struct rate log_odds;    /* of an adjustment */
    bool assumed_odds;       /* a language model's range, not the registry's */
    bool in_context;         /* the quote is from the context, not the goal */
    struct span quote;       /* borrowed from the normalised text */
    size_t from;             /* byte of that text */
};

/* A fact that a language model told and we do not believe. */
struct dropped {
    struct span id, quote; /* borrowed from the model's answer */
    const char *why;
};

enum fit { FIT_CLOSE, FIT_LOOSE, FIT_NONE, FIT_COUNT_ };

/* What a persona makes of a goal: the probability at the medians, 0 = it did not say. */
struct opinion {
    double itself, opposite; /* read as it stands, and by way of its opposite */
};

/* What several personas say together (ensemble.h). */
struct pool {
    unsigned n_asked, n_answered; /* personas; n_asked 0 = there is no ensemble */
    struct opinion of[PREDICT_PERSONAS];
    double pooled;        /* probability */
    double shift, spread; /* of the log odds: what the pool moves the extraction by */
};

struct extraction {
    const struct event_row *event; /* never NULL once it has succeeded */
    enum fit fit;
    bool negated;
    const struct company *company; /* NULL = none named */
    struct span unknown_company;   /* named, but not known; may be empty */
    const char *guess;             /* did you mean; NULL = no guess */
    double horizon_days;
    struct span horizon_quote;         /* empty = the default of the event */
    double attempts_p10, attempts_p90; /* 0 = those of the event */
    struct fact facts[PREDICT_FACTS_MAX];
    size_t n_facts;
    struct span unread[PREDICT_FACTS_MAX]; /* what nobody could place */
    size_t n_unread;
    struct dropped dropped[PREDICT_FACTS_MAX];
    size_t n_dropped;
    const char *extractor;       /* "rules/3", "llm/1" */
    struct span provider, model; /* of the language model, else empty; borrowed */
    const char *degraded;        /* why rules did a model's work; NULL = they did not */
    double widen;                /* factor on every spread */
    struct pool pool;
};

/* Reads normalised texts by rules. They must outlive the extraction. -EINVAL and error
 * (ERROR_UNPREDICTABLE): it is no goal we can put a number on. */
int predict_extract(struct span goal, struct span context, struct extraction *ret_extraction,
                    struct error *error) MUST_CHECK;
/* Only what is to be refused whoever reads it: orders to us, despair, too long. */
int predict_refuse(struct span goal, struct span context, struct error *error) MUST_CHECK;
/* Company and horizon, by rules; what is set already stays. */
void predict_read_company(struct span text, struct extraction *extraction);

/* Reads what a language model extracted, and believes what it can prove from the texts. -EINVAL:
 * it is no extraction, error says why, for the model; or with ERROR_UNPREDICTABLE: the model says
 * that nothing can be said, which is an answer. answer is borrowed. */
int predict_read_llm(const struct json *answer, struct span goal, struct span context,
                     struct extraction *ret_extraction, struct error *error) MUST_CHECK;

/* predict.extract/1 */
struct json *predict_extraction_json(const struct extraction *extraction);
const char *fit_name(enum fit fit);

/* ---- prompt.c ---- */

struct prompt {
    struct span goal, context; /* normalised */
    struct span wrong;         /* the model's earlier answer and what was wrong with it, */
    const char *why;           /* for the repair; NULL = the first question */
};
struct member;
/* JSON Schema of the model's answer, for structured output. */
struct json *prompt_schema(void);
char *prompt_system(const struct member *member); /* NULL: nobody in particular */
char *prompt_text(const struct prompt *prompt);

/* ---- compile.c ---- */

/* A macro-economic ratio that shifts the odds (domain.md D5): gamma x z. All zero = none is known.
 */
struct macro {
    const char *series, *vintage; /* NULL = none */
    const char *source, *date;    /* where the figure is from, and of what day it is */
    double value, z;              /* z: the value against its ten-year mean, in deviations */
    double gamma, gamma_sd;
};

/* The mc/1 document of an extraction; its output is "probability". seed: text. */
struct json *predict_model(const struct extraction *extraction, const struct macro *macro,
                           const char *seed);
/* sha256:… of everything a prediction depends on. extra_seed may be empty. */
char *predict_seed(struct span goal, struct span context, const struct extraction *extraction,
                   const struct macro *macro, struct span extra_seed);
double predict_logit(double p);
double predict_odds(double log_odds);

/* ---- all of it ---- */

struct prediction {
    struct span goal, context; /* normalised */
    struct extraction extraction;
    struct macro macro;
    struct json *model; /* mc/1 */
    struct mc *mc;
    struct sim *sim;      /* all trials done when the last steps are reported */
    struct json *run;     /* the engine's own result */
    struct json *drivers; /* what it found of each variable, by the first trials */
};

/* ---- trials.c ---- */

/* All trials: sim, run and drivers. false: a trial gave no number, faults says which. */
bool predict_run(struct prediction *prediction, struct faults *faults);
/* What the first n trials say, n >= 2: the members of a job.partial. */
struct json *predict_partial(struct sim *sim, size_t n);
/* The median of each variable. */
void predict_medians(const struct mc *mc, double *values);
/* The probability with these values of the model's variables. */
double predict_evaluate(const struct prediction *prediction, const double *values);

/* ---- report.c, report_steps.c ---- */

/* Step 1 … PREDICT_STEPS as {n,id,title,text,inputs,outputs,chart,duration_hint_ms}; the last two
 * need the simulation. */
struct json *predict_step(struct prediction *prediction, unsigned n);
const char *predict_step_id(unsigned n);
const char *predict_step_title(unsigned n);
/* For the steps: pieces of the result. */
const char *predict_grade(const struct extraction *extraction);
struct json *predict_drivers(const struct prediction *prediction);
struct json *predict_interval(struct sim *sim, double percent);
struct json *predict_rate_json(const struct event_row *event);
/* steps is taken over. */
struct json *predict_result(struct prediction *prediction, struct json *steps);
