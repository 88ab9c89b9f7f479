#pragma once
/* The head of an answer as curl gives it, line by line. */

#include <stdbool.h>

#include "buf.h"

struct fetch_head {
    int status;       /* 0: no status line yet, or a strange one */
    bool done;        /* its empty line came, and it is no interim answer */
    struct buf lines; /* "name: value", each ended by NUL */
};

void fetch_head_init(struct fetch_head *head);
void fetch_head_deinit(struct fetch_head *head);
/* Takes a line with its end. false: the head is too large. Trailers are dropped. */
bool fetch_head_line(struct fetch_head *head, struct span line) MUST_CHECK;
/* The last field of that name (case-insensitive), empty when there is none. */
struct span fetch_head_field(const struct fetch_head *head, const char *name);
