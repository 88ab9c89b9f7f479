#pragma once
/* The fonts of the card, and no others, whatever the machine has. */

#include <pango/pangocairo.h>

struct error;

/* A font map of its own for whoever draws. NULL and error (ERROR_INTERNAL): a font is not
 * installed. */
PangoFontMap *fonts_new(struct error *error);
PangoFontMap *fonts_free(PangoFontMap *map); /* what was made with it is gone by then */
/* All families in the order in which they are asked for a letter. */
char *fonts_families(void);
/* The language that texts of a script are set as, so that the environment has no say in it. */
PangoLanguage *fonts_language(PangoScript script);
