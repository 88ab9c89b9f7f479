#pragma once
/* A debate: what was asked, what came back, and what follows from both.
 *
 * Everything here is a pure function of the request, the seed's draws and the replies. Only
 * debate.c knows that replies come from models and that the process may die in between. */

#include <stdbool.h>
#include <stdint.h>

#include "ballot.h"
#include "buf.h"
#include "corpus.h"
#include "debate_limits.h"
#include "digest.h"
#include "personas.h"
#include "verdict.h"

struct error;
struct json;

/* The n-th 64-bit word of a stream named so. */
typedef uint64_t draw_fn(const void *source, const char *name, uint64_t n);

/* Why talking ended. */
enum stop_reason {
    STOP_NOT,
    STOP_QUORUM,    /* too few answered: inconclusive */
    STOP_AGREEMENT, /* enough agree and nobody moved */
    STOP_SETTLED,   /* hardly anybody moved */
    STOP_BUDGET,    /* no more for another round and the synthesis */
    STOP_ROUNDS,    /* as many rounds as were asked for */
    STOP_REASON_COUNT_
};

/* One persona's part in one round; what the builder of its question is given. */
struct turn {
    const struct debate *debate;
    size_t round, persona;
};

struct round {
    struct turn turns[DEBATE_MAX_PERSONAS];
    const struct json
        *replies[DEBATE_MAX_PERSONAS]; /* as remembered, borrowed from the run; NULL = not asked */
    /* Of a question that was sent twice: the reply that does not count, and is paid all the same.
     */
    const struct json *spare[DEBATE_MAX_PERSONAS];
    bool hedged[DEBATE_MAX_PERSONAS]; /* sent twice in this attempt */
    bool asked[DEBATE_MAX_PERSONAS];
    /* valid when the round is closed */
    struct verdict verdicts[DEBATE_MAX_PERSONAS];
    const struct verdict
        *standing[DEBATE_MAX_PERSONAS];  /* the verdict that counts after it; NULL = absent */
    bool conformed[DEBATE_MAX_PERSONAS]; /* changed without a reason: the earlier verdict stands */
    bool changed[DEBATE_MAX_PERSONAS];
    struct vote vote;
    size_t n_present, n_changed, n_conformed;
    double move; /* mean change of a voter's answer: of numbers relative, of others the share that
                    changed */
    int64_t tokens;
    double usd;
    int64_t limit_ms; /* what a call of it may take, by this attempt's reckoning; 0 = not begun */
};

struct debate {
    struct json *request; /* owned copy; most spans point into it */
    draw_fn *draw;
    const void *draw_source;
    struct span question, context;
    struct ballot ballot;
    struct corpus corpus;
    const struct json *nearness[CORPUS_MAX_BATCHES]; /* replies, borrowed */
    size_t n_nearness;
    bool fused;         /* all of these are good, and counted */
    struct json *board; /* owned copy; the personas point into it, unless they are shipped ones */
    struct persona personas[DEBATE_MAX_PERSONAS];
    size_t n;    /* 0 while the request only names its personas: debate_seat() is to come */
    bool hedges; /* the last answer of a round may be asked for twice */
    bool named;  /* digests say whose a reason is */
    bool wants_devil;
    size_t max_rounds, min_rounds, stable_rounds, concurrency;
    double agree, delta, quorum, temperature;
    int64_t budget_tokens; /* 0 = none */
    int64_t budget_ms;     /* from the job's first start to its end; 0 = none */
    double budget_usd;     /* < 0 = none */

    struct round rounds[1 + DEBATE_MAX_ROUNDS]; /* [0] is the blind one */
    size_t n_rounds;                            /* closed so far */
    size_t n_stable;                            /* rounds in a row in which nobody moved */
    enum stop_reason stop;
    struct turn synthesis_turn;
    struct verdict synthesis; /* present only when a model wrote it and it passed the check */
    const struct json *synthesis_replies[DEBATE_SYNTHESIS_TRIES]; /* NULL = not asked */
    size_t n_synthesis;
    int64_t synthesis_limit_ms[DEBATE_SYNTHESIS_TRIES]; /* as limit_ms of a round */
    struct buf objections;                              /* to the last reply; empty = none */
};

/* -EINVAL and error (ERROR_INVALID) when the request cannot be debated. */
int debate_new(const struct json *request, draw_fn *draw, const void *draw_source,
               struct debate **ret_debate, struct error *error) MUST_CHECK;
/* Who takes part: a list of personas, NULL = the shipped ones. -EINVAL and error when they cannot.
 */
int debate_seat(struct debate *debate, const struct json *personas, struct error *error) MUST_CHECK;
struct debate *debate_free(struct debate *debate);
DEFINE_FREEP(debate)

/* The keys answers are remembered under. */
#define DEBATE_LATE_KEY "late"   /* no time was left for a further round: {"rounds": those held} */
#define DEBATE_BOARD_KEY "board" /* the personas that the request names: {"personas":[…]} */
#define DEBATE_KEY_BYTES 96
void debate_key(const struct debate *debate, size_t round, size_t persona,
                char out[DEBATE_KEY_BYTES]);
void debate_hedge_key(const struct debate *debate, size_t round, size_t persona,
                      char out[DEBATE_KEY_BYTES]);
/* Whether a persona's own answer gave way to its hedge's. */
bool debate_is_withdrawn(const struct json *reply);
const char *debate_synthesis_key(const struct debate *debate); /* of the next try */

/* Whether persona i is asked in the round being heard: in later rounds only those who answered
 * before. */
bool debate_is_asked(const struct debate *debate, size_t i);
/* The persona who argues against the leading view in that round; debate->n = nobody. */
size_t debate_devil(const struct debate *debate, size_t round);
/* What a persona is shown in a round of exchange. */
void debate_digest(const struct debate *debate, size_t round, size_t reader, struct digest *digest);
/* All replies of round n_rounds are in: reads, counts, decides whether to stop. */
void debate_close_round(struct debate *debate);
/* A reply to the synthesis. true: it is good, or no further one is to be asked for. */
bool debate_close_synthesis(struct debate *debate, const struct json *reply);

/* The vote that stands: the last one, or the blind one when most changes were conformity and turned
 * it. */
const struct vote *debate_vote(const struct debate *debate, bool *ret_blind_stands);
/* The verdicts that count at the end, [n] of them, NULL = absent. */
const struct verdict *const *debate_standing(const struct debate *debate);
/* Whether persona i has a vote and used it for something else than the decision. */
bool debate_dissents(const struct debate *debate, const struct vote *vote, size_t i);
const char *debate_stop_name(enum stop_reason stop);
