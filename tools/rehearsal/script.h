#pragma once
/* The script: rules that make the provider slow, wrong or silent, for chosen calls.
 *
 * {"rules":[{MATCH…, ACTION…}, …]}: the first rule whose matches all hold decides about a call.
 *   match:  "provider", "model", "calls":[from,to] (counted per provider from 1 since the script
 * was set), "contains" (bytes of the body), "times" (the rule is used up after so many calls)
 *   action: "first_byte_ms", "tokens_per_second" (0 = at once), "status" with "headers"
 * {name:value} and "body" (text, or JSON), "text" (the answer; "@@@@@@@@" in it
 * becomes the monotonic clock's 100 us, modulo 1e8, at which it is given), "garbage" (true, or the
 * bytes to send instead of a stream), "flood_bytes" (a stream of one line so long, without an end),
 * "content_type" (of "status", "garbage" and "flood_bytes"), "hang" (never answers),
 * "hang_after_chunks", "cut_after_chunks", "error_after_chunks", "member"
 * ({"answer","accuracy","conformity"}: a member of a debate knows the answer to a choice with that
 * probability, and joins another position without a reason with that one) */

#include <stdbool.h>
#include <stdint.h>

#include "base.h"

struct ask;
struct error;
struct json;
struct script;

struct script *script_new(void);
struct script *script_free(struct script *script);
DEFINE_FREEP(script)
/* Replaces all rules and starts counting anew. -EINVAL and error when it is none; then the old one
 * stays. */
int script_set(struct script *script, struct span text, struct error *error) MUST_CHECK;
void script_clear(struct script *script);
/* Counts the call and returns a copy of the rule for it, NULL when there is none. The caller frees
 * it. */
struct json *script_rule(struct script *script, const struct ask *ask, struct span body);
const struct json *script_json(const struct script *script);
