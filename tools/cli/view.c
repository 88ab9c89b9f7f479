/* A job's events for a person. One row of `handlers` an event type.
 *
 * A step that has begun is a `struct speaker` until it is completed: its deltas gather there and
 * leave as whole paragraphs, or as sentences when a paragraph gets long. An answer that is JSON is
 * shown when it is complete, as an outline. Steps named "phase/who" stand under a rule with the
 * phase's name and in a column with their title; a step without a slash is a phase of its own. The
 * view owns its speakers; nothing of an event is kept but copies. */
#include "cli/view.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#include "buf.h"
#include "cli/outline.h"
#include "cli/page.h"
#include "json.h"
#include "text.h"

#define N_COLOURS 6
/* A sentence may leave before its paragraph ends once this many bytes wait. */
#define LIVELY_BYTES 160

struct speaker {
    struct speaker *next;
    char *step, *title;
    enum page_colour colour;
    struct buf words;
    bool spoke; /* something of it is on the screen */
};

struct view {
    struct page page;
    struct speaker *speakers;
    char *phase; /* the rule printed last, NULL before the first */
    size_t n_titles;
    char *titles[32]; /* whose colour is theirs for the whole job */
};

static struct speaker *speaker_free(struct speaker *speaker)
{
    if (!speaker)
        return NULL;
    free(speaker->step);
    free(speaker->title);
    buf_deinit(&speaker->words);
    free(speaker);
    return NULL;
}

struct view *view_new(FILE *out, bool colour, size_t width)
{
    struct view *view = xcalloc(1, sizeof(*view));

    view->page = (struct page){out, colour, width};
    return view;
}

struct view *view_free(struct view *view)
{
    if (!view)
        return NULL;
    while (view->speakers) {
        struct speaker *next = view->speakers->next;

        (void)speaker_free(view->speakers);
        view->speakers = next;
    }
    for (size_t i = 0; i < view->n_titles; i++)
        free(view->titles[i]);
    free(view->phase);
    free(view);
    return NULL;
}

static enum page_colour colour_of(struct view *view, const char *title)
{
    size_t i = 0;

    while (i < view->n_titles && strcmp(view->titles[i], title) != 0)
        i++;
    if (i == view->n_titles && i < ARRAY_SIZE(view->titles))
        view->titles[view->n_titles++] = xstrdup(title);
    return (enum page_colour)(PAGE_FIRST_OF_SIX + i % N_COLOURS);
}

static void note(const struct view *view, enum page_colour colour, const char *format, ...)
    PRINTF_LIKE(3, 4);

static void note(const struct view *view, enum page_colour colour, const char *format, ...)
{
    char text[1024];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    page_text(&view->page, (struct margin){0}, colour, span_of(text));
}

static struct margin margin_of(const struct speaker *speaker)
{
    bool phase_of_its_own = !strchr(speaker->step, '/');

    return (struct margin){phase_of_its_own ? NULL : speaker->title, speaker->colour, 0};
}

/* The rule above what comes, when the phase has changed. */
static void enter_phase(struct view *view, const struct speaker *speaker)
{
    const char *slash = strchr(speaker->step, '/');
    CLEANUP(charp_freep)
    char *phase = slash ? xspandup((struct span){speaker->step, (size_t)(slash - speaker->step)})
                        : xstrdup(speaker->title);

    if (view->phase && strcmp(view->phase, phase) == 0)
        return;
    page_rule(&view->page, span_of(phase));
    free(view->phase);
    view->phase = STEAL(phase);
}

/* "CFO, exchange 1" is the CFO: the rule above says which exchange. */
static char *name_of(struct span step, struct span title)
{
    const char *comma = memchr(step.at, '/', step.n) ? memmem(title.at, title.n, ", ", 2) : NULL;

    return xspandup((struct span){title.at, comma ? (size_t)(comma - title.at) : title.n});
}

static struct speaker *speaker_of(struct view *view, const struct json *event)
{
    struct span step = json_get_string(event, "step", "step");
    struct span title = json_get_string(event, "title", "");
    struct speaker *speaker = view->speakers;

    while (speaker && !span_equal(span_of(speaker->step), step))
        speaker = speaker->next;
    if (!speaker) {
        speaker = xcalloc(1, sizeof(*speaker));
        speaker->step = xspandup(step);
        speaker->title = name_of(step, title.n > 0 ? title : step);
        speaker->colour = colour_of(view, speaker->title);
        buf_init(&speaker->words, 1U << 20);
        speaker->next = view->speakers;
        view->speakers = speaker;
    }
    return speaker;
}

static void forget(struct view *view, struct speaker *speaker)
{
    struct speaker **at = &view->speakers;

    while (*at != speaker)
        at = &(*at)->next;
    *at = speaker->next;
    (void)speaker_free(speaker);
}

static void say(struct view *view, struct speaker *speaker, size_t n)
{
    struct span words = {buf_span(&speaker->words).at, n};

    while (words.n > 0 && strchr(" \n", words.at[words.n - 1]))
        words.n--;
    if (words.n > 0) {
        enter_phase(view, speaker);
        page_text(&view->page, margin_of(speaker), PAGE_PLAIN, words);
        speaker->spoke = true;
    }
    buf_drop(&speaker->words, n);
}

/* Bytes up to the last line feed, or up to the last sentence when it takes long. 0: nothing yet.
 * Data, which begins with a brace, is not torn. */
static size_t ready_bytes(struct span words)
{
    const char *brace = memchr(words.at, '{', words.n);
    size_t sentence = 0;

    if (brace)
        words.n = (size_t)(brace - words.at);

    for (size_t i = words.n; i > 0; i--) {
        if (words.at[i - 1] == '\n')
            return i;
        if (sentence == 0 && i > 1 && words.at[i - 1] == ' ' && strchr(".!?", words.at[i - 2]))
            sentence = i;
    }
    return sentence >= LIVELY_BYTES ? sentence : 0;
}

static void on_step_started(struct view *view, const struct json *event)
{
    struct speaker *speaker = speaker_of(view, event);

    if (!strchr(speaker->step, '/'))
        enter_phase(view, speaker);
}

static void on_step_delta(struct view *view, const struct json *event)
{
    struct speaker *speaker = speaker_of(view, event);
    size_t n;

    buf_add_span(&speaker->words, json_get_string(event, "text", ""));
    n = ready_bytes(buf_span(&speaker->words));
    if (n > 0)
        say(view, speaker, n);
}

static void say_value(struct view *view, struct speaker *speaker, const struct json *value)
{
    enter_phase(view, speaker);
    outline_value(&view->page, margin_of(speaker), value);
    speaker->spoke = true;
}

/* Bytes of words without a label of capitals at its end: "It pays. VERDICT: " -> "It pays. " */
static size_t without_label(struct span words)
{
    size_t n = words.n;

    while (n > 0 && words.at[n - 1] == ' ')
        n--;
    if (n == 0 || words.at[n - 1] != ':')
        return words.n;
    n--;
    while (n > 0 && words.at[n - 1] >= 'A' && words.at[n - 1] <= 'Z')
        n--;
    return n == 0 || words.at[n - 1] == ' ' || words.at[n - 1] == '\n' ? n : words.n;
}

/* What is left of an answer: prose, data, or prose that ends in data behind a label ("VERDICT:
 * {…}"). */
static void say_rest(struct view *view, struct speaker *speaker)
{
    CLEANUP(json_freep) struct json *data = NULL;
    struct span words = buf_span(&speaker->words);
    const char *brace = memchr(words.at, '{', words.n), *end = memrchr(words.at, '}', words.n);
    size_t prose;

    if (!brace || !end || end < brace ||
        json_parse((struct span){brace, (size_t)(end - brace) + 1}, NULL, &data, NULL) != 0) {
        say(view, speaker, words.n);
        return;
    }
    prose = without_label((struct span){words.at, (size_t)(brace - words.at)});
    size_t n_after = words.n - (size_t)(end - words.at) - 1;
    say(view, speaker, prose);
    buf_drop(&speaker->words, speaker->words.n - n_after);
    say_value(view, speaker, data);
    say(view, speaker, speaker->words.n);
}

static void on_step_completed(struct view *view, const struct json *event)
{
    struct speaker *speaker = speaker_of(view, event);
    const struct json *output = json_get(event, "output"), *text = json_get(output, "text");

    if (speaker->words.n == 0 && !speaker->spoke)
        buf_add_span(&speaker->words, text ? json_string(text) : json_string(output));
    if (speaker->words.n > 0)
        say_rest(view, speaker);
    else if (!speaker->spoke && output && !text)
        say_value(view, speaker, output);
    if (json_get_bool(event, "memo", false))
        page_text(&view->page, margin_of(speaker), PAGE_DIM, SPAN("(remembered, not paid again)"));
    forget(view, speaker);
}

static void on_step_failed(struct view *view, const struct json *event)
{
    struct speaker *speaker = speaker_of(view, event);
    const struct json *error = json_get(event, "error");
    CLEANUP(charp_freep)
    char *text = xprintf("failed: %s%s", json_get_string(error, "message", "no reason given").at,
                         json_get_bool(event, "will_retry", false) ? "; trying again" : "");

    enter_phase(view, speaker);
    page_text(&view->page, margin_of(speaker), PAGE_RED, span_of(text));
    forget(view, speaker);
}

static void on_queued(struct view *view, const struct json *event)
{
    note(view, PAGE_DIM, "%s queued", json_get_string(event, "job", "").at);
}

static void on_waiting(struct view *view, const struct json *event)
{
    const char *provider = json_get_string(event, "provider", "").at;

    note(view, PAGE_DIM, "waiting: %s%s%s, %" PRId64 " of %" PRId64 " in use, %" PRId64 " ahead",
         json_get_string(event, "reason", "").at, *provider ? " " : "", provider,
         json_get_integer(event, "in_use", 0), json_get_integer(event, "limit", 0),
         json_get_integer(event, "ahead", 0));
}

static void on_started(struct view *view, const struct json *event)
{
    note(view, PAGE_DIM, "%s by %s after %" PRId64 " ms in the queue",
         json_get_bool(event, "resumed", false) ? "resumed" : "started",
         json_get_string(event, "worker", "a worker").at, json_get_integer(event, "queue_ms", 0));
}

/* What every event has is no news. */
static bool copy_news(const char *key, const struct json *value, void *arg)
{
    static const char *const head[] = {"type", "seq", "job", "at", "attempt"};

    for (size_t i = 0; i < ARRAY_SIZE(head); i++)
        if (strcmp(key, head[i]) == 0)
            return true;
    json_set(arg, key, json_copy(value));
    return true;
}

static void on_partial(struct view *view, const struct json *event)
{
    CLEANUP(json_freep) struct json *news = json_object();

    json_each(event, copy_news, news);
    outline_line(&view->page, (struct margin){.indent = 2}, news);
}

static void on_retrying(struct view *view, const struct json *event)
{
    while (view->speakers)
        forget(view, view->speakers);
    note(view, PAGE_RED, "attempt ended: %s; trying again in %" PRId64 " ms",
         json_get_string(json_get(event, "error"), "message", "its worker was lost").at,
         json_get_integer(event, "in_ms", 0));
}

static void on_cancelling(struct view *view, const struct json *event)
{
    note(view, PAGE_DIM, "cancelling: %s", json_get_string(event, "reason", "").at);
}

static void on_gap(struct view *view, const struct json *event)
{
    note(view, PAGE_DIM, "events %" PRId64 " to %" PRId64 " are no longer kept",
         json_get_integer(event, "from", 0), json_get_integer(event, "to", 0));
}

static void sum_up(struct view *view, const struct json *event, const char *how,
                   enum page_colour colour)
{
    const struct json *usage = json_get(event, "usage");

    note(view, colour, "%s %s: %" PRId64 " calls, %" PRId64 " tokens in, %" PRId64 " out, $%.4f",
         json_get_string(event, "job", "").at, how, json_get_integer(usage, "calls", 0),
         json_get_integer(usage, "input_tokens", 0), json_get_integer(usage, "output_tokens", 0),
         json_get_number(usage, "cost_usd", 0));
}

static void on_succeeded(struct view *view, const struct json *event)
{
    page_rule(&view->page, SPAN("result"));
    outline_summary(&view->page, json_get(event, "result"));
    fputc('\n', view->page.out);
    sum_up(view, event, "succeeded", PAGE_GREEN);
    note(view, PAGE_DIM, "the whole of it: parley show %s", json_get_string(event, "job", "").at);
}

static void on_not_succeeded(struct view *view, const struct json *event)
{
    const struct json *error = json_get(event, "error");

    fputc('\n', view->page.out);
    sum_up(view, event, json_get_string(event, "type", "job.ended").at + strlen("job."), PAGE_RED);
    if (error)
        note(view, PAGE_RED, "%s: %s", json_get_string(error, "code", "error").at,
             json_get_string(error, "message", "").at);
}

static const struct {
    const char *type;
    void (*handle)(struct view *view, const struct json *event);
} handlers[] = {
    {"job.queued",     on_queued        },
    {"job.waiting",    on_waiting       },
    {"job.started",    on_started       },
    {"step.started",   on_step_started  },
    {"step.delta",     on_step_delta    },
    {"step.completed", on_step_completed},
    {"step.failed",    on_step_failed   },
    {"job.partial",    on_partial       },
    {"job.retrying",   on_retrying      },
    {"job.cancelling", on_cancelling    },
    {"job.succeeded",  on_succeeded     },
    {"job.failed",     on_not_succeeded },
    {"job.cancelled",  on_not_succeeded },
    {"job.expired",    on_not_succeeded },
    {"stream.gap",     on_gap           },
};

void view_event(struct view *view, const struct json *event)
{
    struct span type = json_get_string(event, "type", "");

    for (size_t i = 0; i < ARRAY_SIZE(handlers); i++)
        if (span_equal(type, span_of(handlers[i].type)))
            handlers[i].handle(view, event);
}
