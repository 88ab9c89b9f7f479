#pragma once
/* A PostgreSQL of the test's own, in a mkdtemp folder, by tests/support/postgres. Stopped by pid.
 */

#include <sys/types.h>

struct pg_server {
    char folder[64];
    char url[128];
    pid_t pid;
};

void pg_server_start(struct pg_server *server); /* a new folder, then pg_server_run() */
void pg_server_run(struct pg_server *server);   /* (again) on the same folder; does not wait */
void pg_server_kill(struct pg_server *server);  /* at once, as a crash would; waits for the end */
void pg_server_stop(struct pg_server *server);  /* kills, and removes the folder */
