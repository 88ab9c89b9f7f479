#pragma once
/* Jobs over HTTP: the object, the list, cancelling; and the forms of an answer about one job. */

#include <stdbool.h>
#include <stdint.h>

#include "base.h"

struct buf;
struct caller;
struct door;
struct http_exchange;
struct job_record;
struct policy_media;
struct route_match;

/* Handlers of the route table. */
void jobs_show(struct door *door, struct http_exchange *exchange, const struct route_match *match);
void jobs_list(struct door *door, struct http_exchange *exchange, const struct route_match *match);
void jobs_cancel(struct door *door, struct http_exchange *exchange,
                 const struct route_match *match);
void jobs_token(struct door *door, struct http_exchange *exchange, const struct route_match *match);
void jobs_events(struct door *door, struct http_exchange *exchange,
                 const struct route_match *match);

/* Forms. headers: further complete lines, or NULL. */

/* Location and Job-Id of a job. */
void jobs_write_headers(const char *id, struct buf *out);
/* 202 and the object. */
void jobs_answer_accepted(struct http_exchange *exchange, const struct job_record *record,
                          const char *headers);
/* The same for a job that was accepted a moment ago, without asking Redis again. */
void jobs_answer_fresh(struct http_exchange *exchange, const char *id, const char *kind,
                       int64_t created_ms, const char *headers);
/* A finished job: 200 and its result, or its error as a problem. media: in which the result is
 * given, with what it shows in the field Alt-Text; NULL: as JSON. */
void jobs_answer_outcome(struct http_exchange *exchange, const struct job_record *record,
                         const struct policy_media *media, const char *headers);
/* The job object with its ETag: 200, or 304 when `known` (the field If-None-Match) names it. */
void jobs_answer_shown(struct http_exchange *exchange, const struct job_record *record,
                       const char *known, const char *headers);
/* Whether the record's object is that of the ETag in `known`. */
bool jobs_is_known(const struct job_record *record, const char *known);
/* There is no such job: the same words whether it is another tenant's or nobody's. */
void jobs_answer_none(struct http_exchange *exchange);
/* Loads a job that is known to be there and answers 202. */
void jobs_look_up(struct door *door, struct http_exchange *exchange, const struct caller *caller,
                  const char *id, const char *headers);
