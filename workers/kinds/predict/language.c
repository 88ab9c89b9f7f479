/* Whether a text is in a language that rules cannot read. They read English; in any other they
 * would take a word they know (a marathon, a company) for the whole and miss a "not" beside it. */
#include "predict.h"
#include "text.h"
#include "unicode.h"

/* Words that nearly every sentence has and that few others share. */
static const char english[] =
    "i|i'm|i'll|my|me|we|our|the|to|a|an|at|of|for|with|within|by|and|get|want|would|like|become|"
    "be|is|it|this|that|from|next|year|years|before|after|will|make|have|win|find|pass|raise|run";
/* Spanish, Portuguese, French, Italian, Romanian, Catalan; German, Dutch, Danish, Norwegian,
 * Swedish; Polish, Czech, Croatian; Finnish, Estonian, Hungarian, Turkish; Indonesian, Tagalog,
 * Swahili, Vietnamese. */
static const char others[] =
    "quiero|quisiera|una|un|el|los|las|del|para|por|mi|yo|con|trabajo|ser|que|conseguir|año|años|"
    "quero|um|uma|eu|meu|minha|não|nao|em|emprego|conseguir|ano|anos|"
    "je|j'ai|veux|voudrais|une|le|la|les|des|du|dans|pour|mon|ma|chez|travail|pas|et|ans|"
    "voglio|vorrei|il|lo|gli|di|che|mio|mia|lavoro|non|anni|trovare|"
    "vreau|să|sa|un|loc|vull|feina|"
    "ich|möchte|moechte|einen|eine|ein|der|das|den|bei|nicht|mein|meine|und|mit|für|fuer|werden|"
    "ik|wil|een|het|bij|niet|mijn|worden|baan|"
    "jeg|vil|ha|en|et|ikke|hos|få|fa|jag|vill|att|inte|jobb|på|min|mitt|"
    "chcę|chce|chcialbym|prace|pracę|nie|mieć|zostać|w|się|chci|práci|želim|zelim|posao|"
    "haluan|työpaikan|saada|en|ma|tahan|akarok|szeretnék|egy|munkát|istiyorum|iş|bir|bulmak|"
    "saya|ingin|di|pekerjaan|mendapatkan|aku|mau|gusto|kong|ng|trabaho|nataka|kazi|ya|"
    "tôi|muốn|làm|việc|tại|một";

bool predict_is_foreign(const struct text_words *words)
{
    size_t n_english = 0, n_others = 0, n_latin = 0, n_bytes = 0;

    unicode_letters(words->text, &n_latin, &n_bytes);
    for (size_t i = 0; i < words->n; i++) {
        struct span word = words_at(words, i);
        n_english += text_listed(english, word);
        n_others += text_listed(others, word);
    }
    return n_bytes > n_latin || (n_others > n_english && n_others >= 2);
}
