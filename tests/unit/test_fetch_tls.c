/* Whom fetch believes: a real TLS server with a certificate nobody vouches for is refused before a
 * byte of the request is sent. The server is `openssl s_server`. */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "fetch.h"
#include "main.h"
#include "script_server.h"

extern char **environ;

static char folder[] = "/tmp/parley-tls-XXXXXX";

/* The program's standard output goes to *ret_out when that is not NULL. */
static pid_t run(char *const *argv, FILE **ret_out)
{
    posix_spawn_file_actions_t actions;
    pid_t pid = 0;
    int ends[2];

    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(posix_spawn_file_actions_init(&actions), 0);
    (void)posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    (void)posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    (void)posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    (void)posix_spawn_file_actions_addclose(&actions, ends[0]);
    ck_assert_int_eq(posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ), 0);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(ends[1]);
    if (ret_out)
        *ret_out = fdopen(ends[0], "r");
    else
        (void)close(ends[0]);
    return pid;
}

static void make_certificate(char *key, char *certificate)
{
    char words[][40] = {"openssl", "req",   "-x509", "-newkey", "rsa:2048",
                        "-nodes",  "-days", "1",     "-subj",   "/CN=localhost"};
    char *argv[] = {words[0],
                    words[1],
                    words[2],
                    words[3],
                    words[4],
                    words[5],
                    words[6],
                    words[7],
                    words[8],
                    words[9],
                    (char[]){"-keyout"},
                    key,
                    (char[]){"-out"},
                    certificate,
                    NULL};
    int status = -1;

    ck_assert_int_gt(waitpid(run(argv, NULL), &status, 0), 0);
    ck_assert_int_eq(status, 0);
}

static pid_t start_server(char *key, char *certificate, unsigned *ret_port, FILE **ret_out)
{
    char *argv[] = {(char[]){"openssl"},
                    (char[]){"s_server"},
                    (char[]){"-accept"},
                    (char[]){"127.0.0.1:0"},
                    (char[]){"-www"},
                    (char[]){"-key"},
                    key,
                    (char[]){"-cert"},
                    certificate,
                    NULL};
    pid_t pid = run(argv, ret_out);
    char line[200];

    *ret_port = 0;
    while (*ret_port == 0 && fgets(line, sizeof(line), *ret_out))
        if (sscanf(line, "ACCEPT 127.0.0.1:%u", ret_port) != 1)
            *ret_port = 0;
    ck_assert_uint_ne(*ret_port, 0);
    return pid;
}

static void on_done(struct fetch *fetch, const struct fetch_result *result, void *arg)
{
    struct fetch_result *copy = arg;

    (void)fetch;
    *copy = *result;
}

START_TEST(a_certificate_nobody_vouches_for_is_refused_before_anything_is_sent)
{
    static const struct fetch_ops ops = {.on_done = on_done};
    struct fetch_result result = {.outcome = 1};
    char key[100], certificate[100], url[100];
    unsigned port = 0;
    FILE *out = NULL;

    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(key, sizeof(key), "%s/key", folder);
    (void)snprintf(certificate, sizeof(certificate), "%s/certificate", folder);
    make_certificate(key, certificate);
    pid_t server = start_server(key, certificate, &port, &out);
    struct loop *loop = loop_new();
    struct fetcher *fetcher = fetcher_new(loop);

    (void)snprintf(url, sizeof(url), "https://localhost:%u/", port);
    (void)fetch_start(fetcher, &(struct fetch_request){.method = "GET", .url = url}, &ops, &result);
    TURN_UNTIL(loop, result.outcome <= 0);
    ck_assert_int_eq(result.outcome, -EPROTO);
    ck_assert(!result.sent);
    ck_assert_int_eq(result.status, 0);
    /* The handshake got that far: it was the certificate. */
    ck_assert_ptr_nonnull(strstr(result.error.message, "certificate"));

    fetcher = fetcher_free(fetcher);
    loop = loop_free(loop);
    (void)kill(server, SIGKILL);
    (void)waitpid(server, NULL, 0);
    (void)fclose(out);
    (void)unlink(key);
    (void)unlink(certificate);
    (void)rmdir(folder);
}
END_TEST

TEST_MAIN("fetch_tls", a_certificate_nobody_vouches_for_is_refused_before_anything_is_sent)
