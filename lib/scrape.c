/* The address where figures are read. It owns an HTTP server of few connections; the page is made
 * anew by fn for each request. */
#include "scrape.h"

#include <stdlib.h>

#include "buf.h"
#include "http.h"
#include "metrics.h"

#define MAX_CONNECTIONS 32

struct scrape {
    struct http_server *server;
    scrape_fn *fn;
    void *arg;
};

static void on_request(struct http_exchange *exchange, void *arg)
{
    const struct scrape *scrape = arg;
    const struct http_request *request = http_request(exchange);
    struct buf page;

    if (!span_equal(request->path, SPAN("/metrics"))) {
        http_respond(exchange, 404, "text/plain", NULL, SPAN("there is only /metrics here\n"));
    } else if (!span_equal(request->method, SPAN("GET")) &&
               !span_equal(request->method, SPAN("HEAD"))) {
        http_respond(exchange, 405, "text/plain", "Allow: GET, HEAD\r\n", SPAN("GET only\n"));
    } else {
        buf_init(&page, METRICS_MAX_BYTES);
        scrape->fn(&page, scrape->arg);
        http_respond(exchange, 200, METRICS_CONTENT_TYPE, "Cache-Control: no-store\r\n",
                     buf_span(&page));
        buf_deinit(&page);
    }
}

static size_t no_body(const struct http_request *request, void *arg)
{
    (void)request;
    (void)arg;
    return 0;
}

int scrape_new(struct loop *loop, const char *listen, scrape_fn *fn, void *arg,
               struct scrape **ret_scrape, struct error *error)
{
    CLEANUP(scrape_freep) struct scrape *scrape = xcalloc(1, sizeof(*scrape));
    const struct http_options options = {.listen = listen,
                                         .max_connections = MAX_CONNECTIONS,
                                         .on_request = on_request,
                                         .max_body = no_body,
                                         .arg = scrape};

    scrape->fn = fn;
    scrape->arg = arg;
    int r = http_server_new(loop, &options, &scrape->server, error);
    if (r < 0)
        return r;
    *ret_scrape = STEAL(scrape);
    return 0;
}

uint16_t scrape_port(const struct scrape *scrape)
{
    return http_server_port(scrape->server);
}

bool scrape_is_local(const struct scrape *scrape)
{
    return http_server_is_local(scrape->server);
}

struct scrape *scrape_free(struct scrape *scrape)
{
    if (!scrape)
        return NULL;
    http_server_free(scrape->server);
    free(scrape);
    return NULL;
}
