#pragma once
/* One way to write an amount. */

#include "base.h"

struct buf;

/* Of folded text with single spaces: thousands without separators, percent as "%", money with its
 * sign in front and multiplied out ("5 million dollars", "usd 5m" and "$5,000,000" are "$5000000"),
 * 10^6 and 1e6 as digits, "two years" as "2 years". What a letter means without a currency is left
 * open: "10k" may be a run. Idempotent. Appends to out. */
void amounts_rewrite(struct span text, struct buf *out);
