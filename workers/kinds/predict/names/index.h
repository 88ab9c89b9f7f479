#pragma once
/* Words and keys of several tables in one index: found by (table, text). Grows only; what was put
 * is never changed. */

#include <stdint.h>

#include "base.h"

enum name_table {
    NAME_ALIAS,   /* a spelling of a company without spaces: value is its number */
    NAME_WORD,    /* another spelling of a word: value is the number of what it stands for */
    NAME_LEGAL,   /* a legal form; flag NAME_LEADS */
    NAME_GENERIC, /* a word that tells no company from another */
    NAME_SUFFIX,  /* what stands between slashes behind a name */
};

/* Flags of an entry. */
#define NAME_EXACT 1U  /* only the whole name, nothing cut off */
#define NAME_PLAIN 2U  /* a word of the language too */
#define NAME_SILENT 4U /* not in running text */
#define NAME_LEADS 8U  /* a legal form that may begin a name */
#define NAME_TICKER 16U

struct name_entry {
    char *key; /* owned; NULL = free */
    size_t n;
    enum name_table table;
    unsigned flags;
    uint32_t value;
};

struct name_index {
    struct name_entry *entries; /* owned */
    size_t n, n_slots;          /* a power of two */
};

/* The entry that stands for the key: the new one, or the one that was there before. */
const struct name_entry *name_index_put(struct name_index *index, enum name_table table,
                                        struct span key, unsigned flags, uint32_t value);
/* NULL when there is none. */
const struct name_entry *name_index_get(const struct name_index *index, enum name_table table,
                                        struct span key);
