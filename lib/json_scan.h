#pragma once
/* The scanner's own interface: json.c builds values from its tokens. Everybody else uses json.h. */

#include "json.h"

enum json_token_type {
    JSON_TOKEN_OPEN_OBJECT,
    JSON_TOKEN_OPEN_ARRAY,
    JSON_TOKEN_CLOSE,
    JSON_TOKEN_KEY,
    JSON_TOKEN_STRING,
    JSON_TOKEN_INTEGER, /* fits int64_t, was written without fraction and exponent */
    JSON_TOKEN_NUMBER,
    JSON_TOKEN_TRUE,
    JSON_TOKEN_FALSE,
    JSON_TOKEN_NULL,
};

struct json_token {
    enum json_token_type type;
    struct span text; /* key or string, unescaped; valid during the call */
    int64_t integer;
    double number;
};

typedef void json_token_fn(const struct json_token *token, void *arg);

/* json_scan() that hands every token to fn in document order. On failure the tokens given so far
 * are a prefix of the document, and a duplicate key may have been among them. */
int json_scan_tokens(struct span text, const struct json_limits *limits, json_token_fn *fn,
                     void *arg, struct error *error) MUST_CHECK;
