/* The fixture's Redis. It owns one child process and one folder. */
#include "server.h"

#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base.h"

extern char **environ;

static int answers(const struct server *server)
{
    struct sockaddr_un where = {.sun_family = AF_UNIX};
    char reply[8] = "";
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memcpy(where.sun_path, server->socket, strlen(server->socket));
    int ok = connect(fd, (struct sockaddr *)&where, sizeof(where)) == 0 &&
             write(fd, "PING\r\n", 6) == 6 && read(fd, reply, sizeof(reply)) > 0 && reply[0] == '+';
    close(fd);
    return ok;
}

void server_run(struct server *server)
{
    const char *argv[] = {"redis-server",
                          "--port",
                          "0",
                          "--unixsocket",
                          server->socket,
                          "--dir",
                          server->folder,
                          "--appendonly",
                          "yes",
                          "--appendfsync",
                          "always",
                          "--save",
                          "",
                          "--logfile",
                          "redis.log",
                          NULL};

    if (posix_spawnp(&server->pid, argv[0], NULL, NULL, (char *const *)(uintptr_t)argv, environ) !=
        0)
        abort();
    for (int i = 0; i < 1000 && !answers(server); i++)
        usleep(5000);
    if (!answers(server))
        abort();
}

void server_start(struct server *server)
{
    (void)snprintf(server->folder, sizeof(server->folder), "/tmp/parley-test-XXXXXX");
    if (!mkdtemp(server->folder))
        abort();
    (void)snprintf(server->socket, sizeof(server->socket), "%s/redis.sock", server->folder);
    server_run(server);
}

void server_signal(struct server *server, int signal)
{
    (void)kill(server->pid, signal);
}

void server_kill(struct server *server)
{
    server_signal(server, SIGKILL);
    (void)waitpid(server->pid, NULL, 0);
}

void server_stop(struct server *server)
{
    const char *argv[] = {"rm", "-rf", server->folder, NULL};
    pid_t pid;

    server_kill(server);
    if (posix_spawnp(&pid, argv[0], NULL, NULL, (char *const *)(uintptr_t)argv, environ) == 0)
        (void)waitpid(pid, NULL, 0);
}
