#pragma once
/* The odds of a prediction as a picture to post: 1080x1080 PNG. The worker's kind odds draws it,
 * and so does `parley card`. */

#include "base.h"

struct buf;
struct error;
struct json;

#define CARD_PIXELS 1080
#define CARD_MAX_BYTES (4u << 20) /* a PNG of that size without any compression */

struct card {
    const struct json *result; /* of a predict job */
    struct span goal;          /* as its author wrote it; empty = the result's, normalised */
    struct span user_name;     /* whose goal it is; may be empty */
};

/* -EINVAL and error (ERROR_NO_CARD): it is nothing to post. What is refused stands in refuse.c. */
int card_check(const struct card *card, struct error *error) MUST_CHECK;
/* The same card gives the same bytes, as long as the libraries and fonts are the same. Any thread
 * may draw. Appends the PNG to out. -ENOENT and error: a font is not installed; -ENOMEM. */
int card_draw(const struct card *card, struct buf *out, struct error *error) MUST_CHECK;
/* What the picture says, for those who do not see it; appends to out. A long goal or name is cut
 * there as well. */
#define CARD_ALT_MAX_BYTES 1024
void card_alt(const struct card *card, struct buf *out);
