#pragma once
/* Copies finished jobs from Redis to Postgres, and takes them out of the stream. */

#include "base.h"

struct archivist;
struct error;
struct loop;

struct archivist_options {
    const char *redis;    /* as redis_new() takes it */
    const char *database; /* as pg_new() takes it; a secret */
};

/* Begins when the loop runs. -EINVAL: the database's address is none. */
int archivist_new(struct loop *loop, const struct archivist_options *options,
                  struct archivist **ret_archivist, struct error *error) MUST_CHECK;
/* What is not copied yet stays in the stream. */
struct archivist *archivist_free(struct archivist *archivist);
