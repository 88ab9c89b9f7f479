/* Normalised text: what all spellings of one goal have in common.
 *
 * Characters are folded one by one from a small table of ranges (Latin, Greek, Cyrillic, full-width
 * forms); what is not in it stays as it is. Then space is collapsed, outer quotes and final
 * punctuation go, separators inside numbers go, and company.c writes known companies in one way.
 * Idempotent. */
#include "buf.h"
#include "predict.h"

/* Code points first … last become code point + shift; step 2: only every second one, from the
 * first. */
struct fold {
    uint32_t first, last;
    int32_t shift;
    unsigned step;
};

static const struct fold folds[] = {
    {'A',    'Z',    32,           1},
    {0xc0,   0xd6,   32,           1},
    {0xd8,   0xde,   32,           1},
    {0x100,  0x12e,  1,            2},
    {0x132,  0x136,  1,            2},
    {0x139,  0x147,  1,            2},
    {0x14a,  0x176,  1,            2},
    {0x178,  0x178,  -121,         1},
    {0x179,  0x17d,  1,            2},
    {0x386,  0x386,  38,           1},
    {0x388,  0x38a,  37,           1},
    {0x391,  0x3a1,  32,           1},
    {0x3a3,  0x3ab,  32,           1},
    {0x3c2,  0x3c2,  1,            1},
    {0x400,  0x40f,  80,           1},
    {0x410,  0x42f,  32,           1},
    {0x460,  0x480,  1,            2},
    {0x531,  0x556,  48,           1},
    {0x1e00, 0x1e94, 1,            2},
    {0x1ea0, 0x1efe, 1,            2},
    {0xff21, 0xff3a, 'a' - 0xff21, 1},
    {0xff01, 0xff20, -0xfee0,      1},
    {0xff3b, 0xff5e, -0xfee0,      1},
};

/* Code points that become an ASCII text. */
static const struct {
    uint32_t first, last;
    const char *text;
} texts[] = {
    {0x00,   0x20,   " "       },
    {0x7f,   0xa0,   " "       },
    {0xad,   0xad,   ""        },
    {0xdf,   0xdf,   "ss"      },
    {0x130,  0x130,  "i"       },
    {0x17f,  0x17f,  "s"       },
    {0x1680, 0x1680, " "       },
    {0x1e9e, 0x1e9e, "ss"      },
    {0x2000, 0x200a, " "       },
    {0x200b, 0x200f, ""        },
    {0x2010, 0x2015, "-"       },
    {0x2018, 0x201b, "'"       },
    {0x201c, 0x201f, "\""      },
    {0x2026, 0x2026, "..."     },
    {0x2028, 0x2029, " "       },
    {0x202a, 0x202e, ""        },
    {0x202f, 0x202f, " "       },
    {0x2032, 0x2032, "'"       },
    {0x205f, 0x205f, " "       },
    {0x2060, 0x2064, ""        },
    {0x2066, 0x206f, ""        },
    {0x2212, 0x2212, "-"       },
    {0x3000, 0x3000, " "       },
    {0xfe00, 0xfe0f, ""        },
    {0xfeff, 0xfeff, ""        },
    {0xfb00, 0xfb00, "ff"      },
    {0xfb01, 0xfb01, "fi"      },
    {0xfb02, 0xfb02, "fl"      },
    {0xffe1, 0xffe1, "\xc2\xa3"},
};

/* One code point of strict UTF-8; the JSON scanner let no other text in. A stray byte stands for
 * itself. */
static uint32_t next_code(struct span *rest)
{
    static const struct {
        unsigned char mask, lead;
        size_t n;
    } forms[] = {
        {0x80, 0x00, 1},
        {0xe0, 0xc0, 2},
        {0xf0, 0xe0, 3},
        {0xf8, 0xf0, 4}
    };
    unsigned char lead = (unsigned char)rest->at[0];
    uint32_t code = lead;
    size_t n = 1;

    for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
        if ((lead & forms[i].mask) == forms[i].lead && forms[i].n <= rest->n) {
            n = forms[i].n;
            code = lead & (unsigned char)~forms[i].mask;
        }
    }
    for (size_t i = 1; i < n; i++)
        code = code << 6 | ((unsigned char)rest->at[i] & 0x3f);
    rest->at += n;
    rest->n -= n;
    return code;
}

static void add_code(struct buf *out, uint32_t code)
{
    if (code < 0x80) {
        buf_add_char(out, (char)code);
    } else if (code < 0x800) {
        buf_add_char(out, (char)(0xc0 | code >> 6));
        buf_add_char(out, (char)(0x80 | (code & 0x3f)));
    } else if (code < 0x10000) {
        buf_add_char(out, (char)(0xe0 | code >> 12));
        buf_add_char(out, (char)(0x80 | (code >> 6 & 0x3f)));
        buf_add_char(out, (char)(0x80 | (code & 0x3f)));
    } else {
        buf_add_char(out, (char)(0xf0 | code >> 18));
        buf_add_char(out, (char)(0x80 | (code >> 12 & 0x3f)));
        buf_add_char(out, (char)(0x80 | (code >> 6 & 0x3f)));
        buf_add_char(out, (char)(0x80 | (code & 0x3f)));
    }
}

static void add_folded(struct buf *out, uint32_t code)
{
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        if (code >= texts[i].first && code <= texts[i].last) {
            buf_add_text(out, texts[i].text);
            return;
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(folds); i++) {
        const struct fold *fold = &folds[i];
        if (code >= fold->first && code <= fold->last && (code - fold->first) % fold->step == 0) {
            add_code(out, (uint32_t)((int32_t)code + fold->shift));
            return;
        }
    }
    add_code(out, code);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* A comma between digits, three of which follow and no fourth: 10,000. */
static bool is_separator(struct span text, size_t i)
{
    return text.at[i] == ',' && i > 0 && is_digit(text.at[i - 1]) && i + 3 < text.n &&
           is_digit(text.at[i + 1]) && is_digit(text.at[i + 2]) && is_digit(text.at[i + 3]) &&
           (i + 4 == text.n || !is_digit(text.at[i + 4]));
}

static struct span strip(struct span text)
{
    while (text.n > 0 && strchr(" \"'`", text.at[0])) {
        text.at++;
        text.n--;
    }
    while (text.n > 0 && strchr(" \"'`.!?,;", text.at[text.n - 1]))
        text.n--;
    return text;
}

static void add_collapsed(struct span text, struct buf *out)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.at[i] == ' ' && (i + 1 == text.n || text.at[i + 1] == ' '))
            continue;
        if (!is_separator(text, i))
            buf_add_char(out, text.at[i]);
    }
}

void predict_normalise(struct span text, struct buf *out)
{
    struct buf folded, plain;

    /* A character becomes at most three times its bytes. */
    buf_init(&folded, 3 * text.n + 1);
    buf_init(&plain, 3 * text.n + 1);
    while (text.n > 0)
        add_folded(&folded, next_code(&text));
    add_collapsed(strip(buf_span(&folded)), &plain);
    company_rewrite(buf_span(&plain), out);
    buf_deinit(&folded);
    buf_deinit(&plain);
}
