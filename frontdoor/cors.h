#pragma once
/* What browsers must know: which pages of other origins may use the door, and fields that every
 * answer carries. */

#include <stdbool.h>

#include "base.h"

struct buf;
struct cors;
struct error;
struct http_exchange;

/* origins: "https://app.example, http://localhost:3000", exact; NULL or empty = none. -EINVAL and
 * error (ERROR_CONFIG) when one is not scheme://host[:port]. */
int cors_new(const char *origins, struct cors **ret_cors, struct error *error) MUST_CHECK;
struct cors *cors_free(struct cors *cors);
DEFINE_FREEP(cors)

/* Adds the fields of every head: http_options.on_head. */
void cors_head(const struct cors *cors, const struct http_exchange *exchange, struct buf *head);
/* Whether the request comes from no page, from a page of our own host, or from an allowed one. */
bool cors_admits(const struct cors *cors, const struct http_exchange *exchange);
/* Answers OPTIONS; allow: the methods of the address, "GET, HEAD". */
void cors_answer(const struct cors *cors, struct http_exchange *exchange, const char *allow);
