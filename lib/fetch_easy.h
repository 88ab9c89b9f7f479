#pragma once
/* Private to fetch.c: a request as curl's easy handle. */

#include <stdbool.h>

#include "base.h"

struct curl_slist;
struct fetch_request;

/* A CURL * with everything of the request and all policy set, the deadlines and callbacks not. NULL
 * when the address, the method or a header field cannot be sent. The headers are the caller's to
 * free in any case, after the handle. */
void *fetch_easy_new(const struct fetch_request *request, struct curl_slist **headers);

/* The host and port of an address; the caller frees both. false: it is no address. */
bool fetch_easy_place(const char *url, char **ret_host, char **ret_port) MUST_CHECK;
/* Whether a host is an address already. */
bool fetch_easy_is_address(const char *host);
/* The request goes to these addresses and asks nobody for the host's. The list is the caller's to
 * free, after the handle. */
struct curl_slist *fetch_easy_pin(void *easy, const char *host, const char *port,
                                  struct span addresses);
