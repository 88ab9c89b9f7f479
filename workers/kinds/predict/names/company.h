#pragma once
/* Companies by name: one canonical key for all spellings of a name (domain.md D3). There is no
 * fuzzy match: a name that is only like a known one is told by company_guess(). */

#include "base.h"

struct buf;
struct company;

/* Appends the canonical key of a name: the id of a known company, else what is left of the name
 * without spelling and legal form. Never empty unless the name has neither letter nor digit.
 * Returns the known company or NULL. */
const struct company *company_key(struct span name, struct buf *out);
/* Did you mean: the known name nearest to one that is not known; NULL when none is near enough. */
const char *company_guess(struct span name);
const char *company_id(const struct company *company);
const char *company_name(const struct company *company); /* "Goldman Sachs" */
/* A name that the table gives to two companies, NULL when there is none. */
const char *company_conflict(void);

/* ---- in running text, folded by unicode_fold() ---- */

/* Writes known companies as their id, one word. Names that are words of the language as well count
 * only after a word like "at", or with a legal form behind them. Appends to out. */
void company_rewrite(struct span text, struct buf *out);
/* The company of a word that company_rewrite() wrote, NULL when it is none. previous: the word
 * before it. */
const struct company *company_named(struct span word, struct span previous);
