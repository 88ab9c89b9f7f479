#pragma once
/* A page of figures at an address of its own: GET /metrics, for programs that serve nothing else,
 * and for several processes behind one address. Whoever reaches the address may read it, so it
 * belongs on loopback or into a network of the operator's. */

#include <stdbool.h>
#include <stdint.h>

#include "base.h"

struct buf;
struct error;
struct loop;
struct scrape;

typedef void scrape_fn(struct buf *out, void *arg);

/* listen: host:port. -errno and error (ERROR_CONFIG) when it cannot be bound. */
int scrape_new(struct loop *loop, const char *listen, scrape_fn *fn, void *arg,
               struct scrape **ret_scrape, struct error *error) MUST_CHECK;
struct scrape *scrape_free(struct scrape *scrape);
DEFINE_FREEP(scrape)
uint16_t scrape_port(const struct scrape *scrape);
bool scrape_is_local(const struct scrape *scrape); /* only this machine reaches it */
