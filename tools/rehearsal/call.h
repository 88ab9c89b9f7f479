#pragma once
/* One call to the rehearsal provider, from its request to its last byte. */

#include <stdint.h>

#include "ask.h"

struct bill;
struct http_exchange;
struct loop;
struct script;

/* What all calls share; borrowed by each of them, outlives them. */
struct stage {
    struct loop *loop;
    struct script *script;
    struct bill *bill;
    double tokens_per_second; /* 0 = at once */
    int64_t first_byte_ms;    /* < 0: 30 to 60, by the request */
};

/* Takes over the exchange. */
void call_begin(const struct stage *stage, enum ask_format format, const char *provider,
                struct http_exchange *exchange);
