#pragma once
/* The words of a JSON text, one after the other: the lower half of json_scan.c. */

#include "base.h"
#include "json_scan.h"

struct error;

struct json_lexer {
    struct span text;
    size_t i;      /* the next byte */
    char *scratch; /* owned; allocated at the first backslash */
    size_t n_scratch;
    struct error *error; /* may be NULL */
};

static inline int json_lex_peek(const struct json_lexer *lexer) /* -1 at the end */
{
    return lexer->i < lexer->text.n ? (unsigned char)lexer->text.at[lexer->i] : -1;
}

void json_lex_space(struct json_lexer *lexer);
/* Both return -EPROTO after setting the error with line and column. */
int json_lex_fail(struct json_lexer *lexer, size_t offset, const char *what);
int json_lex_expected(struct json_lexer *lexer, const char *expected);

/* At the opening quote. The text stays valid until n_scratch is set back. */
int json_lex_string(struct json_lexer *lexer, struct span *ret_text) MUST_CHECK;
/* At '-' or a digit. */
int json_lex_number(struct json_lexer *lexer, struct json_token *ret_token) MUST_CHECK;
