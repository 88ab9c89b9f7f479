/* The wire formats, as pure functions: the sample streams of every vendor in pieces of several
 * sizes, whole answers, prices and request bodies. */
#include "llm_wire.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "all_providers.h"
#include "json.h"
#include "main.h"
#include "provider.h"

#define SAMPLE_TEXT "Café jobs: 3 € 🚀"

static const size_t piece_bytes[] = {1, 2, 3, 7, 4096};

static void read_file(const char *name, struct buf *out)
{
    char path[1000];

    (void)snprintf(path, sizeof(path), STREAMS "/%s.txt", name);
    FILE *file = fopen(path, "r");
    ck_assert_msg(file, "%s", path);
    buf_init(out, 1 << 20);
    buf_grew(out, fread(buf_room(out, 1 << 16), 1, 1 << 16, file));
    (void)fclose(file);
}

static void add_delta(struct span text, void *arg)
{
    buf_add_span(arg, text);
}

static void feed(struct llm_reader *reader, struct span stream, size_t n_piece)
{
    for (size_t at = 0; at < stream.n; at += n_piece) {
        size_t n = stream.n - at < n_piece ? stream.n - at : n_piece;
        char *piece = xmemdup(stream.at + at, n);

        llm_reader_feed(reader, (struct span){piece, n});
        free(piece);
    }
    llm_reader_end(reader);
}

struct expected {
    const char *name, *provider;
    const char *text, *stop; /* stop NULL: failed */
    int outcome;
    enum llm_retry retry;
    int64_t input, output;
    bool estimated;
    const char *model;
};

static void check(const struct llm_reader *reader, const struct expected *row,
                  const struct buf *deltas, size_t n_piece)
{
    struct llm_question question = {0};
    struct llm_usage usage;

    ck_assert_msg(reader->failed == (row->stop == NULL), "%s/%zu: %s", row->name, n_piece,
                  reader->error.message);
    ck_assert_msg(reader->finished == (row->stop != NULL), "%s/%zu", row->name, n_piece);
    ck_assert_msg(span_equal(buf_span(&reader->text), span_of(row->text)), "%s/%zu: %s", row->name,
                  n_piece, reader->text.at ? reader->text.at : "");
    ck_assert_msg(span_equal(buf_span(&reader->text), buf_span(deltas)), "%s/%zu", row->name,
                  n_piece);
    if (row->stop) {
        ck_assert_msg(strcmp(reader->stop, row->stop) == 0, "%s: %s", row->name, reader->stop);
    } else {
        ck_assert_msg(reader->outcome == row->outcome, "%s: %d", row->name, reader->outcome);
        ck_assert_msg(reader->retry == row->retry, "%s: %d", row->name, (int)reader->retry);
        ck_assert_msg(reader->error.message[0], "%s", row->name);
    }
    ck_assert_msg(strcmp(reader->model, row->model) == 0, "%s: %s", row->name, reader->model);
    llm_reader_usage(reader, &question, &usage);
    ck_assert_msg(usage.input_tokens == row->input, "%s: %lld", row->name,
                  (long long)usage.input_tokens);
    ck_assert_msg(usage.output_tokens == row->output, "%s: %lld", row->name,
                  (long long)usage.output_tokens);
    ck_assert_msg(usage.estimated == row->estimated, "%s", row->name);
}

static void read_and_check(const struct expected *row, struct span stream)
{
    for (size_t k = 0; k < ARRAY_SIZE(piece_bytes); k++) {
        struct llm_reader reader;
        struct buf deltas;

        buf_init(&deltas, 1 << 20);
        llm_reader_init(&reader, provider(row->provider), add_delta, &deltas);
        feed(&reader, stream, piece_bytes[k]);
        check(&reader, row, &deltas, piece_bytes[k]);
        llm_reader_deinit(&reader);
        buf_deinit(&deltas);
    }
}

// clang-format off
static const struct expected samples[] = {
    {"anthropic-text", "anthropic", SAMPLE_TEXT, "end", 0, LLM_RETRY_NO, 21, 34, false, "claude-haiku-5-5"},
    {"anthropic-tool", "anthropic", "", "other", 0, LLM_RETRY_NO, 40, 25, false, "claude-sonnet-4-6"},
    {"anthropic-error", "anthropic", "Part", NULL, -EPROTO, LLM_RETRY_LATER, 9, 1, true, "claude-haiku-5-5"},
    {"openai-chat", "openai", SAMPLE_TEXT, "end", 0, LLM_RETRY_NO, 21, 9, false, "gpt-6-luna"},
    {"openai-tool", "openai", "", "other", 0, LLM_RETRY_NO, 0, 0, true, "gpt-6-luna"},
    {"openai-error", "openai", "Part", NULL, -EPROTO, LLM_RETRY_YES, 0, 1, true, "gpt-6-luna"},
    /* Another protocol: its text is not ours and its end is none. */
    {"openai-responses", "openai", "", NULL, -ECONNRESET, LLM_RETRY_YES, 0, 0, true, ""},
    {"openai-responses", "responses", SAMPLE_TEXT, "end", 0, LLM_RETRY_NO, 21, 9, false, "gpt-6-luna"},
    {"openai-chat", "responses", "", NULL, -EPROTO, LLM_RETRY_YES, 0, 0, true, ""},
    {"groq", "groq", SAMPLE_TEXT, "end", 0, LLM_RETRY_NO, 21, 9, false, "openai/gpt-oss-20b"},
    {"xai", "xai", SAMPLE_TEXT, "end", 0, LLM_RETRY_NO, 21, 29, false, "grok-4.3"},
};
// clang-format on

START_TEST(sample_streams_read_the_same_in_pieces_of_any_size)
{
    set_up();
    for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
        struct buf stream;

        read_file(samples[i].name, &stream);
        read_and_check(&samples[i], buf_span(&stream));
        buf_deinit(&stream);
    }
    tear_down();
}
END_TEST

START_TEST(no_sample_stream_is_left_out)
{
    DIR *folder = opendir(STREAMS);
    size_t n_files = 0;

    ck_assert_ptr_nonnull(folder);
    for (const struct dirent *entry; (entry = readdir(folder));) {
        size_t n = strlen(entry->d_name), i = 0;

        if (n < 5 || strcmp(entry->d_name + n - 4, ".txt") != 0)
            continue;
        n_files++;
        while (i < ARRAY_SIZE(samples) && (strlen(samples[i].name) != n - 4 ||
                                           strncmp(samples[i].name, entry->d_name, n - 4) != 0))
            i++;
        ck_assert_msg(i < ARRAY_SIZE(samples), "%s has no row", entry->d_name);
    }
    ck_assert_uint_ge(n_files, 9);
    (void)closedir(folder);
}
END_TEST

START_TEST(a_stream_cut_anywhere_is_never_taken_for_whole)
{
    static const struct {
        const char *name, *provider, *last;
    } rows[] = {
        {"anthropic-text",   "anthropic",
         "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"                       },
        {"openai-chat",      "openai",    "\"finish_reason\":\"stop\"}],\"usage\":null}\n\n"},
        {"groq",             "groq",      "\"total_time\":0.021}}}\n\n"                     },
        {"xai",              "xai",       "\"finish_reason\":\"stop\"}]}\n\n"               },
        {"openai-responses", "responses", "\"total_tokens\":30}}}\n\n"                      },
    };

    set_up();
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct buf stream;

        read_file(rows[i].name, &stream);
        const char *last = memmem(stream.at, stream.n, rows[i].last, strlen(rows[i].last));
        ck_assert_ptr_nonnull(last);
        size_t n_whole = (size_t)(last - stream.at) + strlen(rows[i].last);
        for (size_t n = 0; n <= n_whole; n++) {
            struct llm_reader reader;

            llm_reader_init(&reader, provider(rows[i].provider), NULL, NULL);
            feed(&reader, (struct span){stream.at, n}, 4096);
            ck_assert_msg(reader.finished == (n == n_whole), "%s cut at %zu", rows[i].name, n);
            ck_assert_int_eq(reader.failed ? reader.outcome : 0, n == n_whole ? 0 : -ECONNRESET);
            llm_reader_deinit(&reader);
        }
        buf_deinit(&stream);
    }
    tear_down();
}
END_TEST

#define ANTHROPIC_START                                                                            \
    "data: "                                                                                       \
    "{\"type\":\"message_start\",\"message\":{\"model\":\"m\",\"usage\":{\"input_tokens\":5,"      \
    "\"cache_read_input_tokens\":100,\"cache_creation_input_tokens\":null,\"output_tokens\":1}}}"  \
    "\n\n"
#define ANTHROPIC_TEXT(text)                                                                       \
    "data: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"" text  \
    "\"}}\n\n"
#define ANTHROPIC_END(reason)                                                                      \
    "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"" reason                       \
    "\"},\"usage\":{\"input_tokens\":null,\"output_tokens\":7}}\n\ndata: "                         \
    "{\"type\":\"message_stop\"}\n\n"
#define CHUNK(choice) "data: {\"choices\":[" choice "]}\n\n"
#define DELTA(text) CHUNK("{\"delta\":{\"content\":\"" text "\"}}")
#define FINISH(reason) CHUNK("{\"delta\":{},\"finish_reason\":\"" reason "\"}")
#define DONE "data: [DONE]\n\n"
#define ITEM(index, phase)                                                                         \
    "data: {\"type\":\"response.output_item.added\",\"output_index\":" index                       \
    ",\"item\":{\"type\":\"message\",\"phase\":\"" phase "\"}}\n\n"
#define RESPONSE_TEXT(index, text)                                                                 \
    "data: {\"type\":\"response.output_text.delta\",\"output_index\":" index ",\"delta\":\"" text  \
    "\"}\n\n"
#define RESPONSE(status, error, details)                                                           \
    "{\"status\":\"" status "\",\"model\":\"m\",\"error\":" error                                  \
    ",\"incomplete_details\":" details                                                             \
    ",\"output\":[{\"type\":\"reasoning\",\"summary\":[]},{\"type\":\"message\",\"content\":[{"    \
    "\"type\":\"output_text\",\"text\":\"a\"}]}],\"usage\":{\"input_tokens\":3,\"output_tokens\":" \
    "4}}"
#define RESPONSE_END(status, error, details)                                                       \
    "data: {\"type\":\"response." status "\",\"response\":" RESPONSE(status, error, details) "}\n" \
                                                                                             "\n"

// clang-format off
static const struct {
    struct expected expected;
    const char *stream;
} streams[] = {
    {{"null keeps what message_start said, cached input counts", "anthropic", "ab", "end", 0, LLM_RETRY_NO, 105, 7, false, "m"},
     ANTHROPIC_START ANTHROPIC_TEXT("a") "event: brand_new\ndata: {\"type\":\"brand_new\"}\n\n" ANTHROPIC_TEXT("b") ANTHROPIC_END("end_turn")},
    {{"an unknown reason is other", "anthropic", "a", "other", 0, LLM_RETRY_NO, 105, 7, false, "m"},
     ANTHROPIC_START ANTHROPIC_TEXT("a") ANTHROPIC_END("new_reason")},
    {{"a refusal in mid-stream", "anthropic", "a", "refusal", 0, LLM_RETRY_NO, 105, 7, false, "m"},
     ANTHROPIC_START ANTHROPIC_TEXT("a") ANTHROPIC_END("refusal")},
    {{"the context window is full", "anthropic", "", "length", 0, LLM_RETRY_NO, 105, 7, false, "m"},
     ANTHROPIC_START ANTHROPIC_END("model_context_window_exceeded")},
    {{"text in the block's start counts", "anthropic", "ab", "end", 0, LLM_RETRY_NO, 0, 7, true, ""},
     "data: {\"type\":\"content_block_start\",\"content_block\":{\"type\":\"text\",\"text\":\"a\"}}\n\n" ANTHROPIC_TEXT("b") ANTHROPIC_END("end_turn")},
    {{"garbage is a failure", "anthropic", "a", NULL, -EPROTO, LLM_RETRY_YES, 105, 1, true, "m"},
     ANTHROPIC_START ANTHROPIC_TEXT("a") "data: {\"type\":\n\n" ANTHROPIC_END("end_turn")},
    {{"an error that is our fault is not repeated", "anthropic", "", NULL, -EPROTO, LLM_RETRY_NO, 0, 0, true, ""},
     "data: {\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"x\"}}\n\n"},

    {{"CRLF, comments and no space", "compatible", "ab", "end", 0, LLM_RETRY_NO, 0, 1, true, ""},
     ": hi\r\n\r\ndata:{\"choices\":[{\"delta\":{\"content\":\"ab\"}}]}\r\n\r\ndata:{\"choices\":[{\"finish_reason\":\"stop\"}]}\r\n\r\ndata:[DONE]\r\n\r\n"},
    {{"an end without [DONE] after a reason is an end", "compatible", "a", "end", 0, LLM_RETRY_NO, 0, 1, true, ""},
     DELTA("a") FINISH("eos")},
    {{"[DONE] without a reason is a cut", "compatible", "a", NULL, -ECONNRESET, LLM_RETRY_YES, 0, 1, true, ""}, DELTA("a") DONE},
    {{"an error counts although [DONE] follows", "compatible", "a", NULL, -EPROTO, LLM_RETRY_YES, 0, 1, true, ""},
     DELTA("a") "data: {\"error\":{\"message\":\"engine died\",\"type\":\"x\",\"param\":null,\"code\":500}}\n\n" DONE},
    {{"an engine that aborts", "compatible", "a", NULL, -EPROTO, LLM_RETRY_YES, 0, 1, true, ""}, DELTA("a") FINISH("abort") DONE},
    {{"groq says stopped early as text", "groq", "a", NULL, -EPROTO, LLM_RETRY_YES, 0, 1, true, ""},
     DELTA("a") "data: {\"choices\":[],\"x_groq\":{\"id\":\"r\",\"error\":\"over capacity\"}}\n\n" DONE},
    {{"choices and content missing, null, empty, in parts", "compatible", "abc", "length", 0, LLM_RETRY_NO, 3, 4, false, ""},
     "data: {\"choices\":null}\n\ndata: {}\n\n" CHUNK("") CHUNK("{\"delta\":{\"content\":null},\"finish_reason\":null}")
     CHUNK("{\"delta\":{\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\"}]},\"finish_reason\":\"\"}")
     CHUNK("{\"delta\":{\"content\":\"c\"},\"finish_reason\":\"length\"}")
     "data: {\"choices\":null,\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}\n\n" DONE},
    {{"running usage is overwritten, not added", "xai", "a", "end", 0, LLM_RETRY_NO, 3, 9, false, ""},
     "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1}}\n\n" FINISH("stop")
     "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4,\"completion_tokens_details\":{\"reasoning_tokens\":5}}}\n\n" DONE},
    {{"more cached than prompt: the prompt leaves them out", "xai", "", "end", 0, LLM_RETRY_NO, 13, 4, false, ""},
     FINISH("stop") "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4,\"prompt_tokens_details\":{\"cached_tokens\":10}}}\n\n" DONE},
    {{"counts that lie are clamped", "openai", "", "end", 0, LLM_RETRY_NO, 0, 1000000000000, false, ""},
     FINISH("stop") "data: {\"usage\":{\"prompt_tokens\":-5,\"completion_tokens\":9007199254740991}}\n\n" DONE},
    {{"a refusal beside the reason", "openai", "", "refusal", 0, LLM_RETRY_NO, 0, 0, true, ""},
     CHUNK("{\"delta\":{\"refusal\":\"I will not.\"}}") FINISH("stop") DONE},
    {{"a content filter is a refusal", "openai", "a", "refusal", 0, LLM_RETRY_NO, 0, 1, true, ""}, DELTA("a") FINISH("content_filter") DONE},
    {{"thinking before the text is taken out", "compatible", "Yes <think>.", "end", 0, LLM_RETRY_NO, 0, 11, true, ""},
     DELTA("\\n<thi") DELTA("nk>well, < / hmm") DELTA("</thi") DELTA("nk>\\n") DELTA("\\n") DELTA("Yes ") DELTA("<think>.") FINISH("stop") DONE},
    {{"what only looks like thinking stays", "compatible", "<thin ice", "end", 0, LLM_RETRY_NO, 0, 3, true, ""},
     DELTA("<thin") DELTA(" ice") FINISH("stop") DONE},
    {{"a beginning of thinking at the end stays", "compatible", " <th", "end", 0, LLM_RETRY_NO, 0, 1, true, ""}, DELTA(" <th") FINISH("stop") DONE},
    {{"thinking stays where the server takes it out itself", "openai", "<think>a</think>b", "end", 0, LLM_RETRY_NO, 0, 5, true, ""},
     DELTA("<think>a</think>b") FINISH("stop") DONE},

    {{"commentary is no answer", "responses", "b", "end", 0, LLM_RETRY_NO, 3, 4, false, "m"},
     ITEM("0", "commentary") RESPONSE_TEXT("0", "a") ITEM("1", "final_answer") RESPONSE_TEXT("1", "b") RESPONSE_END("completed", "null", "null")},
    {{"a response cut at its token limit", "responses", "a", "length", 0, LLM_RETRY_NO, 3, 4, false, "m"},
     RESPONSE_TEXT("0", "a") RESPONSE_END("incomplete", "null", "{\"reason\":\"max_output_tokens\"}")},
    {{"a response stopped by the filter", "responses", "a", "refusal", 0, LLM_RETRY_NO, 3, 4, false, "m"},
     RESPONSE_TEXT("0", "a") RESPONSE_END("incomplete", "null", "{\"reason\":\"content_filter\"}")},
    {{"a response that refuses", "responses", "", "refusal", 0, LLM_RETRY_NO, 3, 4, false, "m"},
     "data: {\"type\":\"response.refusal.delta\",\"delta\":\"No.\"}\n\n" RESPONSE_END("completed", "null", "null")},
    {{"a response that fails after text", "responses", "a", NULL, -EPROTO, LLM_RETRY_YES, 0, 1, true, ""},
     RESPONSE_TEXT("0", "a") RESPONSE_END("failed", "{\"code\":\"server_error\",\"message\":\"x\"}", "null")},
    {{"an error event of its own", "responses", "a", NULL, -EPROTO, LLM_RETRY_LATER, 0, 1, true, ""},
     RESPONSE_TEXT("0", "a") "event: error\ndata: {\"type\":\"error\",\"code\":\"rate_limit_exceeded\",\"message\":\"x\",\"param\":null}\n\n"},
    {{"an end without deltas brings its text along", "responses", "a", "end", 0, LLM_RETRY_NO, 3, 4, false, "m"}, RESPONSE_END("completed", "null", "null")},
};
// clang-format on

START_TEST(what_servers_do_besides_the_samples)
{
    set_up();
    for (size_t i = 0; i < ARRAY_SIZE(streams); i++)
        read_and_check(&streams[i].expected, span_of(streams[i].stream));
    tear_down();
}
END_TEST

// clang-format off
static const struct {
    struct expected expected;
    const char *body;
} answers[] = {
    {{"anthropic's whole answer", "anthropic", "Likely.", "end", 0, LLM_RETRY_NO, 21, 9, false, "claude-haiku-5-5"},
     "{\"type\":\"message\",\"model\":\"claude-haiku-5-5\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"\"},{\"type\":\"text\",\"text\":\"Like\"},"
     "{\"type\":\"text\",\"text\":\"ly.\"}],\"stop_reason\":\"end_turn\",\"usage\":{\"input_tokens\":21,\"cache_read_input_tokens\":0,\"output_tokens\":9}}"},
    {{"no content at all is an empty answer", "anthropic", "", "end", 0, LLM_RETRY_NO, 1, 2, false, ""},
     "{\"content\":[],\"stop_reason\":\"end_turn\",\"usage\":{\"input_tokens\":1,\"output_tokens\":2}}"},
    {{"openai's whole answer", "openai", "Likely.", "end", 0, LLM_RETRY_NO, 21, 9, false, "gpt-6-luna"},
     "{\"model\":\"gpt-6-luna\",\"choices\":[{\"index\":0,\"finish_reason\":\"stop\",\"message\":{\"role\":\"assistant\",\"content\":\"Likely.\",\"refusal\":null}}],"
     "\"usage\":{\"prompt_tokens\":21,\"completion_tokens\":9,\"total_tokens\":30}}"},
    {{"a refusal instead of content", "openai", "", "refusal", 0, LLM_RETRY_NO, 1, 1, false, ""},
     "{\"choices\":[{\"finish_reason\":\"stop\",\"message\":{\"content\":null,\"refusal\":\"No.\"}}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}"},
    {{"xai's error with status 200", "xai", "", NULL, -EPROTO, LLM_RETRY_YES, 0, 0, true, ""},
     "{\"code\":\"The service is currently unavailable\",\"error\":\"try later\"}"},
    {{"xai's other errors with status 200", "xai", "", NULL, -EPROTO, LLM_RETRY_NO, 0, 0, true, ""}, "{\"code\":\"Client specified an invalid argument\",\"error\":\"no\"}"},
    {{"no reason is a cut", "openai", "a", NULL, -ECONNRESET, LLM_RETRY_YES, 0, 1, true, ""}, "{\"choices\":[{\"message\":{\"content\":\"a\"}}]}"},
    {{"half an answer", "openai", "", NULL, -EPROTO, LLM_RETRY_YES, 0, 0, true, ""}, "{\"choices\":[{\"mess"},
    {{"a whole response", "responses", "a", "end", 0, LLM_RETRY_NO, 3, 4, false, "m"}, RESPONSE("completed", "null", "null")},
    {{"a response that failed with status 200", "responses", "", NULL, -EPROTO, LLM_RETRY_YES, 0, 0, true, ""},
     RESPONSE("failed", "{\"code\":\"server_error\",\"message\":\"x\"}", "null")},
    {{"another type", "openai", "", NULL, -ECONNRESET, LLM_RETRY_YES, 0, 0, true, ""}, "[]"},
};
// clang-format on

START_TEST(whole_answers_read_like_streams)
{
    set_up();
    for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
        struct llm_reader reader;
        struct buf deltas;

        buf_init(&deltas, 1 << 20);
        llm_reader_init(&reader, provider(answers[i].expected.provider), add_delta, &deltas);
        llm_reader_answer(&reader, span_of(answers[i].body));
        check(&reader, &answers[i].expected, &deltas, 0);
        llm_reader_deinit(&reader);
        buf_deinit(&deltas);
    }
    tear_down();
}
END_TEST

START_TEST(embeddings_are_read_as_nearness_to_the_first_input)
{
    static const struct {
        const char *name, *body;
        const char *text; /* NULL = failed */
        enum llm_retry retry;
    } rows[] = {
  // clang-format off
        /* [0, 1, -0.5, 0.25] of wire/openai.md, and itself: cosine 1; orthogonal to [1, 0, 0, 0]. */
        {"base64 and numbers, any order", "{\"data\":[{\"index\":2,\"embedding\":[1,0,0,0]},{\"index\":0,\"embedding\":\"AAAAAAAAgD8AAAC/AACAPg==\"},"
         "{\"index\":1,\"embedding\":[0,1,-0.5,0.25]}],\"usage\":{\"prompt_tokens\":6,\"total_tokens\":6}}", "[1,1,0]", LLM_RETRY_NO},
        {"not of unit length", "{\"data\":[{\"index\":0,\"embedding\":[3,4]},{\"index\":1,\"embedding\":[0,2]}],\"usage\":{\"prompt_tokens\":6}}",
         "[1,0.8]", LLM_RETRY_NO},
        {"nothing at all is near to nothing", "{\"data\":[{\"index\":0,\"embedding\":[0,0]}],\"usage\":{\"prompt_tokens\":6}}", "[0]", LLM_RETRY_NO},
        {"an index twice", "{\"data\":[{\"index\":0,\"embedding\":[1]},{\"index\":0,\"embedding\":[1]}]}", NULL, LLM_RETRY_YES},
        {"an index beyond", "{\"data\":[{\"index\":1,\"embedding\":[1]}]}", NULL, LLM_RETRY_YES},
        {"two lengths", "{\"data\":[{\"index\":0,\"embedding\":[1]},{\"index\":1,\"embedding\":[1,2]}]}", NULL, LLM_RETRY_YES},
        {"bytes that are no floats", "{\"data\":[{\"index\":0,\"embedding\":\"AAA=\"}]}", NULL, LLM_RETRY_YES},
        {"no data", "{\"object\":\"list\"}", NULL, LLM_RETRY_YES},
        {"an error with status 200", "{\"error\":{\"message\":\"no\",\"code\":\"model_not_found\"}}", NULL, LLM_RETRY_NO},
  // clang-format on
    };

    set_up();
    struct provider embedder = *provider("openai");
    embedder.wire = &llm_wire_embeddings;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct llm_reader reader;

        llm_reader_init(&reader, &embedder, NULL, NULL);
        llm_reader_answer(&reader, span_of(rows[i].body));
        llm_reader_end(&reader);
        ck_assert_msg(reader.finished == (rows[i].text != NULL), "%s", rows[i].name);
        ck_assert_msg(reader.failed == !rows[i].text, "%s", rows[i].name);
        ck_assert_msg(!rows[i].text || strcmp(reader.text.at, rows[i].text) == 0, "%s: %s",
                      rows[i].name, reader.text.at);
        ck_assert_msg(rows[i].text ? reader.tokens.input == 6 : reader.retry == rows[i].retry, "%s",
                      rows[i].name);
        llm_reader_deinit(&reader);
    }
    tear_down();
}
END_TEST

START_TEST(cost_follows_the_price_of_each_kind_of_token)
{
    static const struct {
        const char *name, *provider, *model;
        struct llm_tokens tokens;
        double usd;
    } rows[] = {
        {"plain",                                "anthropic",  "claude-haiku-5-5",      {1000, 0, 0, 1000, true, true},    0.0001 + 0.0005},
        {"cached and written",
         "anthropic",                                          "claude-sonnet-5-5",
         {1000, 1000, 1000, 0, true, true},
         0.002 + 0.0002 + 0.0025                                                                                                          },
        {"below the step",
         "anthropic",                                          "claude-haiku-5-5",
         {50000, 50000, 0, 0, true, true},
         0.005 + 0.0005                                                                                                                   },
        {"above the step",
         "anthropic",                                          "claude-haiku-5-5",
         {50001, 50000, 0, 1000000, true, true},
         0.0250005 + 0.0025 + 2.5                                                                                                         },
        {"output times one and a half",
         "openai",                                             "gpt-6.1-terra",
         {300000, 0, 0, 1000, true, true},
         0.6 + 0.0075                                                                                                                     },
        {"a dated snapshot",
         "openai",                                             "gpt-6-luna-2026-09-22",
         {1000000, 0, 0, 0, true, true},
         0.2                                                                                                                              },
        {"from 200k tokens on",                  "xai",        "grok-4.5",              {200000, 0, 0, 0, true, true},     0.8            },
        {"an alias is priced as what was asked",
         "groq",                                               "oss-latest",
         {1000000, 0, 0, 0, true, true},
         0.15                                                                                                                             },
        {"a server of one's own",                "compatible", "whatever",              {1000000, 0, 0, 1000, true, true}, 0              },
    };

    set_up();
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct llm_question question = {0};
        struct llm_reader reader;
        struct llm_usage usage;

        llm_reader_init(&reader, provider(rows[i].provider), NULL, NULL);
        reader.tokens = rows[i].tokens;
        llm_read_model(&reader, span_of(rows[i].model));
        llm_reader_usage(&reader, &question, &usage);
        ck_assert_msg(usage.cost_usd > rows[i].usd - 1e-9 && usage.cost_usd < rows[i].usd + 1e-9,
                      "%s: %.9f", rows[i].name, usage.cost_usd);
        llm_reader_deinit(&reader);
    }
    tear_down();
}
END_TEST

/* A question owns its texts; these are only read. */
#define TEXT(literal) ((char *)(uintptr_t)(literal))
#define SCHEMA "{\"type\":\"object\"}"

START_TEST(bodies_hold_what_the_model_allows)
{
    // clang-format off
    static const struct {
        const char *name, *provider;
        struct llm_question question;
        bool schema, stream;
        unsigned without;
        const char *body;
    } rows[] = {
        {"anthropic, streamed", "anthropic", {.system = TEXT("S"), .prompt = TEXT("P"), .max_tokens = 100, .temperature = 0.5},
         false, true, 0,
         "{\"model\":\"claude-haiku-5-5\",\"max_tokens\":100,\"stream\":true,\"thinking\":{\"type\":\"disabled\"},\"system\":\"S\","
         "\"messages\":[{\"role\":\"user\",\"content\":\"P\"}]}"},
        {"anthropic with a schema, without thinking", "anthropic", {.prompt = TEXT("P"), .temperature = -1}, true, false, 1u << LLM_THINKING,
         "{\"model\":\"claude-haiku-5-5\",\"max_tokens\":4096,\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":" SCHEMA "}},"
         "\"messages\":[{\"role\":\"user\",\"content\":\"P\"}]}"},
        {"a model that always thinks gets room", "anthropic", {.model = TEXT("claude-opus-5-5"), .prompt = TEXT("P"), .max_tokens = 100},
         false, false, 0,
         "{\"model\":\"claude-opus-5-5\",\"max_tokens\":4100,\"output_config\":{\"effort\":\"low\"},\"messages\":[{\"role\":\"user\",\"content\":\"P\"}]}"},
        {"openai, streamed", "openai", {.system = TEXT("S"), .prompt = TEXT("P"), .max_tokens = 100, .temperature = 0},
         false, true, 0,
         "{\"model\":\"gpt-6-luna\",\"stream\":true,\"stream_options\":{\"include_usage\":true,\"include_obfuscation\":false},"
         "\"max_completion_tokens\":100,\"reasoning_effort\":\"none\",\"temperature\":0,"
         "\"messages\":[{\"role\":\"system\",\"content\":\"S\"},{\"role\":\"user\",\"content\":\"P\"}]}"},
        {"openai with a schema", "openai", {.prompt = TEXT("P"), .temperature = -1}, true, false, 0,
         "{\"model\":\"gpt-6-luna\",\"max_completion_tokens\":4096,\"reasoning_effort\":\"none\",\"response_format\":{\"type\":\"json_schema\","
         "\"json_schema\":{\"name\":\"answer\",\"strict\":true,\"schema\":" SCHEMA "}},\"messages\":[{\"role\":\"user\",\"content\":\"P\"}]}"},
        {"responses, streamed, with a schema", "responses", {.system = TEXT("S"), .prompt = TEXT("P"), .max_tokens = 100, .temperature = 0},
         true, true, 0,
         "{\"model\":\"gpt-6-luna\",\"store\":false,\"stream\":true,\"max_output_tokens\":100,\"reasoning\":{\"effort\":\"none\"},"
         "\"temperature\":0,\"text\":{\"format\":{\"type\":\"json_schema\",\"name\":\"answer\",\"strict\":true,\"schema\":" SCHEMA "}},"
         "\"instructions\":\"S\",\"input\":\"P\"}"},
        {"a server of one's own gets the least", "compatible", {.prompt = TEXT("P"), .temperature = -1}, false, true,
         1u << LLM_STREAM_OPTIONS, "{\"stream\":true,\"max_tokens\":4096,\"messages\":[{\"role\":\"user\",\"content\":\"P\"}]}"},
        {"without response_format the schema is said in words", "compatible", {.system = TEXT("S"), .prompt = TEXT("P"), .temperature = -1},
         true, false, 1u << LLM_RESPONSE_FORMAT,
         "{\"max_tokens\":4096,\"messages\":[{\"role\":\"system\",\"content\":\"S\\n\\nAnswer with one JSON value and nothing else. It must fit this "
         "JSON Schema: {\\\"type\\\":\\\"object\\\"}\"},{\"role\":\"user\",\"content\":\"P\"}]}"},
    };
    // clang-format on

    set_up();
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct llm_question question = rows[i].question;
        const struct provider *of = provider(rows[i].provider);
        const char *id = question.model ? question.model : of->default_model;
        CLEANUP(json_freep) struct json *schema = NULL;

        ck_assert_int_eq(json_parse(SPAN(SCHEMA), NULL, &schema, NULL), 0);
        question.schema = rows[i].schema ? schema : NULL;
        struct llm_request request = {
            &question, of, provider_model(of, span_of(id)), id, rows[i].without, rows[i].stream};
        CLEANUP(json_freep) struct json *body = of->wire->make_body(&request);
        CLEANUP(charp_freep) char *text = json_text(body);
        ck_assert_msg(strcmp(text, rows[i].body) == 0, "%s: %s", rows[i].name, text);
    }
    tear_down();
}
END_TEST

TEST_MAIN("llm_wire", sample_streams_read_the_same_in_pieces_of_any_size,
          no_sample_stream_is_left_out, a_stream_cut_anywhere_is_never_taken_for_whole,
          what_servers_do_besides_the_samples, whole_answers_read_like_streams,
          embeddings_are_read_as_nearness_to_the_first_input,
          cost_follows_the_price_of_each_kind_of_token, bodies_hold_what_the_model_allows)
