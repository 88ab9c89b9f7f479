/* The odds card: what a reader sees, that the same prediction is the same picture, and of what none
 * is drawn. Run with the argument "draw" the program writes one card to standard output: another
 * process, in whatever environment the test gave it. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "buf.h"
#include "error.h"
#include "json.h"
#include "kinds/odds/card/card.h"
#include "kinds/odds/card/fonts.h"
#include "kinds/odds/card/words.h"
#include "main.h"
#include "predicted.h"

#define GOAL "I want a job at OpenAI"
#define CONTEXT "CS grad, 2 years experience"
#define SAMPLE_TEXT "Привет, " GOAL " 我想 한국어 أريد 🚀"

static struct json *result_of(const char *goal)
{
    struct error error = {0};
    struct json *result = predicted(goal, CONTEXT, &error);

    ck_assert_msg(result != NULL, "%s: %s", goal, error.message);
    return result;
}

static void draw(const struct json *result, const char *goal, const char *name, struct buf *png)
{
    struct error error = {0};
    const struct card card = {result, span_of(goal), span_of(name)};

    buf_init(png, CARD_MAX_BYTES);
    ck_assert_msg(card_draw(&card, png, &error) == 0, "%s: %s", goal, error.message);
}

static void draw_sample(struct buf *png)
{
    CLEANUP(json_freep) struct json *result = result_of(GOAL);

    draw(result, SAMPLE_TEXT, "Zoë", png);
}

/* ---- the picture ---- */

static cairo_status_t take(void *arg, unsigned char *data, unsigned length)
{
    struct span *rest = arg;

    if (rest->n < length)
        return CAIRO_STATUS_READ_ERROR;
    memcpy(data, rest->at, length);
    rest->at += length;
    rest->n -= length;
    return CAIRO_STATUS_SUCCESS;
}

/* How many pixels of the box are not the ground's. */
static size_t inked(const struct buf *png, int left, int right, int top, int bottom)
{
    struct span rest = buf_span(png);
    cairo_surface_t *surface = cairo_image_surface_create_from_png_stream(take, &rest);
    const unsigned char *pixels = cairo_image_surface_get_data(surface);
    int stride = cairo_image_surface_get_stride(surface);
    size_t n = 0;

    ck_assert_int_eq(cairo_surface_status(surface), CAIRO_STATUS_SUCCESS);
    ck_assert_int_eq(cairo_image_surface_get_width(surface), 1080);
    ck_assert_int_eq(cairo_image_surface_get_height(surface), 1080);
    for (int y = top; y < bottom; y++) {
        const unsigned char *row = pixels + (ptrdiff_t)y * stride;
        for (int x = left; x < right; x++)
            n += memcmp(row, row + (ptrdiff_t)4 * x, 3) != 0 ? 1 : 0;
    }
    cairo_surface_destroy(surface);
    return n;
}

static void assert_margins_are_empty(const struct buf *png, const char *what)
{
    size_t n_inked = inked(png, 1, 70, 0, 1080) + inked(png, 1011, 1080, 0, 1080);

    ck_assert_msg(n_inked == 0, "%s: %zu pixels in the margins", what, n_inked);
}

static char *repeated(const char *text, size_t n)
{
    struct buf out;

    buf_init(&out, 1 << 20);
    for (size_t i = 0; i < n; i++)
        buf_add_text(&out, text);
    return buf_steal(&out);
}

START_TEST(any_text_gives_a_picture_with_its_margins_free)
{
    static const struct {
        const char *text;
        size_t n;
    } rows[] = {
        {"I want to found something that everybody needs ",                   400},
        {"W",                                                                 900},
        {"أريد الحصول على وظيفة ",                          60 },
        {"לקבל עבודה בגוגל ",                                   60 },
        {"我想在一年内得到工作",                                    80 },
        {"🚀👩‍🚀🇩🇪😀",                                       100},
        {"a\xcc\x81\xcc\x82\xcc\x83\xcc\x84\xcc\x85\xcc\x86\xcc\x87\xcc\x88", 300},
        {"\x07\x1b[31m\n\r\t\x7f\xc2\x85<b>&amp;</b> %s %n",                  40 },
        {"\xe2\x80\xae drawkcab \xe2\x80\xac \xe2\x81\xa6",                   20 },
        {"\xff\xfe broken \xc3",                                              20 },
    };
    CLEANUP(json_freep) struct json *result = result_of(GOAL);

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(charp_freep) char *text = repeated(rows[i].text, rows[i].n);
        struct buf png;
        draw(result, text, text, &png);
        assert_margins_are_empty(&png, rows[i].text);
        buf_deinit(&png);
    }
}
END_TEST

/* Of any size of odds. */
START_TEST(rare_and_sure_odds_are_pictures_too)
{
    static const double odds[] = {1e-9, 0.0004, 0.5, 0.9999995};
    CLEANUP(json_freep) struct json *result = result_of("win the lottery");

    for (size_t i = 0; i < ARRAY_SIZE(odds); i++) {
        struct buf png;
        json_set_number(result, "probability", odds[i]);
        draw(result, "win the lottery", "", &png);
        assert_margins_are_empty(&png, "odds");
        buf_deinit(&png);
    }
}
END_TEST

/* What lies at the very end of the axis is there, and no bit of it beyond. */
START_TEST(a_sure_thing_has_its_histogram_and_its_bar_inside_the_axis)
{
    CLEANUP(json_freep) struct json *result = result_of("I will not win the lottery");
    struct buf png;

    draw(result, "I will not win the lottery", "", &png);
    ck_assert_uint_gt(inked(&png, 84, 996, 715, 843), 0);
    ck_assert_uint_eq(inked(&png, 1011, 1080, 0, 1080), 0);
    buf_deinit(&png);
}
END_TEST

START_TEST(every_script_has_its_letters)
{
    static const char *const texts[] = {"Größe Ærø Škoda năm Việt Nam",
                                        "Привет",
                                        "Καλημέρα",
                                        "السلام عليكم فارسی اردو پاکستان",
                                        "שלום עולם",
                                        "你好世界 國際",
                                        "こんにちはカタカナ",
                                        "안녕하세요",
                                        "नमस्ते",
                                        "বাংলা",
                                        "ગુજરાતી",
                                        "ਪੰਜਾਬੀ",
                                        "ଓଡ଼ିଆ",
                                        "தமிழ்",
                                        "తెలుగు",
                                        "ಕನ್ನಡ",
                                        "മലയാളം",
                                        "සිංහල",
                                        "ไทย",
                                        "ລາວ",
                                        "ខ្មែរ",
                                        "မြန်မာ",
                                        "Հայերեն",
                                        "ქართული",
                                        "አማርኛ",
                                        "→ ✓ ★ € ₿",
                                        "😀 🚀 👩‍🚀 🇩🇪"};
    struct error error = {0};
    PangoFontMap *map = fonts_new(&error);
    CLEANUP(charp_freep) char *families = fonts_families();

    ck_assert_msg(map != NULL, "%s", error.message);
    PangoContext *context = pango_font_map_create_context(map);
    PangoFontDescription *font = pango_font_description_new();
    pango_font_description_set_family(font, families);
    pango_font_description_set_absolute_size(font, 20 * PANGO_SCALE);
    pango_context_set_font_description(context, font);
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        PangoLayout *layout = pango_layout_new(context);
        pango_layout_set_text(layout, texts[i], -1);
        ck_assert_msg(pango_layout_get_unknown_glyphs_count(layout) == 0, "%s", texts[i]);
        g_object_unref(layout);
    }
    pango_font_description_free(font);
    g_object_unref(context);
    (void)fonts_free(map);
}
END_TEST

/* ---- the same bytes ---- */

static void assert_same(const struct buf *a, const struct buf *b)
{
    ck_assert_uint_eq(a->n, b->n);
    ck_assert_int_eq(memcmp(a->at, b->at, a->n), 0);
}

static void *draw_on_thread(void *arg)
{
    draw_sample(arg);
    return NULL;
}

START_TEST(the_same_prediction_is_the_same_bytes_on_every_thread)
{
    struct buf first, others[4];
    pthread_t threads[ARRAY_SIZE(others)];

    draw_sample(&first);
    for (size_t i = 0; i < ARRAY_SIZE(others); i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, draw_on_thread, &others[i]), 0);
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
        assert_same(&first, &others[i]);
        buf_deinit(&others[i]);
    }
    buf_deinit(&first);
}
END_TEST

#define ENVIRONMENT_MAX 6

/* In the other process: the sample goes to this file. */
#define SAMPLE_FD 9
START_TEST(sample_is_written)
{
    struct buf png;

    draw_sample(&png);
    for (size_t at = 0; at < png.n;) {
        ssize_t n = write(SAMPLE_FD, png.at + at, png.n - at);
        ck_assert_int_gt(n, 0);
        at += (size_t)n;
    }
    buf_deinit(&png);
}
END_TEST

/* The sample as another process draws it, which knows nothing but this environment. */
static void draw_elsewhere(const char *const *environment, struct buf *png)
{
    int ends[2], status = -1;
    char self[4096]; /* under valgrind the link itself leads to valgrind */
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

    ck_assert_int_gt(n, 0);
    self[n] = '\0';
    ck_assert_int_eq(pipe(ends), 0);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
        if (dup2(ends[1], SAMPLE_FD) >= 0 && dup2(nowhere, STDOUT_FILENO) >= 0)
            (void)execle(self, "test_card", "draw", NULL, environment);
        _exit(127);
    }
    (void)close(ends[1]);
    buf_init(png, CARD_MAX_BYTES);
    while ((n = read(ends[0], buf_room(png, 65536), 65536)) > 0)
        buf_grew(png, (size_t)n);
    (void)close(ends[0]);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
}

START_TEST(no_environment_changes_a_byte)
{
    static const char *const environments[][ENVIRONMENT_MAX] = {
        {NULL                    },
        {                "LANG=sr_RS.UTF-8", "LC_ALL=sr_RS.UTF-8",      "LANGUAGE=sr", "PANGO_LANGUAGE=sr:ja",
         "FC_LANG=ja", NULL},
        {                              "FONTCONFIG_FILE=/dev/null",                                            "HOME=/nonexistent",                                                                     "TZ=Asia/Tokyo", NULL},
        { "GDK_SCALE=2","PANGOCAIRO_BACKEND=fc",
         "FREETYPE_PROPERTIES=truetype:interpreter-version=35", NULL},
    };
    struct buf here, there;

    draw_sample(&here);
    for (size_t i = 0; i < ARRAY_SIZE(environments); i++) {
        draw_elsewhere(environments[i], &there);
        assert_same(&here, &there);
        buf_deinit(&there);
    }
    buf_deinit(&here);
}
END_TEST

START_TEST(another_name_goal_or_number_is_another_picture)
{
    CLEANUP(json_freep) struct json *result = result_of(GOAL);
    CLEANUP(json_freep) struct json *other = result_of("I want a job at Anthropic");
    const struct {
        const struct json *result;
        const char *goal, *name;
    } rows[] = {
        {result, GOAL,      ""   },
        {result, GOAL,      "Ada"},
        {result, GOAL " !", ""   },
        {other,  GOAL,      ""   },
    };
    struct buf pngs[ARRAY_SIZE(rows)];

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        draw(rows[i].result, rows[i].goal, rows[i].name, &pngs[i]);
        for (size_t j = 0; j < i; j++)
            ck_assert(!span_equal(buf_span(&pngs[i]), buf_span(&pngs[j])));
    }
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        buf_deinit(&pngs[i]);
}
END_TEST

/* ---- words ---- */

START_TEST(odds_are_said_as_people_say_them)
{
    static const struct {
        double probability;
        const char *percent, *odds;
    } rows[] = {
        {0.27,      "27\xc2\xa0%",        "1 in 4"                      },
        {0.5,       "50\xc2\xa0%",        "1 in 2"                      },
        {0.3,       "30\xc2\xa0%",        "3 in 10"                     },
        {0.66,      "66\xc2\xa0%",        "2 in 3"                      },
        {0.75,      "75\xc2\xa0%",        "3 in 4"                      },
        {0.9,       "90\xc2\xa0%",        "9 in 10"                     },
        {0.0996,    "10\xc2\xa0%",        "1 in 10"                     },
        {0.041,     "4.1\xc2\xa0%",       "1 in 24"                     },
        {0.00996,   "1.0\xc2\xa0%",       "1 in 100"                    },
        {0.00031,   "0.031\xc2\xa0%",     "1 in 3,200"                  },
        {0.0000010, "0.0001\xc2\xa0%",    "1 in 1,000,000"              },
        {0,         "< 0.0001\xc2\xa0%",  "1 in 1,000,000,000"          },
        {0.95,      "95\xc2\xa0%",        "19 in 20"                    },
        {0.997,     "99.7\xc2\xa0%",      "329 in 330"                  },
        {1,         "> 99.9999\xc2\xa0%", "999,999,999 in 1,000,000,000"},
    };
    char text[WORDS_MAX_BYTES];

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        ck_assert_str_eq(words_percent(rows[i].probability, text), rows[i].percent);
        ck_assert_str_eq(words_odds(rows[i].probability, text), rows[i].odds);
    }
    ck_assert_str_eq(words_count(10000, text), "10,000");
    ck_assert_str_eq(words_day(SPAN("2027-11-21"), text), "21 Nov 2027");
    ck_assert_str_eq(words_day(SPAN("some day"), text), "some day");
}
END_TEST

START_TEST(the_alt_text_says_what_the_picture_shows)
{
    static const char *const parts[] = {"Ada",          GOAL,          "10,000 simulations",
                                        "Grade C",      "80\xc2\xa0%", "21 Nov 2027",
                                        "4.2\xc2\xa0%", "1 in 24",     "Seed "};
    CLEANUP(json_freep) struct json *result = result_of(GOAL);
    const struct card card = {result, SPAN(GOAL), SPAN("Ada")};
    struct buf alt;

    json_set_number(result, "probability", 0.042);
    buf_init(&alt, CARD_ALT_MAX_BYTES);
    card_alt(&card, &alt);
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
        ck_assert_msg(strstr(alt.at, parts[i]) != NULL, "no %s in: %s", parts[i], alt.at);
    buf_deinit(&alt);
}
END_TEST

/* ---- what is refused ---- */

/* What a prediction of this goal would be, whoever had read it. */
static struct json *read_as(const char *goal, const char *type, const char *grade)
{
    struct json *result = json_object(), *extraction = json_object(), *event = json_object();
    CLEANUP(charp_freep) char *text = normalised(goal);

    json_set_text(event, "type", type);
    json_set(extraction, "event", event);
    json_set(result, "extraction", extraction);
    json_set_text(result, "goal", text);
    json_set_text(result, "outcome", "predicted");
    json_set_text(result, "grade", grade);
    return result;
}

static void assert_card(const char *goal, const char *type, const char *grade, const char *name,
                        bool drawn)
{
    CLEANUP(json_freep) struct json *result = read_as(goal, type, grade);
    const struct card card = {result, span_of(goal), span_of(name)};
    struct error error = {0};
    int r = card_check(&card, &error);

    ck_assert_msg((r == 0) == drawn, "\"%s\" (%s, %s): %s", goal, type, name, error.message);
    if (!drawn)
        ck_assert_int_eq(error.code, ERROR_NO_CARD);
}

START_TEST(no_card_of_grief_illness_and_private_people)
{
    static const struct {
        const char *goal, *type;
    } rows[] = {
        {"my father dies within a year",           "other"       },
        {"I will die before 40",                   "other"       },
        {"live to be 100",                         "other"       },
        {"Kill myself",                            "other"       },
        {"SUICIDE of somebody",                    "other"       },
        {"beat cancer this year",                  "fitness"     },
        {"Stay in remi\xe2\x80\x8bssion",          "other"       }, /* zero-width space */
        {"\xef\xbd\x83\xef\xbd\x81ncer free",      "other"       }, /* full width */
        {"get pregnant this year",                 "family"      },
        {"have a child",                           "family"      },
        {"Krebs besiegen",                         "other"       },
        {"ne plus avoir de maladie",               "other"       },
        {"战胜癌症",                           "other"       },
        {"marry Grace by May",                     "relationship"},
        {"marry in New York, with Grace",          "relationship"},
        {"marry Jennifer",                         "relationship"},
        {"get back together with michael schmidt", "relationship"},
        {"Jennifer Baker gets fired",              "job"         },
        {"Dr. Okonkwo loses the lawsuit",          "legal"       },
        {"get a date with @anna_k",                "relationship"},
        {"anna@example.org answers",               "other"       },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        assert_card(rows[i].goal, rows[i].type, "B", "", false);
}
END_TEST

START_TEST(cards_of_companies_and_public_people_are_fine)
{
    static const struct {
        const char *goal, *type;
    } rows[] = {
        {GOAL,                                              "job"         },
        {"get a job at Goldman Sachs",                      "job"         },
        {"get a job at JPMorgan Chase",                     "job"         },
        {"get into George Washington University",           "admission"   },
        {"win the Thomas J. Watson Fellowship",             "admission"   },
        {"move to San Jose",                                "moving"      },
        {"Elon Musk buys another company",                  "other"       },
        {"Taylor Swift releases an album",                  "launch"      },
        {"Donald Trump wins the election",                  "election"    },
        {"Jennifer Baker wins the senate seat",             "election"    },
        {"become a doctor",                                 "admission"   },
        {"lose 10 kg in half a year",                       "weight"      },
        {"meet the deadline",                               "launch"      },
        {"deadlift 200 kg",                                 "fitness"     },
        {"die Pr\xc3\xbc"
         "fung bestehen",                          "exam"        },
        {"get married within 2 years",                      "relationship"},
        {"Get married in Paris by June",                    "relationship"},
        {"Get married in New York by June",                 "relationship"},
        {"I want to find love",                             "relationship"},
        {"go on a diet",                                    "weight"      },
        {"get a master of science, MS in Computer Science", "admission"   },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        assert_card(rows[i].goal, rows[i].type, "C", "Anna", true);
}
END_TEST

START_TEST(no_card_where_the_evidence_is_nothing_or_the_name_is_a_message)
{
    assert_card(GOAL, "job", "D", "", false);
    assert_card(GOAL, "job", "A", "he has cancer", false);
    assert_card(GOAL, "job", "A", "Anna Schmidt", true);
}
END_TEST

/* Among the predictions that rules make of real goals. */
START_TEST(a_prediction_of_grade_d_has_no_card)
{
    CLEANUP(json_freep) struct json *result = result_of(GOAL);
    const struct card card = {result, SPAN(GOAL), SPAN("")};
    struct error error = {0};

    ck_assert_int_eq(card_check(&card, &error), 0);
    json_set_text(result, "outcome", "insufficient_information");
    ck_assert_int_eq(card_check(&card, &error), -EINVAL);
    ck_assert_int_eq(error.code, ERROR_NO_CARD);
}
END_TEST

int main(int argc, char **argv)
{
    static const TTest *tests[13];
    size_t n = 0;

    if (argc > 1 && strcmp(argv[1], "draw") == 0) {
        tests[n++] = sample_is_written;
        return test_main("draw", tests, n);
    }
    tests[n++] = any_text_gives_a_picture_with_its_margins_free;
    tests[n++] = rare_and_sure_odds_are_pictures_too;
    tests[n++] = a_sure_thing_has_its_histogram_and_its_bar_inside_the_axis;
    tests[n++] = every_script_has_its_letters;
    tests[n++] = the_same_prediction_is_the_same_bytes_on_every_thread;
    tests[n++] = no_environment_changes_a_byte;
    tests[n++] = another_name_goal_or_number_is_another_picture;
    tests[n++] = odds_are_said_as_people_say_them;
    tests[n++] = the_alt_text_says_what_the_picture_shows;
    tests[n++] = no_card_of_grief_illness_and_private_people;
    tests[n++] = cards_of_companies_and_public_people_are_fine;
    tests[n++] = no_card_where_the_evidence_is_nothing_or_the_name_is_a_message;
    tests[n++] = a_prediction_of_grade_d_has_no_card;
    return test_main("card", tests, n);
}
