/* One request as curl's easy handle: where its bytes may go, whom we believe, what is sent.
 *
 * Every option that differs from curl's wider defaults stands here and nowhere else (the measured
 * ones: faults.md 5). Nothing of the request is borrowed afterwards but the list of headers. */
#include "fetch_easy.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <stdlib.h>

#include "buf.h"
#include "fetch.h"
#include "text.h"

static bool is_clean(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            return false;
    return true;
}

/* A line break in a value would be a header field of its own. */
static bool add_header(struct curl_slist **headers, const char *name, const char *value)
{
    struct buf line;
    struct curl_slist *list = NULL;

    if (!is_clean(name) || !is_clean(value))
        return false;
    buf_init(&line, FETCH_HEAD_BYTES);
    buf_addf(&line, "%s: %s", name, value);
    if (buf_ok(&line))
        list = curl_slist_append(*headers, line.at);
    if (line.at)
        explicit_bzero(line.at, line.n); /* it may be a key */
    buf_deinit(&line);
    if (!list)
        return false;
    *headers = list;
    return true;
}

static bool add_headers(struct curl_slist **headers, const struct fetch_request *request)
{
    for (size_t i = 0; i < request->n_headers; i++)
        if (!add_header(headers, request->headers[i].name, request->headers[i].value))
            return false;
    /* curl would ask first (Expect: 100-continue) and wait a second when the body is large. */
    struct curl_slist *list = curl_slist_append(*headers, "Expect:");
    if (!list)
        return false;
    *headers = list;
    return true;
}

/* Every option that decides where bytes go and whom we believe; curl's own defaults are wider. */
static void set_policy(CURL *easy)
{
    (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "https");
    (void)curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(easy, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    (void)curl_easy_setopt(easy, CURLOPT_UNRESTRICTED_AUTH, 0L);
    (void)curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    (void)curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    /* No COOKIEFILE, ALTSVC or HSTS is set: those engines stay off. */
    (void)curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, NULL);
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    /* Names are pinned (fetch_easy_pin); if curl ever asked itself, a silent name server would else
     * hold curl_multi_remove_handle() for seconds. */
    (void)curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_USERAGENT, "parley/" PARLEY_VERSION);
}

static bool set_request(CURL *easy, const struct fetch_request *request)
{
    if (request->body.n > 0 || strcmp(request->method, "POST") == 0) {
        (void)curl_easy_setopt(easy, CURLOPT_POST, 1L);
        (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.n);
        if (curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS,
                             request->body.at ? request->body.at : "") != CURLE_OK)
            return false;
    }
    (void)curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
    if (strcmp(request->method, "HEAD") == 0)
        (void)curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    return curl_easy_setopt(easy, CURLOPT_URL, request->url) == CURLE_OK;
}

void *fetch_easy_new(const struct fetch_request *request, struct curl_slist **headers)
{
    CURL *easy;

    if (!is_clean(request->url) || !is_clean(request->method) || !add_headers(headers, request))
        return NULL;
    easy = curl_easy_init();
    if (!easy)
        abort();
    set_policy(easy);
    (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, *headers);
    if (set_request(easy, request))
        return easy;
    curl_easy_cleanup(easy);
    return NULL;
}

bool fetch_easy_place(const char *url, char **ret_host, char **ret_port)
{
    CURLU *place = curl_url();
    char *host = NULL, *port = NULL;
    bool known = place && curl_url_set(place, CURLUPART_URL, url, 0) == CURLUE_OK &&
                 curl_url_get(place, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
                 curl_url_get(place, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK;

    if (known) {
        *ret_host = xstrdup(host);
        *ret_port = xstrdup(port);
    }
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(place);
    return known;
}

bool fetch_easy_is_address(const char *host)
{
    struct in_addr address;

    return host[0] == '[' || inet_pton(AF_INET, host, &address) == 1;
}

struct curl_slist *fetch_easy_pin(void *easy, const char *host, const char *port,
                                  struct span addresses)
{
    char *line CLEANUP(charp_freep) =
        xprintf("%s:%s:%.*s", host, port, (int)addresses.n, addresses.at);
    struct curl_slist *list = curl_slist_append(NULL, line);

    if (!list)
        abort();
    (void)curl_easy_setopt(easy, CURLOPT_RESOLVE, list);
    return list;
}
