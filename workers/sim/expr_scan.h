#pragma once
/* The tokens of an expression, between expr_scan.c and expr.c. */

#include <stdbool.h>
#include <stddef.h>

#include "base.h"

enum token_type { TOKEN_END, TOKEN_NUMBER, TOKEN_WORD, TOKEN_SYMBOL, TOKEN_WRONG };

struct token {
    enum token_type type;
    struct span text;
    size_t from, to; /* bytes of the whole text */
};

struct scan {
    struct span text; /* borrowed from who started it */
    size_t at, end;
    struct token token; /* the next one, not yet taken */
};

void scan_next(struct scan *scan);
bool scan_is(const struct scan *scan, const char *symbol); /* the next token is this */
