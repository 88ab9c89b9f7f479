#pragma once
/* What the rehearsal says: text that follows from the request alone. */

struct ask;
struct buf;
struct json;

/* Appends the whole answer: prose that calls itself a rehearsal, with a "VERDICT: {…}" line when
 * the request asks for one, or JSON that fits the request's schema. member: of the script, NULL =
 * somebody with views of its own. */
void speech_write(const struct ask *ask, const struct json *member, struct buf *out);
