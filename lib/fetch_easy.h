#pragma once
/* Private to fetch.c: a request as curl's easy handle. */

struct curl_slist;
struct fetch_request;

/* A CURL * with everything of the request and all policy set, the deadlines and callbacks not. NULL
 * when the address, the method or a header field cannot be sent. The headers are the caller's to
 * free in any case, after the handle. */
void *fetch_easy_new(const struct fetch_request *request, struct curl_slist **headers);
