#pragma once
/* RFC 9457 problem details: the one shape of every error answer of ours. */

#include "base.h"
#include "error.h"

struct buf;

#define PROBLEM_MAX_ITEMS 32

struct problem {
    enum error_code code;
    char *detail;   /* one sentence for a person; NULL: the code's title */
    size_t n_items; /* counted beyond the maximum, kept up to it */
    struct {
        char *pointer; /* RFC 6901, "" = the whole body */
        char *message;
    } items[PROBLEM_MAX_ITEMS];
};

void problem_init(struct problem *problem, enum error_code code);
void problem_init_error(struct problem *problem, const struct error *error);
void problem_deinit(struct problem *problem);
void problem_add(struct problem *problem, const char *pointer, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* {"type":"about:blank","title","status","detail","code","retryable","request_id","errors":[…]} */
void problem_write(const struct problem *problem, const char *request_id, struct buf *out);
