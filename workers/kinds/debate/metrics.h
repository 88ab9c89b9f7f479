#pragma once
/* What a debate measured of itself: who was moved by what, and what each voice cost. */

#include <stddef.h>

struct debate;
struct json;

/* {"changes","with_reason","without_reason","conformity_share","identity_bias":{…}}: see
 * schemas/debate.json. Counts voters of closed rounds only. */
struct json *metrics_json(const struct debate *debate);
/* {"calls","input_tokens","output_tokens","cost_usd"} of all that was answered. */
struct json *metrics_usage(const struct debate *debate);
/* Sets "usage", "ms" and "rounds" of a persona's row. */
void metrics_set_persona(const struct debate *debate, size_t persona, struct json *row);
/* Sets "tokens", "cost_usd" and "ms" of a round's row. */
void metrics_set_round(const struct debate *debate, size_t round, struct json *row);
