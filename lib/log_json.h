#pragma once
/* The words of a log line as members of a JSON object. */

#include "base.h"

struct buf;

/* Writes ,"key":"value" for each key=value and key="value with spaces", each key once, and the
 * other words together as ,"msg":"…". Values are texts, but for the few keys that always hold
 * numbers. */
void log_json_members(struct span words, struct buf *out);
