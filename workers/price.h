#pragma once
/* Prices of one's own: a JSON file over the rows of provider.c.
 *
 *   {"anthropic": {"claude-haiku-5-5": {"input_usd": 0.1, "output_usd": 0.5},
 *                  "claude-next":      {"input_usd": 3, "output_usd": 15, "cached_usd": 0.3},
 *                  "*":                {"input_usd": 10, "output_usd": 50}}}
 *
 * US dollars per million tokens: input_usd, output_usd, cached_usd, cache_write_usd; a step for
 * long prompts: step_tokens, step_input_times, step_output_times; and thinking_tokens, the room for
 * thinking added to a token limit. A model that has a row keeps what the file leaves out. A new one
 * must say input_usd and output_usd, its cached_usd and cache_write_usd are input_usd if left out,
 * and everything but prices is as for unknown models. "*" is the row of unknown models. */

#include <stddef.h>
#include <stdint.h>

#include "base.h"

struct model;
struct price_list;
struct provider;

/* Reads the file and points the models of the providers at the merged rows, which the list owns.
 * path NULL: nothing changes. Returns 0, or -EINVAL after printing every fault to standard error.
 */
int price_list_new(const char *path, struct provider *providers, size_t n_providers,
                   struct price_list **ret_list) MUST_CHECK;
/* The providers' models are gone after it. */
struct price_list *price_list_free(struct price_list *list);

/* What so many tokens cost when every price is the dearest of its kind. */
double price_worst_usd(const struct model *model, int64_t input_tokens, int64_t output_tokens);
