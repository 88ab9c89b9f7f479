#pragma once
/* Configuration: a table of rows, filled from the environment, checked as a whole.
 *
 * An empty variable counts as not set. Each program has its own struct and its own table of rows
 * over it; --help and the masked dump at start are printed from the table. A bad value or an
 * unknown PARLEY_… key stops the start with every fault listed. */

#include <stdbool.h>
#include <stdint.h>

#include "base.h"

enum conf_type {
    CONF_TEXT,     /* char *, owned by the struct; NULL when empty */
    CONF_INTEGER,  /* int64_t, checked against min and max */
    CONF_BOOL,     /* bool: true/false/1/0/yes/no */
    CONF_DURATION, /* int64_t ms: "500ms", "30s", "5m", "24h", "7d" */
    CONF_SECRET,   /* char *, never printed. <KEY>_FILE names a file holding it; so does
                      $CREDENTIALS_DIRECTORY/<key lower case> (systemd LoadCredential) */
};

struct conf_row {
    const char *key; /* full environment name: "PARLEY_REDIS", "ANTHROPIC_API_KEY" */
    enum conf_type type;
    size_t offset;        /* in the program's struct */
    const char *fallback; /* as text; NULL = empty */
    int64_t min, max;     /* CONF_INTEGER and CONF_DURATION; both 0 = not checked */
    const char *help;     /* one line */
};

/* Fills config (all zero before) from the environment. Returns 0, or -EINVAL after printing every
 * fault to standard error. Environment names that begin with PARLEY_ and are in no program's table
 * are faults: conf_keys.h lists them all, and a row whose PARLEY_ key is missing there is an error
 * of ours that stops every start. */
int conf_load(const struct conf_row *rows, size_t n_rows, void *config) MUST_CHECK;
void conf_clear(const struct conf_row *rows, size_t n_rows, void *config); /* frees the texts */
void conf_help(const struct conf_row *rows, size_t n_rows);                /* to standard output */
/* One log line a row at info, secrets as "(set)" or "(not set)". */
void conf_dump(const struct conf_row *rows, size_t n_rows, const void *config);
