#pragma once
/* What is known of company names: data/legal_forms.txt, data/words.txt, data/companies.txt, read
 * once a process. */

#include <stdbool.h>

#include "index.h"

struct company {
    char *id;   /* canonical key: "goldmansachs" */
    char *name; /* as the table writes it first */
};

struct names {
    struct name_index index;
    struct company *companies; /* owned */
    size_t n_companies;
    char **words; /* what NAME_WORD stands for, owned */
    size_t n_words;
    bool begins[128]; /* by the first byte of a name */
    char *conflict;   /* a name that two companies claim; NULL = none */
};

/* Made by the first call, never changed after it and never freed: the one exception to "no globals"
 * (style.md H4), since what is compiled in is the same for everybody and too large to read for each
 * prediction. Only the loop's thread calls it. */
const struct names *names(void);
