#pragma once
/* Whether a kind keeps what its schema promises. */

struct json;

/* The test fails, with the first fault, when the result is not what schemas/<kind>.json describes.
 */
void check_result(const char *kind, const struct json *result);
