#pragma once
/* A Redis of the test's own: real server, mkdtemp folder, unix socket, AOF always. Stopped by pid.
 */

#include <sys/types.h>

struct server {
    char folder[64];
    char socket[96];
    pid_t pid;
};

void server_start(struct server *server); /* a new folder, then server_run() */
void server_run(struct server *server);   /* (again) on the same folder; waits until it answers */
void server_signal(struct server *server, int signal);
void server_kill(struct server *server); /* kill -9, and waits for the end */
void server_stop(struct server *server); /* kills, and removes the folder */
