#pragma once
/* The command line of a load client: a table of "--name value". */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base.h"

enum option_type {
    OPTION_TEXT,   /* const char * */
    OPTION_NUMBER, /* uint64_t, at most max */
    OPTION_FLAG,   /* bool; stands without a value */
    OPTION_PID,    /* struct cpu_meter: NAME=PID, may be repeated */
};

struct option_row {
    const char *name; /* with its "--" */
    enum option_type type;
    size_t offset; /* in what is filled */
    uint64_t max;
};

/* false: an option that is in no row, or a value that does not fit. */
bool options_read(const struct option_row *rows, size_t n_rows, void *ret_options, int argc,
                  char **argv) MUST_CHECK;
