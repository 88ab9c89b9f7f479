/* The fixture's Postgres. It owns one child process and one folder. */
#include "pg_server.h"

#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

extern char **environ;

static pid_t run(const char *const *argv)
{
    pid_t pid;

    if (posix_spawnp(&pid, argv[0], NULL, NULL, (char *const *)(uintptr_t)argv, environ) != 0)
        abort();
    return pid;
}

void pg_server_run(struct pg_server *server)
{
    const char *argv[] = {SUPPORT "/postgres", server->folder, NULL};

    server->pid = run(argv);
}

void pg_server_start(struct pg_server *server)
{
    (void)snprintf(server->folder, sizeof(server->folder), "/tmp/parley-pg-XXXXXX");
    if (!mkdtemp(server->folder))
        abort();
    (void)snprintf(server->url, sizeof(server->url), "postgresql://parley@/postgres?host=%s",
                   server->folder);
    pg_server_run(server);
}

void pg_server_kill(struct pg_server *server)
{
    /* Postgres' immediate shutdown: nothing is written, and all its processes end with it. */
    (void)kill(server->pid, SIGQUIT);
    (void)waitpid(server->pid, NULL, 0);
}

void pg_server_stop(struct pg_server *server)
{
    const char *argv[] = {"rm", "-rf", server->folder, NULL};

    pg_server_kill(server);
    (void)waitpid(run(argv), NULL, 0);
}
