#pragma once
/* What was asked of whom: a row a call and four numbers a provider, for GET /stats. */

#include <stdbool.h>
#include <stdint.h>

#include "base.h"

struct ask;
struct bill;
struct buf;

enum call_end {
    CALL_OPEN,
    CALL_FINISHED, /* the whole answer was given */
    CALL_CUT,      /* we broke it off, as the script said */
    CALL_LEFT,     /* the caller closed first */
    CALL_ERROR,    /* an error status, an error event or garbage was given */
    CALL_END_COUNT_
};

struct bill *bill_new(void);
struct bill *bill_free(struct bill *bill);
DEFINE_FREEP(bill)
/* Opens a row and returns its number, which bill_end() closes. */
uint64_t bill_begin(struct bill *bill, const struct ask *ask);
/* What the answer's usage says or would say; 0 before. */
void bill_tokens(struct bill *bill, uint64_t row, int64_t input, int64_t output);
void bill_end(struct bill *bill, uint64_t row, const char *provider, enum call_end end);
/* Forgets all rows and counts; calls still open stay counted as open. */
void bill_clear(struct bill *bill);
/* {"providers":{…},"bill":[…]} */
void bill_write(const struct bill *bill, struct buf *out);
