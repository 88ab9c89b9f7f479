#pragma once
/* The words of a company's name, cleaned: what is left when spelling, legal form, class of share
 * and registrar's marks are gone. */

#include <stdbool.h>

#include "base.h"

struct buf;
struct names;

#define NAME_MAX_BYTES 512
#define NAME_WORDS_MAX 48

struct name_words {
    char text[NAME_MAX_BYTES];
    size_t n_text;
    struct span at[NAME_WORDS_MAX]; /* into text, or into the tables */
    size_t n;
    char suffix[8]; /* EDGAR's /XX/, empty when there was none */
    bool overflow;  /* too long to be a name */
};

/* Reads the words. How a parenthesis is read: "Schwab (Charles)" is Charles Schwab with
 * NAME_TURN, and only Schwab with NAME_DROP. */
enum name_parens { NAME_TURN, NAME_DROP };
void name_read(const struct names *names, struct span name, enum name_parens parens,
               struct name_words *ret_words);
/* Takes off classes of shares, then legal forms at both ends; never everything. */
void name_cut_forms(const struct names *names, struct name_words *words);
/* Takes off Group and Holdings at the end. false: there was none. */
bool name_cut_hints(struct name_words *words);
/* Whether no word tells this company from others. */
bool name_is_generic(const struct names *names, const struct name_words *words);
/* The words joined, without "and" and "the". Appends to out. */
void name_join(const struct name_words *words, struct buf *out);
