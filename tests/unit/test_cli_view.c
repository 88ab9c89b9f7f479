/* What a person sees of a job: events in, screen out. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "base.h"
#include "cli/page.h"
#include "cli/view.h"
#include "json.h"
#include "main.h"

#define MAX_EVENTS 8

struct scene {
    const char *name;
    const char *events[MAX_EVENTS];
    const char *screen;
};

#define CFO "CFO              │ "
#define CTO "CTO              │ "

// clang-format off
static const struct scene scenes[] = {
    {"two who speak at once stay apart, line by line",
     {"{\"type\":\"step.started\",\"step\":\"blind/cfo\",\"title\":\"CFO\"}",
      "{\"type\":\"step.started\",\"step\":\"blind/cto\",\"title\":\"CTO\"}",
      "{\"type\":\"step.delta\",\"step\":\"blind/cfo\",\"text\":\"We have \"}",
      "{\"type\":\"step.delta\",\"step\":\"blind/cto\",\"text\":\"It can be \"}",
      "{\"type\":\"step.delta\",\"step\":\"blind/cfo\",\"text\":\"the money.\\nBut\"}",
      "{\"type\":\"step.delta\",\"step\":\"blind/cto\",\"text\":\"built.\\n\"}",
      "{\"type\":\"step.completed\",\"step\":\"blind/cfo\",\"output\":{\"text\":\"ignored\"}}"},
     "\n── blind ───────────────────────────────\n"
     CFO "We have the money.\n"
     CTO "It can be built.\n"
     CFO "But\n"},
    {"an answer that is data is shown whole, as an outline",
     {"{\"type\":\"step.started\",\"step\":\"vote/cfo\",\"title\":\"CFO\"}",
      "{\"type\":\"step.delta\",\"step\":\"vote/cfo\",\"text\":\"{\\\"position\\\":\"}",
      "{\"type\":\"step.delta\",\"step\":\"vote/cfo\",\"text\":\"\\\"yes\\\",\\\"cites\\\":[\\\"D1\\\"]}\"}",
      "{\"type\":\"step.completed\",\"step\":\"vote/cfo\",\"output\":{\"text\":\"\"},\"memo\":true}"},
     "\n── vote ────────────────────────────────\n"
     CFO "position: yes\n"
     CFO "cites: D1\n"
     CFO "(remembered, not paid\n"
     CFO "again)\n"},
    {"an answer without deltas is shown when it is complete",
     {"{\"type\":\"step.completed\",\"step\":\"extract\",\"title\":\"Facts\",\"output\":{\"n_facts\":2}}"},
     "\n── Facts ───────────────────────────────\n"
     "n facts: 2\n"},
    {"a failure says why and whether it is tried again",
     {"{\"type\":\"step.failed\",\"step\":\"blind/cfo\",\"title\":\"CFO\",\"error\":{\"message\":\"no\"},\"will_retry\":true}"},
     "\n── blind ───────────────────────────────\n"
     CFO "failed: no; trying again\n"},
    {"words of an attempt that ended are forgotten",
     {"{\"type\":\"step.delta\",\"step\":\"blind/cfo\",\"title\":\"CFO\",\"text\":\"half a\"}",
      "{\"type\":\"job.retrying\",\"in_ms\":5,\"error\":{\"message\":\"lost\"},\"rollback_to_seq\":1}",
      "{\"type\":\"step.delta\",\"step\":\"blind/cfo\",\"title\":\"CFO\",\"text\":\"whole.\\n\"}"},
     "attempt ended: lost; trying again in 5\nms\n"
     "\n── blind ───────────────────────────────\n"
     CFO "whole.\n"},
    {"what a model wrote cannot steer the terminal",
     {"{\"type\":\"step.delta\",\"step\":\"a/b\",\"title\":\"B\\u001b[2J\",\"text\":\"x\\u001b[31m\\u009by\\u0007z\\n\"}"},
     "\n── a ───────────────────────────────────\n"
     "B[2J             │ x[31myz\n"},
    {"a partial result is one line, its histogram a row of blocks",
     {"{\"type\":\"job.partial\",\"seq\":3,\"n\":30,\"histogram\":{\"edges\":[0,1,2],\"counts\":[10,20]}}"},
     "  n 30, histogram ▅█\n"},
    {"a result shows its histogram as bars and only counts what is long",
     {"{\"type\":\"job.succeeded\",\"job\":\"j\",\"result\":{\"p\":0.5,\"none\":null,"
      "\"histogram\":{\"edges\":[0,1,2],\"counts\":[10,20]},"
      "\"positions\":[{\"a\":1,\"b\":2,\"c\":3},{\"a\":1,\"b\":2,\"c\":3},{\"a\":1,\"b\":2,\"c\":3},"
      "{\"a\":1,\"b\":2,\"c\":3},{\"a\":1,\"b\":2,\"c\":3}]}}"},
     "\n── result ──────────────────────────────\n"
     "p: 0.5\n"
     "histogram:\n"
     "                    0 .. 1 ████████████████████ 10\n"
     "                    1 .. 2 ████████████████████████████████████████ 20\n"
     "positions: 5 entries\n"
     "\n"
     "j succeeded: 0 calls, 0 tokens in, 0\nout, $0.0000\n"
     "the whole of it: parley show j\n"},
    {"a verdict behind prose is shown as an outline",
     {"{\"type\":\"step.delta\",\"step\":\"blind/cfo\",\"title\":\"CFO, blind\",\"text\":\"It pays.\\nVERDICT: {\\\"position\\\":\\\"yes. \"}",
      "{\"type\":\"step.delta\",\"step\":\"blind/cfo\",\"text\":\"no. \\\"}\\n\"}",
      "{\"type\":\"step.completed\",\"step\":\"blind/cfo\"}"},
     "\n── blind ───────────────────────────────\n"
     CFO "It pays.\n"
     CFO "position: yes. no.\n"},
    {"words behind data are not lost",
     {"{\"type\":\"step.delta\",\"step\":\"a/b\",\"title\":\"CFO\",\"text\":\"See: {\\\"a\\\":1} That is all.\"}",
      "{\"type\":\"step.completed\",\"step\":\"a/b\"}"},
     "\n── a ───────────────────────────────────\n"
     CFO "See:\n"
     CFO "a: 1\n"
     CFO "That is all.\n"},
    {"braces that are no data are words",
     {"{\"type\":\"step.delta\",\"step\":\"blind/cfo\",\"title\":\"CFO\",\"text\":\"a {b} c\"}",
      "{\"type\":\"step.completed\",\"step\":\"blind/cfo\"}"},
     "\n── blind ───────────────────────────────\n"
     CFO "a {b} c\n"},
    {"what a log has lost is said",
     {"{\"type\":\"stream.gap\",\"from\":1,\"to\":64}"}, "events 1 to 64 are no longer kept\n"},
    {"a type nobody knows is passed over", {"{\"type\":\"job.sang\"}"}, ""},
};
// clang-format on

static void play(const struct scene *scene)
{
    char *screen = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&screen, &n);
    CLEANUP(view_freep) struct view *view = view_new(out, false, 40);

    for (size_t i = 0; i < MAX_EVENTS && scene->events[i]; i++) {
        CLEANUP(json_freep) struct json *event = NULL;

        ck_assert_int_eq(json_parse(span_of(scene->events[i]), NULL, &event, NULL), 0);
        view_event(view, event);
    }
    ck_assert_int_eq(fclose(out), 0);
    ck_assert_msg(strcmp(screen, scene->screen) == 0, "%s:\n%s\ninstead of\n%s", scene->name,
                  screen, scene->screen);
    free(screen);
}

START_TEST(events_become_a_readable_screen)
{
    for (size_t i = 0; i < ARRAY_SIZE(scenes); i++)
        play(&scenes[i]);
}
END_TEST

START_TEST(wraps_at_spaces_and_never_inside_a_character)
{
    char *screen = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&screen, &n);
    struct page page = {out, false, 24};

    page_text(&page, (struct margin){0}, PAGE_PLAIN,
              SPAN("äöü äöü äöü äöü äöü äöü äöü a-word-that-is-longer-than-a-line and more"));
    ck_assert_int_eq(fclose(out), 0);
    ck_assert_str_eq(screen,
                     "äöü äöü äöü äöü äöü äöü\näöü\na-word-that-is-longer-than-a-line\nand more\n");
    free(screen);
}
END_TEST

START_TEST(paints_names_only_when_told_to)
{
    char *screen = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&screen, &n);
    struct page page = {out, true, 80};

    page_text(&page, (struct margin){"CFO", PAGE_FIRST_OF_SIX, 0}, PAGE_PLAIN, SPAN("yes"));
    ck_assert_int_eq(fclose(out), 0);
    ck_assert_str_eq(screen, "\033[1;36mCFO\033[0m             \033[2m │ \033[0myes\n");
    free(screen);
}
END_TEST

TEST_MAIN("cli_view", events_become_a_readable_screen, wraps_at_spaces_and_never_inside_a_character,
          paints_names_only_when_told_to)
