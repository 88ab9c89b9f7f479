#pragma once
/* Amounts of money: whole micro-dollars in an int64_t. Dollars appear only where people read or
 * write them. */

#include <stdint.h>

#include "base.h"

#define MONEY_USD 1000000 /* micro-dollars in one */
/* A million dollars: what nobody means to spend a day, and far below 2^53. */
#define MONEY_MAX (1000000LL * MONEY_USD)

/* Plain decimal dollars: "5", "0.25", at most six decimals. Returns 0, -EINVAL, or -ERANGE above
 * MONEY_MAX. */
int money_parse(struct span text, int64_t *ret_micro) MUST_CHECK;

/* Decimal dollars with at least two and at most six decimals: "5.00", "0.000125". */
#define MONEY_TEXT_BYTES 28
void money_text(int64_t micro, char out[MONEY_TEXT_BYTES]);

/* Rounded up, so that no call is for nothing; 0 for what is not above 0, at most MONEY_MAX. */
int64_t money_of_usd(double usd);
