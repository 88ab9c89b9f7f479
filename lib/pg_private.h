#pragma once
/* What the files of the connection to Postgres share: pg.c (connection, transactions), pg_host.c
 * (where the servers are). */

#include <libpq-fe.h>

#include "pg.h"

/* Where to connect to: what the url says, and the addresses of its hosts. */
struct pg_target;
int pg_target_new(struct loop *loop, const char *url, struct pg_target **ret_target,
                  struct error *error) MUST_CHECK;
struct pg_target *pg_target_free(struct pg_target *target);

/* Finds the hosts' addresses. true: they are known already. Else fn runs later, with the fault when
 * there are none; the target can be connected to when it is NULL. One at a time. */
typedef void pg_found_fn(const char *fault, void *arg);
bool pg_target_find(struct pg_target *target, pg_found_fn *fn, void *arg);
/* No callback after this. */
void pg_target_leave(struct pg_target *target);

/* PQconnectStartParams() with all of it, NULL when there is no memory. */
PGconn *pg_target_connect(const struct pg_target *target);
