/* Company names: all spellings of a known company become one word.
 *
 * A name is looked for in runs of up to four words; spaces, dots, hyphens and a legal form behind
 * it do not count. There is no fuzzy match: another company is never taken for a known one. Names
 * that are words of the language as well count only after a word like "at". */
#include "buf.h"
#include "predict.h"
#include "text.h"

#define NAME_WORDS_MAX 4
#define KEY_MAX_BYTES 64

// clang-format off
static const struct company companies[] = {
    {"company:openai", "openai", "openai", false},
    {"company:anthropic", "anthropic", "anthropic", false},
    {"company:deepmind", "deepmind", "deepmind|googledeepmind", false},
    {"company:google", "google", "google|alphabet", false},
    {"company:microsoft", "microsoft", "microsoft|msft", false},
    {"company:apple", "apple", "apple|applecomputer", true},
    {"company:amazon", "amazon", "amazon|amazoncom|aws|amazonwebservices", false},
    {"company:meta", "meta", "meta|facebook|metaplatforms", true},
    {"company:netflix", "netflix", "netflix", false},
    {"company:nvidia", "nvidia", "nvidia", false},
    {"company:tesla", "tesla", "tesla|teslamotors", false},
    {"company:spacex", "spacex", "spacex", false},
    {"company:xai", "xai", "xai", false},
    {"company:ibm", "ibm", "ibm|internationalbusinessmachines", false},
    {"company:intel", "intel", "intel", true},
    {"company:amd", "amd", "amd|advancedmicrodevices", false},
    {"company:oracle", "oracle", "oracle", true},
    {"company:salesforce", "salesforce", "salesforce|salesforcecom", false},
    {"company:adobe", "adobe", "adobe", false},
    {"company:stripe", "stripe", "stripe", true},
    {"company:airbnb", "airbnb", "airbnb", false},
    {"company:uber", "uber", "uber", true},
    {"company:spotify", "spotify", "spotify", false},
    {"company:palantir", "palantir", "palantir", false},
    {"company:databricks", "databricks", "databricks", false},
    {"company:snowflake", "snowflake", "snowflake", true},
    {"company:linkedin", "linkedin", "linkedin", false},
    {"company:twitter", "twitter", "twitter", false},
    {"company:sap", "sap", "sap", true},
    {"company:siemens", "siemens", "siemens", false},
    {"company:bosch", "bosch", "bosch|robertbosch", false},
    {"company:bmw", "bmw", "bmw|bayerischemotorenwerke", false},
    {"company:volkswagen", "volkswagen", "volkswagen|vw", false},
    {"company:mercedes", "mercedes", "mercedes|mercedesbenz|daimler", false},
    {"company:toyota", "toyota", "toyota", false},
    {"company:samsung", "samsung", "samsung|samsungelectronics", false},
    {"company:sony", "sony", "sony", false},
    {"company:goldman_sachs", "goldmansachs", "goldmansachs|goldman", false},
    {"company:jpmorgan", "jpmorgan", "jpmorgan|jpmorganchase|jpmorganchaseandco", false},
    {"company:mckinsey", "mckinsey", "mckinsey|mckinseyandcompany|mckinsey&company", false},
    {"company:deloitte", "deloitte", "deloitte", false},
    {"company:accenture", "accenture", "accenture", false},
    {"company:walmart", "walmart", "walmart|walmartstores", false},
    {"company:disney", "disney", "disney|waltdisney|thewaltdisneycompany", false},
    {"company:nasa", "nasa", "nasa", false},
};
// clang-format on

static const char legal_forms[] =
    "inc|incorporated|corp|corporation|llc|ltd|limited|plc|gmbh|ag|sa|lp|pbc|co";
static const char leads[] = "at|for|from|by|join|joining|with|into|leave|leaving|quit|buy|sue";

struct piece {
    size_t from, to; /* of the text, without punctuation around it */
};

static bool is_edge(char c)
{
    return strchr(" ,;:.!?()\"'", c) != NULL;
}

/* The next run of bytes that are no space, cut free of punctuation. */
static bool next_piece(struct span text, size_t at, struct piece *ret_piece)
{
    struct piece piece;

    while (at < text.n && is_edge(text.at[at]))
        at++;
    if (at == text.n)
        return false;
    piece.from = at;
    while (at < text.n && text.at[at] != ' ')
        at++;
    while (at > piece.from && is_edge(text.at[at - 1]))
        at--;
    piece.to = at;
    *ret_piece = piece;
    return true;
}

/* Whether anything but one space is between two pieces: then they are no one name. */
static bool is_apart(struct span text, size_t from, size_t to)
{
    return to - from != 1 || text.at[from] != ' ';
}

static const struct company *company_of_key(struct span key)
{
    for (size_t i = 0; i < ARRAY_SIZE(companies); i++)
        if (registry_list_has(companies[i].keys, key))
            return &companies[i];
    return NULL;
}

/* Behind a name: ", inc." and the like. */
static size_t skip_legal_form(struct span text, size_t at)
{
    struct piece piece;

    if (!next_piece(text, at, &piece) || piece.from - at > 2)
        return at;
    if (!registry_list_has(legal_forms, (struct span){text.at + piece.from, piece.to - piece.from}))
        return at;
    return piece.to < text.n && text.at[piece.to] == '.' ? piece.to + 1 : piece.to;
}

static bool may_stand(const struct company *company, struct span previous, size_t n_pieces)
{
    if (company->plain_word)
        return registry_list_has(leads, previous);
    /* "to open ai …" is a verb. */
    return n_pieces == 1 || !span_equal(previous, SPAN("to"));
}

const struct company *company_named(struct span word, struct span previous)
{
    for (size_t i = 0; i < ARRAY_SIZE(companies); i++)
        if (span_equal(word, span_of(companies[i].name)) && may_stand(&companies[i], previous, 1))
            return &companies[i];
    return NULL;
}

/* The longest known name that begins with the piece. Returns where it ends, 0 when there is none.
 */
static size_t find_name(struct span text, struct piece first, struct span previous,
                        const struct company **ret_company)
{
    char key[KEY_MAX_BYTES];
    size_t n = 0, end = 0;
    struct piece piece = first;

    for (size_t n_pieces = 1; n_pieces <= NAME_WORDS_MAX; n_pieces++) {
        for (size_t i = piece.from; i < piece.to; i++) {
            if (text.at[i] == '-' || text.at[i] == '.' || text.at[i] == '_')
                continue;
            if (n == sizeof(key))
                return end;
            key[n++] = text.at[i];
        }
        const struct company *company = company_of_key((struct span){key, n});
        if (company && may_stand(company, previous, n_pieces)) {
            *ret_company = company;
            end = piece.to;
        }
        size_t at = piece.to;
        if (!next_piece(text, at, &piece) || is_apart(text, at, piece.from))
            break;
    }
    return end;
}

void company_rewrite(struct span text, struct buf *out)
{
    struct span previous = SPAN("");
    size_t written = 0, at = 0;
    struct piece piece;

    while (next_piece(text, at, &piece)) {
        const struct company *company = NULL;
        size_t end = find_name(text, piece, previous, &company);

        if (end > 0) {
            buf_add_span(out, (struct span){text.at + written, piece.from - written});
            buf_add_text(out, company->name);
            written = skip_legal_form(text, end);
        }
        at = end > 0 ? written : piece.to;
        previous = (struct span){text.at + piece.from, piece.to - piece.from};
    }
    buf_add_span(out, (struct span){text.at + written, text.n - written});
}
