#pragma once
/* What a debate comes to, as JSON. */

struct debate;
struct json;

/* Votes after the last closed round, for job.partial. The caller owns it. */
struct json *result_partial(const struct debate *debate);
/* The job's result; the caller owns it. run_id names the seed when the request gave none. */
struct json *result_json(const struct debate *debate, const char *run_id);
