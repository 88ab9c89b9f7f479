#pragma once
/* The steps of making a model, between mc.c and the files that read and link it. Each adds what is
 * wrong to faults and goes on. */

#include "mc.h"

/* Fills the model from its document. */
void mc_read(struct mc *mc, struct faults *faults);
/* Resolves every name and builds the programs. */
void mc_link(struct mc *mc, struct faults *faults);
/* The pairs of `correlations` to mc->factor. After all variables are known. */
void mc_correlate(struct mc *mc, struct faults *faults);
/* What is allowed but likely not meant. */
void mc_warn(struct mc *mc);
/* The price, and whether it is within the budget. */
void mc_price(struct mc *mc, struct faults *faults);

/* ---- reading ---- */

struct reading {
    struct mc *mc;
    struct faults *faults;
    const char *path; /* of the value that is read */
    bool is_output;   /* definitions: of outputs, not let */
};

typedef void read_fn(struct reading *reading, const struct json *value);

struct member {
    const char *name;
    read_fn *fn;
    bool required;
};

/* Calls the reader of each member there is, in the order of the table, and refuses members that no
 * row names. */
void read_members(struct reading *reading, const struct json *json, const struct member *members);
/* The value is not what it must be. */
void read_refuse(struct reading *reading, const char *expected, const struct json *value);
/* Whether a new thing may have that name; says why not. */
bool read_name(struct reading *reading, const char *name, const char *path);
/* An expression in a string. */
bool read_expression(struct reading *reading, const struct json *value, const char *path,
                     struct expr *ret_expr);
bool read_switch(struct reading *reading, const struct json *value); /* true or false */

read_fn read_kind, read_model, read_trials, read_seed, read_method, read_report, read_on_invalid,
    read_dry_run, read_budget, read_correlation_kind, read_steps;

/* ---- linking, between mc_link.c and mc_ask.c ---- */

struct linker {
    struct mc *mc;
    struct faults *faults;
    struct program *program; /* being built */
    enum { LINK_INITIAL, LINK_STEP, LINK_END } phase;
    bool asking;                                    /* outputs are known by name before states */
    const char *path;                               /* of the expression being compiled */
    const struct mc_state *self;                    /* whose `next` is being compiled */
    struct mc_definition *open[MC_DEFINITIONS_MAX]; /* being compiled, outermost first */
    size_t n_open;
    unsigned *shared; /* by node: where a shared one was worked out; NOT_YET */
};

unsigned link_compile(struct linker *linker, unsigned root);
/* The questions, and what the stop rules watch. */
void link_asks(struct linker *linker);
