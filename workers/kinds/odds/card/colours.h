#pragma once
/* The palette of the card. Texts stand on CARD_GROUND with a contrast of at least 7 : 1. */

#define CARD_GROUND_TOP 0x1c2150U
#define CARD_GROUND 0x0b0e26U
#define CARD_TEXT 0xffffffU
#define CARD_SOFT 0xb4bbe0U
#define CARD_DIM 0x7680b8U
#define CARD_ACCENT 0x5eead4U
#define CARD_AMBER 0xfcd34dU
#define CARD_BLUE 0x93c5fdU
