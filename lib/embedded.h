#pragma once
/* Files compiled into the programs by tools/embed. */

#include "base.h"

struct embedded {
    const char *name; /* base name without its ending */
    struct span text;
};

/* All end with a row whose name is NULL. */
extern const struct embedded schema_files[], lua_files[];
/* schemas/sql/, in order. */
extern const struct embedded sql_files[];
/* schemas/job.json: what the requests of all kinds share. */
extern const struct embedded common_files[];
