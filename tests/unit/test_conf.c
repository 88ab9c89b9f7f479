/* What the environment becomes, and what is said about what it should not hold. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "buf.h"
#include "conf.h"
#include "log.h"
#include "main.h"

struct config {
    char *redis, *text;
    int64_t port, timeout_ms;
    bool on;
    char *secret;
};

#define AT(field) offsetof(struct config, field)

static const struct conf_row rows[] = {
    {"PARLEY_REDIS", CONF_TEXT,     AT(redis),      "unix:/run/redis.sock", 0, 0,        "where Redis is"},
    {"TEST_TEXT",    CONF_TEXT,     AT(text),       NULL,                   0, 0,        "a text"        },
    {"TEST_PORT",    CONF_INTEGER,  AT(port),       "8080",                 1, 65535,    "the port"      },
    {"TEST_TIMEOUT", CONF_DURATION, AT(timeout_ms), "30s",                  1, 86400000, "how long"      },
    {"TEST_ON",      CONF_BOOL,     AT(on),         "false",                0, 0,        "whether"       },
    {"TEST_SECRET",  CONF_SECRET,   AT(secret),     NULL,                   0, 0,        "the key"       },
};

static char folder[] = "/tmp/parley-conf-XXXXXX";

static void begin(void)
{
    (void)clearenv();
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void end(void)
{
    static const char *const names[] = {"secret", "test_secret", "output"};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        CLEANUP(charp_freep) char *path = xprintf("%s/%s", folder, names[i]);
        (void)unlink(path);
    }
    ck_assert_int_eq(rmdir(folder), 0);
    memcpy(folder + strlen(folder) - 6, "XXXXXX", 6);
}

static char *put_file(const char *name, struct span text)
{
    char *path = xprintf("%s/%s", folder, name);
    FILE *file = fopen(path, "wb");

    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(text.at, 1, text.n, file), text.n);
    ck_assert_int_eq(fclose(file), 0);
    return path;
}

/* Turns one of the standard streams into a file until caught() reads it back. */
static int divert(FILE *stream)
{
    CLEANUP(charp_freep) char *path = put_file("output", SPAN(""));

    (void)fflush(stream);
    int kept = dup(fileno(stream));
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(dup2(fileno(file), fileno(stream)), 0);
    (void)fclose(file);
    return kept;
}

static char *caught(FILE *stream, int kept)
{
    CLEANUP(charp_freep) char *path = xprintf("%s/output", folder);
    struct buf text;

    (void)fflush(stream);
    ck_assert_int_ge(dup2(kept, fileno(stream)), 0);
    (void)close(kept);
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    buf_init(&text, 1 << 16);
    buf_grew(&text, fread(buf_room(&text, 1 << 15), 1, 1 << 15, file));
    (void)fclose(file);
    return buf_steal(&text);
}

static int load(struct config *config, char **ret_output)
{
    int kept = divert(stderr);
    int r = conf_load(rows, ARRAY_SIZE(rows), config);

    *ret_output = caught(stderr, kept);
    return r;
}

START_TEST(what_is_not_set_gets_its_fallback)
{
    struct config config = {0};
    CLEANUP(charp_freep) char *output = NULL;

    begin();
    (void)setenv("TEST_PORT", "", 1);
    ck_assert_int_eq(load(&config, &output), 0);
    ck_assert_str_eq(output, "");
    ck_assert_str_eq(config.redis, "unix:/run/redis.sock");
    ck_assert_ptr_null(config.text);
    ck_assert_int_eq(config.port, 8080);
    ck_assert_int_eq(config.timeout_ms, 30000);
    ck_assert(!config.on);
    ck_assert_ptr_null(config.secret);
    conf_clear(rows, ARRAY_SIZE(rows), &config);
    ck_assert_ptr_null(config.redis);
    end();
}
END_TEST

START_TEST(what_is_set_is_read_by_its_type)
{
    struct config config = {0};
    CLEANUP(charp_freep) char *output = NULL;

    begin();
    (void)setenv("PARLEY_REDIS", "127.0.0.1:6379", 1);
    (void)setenv("PARLEY_LOG", "debug", 1); /* another program's: known, not ours */
    (void)setenv("TEST_TEXT", "a b", 1);
    (void)setenv("TEST_PORT", "1", 1);
    (void)setenv("TEST_TIMEOUT", "24h", 1);
    (void)setenv("TEST_ON", "Yes", 1);
    (void)setenv("TEST_SECRET", "s3cret", 1);
    ck_assert_int_eq(load(&config, &output), 0);
    ck_assert_str_eq(config.redis, "127.0.0.1:6379");
    ck_assert_str_eq(config.text, "a b");
    ck_assert_int_eq(config.port, 1);
    ck_assert_int_eq(config.timeout_ms, 86400000);
    ck_assert(config.on);
    ck_assert_str_eq(config.secret, "s3cret");
    conf_clear(rows, ARRAY_SIZE(rows), &config);
    end();
}
END_TEST

// clang-format off
static const struct bad {
    const char *key, *value, *message;
} bad[] = {
    {"TEST_PORT", "0", "TEST_PORT: must be from 1 to 65535, not 0"},
    {"TEST_PORT", "65536", "TEST_PORT: must be from 1 to 65535, not 65536"},
    {"TEST_PORT", "-1", "TEST_PORT: must be from 1 to 65535, not -1"},
    {"TEST_PORT", "80a", "TEST_PORT: must be a whole number, not \"80a\""},
    {"TEST_PORT", "99999999999999999999", "TEST_PORT: must be a whole number, not \"99999999999999999999\""},
    {"TEST_TIMEOUT", "30", "TEST_TIMEOUT: must be a time like 500ms, 30s, 5m, 24h or 7d, not \"30\""},
    {"TEST_TIMEOUT", "s", "TEST_TIMEOUT: must be a time like 500ms, 30s, 5m, 24h or 7d, not \"s\""},
    {"TEST_TIMEOUT", "1.5s", "TEST_TIMEOUT: must be a time like 500ms, 30s, 5m, 24h or 7d, not \"1.5s\""},
    {"TEST_TIMEOUT", "999999999999999999d", "TEST_TIMEOUT: must be a time like 500ms, 30s, 5m, 24h or 7d, not \"999999999999999999d\""},
    {"TEST_TIMEOUT", "2d", "TEST_TIMEOUT: must be from 1ms to 1d, not 2d"},
    {"TEST_TIMEOUT", "0s", "TEST_TIMEOUT: must be from 1ms to 1d, not 0s"},
    {"TEST_ON", "on", "TEST_ON: must be true or false, not \"on\""},
    {"PARLEY_REDDIS", "x", "PARLEY_REDDIS: is not known; did you mean PARLEY_REDIS?"},
    {"PARLEY_COLOUR_OF_THE_DOOR", "x", "PARLEY_COLOUR_OF_THE_DOOR: is not known"},
    {"PARLEY_REDIS_FILE", "x", "PARLEY_REDIS_FILE: is not known"},
    {"TEST_SECRET_FILE", "/nowhere/at/all", "TEST_SECRET: cannot read /nowhere/at/all: No such file or directory"},
};
// clang-format on

START_TEST(what_is_wrong_stops_the_start_with_a_reason)
{
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct config config = {0};
        CLEANUP(charp_freep) char *output = NULL;
        CLEANUP(charp_freep) char *expected = xprintf("configuration: %s", bad[i].message);

        begin();
        (void)setenv(bad[i].key, bad[i].value, 1);
        ck_assert_msg(load(&config, &output) == -EINVAL, "%s=%s", bad[i].key, bad[i].value);
        ck_assert_msg(strncmp(output, expected, strlen(expected)) == 0, "%s", output);
        ck_assert_ptr_null(config.redis);
        end();
    }
}
END_TEST

START_TEST(all_faults_are_told_at_once_and_no_secret_with_them)
{
    struct config config = {0};
    CLEANUP(charp_freep) char *output = NULL;

    begin();
    (void)setenv("TEST_PORT", "x", 1);
    (void)setenv("TEST_ON", "x", 1);
    (void)setenv("PARLEY_NONSENSE", "x", 1);
    (void)setenv("TEST_SECRET", "s3cret", 1);
    (void)setenv("TEST_SECRET_FILE", "/etc/hostname", 1);
    ck_assert_int_eq(load(&config, &output), -EINVAL);
    ck_assert_ptr_nonnull(strstr(output, "TEST_PORT: must be"));
    ck_assert_ptr_nonnull(strstr(output, "TEST_ON: must be"));
    ck_assert_ptr_nonnull(strstr(output, "PARLEY_NONSENSE: is not known"));
    ck_assert_ptr_nonnull(strstr(output, "TEST_SECRET: is given here and by TEST_SECRET_FILE"));
    ck_assert_ptr_null(strstr(output, "s3cret"));
    end();
}
END_TEST

/* A text with its length: some hold U+0000. */
#define TEXT(literal)                                                                              \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

static const struct secret_file {
    const char *name;
    struct span text;
    const char *secret; /* NULL: refused */
    const char *message;
} secret_files[] = {
    {"a line is taken without its end",        TEXT("s3cret\n"),   "s3cret",    NULL                        },
    {"a line end of Windows goes too",         TEXT("s3cret\r\n"), "s3cret",    NULL                        },
    {"a text without line end is taken whole", TEXT(" s3 cret "),  " s3 cret ", NULL                        },
    {"an empty file is no secret",             TEXT("\n"),         NULL,        "is empty"                  },
    {"two lines are no secret",                TEXT("one\ntwo\n"), NULL,        "must hold one line of text"},
    {"a NUL is no text",                       TEXT("a\0b"),       NULL,        "must hold one line of text"},
};

static void check_secret_file(const struct secret_file *row, const char *name)
{
    struct config config = {0};
    CLEANUP(charp_freep) char *output = NULL;
    CLEANUP(charp_freep) char *path = NULL;

    begin();
    path = put_file(name, row->text);
    if (strcmp(name, "secret") == 0)
        (void)setenv("TEST_SECRET_FILE", path, 1);
    else
        (void)setenv("CREDENTIALS_DIRECTORY", folder, 1);
    ck_assert_msg(load(&config, &output) == (row->secret ? 0 : -EINVAL), "%s: %s", row->name,
                  output);
    if (row->secret)
        ck_assert_str_eq(config.secret, row->secret);
    else
        ck_assert_msg(strstr(output, row->message) != NULL, "%s: %s", row->name, output);
    conf_clear(rows, ARRAY_SIZE(rows), &config);
    end();
}

START_TEST(a_secret_may_come_from_a_file)
{
    for (size_t i = 0; i < ARRAY_SIZE(secret_files); i++)
        check_secret_file(&secret_files[i], "secret");
}
END_TEST

START_TEST(a_secret_may_come_from_a_systemd_credential)
{
    for (size_t i = 0; i < ARRAY_SIZE(secret_files); i++)
        check_secret_file(&secret_files[i], "test_secret");
}
END_TEST

START_TEST(a_row_missing_in_conf_keys_is_our_own_fault)
{
    static const struct conf_row wrong[] = {
        {"PARLEY_NOT_LISTED", CONF_TEXT, AT(text), NULL, 0, 0, "nothing"}
    };
    struct config config = {0};

    begin();
    int kept = divert(stderr);
    int r = conf_load(wrong, 1, &config);
    CLEANUP(charp_freep) char *output = caught(stderr, kept);
    ck_assert_int_eq(r, -EINVAL);
    ck_assert_ptr_nonnull(strstr(output, "PARLEY_NOT_LISTED: is a row"));
    end();
}
END_TEST

START_TEST(help_tells_type_range_and_fallback_of_every_row)
{
    begin();
    int kept = divert(stdout);
    conf_help(rows, ARRAY_SIZE(rows));
    CLEANUP(charp_freep) char *output = caught(stdout, kept);
    ck_assert_str_eq(output, "  PARLEY_REDIS (text, default unix:/run/redis.sock)\n"
                             "      where Redis is\n"
                             "  TEST_TEXT (text)\n      a text\n"
                             "  TEST_PORT (number, 1 to 65535, default 8080)\n      the port\n"
                             "  TEST_TIMEOUT (time, 1ms to 1d, default 30s)\n      how long\n"
                             "  TEST_ON (true or false, default false)\n      whether\n"
                             "  TEST_SECRET (secret, or TEST_SECRET_FILE)\n      the key\n");
    end();
}
END_TEST

START_TEST(the_dump_shows_values_but_no_secret_and_no_password)
{
    static char redis[] = "redis://door:s3cret@10.0.0.1:6379", secret[] = "s3cret";
    struct config config = {.redis = redis, .timeout_ms = 90000, .on = true, .secret = secret};

    begin();
    log_setup("test", LOG_INFO_, LOG_TEXT);
    int kept = divert(stderr);
    conf_dump(rows, ARRAY_SIZE(rows), &config);
    CLEANUP(charp_freep) char *output = caught(stderr, kept);
    ck_assert_ptr_nonnull(strstr(output, "key=PARLEY_REDIS value=redis://(hidden)@10.0.0.1:6379"));
    ck_assert_ptr_nonnull(strstr(output, "key=TEST_TEXT value=\"(not set)\""));
    ck_assert_ptr_nonnull(strstr(output, "key=TEST_PORT value=0"));
    ck_assert_ptr_nonnull(strstr(output, "key=TEST_TIMEOUT value=90s"));
    ck_assert_ptr_nonnull(strstr(output, "key=TEST_ON value=true"));
    ck_assert_ptr_nonnull(strstr(output, "key=TEST_SECRET value=(set)"));
    ck_assert_ptr_null(strstr(output, "s3cret"));
    end();
}
END_TEST

TEST_MAIN("conf", what_is_not_set_gets_its_fallback, what_is_set_is_read_by_its_type,
          what_is_wrong_stops_the_start_with_a_reason,
          all_faults_are_told_at_once_and_no_secret_with_them, a_secret_may_come_from_a_file,
          a_secret_may_come_from_a_systemd_credential, a_row_missing_in_conf_keys_is_our_own_fault,
          help_tells_type_range_and_fallback_of_every_row,
          the_dump_shows_values_but_no_secret_and_no_password)
