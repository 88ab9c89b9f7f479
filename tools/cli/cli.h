#pragma once
/* What the commands of `parley` share: their table row, their arguments, the connection to the
 * door. */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base.h"
#include "buf.h"

struct fetch_header;
struct fetcher;
struct json;
struct loop;
struct page;
struct redis;

/* X(ENUM, status, meaning): what the program's exit status says; printed by --help. */
#define CLI_EXITS(X)                                                                               \
    X(OK, 0, "done; the job that was followed succeeded")                                          \
    X(NOT_OK, 1, "the job that was followed failed, expired or was cancelled; the model is wrong") \
    X(USAGE, 2, "the command line or the configuration is wrong")                                  \
    X(UNREACHABLE, 3,                                                                              \
      "the server cannot be reached or is unavailable; nothing is lost, try again")                \
    X(REFUSED, 4, "the server refused the request; the reason is on standard error")               \
    X(FAILED, 5, "the server failed, or answered with something that cannot be understood")        \
    X(INTERRUPTED, 130, "interrupted; the job goes on")

enum cli_exit {
#define X(name, status, meaning) CLI_##name = (status),
    CLI_EXITS(X)
#undef X
};

/* X(ENUM, name, value or NULL, help) */
#define CLI_OPTIONS(X)                                                                             \
    X(JSON, "json", NULL, "Print what the server says as it says it: JSON, one value a line.")     \
    X(STREAM, "stream", NULL, "Follow the job to its end and print what happens.")                 \
    X(AFTER, "after", "N", "Begin after event number N instead of at the first.")                  \
    X(KEY, "idempotency-key", "KEY",                                                               \
      "Name this submission. Sent again within 24 hours with the same body it is the same job.")   \
    X(REASON, "reason", "TEXT", "Why, for the job's log.")                                         \
    X(LIMIT, "limit", "N", "At most N jobs (default 20).")                                         \
    X(RPM, "rpm", "N", "Requests a minute; 0 = as many as one likes.")                             \
    X(TPM, "tpm", "N", "Tokens a minute; 0 = as many as one likes.")                               \
    X(BUDGET, "budget-usd-day", "USD", "Dollars a day (UTC) for models; 0 = no limit.")            \
    X(WEIGHT, "weight", "N", "Share of the workers against other tenants (1 = as everybody).")     \
    X(MAX_RUNNING, "max-running", "N", "Jobs running at a time, of each kind; 0 = no limit.")      \
    X(MAX_OPEN, "max-open", "N", "Jobs waiting and running.")                                      \
    X(RATE, "rate", "LIST",                                                                        \
      "Submissions a second and at once: debate.boardroom=5/10, …; \"off\" = no limit.")           \
    X(SCOPES, "scopes", "LIST",                                                                    \
      "What the key allows, of submit, read, cancel and metrics (default submit,read,cancel).")    \
    X(NAME, "name", "NAME", "What to call the key (default \"key\"): one of each name a tenant.")  \
    X(EXPIRES, "expires", "TIME", "The key ends after 24h, 90d … (default: never).")               \
    X(GRACE, "grace", "TIME", "So long the old key is good beside the new one (default 24h).")     \
    X(ALL, "all", NULL, "All of them.")                                                            \
    X(THREADS, "threads", "N", "Threads to compute with (default: all processors).")               \
    X(REHEARSAL, "rehearsal", "URL",                                                               \
      "Answer by the rehearsal provider there, as accurate as you say.")                           \
    X(ACCURACY, "accuracy", "Q", "How often its members know the answer (default 0.6).")           \
    X(CONFORMITY, "conformity", "C", "How often they join others without a reason (default 0.3).") \
    X(SOURCE, "source", "TEXT", "Who says so, or where it can be read.")                           \
    X(EVIDENCE, "evidence", "TEXT", "What shows it: an address, a quotation.")                     \
    X(BY, "by", "GROUP", "In groups: class, type, grade, extractor or month (default: all).")      \
    X(BACKTESTS, "backtests", NULL, "Those whose outcome was known when they were asked.")         \
    X(OUTPUT, "output", "FILE", "Write to the file (also -o FILE; default: standard output).")     \
    X(ONCE, "once", NULL, "Print the state once and end.")                                         \
    X(HELP, "help", NULL, "Print this text.")

enum cli_option {
#define X(name, text, value, help) CLI_OPTION_##name,
    CLI_OPTIONS(X)
#undef X
        CLI_OPTION_COUNT_
};

#define CLI_MAX_OPERANDS 34

struct arguments {
    const char *operands[CLI_MAX_OPERANDS]; /* NULL where there is none */
    size_t n_operands;
    const char *values[CLI_OPTION_COUNT_]; /* NULL: not given; "" for options without a value */
};

struct cli {
    struct loop *loop;
    struct fetcher *fetcher;
    const char *url;      /* of the door, without a trailing slash */
    const char *redis;    /* address, as redis_new() takes it */
    const char *api_key;  /* for the door; NULL: none */
    const char *pepper;   /* for making keys; NULL: not known */
    const char *database; /* as pg_new() takes it; NULL: not known */
    FILE *out;            /* what commands print; borrowed */
    bool json;
    bool colour;
    size_t width; /* of the screen, in columns */
};

struct command {
    const char *name;
    const char *operands; /* as usage shows them */
    size_t min_operands, max_operands;
    unsigned options; /* bits of enum cli_option, --json and --help are always there */
    const char *summary;
    const char *help; /* paragraphs, ends with a line feed */
    int (*run)(struct cli *cli, const struct arguments *arguments); /* returns an enum cli_exit */
};

extern const struct command command_submit, command_watch, command_show, command_ls, command_cancel,
    command_keys, command_queues, command_limits, command_dead, command_tenants, command_why,
    command_top, command_eval, command_replay, command_simulate, command_company, command_card,
    command_personas, command_fred, command_db, command_resolve, command_calibration;

/* ---- arguments.c ---- */

/* Reads what follows the command's name. false after saying on standard error what is wrong. */
bool arguments_read(const struct command *command, char **argv, struct arguments *ret_arguments);
/* The number of an option; false after saying what is wrong. Untouched when the option was not
 * given. */
bool arguments_number(const struct arguments *arguments, enum cli_option option, uint64_t *value);
/* Whether the text can be a job's id; false after saying that it cannot. */
bool cli_is_id(const char *command, const char *text);
void arguments_help(const struct command *command);

/* ---- read.c ---- */

/* Well over what any kind accepts: who takes the request shall say what is too large. */
#define CLI_MAX_BODY_BYTES (8U << 20)
/* The file, or standard input when path is NULL or "-". false after saying what went wrong. */
bool cli_read(const char *command, const char *path, struct buf *body);

/* ---- call.c ---- */

/* An answer of the door, whole. */
struct answer {
    int status;
    struct buf body;
    struct json *json; /* NULL when the body is none */
};

void answer_deinit(struct answer *answer);

struct call {
    const char *method;
    const char *path; /* with its query */
    struct span body;
    const char *idempotency_key; /* NULL: none */
};

/* Asks the door and waits. CLI_OK: a 2xx answer is in ret_answer. Else the reason was said on
 * standard error. With an idempotency key, or for a GET, what can be tried again is tried again for
 * some seconds. */
int cli_call(struct cli *cli, const struct call *call, struct answer *ret_answer) MUST_CHECK;
/* Says on standard error what a refusal (problem+json) means; returns the exit status for it. */
int cli_refused(const struct cli *cli, int status, struct span body);
/* What the header Authorization says; NULL without a key. */
char *cli_bearer(const struct cli *cli);
/* Prints the answer's body and a line feed. */
void cli_print_body(const struct cli *cli, const struct answer *answer);

/* ---- ask.c ---- */

/* Asks Redis itself: one command, its words ended by NULL, and waits. CLI_OK: *ret_json is the
 * answer read as JSON (what the functions of views.lua say), NULL where Redis has nothing or its
 * answer is no JSON. Else the reason was said on standard error. */
int cli_ask(const struct cli *cli, struct redis *redis, const char *const *words,
            struct json **ret_json) MUST_CHECK;

/* What Redis has of a job, {"kind","payload","result","steps"}. Anything but CLI_OK: the reason was
 * said on standard error, in the name of the command. */
int cli_ask_record(const struct cli *cli, const char *command, const char *id,
                   struct json **ret_record) MUST_CHECK;

/* ---- verbs.c ---- */

struct cli_verb {
    const char *name;  /* NULL ends the table */
    size_t n_operands; /* itself included */
    int (*run)(struct cli *cli, struct redis *redis, const struct arguments *arguments);
};

/* Runs the verb that the first operand names, "ls" without one. what_there_is: said when it is none
 * of them. Returns an enum cli_exit. */
int cli_run_verb(struct cli *cli, const struct arguments *arguments, const struct cli_verb *verbs,
                 const char *command, const char *what_there_is) MUST_CHECK;

/* ---- limits.c ---- */

/* The answer of parley1_limits as a table. */
void limits_print(const struct page *page, const struct json *limits);

/* ---- follow.c ---- */

/* Follows a job's events to its end and prints them, over as many connections as it takes: by
 * submitting (kind and body set) or by id. Returns CLI_OK or CLI_NOT_OK as the job ended, or why it
 * could not be followed. */
struct follow {
    const char *kind;
    struct span body;
    const char *idempotency_key;
    const char *id;
    uint64_t after; /* the last event seen */
};

int cli_follow(struct cli *cli, const struct follow *what);
