#pragma once
/* What is wrong with a model, all at once: each fault has a code, a JSON pointer and, inside an
 * expression, the bytes it is about. Warnings (W_) are kept in the same way, in lists of their
 * own. */

#include <stdbool.h>
#include <stddef.h>

#include "base.h"

struct buf;
struct json;

/* X(ENUM, wire name) */
#define FAULT_CODES(X)                                                                             \
    X(SCHEMA, "E_SCHEMA")                                                                          \
    X(DIST, "E_DIST")                                                                              \
    X(PARAM_MISSING, "E_PARAM_MISSING")                                                            \
    X(PARAM_RANGE, "E_PARAM_RANGE")                                                                \
    X(QUANTILE_ORDER, "E_QUANTILE_ORDER")                                                          \
    X(TRUNC_EMPTY, "E_TRUNC_EMPTY")                                                                \
    X(NAME, "E_NAME")                                                                              \
    X(RESERVED, "E_RESERVED")                                                                      \
    X(CYCLE, "E_CYCLE")                                                                            \
    X(PARSE, "E_PARSE")                                                                            \
    X(ARITY, "E_ARITY")                                                                            \
    X(CORR_RANGE, "E_CORR_RANGE")                                                                  \
    X(CORR_NOT_PSD, "E_CORR_NOT_PSD")                                                              \
    X(CORR_DISCRETE, "E_CORR_DISCRETE")                                                            \
    X(LIMIT, "E_LIMIT")                                                                            \
    X(BUDGET, "E_BUDGET")                                                                          \
    X(DOMAIN, "E_DOMAIN")                                                                          \
    X(UNSUPPORTED, "E_UNSUPPORTED")                                                                \
    X(W_HEAVY_TAIL, "W_HEAVY_TAIL")                                                                \
    X(W_WIDE_LOGNORMAL, "W_WIDE_LOGNORMAL")                                                        \
    X(W_CI_WIDE, "W_CI_WIDE")                                                                      \
    X(W_UNUSED, "W_UNUSED")

enum fault_code {
#define X(name, wire) FAULT_##name,
    FAULT_CODES(X)
#undef X
        FAULT_CODE_COUNT_
};

#define FAULTS_MAX 32

struct fault {
    enum fault_code code;
    char *path;      /* JSON pointer */
    size_t from, to; /* bytes of the expression; equal = no span */
    char *message;
    /* NULL = none */
    char *hint, *expected, *got;
    struct json *more; /* an object: further members of the row */
};

struct faults {
    struct fault at[FAULTS_MAX];
    size_t n;
    size_t n_more; /* found beyond FAULTS_MAX, not kept */
};

/* Where in the document: a pointer, and for expressions a span. */
struct place {
    const char *path;
    size_t from, to;
};

void faults_deinit(struct faults *faults);
void fault_add(struct faults *faults, enum fault_code code, struct place place, const char *hint,
               const char *format, ...) PRINTF_LIKE(5, 6);

/* What a reader sees beside the message; NULL = none. */
struct fault_detail {
    const char *hint, *expected, *got;
};
/* A fault that was found already is not added again. */
void fault_add_detail(struct faults *faults, enum fault_code code, struct place place,
                      struct fault_detail detail, const char *format, ...) PRINTF_LIKE(5, 6);
/* "must be `expected`, not `got`" */
void fault_add_wrong(struct faults *faults, enum fault_code code, const char *path,
                     const char *expected, const struct json *got);
/* Further members for the fault added last; takes `more`. */
void fault_attach(struct faults *faults, struct json *more);
/* "did you mean 'x'?" for the candidate nearest to name; heap, NULL when none is near. */
char *fault_guess(struct span name, const char *const *candidates, size_t n);

/* [{"code","path","span"?,"message","expected"?,"got"?,"hint"?, more…},…] */
struct json *faults_json(const struct faults *faults);
/* All in one line, for an error message. */
void faults_text(const struct faults *faults, struct buf *out);

/* parent + "/" + key, escaped as RFC 6901 asks; heap. */
char *pointer_join(const char *parent, const char *key);
