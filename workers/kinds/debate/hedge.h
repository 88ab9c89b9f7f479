#pragma once
/* A second call for the slowest answer of a round. */

#include <stddef.h>

struct debate;
struct json;
struct run;

/* What counts for persona i of the round being heard, once its own answer is there. NULL: the
 * hedge's, which counts instead, is being fetched from memory. */
const struct json *hedge_settle(struct run *run, struct debate *debate, size_t i,
                                const struct json *own);
/* Only persona i has not answered yet: asks again when it is slow. */
void hedge_consider(struct run *run, struct debate *debate, size_t i);
