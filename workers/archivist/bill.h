#pragma once
/* What a job's models cost, by model. */

#include <stddef.h>
#include <stdint.h>

#include "base.h"

struct pg_batch;
struct record;

#define BILL_MAX_ROWS 32

struct bill_row {
    char *provider, *model;
    int64_t calls, input_tokens, output_tokens, micro_usd;
};

struct bill {
    struct bill_row rows[BILL_MAX_ROWS];
    size_t n;
    int64_t uncertain_calls, uncertain_micro_usd;
};

void bill_deinit(struct bill *bill);
/* Adds one remembered answer of the job (JSON); anything else that was remembered is passed over.
 */
void bill_add(struct bill *bill, struct span answer);
/* Adds what is missing to the job's usage (JSON, may be empty) as a row without a name. */
void bill_close(struct bill *bill, struct span usage);
void bill_write(const struct bill *bill, const struct record *record, struct pg_batch *batch);
