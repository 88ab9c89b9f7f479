/* What the connection to Postgres promises, against a real server that is stopped and started, and
 * without one. */
#include <check.h>
#include <stdio.h>

#include "error.h"
#include "loop.h"
#include "main.h"
#include "pg.h"
#include "pg_server.h"
#include "talk.h"

#define PATIENT_MS 20000

static struct pg_server server;
static struct loop *loop;
static struct pg *pg;

struct heard {
    int done;
    enum pg_outcome outcome;
    char state[8], message[256], cell[256];
    size_t n_rows, failed;
};

static void on_answer(const struct pg_answer *answer, void *arg)
{
    struct heard *heard = arg;

    heard->done++;
    heard->outcome = answer->outcome;
    heard->n_rows = pg_answer_rows(answer);
    heard->failed = answer->failed;
    (void)snprintf(heard->state, sizeof(heard->state), "%s", answer->state);
    (void)snprintf(heard->message, sizeof(heard->message), "%s", answer->message);
    if (heard->n_rows > 0) {
        struct span cell = pg_answer_cell(answer, 0, 0);
        (void)snprintf(heard->cell, sizeof(heard->cell), "%s", cell.at ? cell.at : "(null)");
    }
}

static struct heard ask(struct pg_batch *batch)
{
    struct heard heard = {0};

    pg_send(pg, batch, on_answer, &heard);
    ck_assert_int_eq(heard.done, 0); /* never before the starter returned */
    wait_for(loop, &heard.done);
    return heard;
}

static struct heard one(const char *sql, int64_t deadline_ms, size_t n, const char *const *texts)
{
    struct pg_batch *batch = pg_batch_new(deadline_ms);
    struct span values[PG_MAX_VALUES];

    for (size_t i = 0; i < n; i++)
        values[i] = span_of(texts[i]);
    pg_batch_add(batch, sql, n, values);
    return ask(batch);
}

static void open_connection(const char *url)
{
    struct error error = {0};

    loop = loop_new();
    ck_assert_int_eq(pg_new(loop, url, &pg, &error), 0);
}

static void close_connection(void)
{
    pg = pg_free(pg);
    loop = loop_free(loop);
}

/* The server may still be starting. */
static void until_it_answers(void)
{
    while (one("SELECT 1", PATIENT_MS, 0, NULL).outcome != PG_DONE)
        ;
}

static void set_up(void)
{
    open_connection(server.url);
    until_it_answers();
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);

    return n >= m && strcmp(text + n - m, end) == 0;
}

START_TEST(values_come_back_as_they_were_whatever_they_hold)
{
    static const char *const texts[] = {
        "", "it's", "'; DROP TABLE jobs; --", "$1 \\ \" %s", "naïve 日本 😀", "a\nb\tc",
    };

    set_up();
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct heard heard = one("SELECT $1::text", PATIENT_MS, 1, &texts[i]);
        ck_assert_msg(heard.outcome == PG_DONE, "%s: %s", texts[i], heard.message);
        ck_assert_str_eq(heard.cell, texts[i]);
    }
    const char *const none[] = {NULL};
    ck_assert_str_eq(one("SELECT $1::text", PATIENT_MS, 1, none).cell, "(null)");
    close_connection();
}
END_TEST

START_TEST(a_batch_is_done_as_a_whole_or_not_at_all)
{
    struct pg_batch *batch = pg_batch_new(PATIENT_MS);

    set_up();
    ck_assert_int_eq(one("CREATE TABLE whole (n int PRIMARY KEY)", PATIENT_MS, 0, NULL).outcome,
                     PG_DONE);
    for (int i = 0; i < 200; i++) {
        char text[8];
        (void)snprintf(text, sizeof(text), "%d", i == 150 ? 7 : i);
        const struct span value = span_of(text);
        pg_batch_add(batch, "INSERT INTO whole VALUES ($1::int)", 1, &value);
    }
    struct heard heard = ask(batch);
    ck_assert_int_eq(heard.outcome, PG_REFUSED);
    ck_assert_str_eq(heard.state, "23505");
    ck_assert_uint_eq(heard.failed, 150);
    ck_assert_str_eq(one("SELECT count(*) FROM whole", PATIENT_MS, 0, NULL).cell, "0");
    close_connection();
}
END_TEST

START_TEST(a_refusal_says_why_and_not_what_the_row_held)
{
    // clang-format off
    static const struct {
        const char *sql, *value, *state;
    } rows[] = {
        {"SELEC $1::text",                                   "sesame", "42601"},
        {"SELECT * FROM nowhere WHERE n = $1",               "sesame", "42P01"},
        {"SELECT length($1::text) / 0",                      "sesame", "22012"},
        {"INSERT INTO guarded VALUES ($1)",                  "sesame", "23514"},
        {"SELECT $1::text, $2::text",                        "sesame", "08P01"},
    };
    // clang-format on

    set_up();
    (void)one("CREATE TABLE guarded (t text CHECK (length(t) < 3))", PATIENT_MS, 0, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct heard heard = one(rows[i].sql, PATIENT_MS, 1, &rows[i].value);
        ck_assert_msg(heard.outcome == PG_REFUSED && strcmp(heard.state, rows[i].state) == 0,
                      "%s: %s %s", rows[i].sql, heard.state, heard.message);
        ck_assert_uint_eq(heard.failed, 0);
        ck_assert(heard.message[0] && !strstr(heard.message, "sesame"));
        ck_assert_int_eq(one("SELECT 1", PATIENT_MS, 0, NULL).outcome, PG_DONE);
    }
    close_connection();
}
END_TEST

START_TEST(a_statement_over_its_deadline_ends_here_and_there)
{
    set_up();
    struct heard heard = one("SELECT pg_sleep(60)", 200, 0, NULL);
    /* Who sees it first, the server or we, is chance. */
    if (heard.outcome == PG_REFUSED)
        ck_assert_str_eq(heard.state, "57014");
    else
        ck_assert_str_eq(heard.message, "no answer within the deadline");
    until_it_answers();
    while (strcmp(one("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'"
                      " AND state = 'active'",
                      PATIENT_MS, 0, NULL)
                      .cell,
                  "0") != 0)
        ;
    close_connection();
}
END_TEST

START_TEST(megabytes_go_both_ways)
{
    const size_t n = 8u << 20;
    char *big = xcalloc(1, n + 1);

    set_up();
    memset(big, 'x', n);
    const char *const values[] = {big, big};
    struct heard heard = one("SELECT length($1::text) + length($2::text)", PATIENT_MS, 2, values);
    ck_assert_str_eq(heard.cell, "16777216");
    heard = one("SELECT repeat('y', $1::int)", PATIENT_MS, 1, (const char *const[]){"8000000"});
    ck_assert_int_eq(heard.outcome, PG_DONE);
    ck_assert_uint_eq(heard.n_rows, 1);
    free(big);
    close_connection();
}
END_TEST

START_TEST(a_server_that_ends_is_told_of_and_used_again_when_it_is_back)
{
    struct pg_server own;

    pg_server_start(&own);
    open_connection(own.url);
    until_it_answers();
    pg_server_kill(&own);
    struct heard heard = one("SELECT 1", PATIENT_MS, 0, NULL);
    ck_assert_int_eq(heard.outcome, PG_UNKNOWN);
    ck_assert(heard.message[0]);
    ck_assert_int_eq(one("SELECT 1", PATIENT_MS, 0, NULL).outcome, PG_UNKNOWN);
    pg_server_run(&own);
    until_it_answers();
    close_connection();
    pg_server_stop(&own);
}
END_TEST

START_TEST(without_a_server_the_answer_is_why)
{
    // clang-format off
    static const struct {
        const char *url, *end;
    } rows[] = {
        {"postgresql://u:sesame@/d?host=/nowhere",            "No such file or directory"},
        {"postgresql://u:sesame@127.0.0.1:1/d",               "Connection refused"       },
        {"host=/nowhere,127.0.0.1 port=5432,1 user=u",        "No such file or directory"},
        {"postgresql://u:sesame@no-such-host.invalid/d",      ""                         },
        {"postgresql://u:sesame@localhost:1/d",               "Connection refused"       },
    };
    // clang-format on

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        open_connection(rows[i].url);
        struct heard heard = one("SELECT 1", PATIENT_MS, 0, NULL);
        ck_assert_msg(heard.outcome == PG_UNKNOWN && heard.message[0] &&
                          ends_with(heard.message, rows[i].end),
                      "%s: %s", rows[i].url, heard.message);
        ck_assert(!strstr(heard.message, "sesame"));
        close_connection();
    }
}
END_TEST

START_TEST(a_host_is_looked_up_beside_the_loop_and_may_be_given_up)
{
    open_connection("postgresql://u@no-such-host.invalid/d");
    for (int i = 0; i < 3; i++) {
        loop_turn(loop, 0);
        pg_send(pg, pg_batch_new(PATIENT_MS), NULL, NULL);
    }
    close_connection();
    struct heard heard;
    open_connection("postgresql://u@no-such-host.invalid/d");
    heard = one("SELECT 1", PATIENT_MS, 0, NULL);
    ck_assert_msg(strncmp(heard.message, "host no-such-host.invalid is not known", 38) == 0, "%s",
                  heard.message);
    close_connection();
}
END_TEST

START_TEST(a_wrong_address_is_refused_without_its_password)
{
    static const char *const urls[] = {
        "u:sesame@host/d",
        "postgresql://u:sesame@[::1/d",
        "host=a passwort=sesame",
    };

    loop = loop_new();
    for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
        struct error error = {0};
        ck_assert_msg(pg_new(loop, urls[i], &pg, &error) < 0, "%s", urls[i]);
        ck_assert(error.message[0] && !strstr(error.message, "sesame"));
    }
    loop = loop_free(loop);
}
END_TEST

START_TEST(nothing_is_called_back_after_the_end)
{
    struct heard heard = {0};

    set_up();
    for (int i = 0; i < 3; i++) {
        struct pg_batch *batch = pg_batch_new(PATIENT_MS);
        pg_batch_add(batch, "SELECT pg_sleep(0.01)", 0, NULL);
        pg_send(pg, batch, on_answer, &heard);
    }
    loop_turn(loop, 0);
    pg = pg_free(pg);
    loop_turn(loop, 50);
    ck_assert_int_eq(heard.done, 0);
    close_connection();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        values_come_back_as_they_were_whatever_they_hold,
        a_batch_is_done_as_a_whole_or_not_at_all,
        a_refusal_says_why_and_not_what_the_row_held,
        a_statement_over_its_deadline_ends_here_and_there,
        megabytes_go_both_ways,
        without_a_server_the_answer_is_why,
        a_host_is_looked_up_beside_the_loop_and_may_be_given_up,
        a_wrong_address_is_refused_without_its_password,
        nothing_is_called_back_after_the_end,
        a_server_that_ends_is_told_of_and_used_again_when_it_is_back,
    };

    pg_server_start(&server);
    int status = test_main("pg", tests, ARRAY_SIZE(tests));
    pg_server_stop(&server);
    return status;
}
