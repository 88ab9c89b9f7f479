/* parley-rehearsal: a provider of language models without a model, on loopback.
 *
 * It speaks Anthropic Messages and OpenAI's chat completions and responses on one port; the first
 * part of the path says which provider a call is counted for. It says in every answer that it is a
 * rehearsal. With no script it is quick and never fails; a script (script.h) makes it slow, wrong
 * or silent. GET /stats shows what was asked of whom. This file parses options, builds the objects
 * and holds the table of routes; a call's life is in rehearsal/call.c. One thread, one loop:
 * hundreds of slow streams are hundreds of timers. */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "buf.h"
#include "error.h"
#include "http.h"
#include "json.h"
#include "log.h"
#include "loop.h"
#include "rehearsal/bill.h"
#include "rehearsal/call.h"
#include "rehearsal/script.h"
#include "text.h"

#define MAX_BODY_BYTES (8U << 20)
#define MAX_STATS_BYTES (256U << 20)
#define DEFAULT_TOKENS_PER_SECOND 60
/* Callers do not half-close: one that closed has left, and the bill says so at once. */
#define HALF_CLOSE_MS 20

struct options {
    const char *listen, *script, *port_file;
    double tokens_per_second;
    int64_t first_byte_ms;
};

/* ---- calls ---- */

static const struct {
    const char *path, *provider;
    enum ask_format format;
} places[] = {
    {"/anthropic/v1/messages",           "anthropic",  ASK_ANTHROPIC },
    {"/v1/messages",                     "anthropic",  ASK_ANTHROPIC },
    {"/openai/v1/chat/completions",      "openai",     ASK_OPENAI    },
    {"/v1/chat/completions",             "openai",     ASK_OPENAI    },
    {"/groq/openai/v1/chat/completions", "groq",       ASK_OPENAI    },
    {"/xai/v1/chat/completions",         "xai",        ASK_OPENAI    },
    {"/compatible/v1/chat/completions",  "compatible", ASK_OPENAI    },
    {"/openai/v1/embeddings",            "openai",     ASK_EMBEDDINGS},
    {"/v1/embeddings",                   "openai",     ASK_EMBEDDINGS},
    {"/groq/openai/v1/embeddings",       "groq",       ASK_EMBEDDINGS},
    {"/compatible/v1/embeddings",        "compatible", ASK_EMBEDDINGS},
    {"/openai/v1/responses",             "openai",     ASK_RESPONSES },
    {"/v1/responses",                    "openai",     ASK_RESPONSES },
    {"/xai/v1/responses",                "xai",        ASK_RESPONSES },
};

static bool take_call(const struct stage *stage, struct http_exchange *exchange)
{
    struct span path = http_request(exchange)->path;

    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        if (!span_equal(path, span_of(places[i].path)))
            continue;
        if (span_equal(http_request(exchange)->method, SPAN("POST")))
            call_begin(stage, places[i].format, places[i].provider, exchange);
        else
            http_respond(exchange, 405, "application/json", "Allow: POST\r\n",
                         SPAN("{\"error\":\"POST only\"}"));
        return true;
    }
    return false;
}

/* ---- the controls ---- */

static void respond_json(struct http_exchange *exchange, int status, struct span json)
{
    http_respond(exchange, status, "application/json", "Cache-Control: no-store\r\n", json);
}

static void get_health(const struct stage *stage, struct http_exchange *exchange)
{
    (void)stage;
    respond_json(exchange, 200, SPAN("{\"status\":\"ok\",\"rehearsal\":true}\n"));
}

static void get_stats(const struct stage *stage, struct http_exchange *exchange)
{
    struct buf out;

    buf_init(&out, MAX_STATS_BYTES);
    bill_write(stage->bill, &out);
    respond_json(exchange, 200, buf_span(&out));
    buf_deinit(&out);
}

static void delete_stats(const struct stage *stage, struct http_exchange *exchange)
{
    bill_clear(stage->bill);
    respond_json(exchange, 200, SPAN("{}\n"));
}

static void get_script(const struct stage *stage, struct http_exchange *exchange)
{
    struct buf out;

    buf_init(&out, MAX_BODY_BYTES);
    if (script_json(stage->script))
        json_write(script_json(stage->script), &out);
    else
        buf_add_text(&out, "{\"rules\":[]}");
    respond_json(exchange, 200, buf_span(&out));
    buf_deinit(&out);
}

static void post_script(const struct stage *stage, struct http_exchange *exchange)
{
    struct error error = {0};

    if (script_set(stage->script, http_request(exchange)->body, &error) == 0) {
        get_script(stage, exchange);
        return;
    }
    struct json *json = json_object();
    json_set_text(json, "error", error.message);
    CLEANUP(charp_freep) char *text = json_text(json);
    json_free(json);
    respond_json(exchange, 400, span_of(text));
}

static void delete_script(const struct stage *stage, struct http_exchange *exchange)
{
    script_clear(stage->script);
    respond_json(exchange, 200, SPAN("{\"rules\":[]}\n"));
}

static const struct {
    const char *method, *path;
    void (*fn)(const struct stage *stage, struct http_exchange *exchange);
} controls[] = {
    {"GET",    "/health", get_health   },
    {"GET",    "/stats",  get_stats    },
    {"DELETE", "/stats",  delete_stats },
    {"GET",    "/script", get_script   },
    {"POST",   "/script", post_script  },
    {"DELETE", "/script", delete_script},
};

static void on_request(struct http_exchange *exchange, void *arg)
{
    const struct stage *stage = arg;
    const struct http_request *request = http_request(exchange);

    if (take_call(stage, exchange))
        return;
    for (size_t i = 0; i < ARRAY_SIZE(controls); i++) {
        if (!span_equal(request->path, span_of(controls[i].path)) ||
            !span_equal(request->method, span_of(controls[i].method)))
            continue;
        controls[i].fn(stage, exchange);
        return;
    }
    respond_json(exchange, 404,
                 SPAN("{\"error\":\"The rehearsal serves /anthropic/v1/messages, "
                      "/openai/v1/chat/completions (also under /groq/openai, /xai "
                      "and /compatible), /stats, /script and /health\"}\n"));
}

static size_t max_body(const struct http_request *request, void *arg)
{
    (void)request;
    (void)arg;
    return MAX_BODY_BYTES;
}

/* ---- options ---- */

static void print_help(void)
{
    puts("parley-rehearsal: a provider without a model, for trying and testing\n"
         "\n"
         "  --listen HOST:PORT      where to listen (127.0.0.1:0 = any free port)\n"
         "  --port-file FILE        write the port there once it listens\n"
         "  --script FILE           rules that make it slow, wrong or silent; also POST /script\n"
         "  --tokens-per-second N   pace of the answers (60; 0 = at once)\n"
         "  --first-byte-ms N       before the first byte (30 to 60, by the request)\n"
         "  --help                  this text\n"
         "\n"
         "Prints its URL on standard output. Base URLs for clients: URL/anthropic, URL/openai/v1,\n"
         "URL/groq/openai/v1, URL/xai/v1, URL/compatible/v1. GET /stats shows every call.\n"
         "Exit codes: 0 stopped by a signal, 1 cannot start, 2 wrong usage.");
}

static int parse_number(const char *name, const char *text, double max, double *ret_value)
{
    char *end = NULL;
    double value = strtod(text, &end);

    if (end == text || *end || !isfinite(value) || value < 0 || value > max) {
        fprintf(stderr, "parley-rehearsal: --%s needs a number from 0 to %.0f, not \"%s\"\n", name,
                max, text);
        return -EINVAL;
    }
    *ret_value = value;
    return 0;
}

/* Returns 0, 1 when the help was asked for, -EINVAL after saying what is wrong. */
static int parse_options(int argc, char **argv, struct options *options)
{
    static const struct option rows[] = {
        {"listen",           required_argument, NULL, 'l'},
        {"script",              required_argument, NULL, 's'},
        {"port-file",                  required_argument, NULL, 'p'},
        {"tokens-per-second",required_argument, NULL, 't'},
        {"first-byte-ms",               required_argument, NULL, 'f'},
        {"help",        no_argument, NULL, 'h'},
        {0             },
    };
    double first_byte_ms = -1;
    int c, r = 0;

    while (r == 0 && (c = getopt_long(argc, argv, "h", rows, NULL)) != -1) {
        switch (c) {
        case 'l': options->listen = optarg; break;
        case 's': options->script = optarg; break;
        case 'p': options->port_file = optarg; break;
        case 't':
            r = parse_number("tokens-per-second", optarg, 1e6, &options->tokens_per_second);
            break;
        case 'f': r = parse_number("first-byte-ms", optarg, 3600e3, &first_byte_ms); break;
        case 'h': print_help(); return 1;
        default: return -EINVAL;
        }
    }
    options->first_byte_ms = (int64_t)first_byte_ms;
    if (r == 0 && optind < argc) {
        fprintf(stderr, "parley-rehearsal: what is \"%s\"? See --help\n", argv[optind]);
        return -EINVAL;
    }
    return r;
}

static int load_script(struct script *script, const char *path)
{
    struct error error = {0};
    struct buf text;

    buf_init(&text, MAX_BODY_BYTES);
    int r = buf_add_file(&text, path);
    if (r == 0)
        r = script_set(script, buf_span(&text), &error);
    if (r < 0)
        fprintf(stderr, "parley-rehearsal: script %s: %s\n", path,
                error.message[0] ? error.message : strerror(-r));
    buf_deinit(&text);
    return r;
}

/* Whole or not at all: a reader that waits for the file never sees half a number. */
static int write_port(const char *path, unsigned port)
{
    CLEANUP(charp_freep) char *draft = xprintf("%s.new", path);
    FILE *file = fopen(draft, "we");
    bool done = file && fprintf(file, "%u\n", port) > 0;

    if (file && fclose(file) != 0)
        done = false;
    if (done && rename(draft, path) == 0)
        return 0;
    fprintf(stderr, "parley-rehearsal: cannot write %s: %s\n", path, strerror(errno));
    return -EIO;
}

static int announce(const struct http_server *server, const struct options *options)
{
    const char *listen = options->listen ? options->listen : "";
    const char *colon = strrchr(listen, ':'); /* it listens, so there is one */
    int n_host = colon ? (int)(colon - listen) : 0;
    unsigned port = http_server_port(server);

    if (options->port_file && write_port(options->port_file, port) < 0)
        return -EIO;
    printf("http://%.*s:%u\n", n_host, listen, port);
    (void)fflush(stdout);
    return 0;
}

static void on_signal(void *arg)
{
    loop_stop(arg);
}

static int serve(struct stage *stage, const struct options *options)
{
    CLEANUP(http_server_freep) struct http_server *server = NULL;
    struct error error = {0};
    struct http_options http = {
        .listen = options->listen,
        .listen_fd = -1,
        .max_unsent_bytes = MAX_BODY_BYTES,
        .half_close_ms = HALF_CLOSE_MS,
        .on_request = on_request,
        .max_body = max_body,
        .arg = stage,
    };

    int r = http_server_new(stage->loop, &http, &server, &error);
    if (r < 0) {
        fprintf(stderr, "parley-rehearsal: %s\n", error.message);
        return r;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    loop_on_signal(stage->loop, on_signal, stage->loop);
    r = announce(server, options);
    if (r == 0)
        loop_run(stage->loop);
    return r;
}

int main(int argc, char **argv)
{
    struct options options = {.listen = "127.0.0.1:0",
                              .tokens_per_second = DEFAULT_TOKENS_PER_SECOND};
    int r = parse_options(argc, argv, &options);

    if (r != 0)
        return r > 0 ? 0 : 2;
    log_setup("parley-rehearsal", LOG_INFO_, LOG_TEXT);
    CLEANUP(loop_freep) struct loop *loop = loop_new();
    CLEANUP(script_freep) struct script *script = script_new();
    CLEANUP(bill_freep) struct bill *bill = bill_new();
    struct stage stage = {loop, script, bill, options.tokens_per_second, options.first_byte_ms};

    if (options.script && load_script(script, options.script) < 0)
        return 1;
    return serve(&stage, &options) < 0 ? 1 : 0;
}
