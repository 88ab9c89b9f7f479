#pragma once
/* Rates of a tenant's own, as an operator writes and reads them: "debate.boardroom=5/10". */

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct json;

#define RATES_MAX 16

/* Fields of tenant:<t> and their values, as rates.lua reads them. */
struct rates {
    size_t n;
    char fields[RATES_MAX][96], values[RATES_MAX][48]; /* value "": as the kind's schema says */
};

/* KIND.NAME=PER_S[/BURST] with commas between; PER_S may be "off" or "default". false: said on
 * standard error what is wrong. */
bool rates_read(const char *text, struct rates *ret_rates);
/* Those that a tenant has, as rates_read() takes them, one space before each. */
void rates_write(const struct json *rates, struct buf *out);
