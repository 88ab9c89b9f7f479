/* Texts and colours on the card.
 *
 * Every text is laid out by pango in a layout of its own: direction, shaping, fallback fonts and
 * line breaks are its affair. A text that is too large is set smaller step by step, and cut with an
 * ellipsis when even its smallest size does not fit; nothing is drawn outside its box, not even by
 * a letter with a hundred accents. Hinting is off and the resolution fixed, so the same text gives
 * the same pixels. Ownership: everything belongs to the struct ink, which no other thread sees. */
#include "ink.h"

#include <errno.h>
#include <stdlib.h>

#include "buf.h"
#include "error.h"
#include "fonts.h"

#define TEXT_MAX_CHARACTERS 400 /* more than any box has room for */
#define OVERHANG 6              /* of letters beyond their box, in pixels */
#define ROUND 3.14159265358979

struct colour colour_of(unsigned rgb, double alpha)
{
    return (struct colour){(rgb >> 16 & 0xff) / 255.0, (rgb >> 8 & 0xff) / 255.0,
                           (rgb & 0xff) / 255.0, alpha};
}

static void set_options(struct ink *ink)
{
    cairo_font_options_t *options = cairo_font_options_create();

    cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
    cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
    cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
    pango_cairo_context_set_font_options(ink->context, options);
    pango_context_set_round_glyph_positions(ink->context, FALSE);
    pango_context_set_language(ink->context, fonts_language(PANGO_SCRIPT_LATIN));
    pango_context_set_base_dir(ink->context, PANGO_DIRECTION_WEAK_LTR);
    cairo_font_options_destroy(options);
}

int ink_init(struct ink *ink, int pixels, struct error *error)
{
    *ink = (struct ink){0};
    ink->map = fonts_new(error);
    if (!ink->map)
        return -ENOENT;
    ink->families = fonts_families();
    ink->context = pango_font_map_create_context(ink->map);
    ink->surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, pixels, pixels);
    ink->cairo = cairo_create(ink->surface);
    if (cairo_status(ink->cairo) != CAIRO_STATUS_SUCCESS)
        return error_set(error, ERROR_INTERNAL, -ENOMEM, "no memory for the picture: %s",
                         cairo_status_to_string(cairo_status(ink->cairo)));
    set_options(ink);
    return 0;
}

void ink_deinit(struct ink *ink)
{
    if (ink->cairo)
        cairo_destroy(ink->cairo);
    if (ink->surface)
        cairo_surface_destroy(ink->surface);
    if (ink->context)
        g_object_unref(ink->context);
    ink->map = fonts_free(ink->map);
    free(ink->families);
    *ink = (struct ink){0};
}

/* ---- shapes ---- */

static void set_colour(struct ink *ink, struct colour colour)
{
    cairo_set_source_rgba(ink->cairo, colour.r, colour.g, colour.b, colour.a);
}

void ink_fill(struct ink *ink, struct colour colour)
{
    set_colour(ink, colour);
    cairo_fill(ink->cairo);
}

void ink_stroke(struct ink *ink, double width, struct colour colour)
{
    set_colour(ink, colour);
    cairo_set_line_width(ink->cairo, width);
    cairo_stroke(ink->cairo);
}

void ink_round(struct ink *ink, double x, double y, double width, double height, double radius)
{
    double most = (width < height ? width : height) / 2, r = radius < most ? radius : most;

    cairo_new_sub_path(ink->cairo);
    cairo_arc(ink->cairo, x + width - r, y + r, r, -ROUND / 2, 0);
    cairo_arc(ink->cairo, x + width - r, y + height - r, r, 0, ROUND / 2);
    cairo_arc(ink->cairo, x + r, y + height - r, r, ROUND / 2, ROUND);
    cairo_arc(ink->cairo, x + r, y + r, r, ROUND, ROUND * 3 / 2);
    cairo_close_path(ink->cairo);
}

/* ---- texts ---- */

/* Overrides of direction would show letters in an order in which nobody wrote them. */
static bool is_hidden(gunichar c)
{
    return (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

static bool is_space(gunichar c)
{
    return g_unichar_iscntrl(c) || g_unichar_isspace(c) || c == 0x2028 || c == 0x2029;
}

/* One line of what can be seen. */
static char *clean(struct span text)
{
    CLEANUP(charp_freep) char *copy = xspandup(text);
    gchar *valid = g_utf8_make_valid(copy, -1);
    struct buf out;
    size_t n = 0;

    buf_init(&out, text.n * 3 + 16);
    for (size_t at = 0, n_bytes; valid[at] && n < TEXT_MAX_CHARACTERS; at += n_bytes) {
        gunichar c = g_utf8_get_char(valid + at);
        n_bytes = (size_t)g_utf8_skip[(unsigned char)valid[at]];
        if (is_hidden(c) || (is_space(c) && (out.n == 0 || out.at[out.n - 1] == ' ')))
            continue;
        buf_add(&out, is_space(c) ? " " : valid + at, is_space(c) ? 1 : n_bytes);
        n++;
    }
    g_free(valid);
    return buf_steal(&out);
}

/* Each run is set as a language of its script, or pango would ask the environment for one. Where a
 * word is broken no hyphen is put in. */
static PangoAttrList *attributes_of(const char *text)
{
    PangoAttrList *list = pango_attr_list_new();
    PangoScriptIter *iter = pango_script_iter_new(text, -1);
    const char *from, *to;
    PangoScript script;

    do {
        pango_script_iter_get_range(iter, &from, &to, &script);
        PangoAttribute *attribute = pango_attr_language_new(fonts_language(script));
        attribute->start_index = (guint)(from - text);
        attribute->end_index = (guint)(to - text);
        pango_attr_list_insert(list, attribute);
    } while (pango_script_iter_next(iter));
    pango_script_iter_free(iter);
    pango_attr_list_insert(list, pango_attr_insert_hyphens_new(FALSE));
    return list;
}

static void set_size(const struct ink *ink, PangoLayout *layout, const struct ink_text *text,
                     int size)
{
    PangoFontDescription *font = pango_font_description_new();

    pango_font_description_set_family_static(font, ink->families);
    pango_font_description_set_weight(font, text->weight == INK_BOLD ? PANGO_WEIGHT_BOLD
                                                                     : PANGO_WEIGHT_NORMAL);
    pango_font_description_set_absolute_size(font, size * PANGO_SCALE);
    pango_layout_set_font_description(layout, font);
    pango_font_description_free(font);
}

static bool fits(PangoLayout *layout, const struct ink_text *text)
{
    int height;

    pango_layout_get_size(layout, NULL, &height);
    return !pango_layout_is_ellipsized(layout) &&
           (text->height <= 0 || height <= text->height * PANGO_SCALE);
}

/* The largest size between the two in which it fits, to a pixel; else the least. */
static void shrink(const struct ink *ink, PangoLayout *layout, const struct ink_text *text)
{
    int too_large = text->size, good = text->min_size;

    set_size(ink, layout, text, text->size);
    if (text->min_size == 0 || fits(layout, text))
        return;
    while (too_large - good > 1) {
        int middle = (too_large + good) / 2;
        set_size(ink, layout, text, middle);
        *(fits(layout, text) ? &good : &too_large) = middle;
    }
    set_size(ink, layout, text, good);
}

static PangoLayout *lay_out(const struct ink *ink, const struct ink_text *text)
{
    static const PangoAlignment alignments[] = {PANGO_ALIGN_LEFT, PANGO_ALIGN_CENTER,
                                                PANGO_ALIGN_RIGHT};
    PangoLayout *layout = pango_layout_new(ink->context);
    CLEANUP(charp_freep) char *plain = clean(text->text);
    PangoAttrList *list = attributes_of(plain);

    pango_layout_set_text(layout, plain, -1);
    pango_layout_set_attributes(layout, list);
    pango_attr_list_unref(list);
    pango_layout_set_width(layout, (int)(text->width * PANGO_SCALE));
    pango_layout_set_height(layout, -text->lines);
    pango_layout_set_wrap(layout, PANGO_WRAP_WORD_CHAR);
    pango_layout_set_ellipsize(layout, PANGO_ELLIPSIZE_END);
    pango_layout_set_alignment(layout, alignments[text->align]);
    pango_layout_set_auto_dir(layout, text->align == INK_START);
    shrink(ink, layout, text);
    return layout;
}

struct ink_box ink_write(struct ink *ink, const struct ink_text *text)
{
    PangoLayout *layout = lay_out(ink, text);
    PangoRectangle extents;

    pango_layout_get_extents(layout, NULL, &extents);
    struct ink_box box = {text->x + (double)extents.x / PANGO_SCALE, text->y,
                          (double)extents.width / PANGO_SCALE,
                          (double)extents.height / PANGO_SCALE};
    box.y += text->height > 0 ? (text->height - box.height) / 2
                              : -(double)pango_layout_get_baseline(layout) / PANGO_SCALE;
    cairo_save(ink->cairo);
    cairo_rectangle(ink->cairo, text->x - OVERHANG, box.y - OVERHANG, text->width + 2 * OVERHANG,
                    box.height + 2 * OVERHANG);
    cairo_clip(ink->cairo);
    set_colour(ink, text->colour);
    cairo_move_to(ink->cairo, text->x, box.y);
    pango_cairo_show_layout(ink->cairo, layout);
    cairo_restore(ink->cairo);
    g_object_unref(layout);
    return box;
}
