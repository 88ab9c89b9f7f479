#pragma once
/* Paid answers on their way to Redis, kept in a local file so that a killed worker's are not lost.
 *
 * An answer is appended before it is sent to Redis; what a dead process left behind is replayed by
 * whichever worker of the host finds its file unlocked. A file is emptied when Redis has everything
 * in it. */

#include "base.h"

struct lease_site;
struct spool;

/* folder NULL: no spool, every call does nothing. -errno when the file cannot be made. */
int spool_new(const char *folder, const char *worker, struct spool **ret_spool) MUST_CHECK;
struct spool *spool_free(struct spool *spool);
/* Where the process writes down why it dies, beside the spool; a heap copy, NULL without a folder.
 */
char *spool_last_words(const struct spool *spool);
/* Appends; a failure is logged (the answer still goes to Redis). */
void spool_put(struct spool *spool, const char *id, const char *key, struct span answer);
/* One answer put before has reached Redis. */
void spool_done(struct spool *spool);
/* Sends what dead workers left behind (remember is idempotent). done runs when all of it has
 * reached Redis, at once when there is nothing. While one adoption is under way a second call does
 * nothing. */
void spool_adopt(struct spool *spool, const struct lease_site *site, void (*done)(void *arg),
                 void *arg);
