/* The fonts of the card: files of Debian's fonts-noto-core, fonts-wqy-microhei and
 * fonts-noto-color-emoji, named one by one.
 *
 * fontconfig gets a configuration of its own that knows nothing else: what else is installed, the
 * user's settings and the environment change no pixel. It is made anew for each picture (some
 * milliseconds), so threads share nothing. A further script is a row of `scripts`. */
#include "fonts.h"

#include <errno.h>
#include <fontconfig/fontconfig.h>
#include <pango/pangofc-fontmap.h>
#include <pthread.h>
#include <stdlib.h>

#include "base.h"
#include "buf.h"
#include "error.h"

#ifndef FONT_FOLDER
#define FONT_FOLDER "/usr/share/fonts/truetype"
#endif
#define FAMILIES_MAX_BYTES 2048

/* Noto has a family for each script, in two weights. */
// clang-format off
static const struct {
    const char *family, *file; /* file: its name without "-Regular.ttf" */
} scripts[] = {
    {"Noto Sans",            "NotoSans"},
    {"Noto Sans Arabic",     "NotoSansArabic"},
    {"Noto Sans Hebrew",     "NotoSansHebrew"},
    {"Noto Sans Devanagari", "NotoSansDevanagari"},
    {"Noto Sans Bengali",    "NotoSansBengali"},
    {"Noto Sans Gujarati",   "NotoSansGujarati"},
    {"Noto Sans Gurmukhi",   "NotoSansGurmukhi"},
    {"Noto Sans Oriya",      "NotoSansOriya"},
    {"Noto Sans Tamil",      "NotoSansTamil"},
    {"Noto Sans Telugu",     "NotoSansTelugu"},
    {"Noto Sans Kannada",    "NotoSansKannada"},
    {"Noto Sans Malayalam",  "NotoSansMalayalam"},
    {"Noto Sans Sinhala",    "NotoSansSinhala"},
    {"Noto Sans Thai",       "NotoSansThai"},
    {"Noto Sans Lao",        "NotoSansLao"},
    {"Noto Sans Khmer",      "NotoSansKhmer"},
    {"Noto Sans Myanmar",    "NotoSansMyanmar"},
    {"Noto Sans Armenian",   "NotoSansArmenian"},
    {"Noto Sans Georgian",   "NotoSansGeorgian"},
    {"Noto Sans Ethiopic",   "NotoSansEthiopic"},
    {"Noto Sans Symbols",    "NotoSansSymbols"},
};

/* What has one weight only. */
static const struct {
    const char *family, *file;
} singles[] = {
    {"WenQuanYi Micro Hei",  "wqy/wqy-microhei.ttc"},
    {"Noto Sans Symbols2",   "noto/NotoSansSymbols2-Regular.ttf"},
    {"Noto Color Emoji",     "noto/NotoColorEmoji.ttf"},
};
// clang-format on

/* pango asks for "emoji" where a character is one; what has no bold is made bold; what is a bitmap
 * (the emoji) is scaled, as the rules of every fontconfig installation do. */
static const char rules[] =
    "<?xml version=\"1.0\"?><!DOCTYPE fontconfig SYSTEM \"fonts.dtd\"><fontconfig>"
    "<match target=\"pattern\"><test name=\"family\"><string>emoji</string></test>"
    "<edit name=\"family\" mode=\"assign\" binding=\"strong\"><string>Noto Color Emoji</string>"
    "</edit></match>"
    "<match target=\"font\"><test name=\"family\"><string>WenQuanYi Micro Hei</string></test>"
    "<test target=\"pattern\" name=\"weight\" compare=\"more_eq\"><const>bold</const></test>"
    "<edit name=\"embolden\" mode=\"assign\"><bool>true</bool></edit></match>"
    "<match target=\"font\"><test name=\"outline\"><bool>false</bool></test>"
    "<edit name=\"pixelsizefixupfactor\" mode=\"assign\"><divide>"
    "<name target=\"pattern\">pixelsize</name><name "
    "target=\"font\">pixelsize</name></divide></edit>"
    "<edit name=\"matrix\" mode=\"assign\"><times><name>matrix</name><matrix>"
    "<name>pixelsizefixupfactor</name><double>0</double>"
    "<double>0</double><name>pixelsizefixupfactor</name></matrix></times></edit>"
    "<edit name=\"size\" mode=\"assign\"><divide><name>size</name>"
    "<name>pixelsizefixupfactor</name></divide></edit></match></fontconfig>";

static int add_file(FcConfig *config, const char *path, struct error *error)
{
    if (FcConfigAppFontAddFile(config, (const FcChar8 *)path))
        return 0;
    return error_set(error, ERROR_INTERNAL, -ENOENT,
                     "the font %s cannot be read; Debian has it in fonts-noto-core, "
                     "fonts-noto-color-emoji or fonts-wqy-microhei",
                     path);
}

static int add_files(FcConfig *config, struct error *error)
{
    static const char *const weights[] = {"Regular", "Bold"};
    int r = 0;

    for (size_t i = 0; r == 0 && i < 2 * ARRAY_SIZE(scripts); i++) {
        CLEANUP(charp_freep)
        char *path = xprintf(FONT_FOLDER "/noto/%s-%s.ttf", scripts[i / 2].file, weights[i % 2]);
        r = add_file(config, path, error);
    }
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(singles); i++) {
        CLEANUP(charp_freep) char *path = xprintf(FONT_FOLDER "/%s", singles[i].file);
        r = add_file(config, path, error);
    }
    return r;
}

/* The first font map of a process has fontconfig read the machine's own configuration, unless there
 * is one already. */
static void set_default(void)
{
    FcConfig *nothing = FcConfigCreate();

    if (!nothing || !FcConfigSetCurrent(nothing))
        abort();
    FcConfigDestroy(nothing);
}

PangoFontMap *fonts_new(struct error *error)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    FcConfig *config = FcConfigCreate();
    PangoFontMap *map = NULL;

    (void)pthread_once(&once, set_default);
    if (!config || !FcConfigParseAndLoadFromMemory(config, (const FcChar8 *)rules, FcTrue))
        abort(); /* a constant of ours */
    if (add_files(config, error) == 0) {
        map = pango_cairo_font_map_new_for_font_type(CAIRO_FONT_TYPE_FT);
        pango_fc_font_map_set_config(PANGO_FC_FONT_MAP(map), config);
        pango_cairo_font_map_set_resolution(PANGO_CAIRO_FONT_MAP(map), 72); /* points = pixels */
    }
    FcConfigDestroy(config);
    return map;
}

PangoFontMap *fonts_free(PangoFontMap *map)
{
    if (!map)
        return NULL;
    /* A map of pango 1.50 that ends keeps its configuration for ever. */
    pango_fc_font_map_set_config(PANGO_FC_FONT_MAP(map), NULL);
    g_object_unref(map);
    return NULL;
}

char *fonts_families(void)
{
    struct buf out;

    buf_init(&out, FAMILIES_MAX_BYTES);
    for (size_t i = 0; i < ARRAY_SIZE(scripts); i++)
        buf_addf(&out, "%s,", scripts[i].family);
    for (size_t i = 0; i < ARRAY_SIZE(singles); i++)
        buf_addf(&out, "%s%s", singles[i].family, i + 1 < ARRAY_SIZE(singles) ? "," : "");
    return buf_steal(&out);
}

PangoLanguage *fonts_language(PangoScript script)
{
    // clang-format off
    static const struct {
        PangoScript script;
        const char *language;
    } rows[] = {
        {PANGO_SCRIPT_CYRILLIC,   "ru"}, {PANGO_SCRIPT_GREEK,      "el"}, {PANGO_SCRIPT_ARABIC,    "ar"},
        {PANGO_SCRIPT_HEBREW,     "he"}, {PANGO_SCRIPT_DEVANAGARI, "hi"}, {PANGO_SCRIPT_BENGALI,   "bn"},
        {PANGO_SCRIPT_HAN,     "zh-cn"}, {PANGO_SCRIPT_HIRAGANA,   "ja"}, {PANGO_SCRIPT_KATAKANA,  "ja"},
        {PANGO_SCRIPT_HANGUL,     "ko"}, {PANGO_SCRIPT_THAI,       "th"}, {PANGO_SCRIPT_MYANMAR,   "my"},
    };
    // clang-format on
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (rows[i].script == script)
            return pango_language_from_string(rows[i].language);
    return pango_language_from_string("en");
}
