#pragma once
/* What is wrong with a model, all at once: each fault has a code, a JSON pointer and, inside an
 * expression, the bytes it is about. */

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
    X(NAME, "E_NAME")                                                                              \
    X(RESERVED, "E_RESERVED")                                                                      \
    X(CYCLE, "E_CYCLE")                                                                            \
    X(PARSE, "E_PARSE")                                                                            \
    X(ARITY, "E_ARITY")                                                                            \
    X(LIMIT, "E_LIMIT")                                                                            \
    X(DOMAIN, "E_DOMAIN")                                                                          \
    X(UNSUPPORTED, "E_UNSUPPORTED")

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
    char *hint; /* NULL = none */
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

/* [{"code","path","span"?,"message","hint"?},…] */
struct json *faults_json(const struct faults *faults);
/* All in one line, for an error message. */
void faults_text(const struct faults *faults, struct buf *out);

/* parent + "/" + key, escaped as RFC 6901 asks; heap. */
char *pointer_join(const char *parent, const char *key);
/* The candidate nearest to `name` (text_guess), NULL when none is near. */
const char *nearest_name(struct span name, const char *const *candidates, size_t n);
