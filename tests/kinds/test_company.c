/* Company names: how many pairs of spellings are found, how many distinct names are wrongly merged,
 * and that running text is rewritten the same way for every spelling.
 *
 * The pairs are written by hand in the forms that exchanges, EDGAR, fund reports and people use;
 * some are not found on purpose: they would take a rule that merges others. Names that differ in
 * nothing but the legal form are one key by design. */
#include <check.h>
#include <search.h>

#include "buf.h"
#include "kinds/predict/names/company.h"
#include "kinds/predict/names/tables.h"
#include "main.h"
#include "unicode.h"

#define N_GENERATED 8000
#define WRONG_MERGES_MAX 8

// clang-format off
static const char *const pairs[][2] = {
    {"APPLE INC", "Apple Inc."},
    {"AT&T INC.", "AT & T Inc"},
    {"3M CO", "3M Company"},
    {"COCA COLA CO", "The Coca-Cola Company"},
    {"JPMORGAN CHASE & CO", "JPMorgan Chase & Co."},
    {"ALPHABET INC.", "Alphabet Inc. (Class A)"},
    {"BANK OF AMERICA CORP /DE/", "Bank of America Corporation"},
    {"SMITH A O CORP", "A. O. Smith Corporation"},
    {"HUNT J B TRANSPORT SERVICES INC", "J.B. Hunt Transport Services, Inc."},
    {"Société Générale SA", "SOCIETE GENERALE"},
    {"Henkel AG & Co. KGaA", "Henkel"},
    {"Novo Nordisk A/S", "NOVO NORDISK A S"},
    {"Anheuser-Busch InBev SA/NV", "AB InBev"},
    {"Banco Bradesco S.A.", "BANCO BRADESCO"},
    {"PETROBRAS - PETROLEO BRASILEIRO SA", "Petroleo Brasileiro S.A. Petrobras"},
    {"Berkshire Hathaway Inc Cl B", "Berkshire Hathaway Inc."},
    {"SCHWAB (CHARLES) CORP", "Charles Schwab Corp"},
    {"HARTFORD FINANCIAL SVCS GRP", "The Hartford Financial Services Group, Inc."},
    {"INTL BUSINESS MACHINES CORP", "IBM"},
    {"MERCK + CO. INC.", "Merck & Co., Inc."},
    {"LOWE S COS INC", "Lowe's Companies, Inc."},
    {"DISNEY WALT CO", "Walt Disney Co/The"},
    {"PROCTER + GAMBLE CO/THE", "Procter & Gamble"},
    {"LILLY ELI & CO", "Eli Lilly and Company"},
    {"QUALCOMM INC/DE", "Qualcomm Incorporated"},
    {"COSTCO WHOLESALE CORP /NEW", "Costco Wholesale"},
    {"Agilysys Inc. - Common Stock (DE)", "AGILYSYS INC"},
    {"Baidu, Inc. - American Depositary Shares, each representing 8 ordinary share", "BAIDU, INC."},
    {"Akero Therapeutics, Inc. Common Stock", "Akero Therapeutics"},
    {"Toyota Motor Corp /ADR/", "Toyota Motor Corporation"},
    {"Taiwan Semiconductor Manufacturing Co., Ltd.", "TAIWAN SEMICONDUCTOR MANUFACTURING CO LTD"},
    {"Compagnie de Saint-Gobain S.A.", "COMPAGNIE DE SAINT GOBAIN"},
    {"Industria de Diseño Textil, S.A.", "INDITEX"},
    {"Grupo Bimbo, S.A.B. de C.V.", "GRUPO BIMBO SAB DE CV"},
    {"株式会社トヨタ", "トヨタ"},
    {"Wells Fargo & Company/MN", "WELLS FARGO & CO"},
    {"VERISIGN INC/CA", "VeriSign"},
    {"Reinsurance Group of America, Incorporated", "REINSURANCE GROUP OF AMERICA INC"},
    {"MCCORMICK & CO INC", "McCormick & Company, Incorporated"},
    {"FULLER H B CO", "H.B. Fuller Company"},
    {"US BANCORP \\DE\\", "U.S. Bancorp"},
    {"UNITED STATES LIME & MINERALS INC", "U.S. Lime & Minerals"},
    {"Sirius XM Holdings Inc", "SiriusXM"},
    {"Kimberly Clark Corp", "KIMBERLY-CLARK CORPORATION"},
    {"Parker Hannifin Corp", "Parker-Hannifin"},
    {"ASSOCIATED BANC-CORP", "Associated Banc Corp"},
    {"DEUTSCHE TELEKOM AG", "Deutsche Telekom"},
    {"AB Volvo (publ)", "Volvo AB"},
    {"Svenska Handelsbanken AB", "Svenska Handelsbanken"},
    {"Nordea Bank Abp", "NORDEA BANK"},
    {"PT Bank Central Asia Tbk", "Bank Central Asia"},
    {"Reliance Industries Limited", "RELIANCE INDUSTRIES LTD"},
    {"Tata Consultancy Services Ltd.", "TCS"},
    {"China Mobile Limited", "CHINA MOBILE LTD"},
    {"Gazprom PJSC", "PAO Gazprom"},
    {"ПАО Сбербанк", "Сбербанк"},
    {"Public Service Enterprise Gp", "Public Service Enterprise Group Inc"},
    {"Zions Bancorporation, N.A.", "Zions Bancorporation"},
    {"BOK FINANCIAL CORP", "BOK Financial Corporation"},
    {"Liberty Media Corp Series A", "Liberty Media Corporation"},
    {"Dolby Laboratories, Inc. Class A", "DOLBY LABORATORIES, INC."},
    {"Martha Stewart Living Omnimedia Inc (MSO)", "MARTHA STEWART LIVING OMNIMEDIA INC"},
    {"Vail Resorts Inc", "VAIL RESORTS, INC."},
    {"National Western Life Group, Inc.", "NATIONAL WESTERN LIFE GROUP INC"},
    {"O'REILLY AUTOMOTIVE INC", "OReilly Automotive"},
    {"Land O'Lakes, Inc.", "LAND O LAKES INC"},
    {"E.I. du Pont de Nemours and Company", "DuPont"},
    {"L'Oréal S.A.", "LOREAL"},
    {"Moët Hennessy Louis Vuitton", "LVMH"},
    {"Nestlé S.A.", "NESTLE SA"},
    {"TELEFONAKTIEBOLAGET LM ERICSSON", "Ericsson"},
    {"WESTINGHOUSE AIR BRAKE TECHNOLOGIES CORP", "Wabtec"},
    {"MARSH & MCLENNAN COMPANIES, INC.", "Marsh McLennan"},
    {"UnitedHealth Group Inc", "UNITEDHEALTH GROUP INCORPORATED"},
    {"ROYAL CARIBBEAN CRUISES LTD", "Royal Caribbean Group"},
    {"Regal Beloit Corp", "Regal Beloit"},
    {"Crown Holdings, Inc.", "CROWN HOLDINGS INC"},
    {"Hanover Insurance Group, Inc.", "Hanover Ins Group"},
    {"Advanced Energy Industries", "Advanced Energy Inds Inc"},
    {"Curtiss-Wright Corp", "CURTISS WRIGHT CORP"},
    {"Federal Signal Corp /DE/", "Federal Signal"},
    {"Texas Roadhouse, Inc.", "Texas Roadhouse"},
    {"Wolverine World Wide Inc /DE/", "Wolverine World Wide"},
    {"Donnelley (R.R.) & Sons Company", "R. R. Donnelley & Sons Co"},
    {"Franklin Electric Co., Inc.", "FRANKLIN ELECTRIC CO INC"},
    {"Mitsui & Co., Ltd.", "MITSUI & CO LTD"},
    {"Magna International Inc.", "MAGNA INTL INC"},
    {"Plains All American Pipeline LP", "Plains All American Pipeline, L.P."},
    {"Elbit Systems Ltd.", "ELBIT SYS LTD"},
    {"Check Point Software Technologies Ltd", "Check Point Software Tech"},
    {"BIOMARIN PHARMACEUTICAL INC", "BioMarin Pharmaceuticals"},
    {"Exelixis, Inc.", "EXELIXIS INC"},
    {"United Therapeutics Corporation", "UNITED THERAPEUTICS Corp"},
    {"LOUISIANA-PACIFIC CORP", "Louisiana Pacific Corporation"},
    {"MSC INDUSTRIAL DIRECT CO INC", "MSC Industrial Direct Co., Inc. Class A"},
    {"Hubbell Inc", "HUBBELL INC /CT/"},
    {"MOOG INC.", "Moog Inc. Class A Common Stock"},
    {"Seaboard Corp /DE/", "Seaboard Corporation"},
    {"Graham Holdings Co", "Graham Holdings Company (Class B)"},
    {"Vodafone Group Public Limited Company", "Vodafone"},
    {"BHP Group Ltd", "BHP Billiton"},
    {"X Corp.", "Twitter, Inc."},
    {"Facebook Inc", "Meta Platforms, Inc."},
    {"RAYTHEON TECHNOLOGIES CORP", "RTX Corporation"},
    {"Square, Inc.", "Block, Inc."},
    {"Google LLC", "Alphabet Inc."},
    {"MSFT", "Microsoft Corp"},
    {"BRK.B", "Berkshire Hathaway"},
    {"Ｏｐｅｎ ＡＩ", "OpenAI, Inc."},
    {"Mc Donald's Corp", "MCDONALDS CORP"},
    {"Hewlett-Packard Co", "HP Inc."},
    {"Laboratory Crp of Amer Hldgs", "Labcorp Holdings Inc."},
    {"Kellogg Co", "Kellanova"},
    {"Munich Re", "Münchener Rück"},
    {"Marks & Spencer Group plc", "MARKS AND SPENCER GROUP PLC"},
    {"Fiat Chrysler Automobiles N.V.", "Stellantis NV"},
    {"Tokio Marine Holdings, Inc.", "TOKIO MARINE HLDGS INC"},
    {"Sumitomo Mitsui Financial Group Inc", "SUMITOMO MITSUI FINL GRP INC"},
    {"ICICI Bank Limited", "ICICI BANK LTD"},
    {"ACADIA PHARMACEUTICALS INC", "ACADIA Pharmaceuticals"},
    {"Acuity Brands, Inc.", "Acuity Brands"},
    {"ADTRAN Holdings, Inc.", "ADTRAN HOLDINGS, INC."},
    {"AAR CORP", "AAR"},
    {"ABM INDUSTRIES INC /DE/", "ABM Industries Incorporated"},
    {"Allegiant Travel CO", "Allegiant Travel Company"},
    {"ALEXANDER & BALDWIN, INC.", "Alexander and Baldwin"},
    {"AMERICAN EAGLE OUTFITTERS INC", "American Eagle Outfitters"},
    {"AMERICAN FINANCIAL GROUP INC", "American Financial Group"},
    {"ANTERO RESOURCES Corp", "Antero Resources"},
    {"ARCHROCK, INC.", "Archrock"},
    {"ATKORE INC.", "Atkore"},
    {"AVNET INC", "Avnet"},
    {"Axcelis Technologies Inc", "AXCELIS TECHNOLOGIES INC"},
    {"BADGER METER INC", "Badger Meter"},
    {"BANCFIRST CORP /OK/", "BancFirst Corporation"},
    {"BARNES GROUP INC", "Barnes Group"},
    {"BERRY GLOBAL GROUP, INC.", "Berry Global Group"},
    {"BIO-TECHNE Corp", "Bio-Techne"},
    {"BJ's Wholesale Club Holdings, Inc.", "BJS WHOLESALE CLUB HOLDINGS INC"},
    {"BLACKBAUD INC", "Blackbaud"},
    {"BOSTON BEER CO INC", "Boston Beer Company (The)"},
    {"BRINKER INTERNATIONAL, INC", "Brinker International"},
    {"BRUNSWICK CORP", "Brunswick"},
    {"CABLE ONE, INC.", "Cable One"},
    {"CAL-MAINE FOODS INC", "Cal-Maine Foods"},
    {"CARLISLE COMPANIES INC", "Carlisle Companies"},
    {"CARTERS INC", "Carter's"},
    {"CATHAY GENERAL BANCORP", "Cathay General Bancorp Inc"},
    {"CHEESECAKE FACTORY INC", "The Cheesecake Factory Incorporated"},
    {"CHURCHILL DOWNS Inc", "Churchill Downs"},
    {"CLEAN HARBORS INC", "Clean Harbors"},
    {"COHERENT CORP.", "Coherent Corp"},
    {"COLUMBIA SPORTSWEAR CO", "Columbia Sportswear Company"},
    {"COMMERCIAL METALS Co", "Commercial Metals"},
    {"COMMUNITY HEALTH SYSTEMS INC", "Community Health Systems"},
    {"CRACKER BARREL OLD COUNTRY STORE, INC", "Cracker Barrel Old Country Store"},
    {"CRANE NXT, CO.", "Crane NXT"},
    {"CULLEN/FROST BANKERS, INC.", "Cullen/Frost Bankers"},
    {"DENTSPLY SIRONA Inc.", "Dentsply Sirona"},
    {"DILLARD'S, INC.", "Dillards Inc"},
    {"DONALDSON Co INC", "Donaldson Company"},
    {"DT Midstream, Inc.", "DT MIDSTREAM"},
    {"EAGLE MATERIALS INC", "Eagle Materials"},
    {"EAST WEST BANCORP INC", "East West Bancorp"},
    {"EMERSON RADIO CORP", "Emerson Radio"},
    {"ENERSYS", "EnerSys Inc"},
    {"ESAB Corp", "ESAB"},
    {"FEDERATED HERMES, INC.", "Federated Hermes"},
    {"FIRST AMERICAN FINANCIAL Corp", "First American Financial Corporation"},
    {"FIRST CITIZENS BANCSHARES INC /DE/", "First Citizens BancShares"},
    {"FIRST HORIZON CORP", "First Horizon Corporation"},
    {"FLOWSERVE CORP", "Flowserve"},
    {"FLUOR CORP", "Fluor"},
    {"FNB CORP/PA/", "F.N.B. Corporation"},
    {"FRONTDOOR, INC.", "frontdoor"},
    {"GATX CORP", "GATX"},
    {"GRAHAM HOLDINGS CO", "Graham Holdings"},
    {"GRAPHIC PACKAGING HOLDING CO", "Graphic Packaging Holding Company"},
    {"HALOZYME THERAPEUTICS, INC.", "Halozyme Therapeutics"},
    {"HANCOCK WHITNEY CORP", "Hancock Whitney"},
    {"HANESBRANDS INC.", "Hanesbrands"},
    {"HEXCEL CORP /DE/", "Hexcel"},
    {"IDACORP INC", "IDACORP"},
    {"INGEVITY CORP", "Ingevity"},
    {"INTERNATIONAL BANCSHARES CORP", "International Bancshares Corporation"},
    {"ITT INC.", "ITT"},
    {"J&J SNACK FOODS CORP", "J & J Snack Foods"},
    {"JEFFERIES FINANCIAL GROUP INC.", "Jefferies Financial Group"},
    {"JONES LANG LASALLE INC", "Jones Lang LaSalle Incorporated"},
    {"KAISER ALUMINUM CORP", "Kaiser Aluminum"},
    {"KB HOME", "KB Home Inc"},
    {"KNIGHT-SWIFT TRANSPORTATION HOLDINGS INC.", "Knight-Swift"},
    {"LANCASTER COLONY CORP", "Lancaster Colony"},
    {"LITHIA MOTORS INC", "Lithia Motors"},
    {"LOUISIANA-PACIFIC CORP", "Louisiana-Pacific"},
    {"M/I HOMES, INC.", "M/I Homes"},
    {"MACOM Technology Solutions Holdings, Inc.", "MACOM"},
    {"MANHATTAN ASSOCIATES INC", "Manhattan Associates"},
    {"MATADOR RESOURCES Co", "Matador Resources"},
    {"MGIC INVESTMENT CORP", "MGIC Investment"},
    {"MSA Safety Inc", "MSA Safety"},
    {"MUELLER INDUSTRIES INC", "Mueller Industries"},
    {"NATIONAL FUEL GAS CO", "National Fuel Gas"},
    {"NEW YORK TIMES CO", "The New York Times Company"},
    {"NEXSTAR MEDIA GROUP, INC.", "Nexstar Media Group"},
    {"NOV Inc.", "NOV"},
    {"OGE ENERGY CORP.", "OGE Energy"},
    {"OLD REPUBLIC INTERNATIONAL CORP", "Old Republic International"},
    {"OLLIE'S BARGAIN OUTLET HOLDINGS, INC.", "Ollie's Bargain Outlet"},
    {"OSHKOSH CORP", "Oshkosh"},
    {"PENSKE AUTOMOTIVE GROUP, INC.", "Penske Automotive"},
    {"PERFORMANCE FOOD GROUP Co", "Performance Food Group"},
    {"POST HOLDINGS, INC.", "Post Holdings"},
    {"RH", "RH Inc"},
    {"RLI CORP", "RLI"},
    {"RPM INTERNATIONAL INC/DE/", "RPM International"},
    {"RYDER SYSTEM INC", "Ryder"},
    {"SCIENCE APPLICATIONS INTERNATIONAL CORP", "Science Applications International"},
    {"SCOTTS MIRACLE-GRO CO", "The Scotts Miracle-Gro Company"},
    {"SEI INVESTMENTS CO", "SEI Investments"},
    {"SERVICE CORP INTERNATIONAL", "Service Corporation International"},
    {"SKECHERS USA INC", "Skechers U.S.A., Inc."},
    {"SONOCO PRODUCTS CO", "Sonoco"},
    {"SPROUTS FARMERS MARKET, INC.", "Sprouts Farmers Market"},
    {"STIFEL FINANCIAL CORP", "Stifel"},
    {"TAYLOR MORRISON HOME Corp", "Taylor Morrison"},
    {"TEGNA INC", "Tegna"},
    {"TEXAS CAPITAL BANCSHARES INC/TX", "Texas Capital Bancshares"},
    {"THOR INDUSTRIES INC", "Thor Industries"},
    {"TIMKEN CO", "Timken"},
    {"TOLL BROTHERS, INC.", "Toll Brothers"},
    {"TOOTSIE ROLL INDUSTRIES INC", "Tootsie Roll"},
    {"TREX CO INC", "Trex"},
    {"UGI CORP /PA/", "UGI"},
    {"UMB FINANCIAL CORP", "UMB Financial"},
    {"UNITED BANKSHARES INC/WV", "United Bankshares"},
    {"US FOODS HOLDING CORP.", "US Foods"},
    {"VALLEY NATIONAL BANCORP", "Valley National Bancorp"},
    {"VISHAY INTERTECHNOLOGY INC", "Vishay"},
    {"WATTS WATER TECHNOLOGIES INC", "Watts Water Technologies"},
    {"WEBSTER FINANCIAL CORP", "Webster Financial"},
    {"WERNER ENTERPRISES INC", "Werner Enterprises"},
    {"WINTRUST FINANCIAL CORP", "Wintrust"},
    {"WORTHINGTON ENTERPRISES, INC.", "Worthington Industries"},
    {"WYNDHAM HOTELS & RESORTS, INC.", "Wyndham Hotels"},
    {"YETI Holdings, Inc.", "YETI"},
    {"ZIFF DAVIS, INC.", "Ziff Davis"},
};

static const char *const distinct[] = {
    "FIRST BANCORP /PR/",
    "First Bancorp, Inc /ME/",
    "FIRST BANCORP /NC/",
    "Target Corp",
    "Target Group Inc.",
    "Merck & Co., Inc.",
    "Merck KGaA",
    "CNB FINANCIAL CORP/PA",
    "CNB FINANCIAL CORP/MA",
    "FARMERS & MERCHANTS BANCORP",
    "Farmers & Merchants Bank of Long Beach",
    "Blue Owl Capital Inc.",
    "Blue Owl Capital Corp",
    "Blue Owl Capital Corp II",
    "Delta Air Lines",
    "Delta Corp",
    "Delta Apparel",
    "Vivos Inc",
    "Vivos Inc (RDGL)",
    "Churchill Capital Corp IX",
    "Churchill Capital Corp X",
    "Churchill Capital Corp VII",
    "Prudential Financial",
    "Prudential plc",
    "Paramount Group, Inc.",
    "Paramount Global",
    "Paramount Gold Nevada Corp.",
    "Citizens Bancshares Corp /GA/",
    "Citizens Bancshares Co /OH/",
    "United Bancorp Inc /OH/",
    "United Bancorporation of Alabama",
    "Volvo AB",
    "Volvo Car AB",
    "Siemens AG",
    "Siemens Energy AG",
    "Coca-Cola Co",
    "Coca-Cola Consolidated, Inc.",
    "Coca-Cola Europacific Partners",
    "Yum! Brands",
    "Yum China Holdings",
    "General Electric",
    "GE Vernova",
    "GE HealthCare",
    "Liberty Global",
    "Liberty Media",
    "American Airlines Group Inc.",
    "American Express",
    "American Electric Power",
    "Everest Group",
    "Everest Consolidator Acquisition Corp",
    "Unity Software",
    "Unity Bancorp",
    "Apollo Global Management",
    "Apollo Commercial Real Estate Finance",
    "Apache Corp",
    "Mitsubishi Corp",
    "Mitsubishi UFJ Financial Group",
    "Mitsubishi Electric",
    "Sony Group Corp",
    "Hess Corp",
    "Hess Midstream LP",
    "Western Union Co",
    "Western Digital",
    "Western Alliance Bancorporation",
    "SAS AB",
    "SAP SE",
    "Southern Co",
    "Southern Copper",
    "Southern First Bancshares",
    "Phillips 66",
    "Philip Morris International",
    "Altria",
    "Public Storage",
    "Public Service Enterprise Group",
    "Block Inc",
    "H&R Block",
    "HP Inc",
    "Hewlett Packard Enterprise",
    "Dow Inc",
    "Dow Jones & Company",
    "News Corp",
    "Fox Corp",
};
// clang-format on

static char *key_of(const char *name)
{
    struct buf key;

    buf_init(&key, 4096);
    (void)company_key(span_of(name), &key);
    return buf_steal(&key);
}

START_TEST(nine_of_ten_alias_pairs_are_found)
{
    size_t n_found = 0;

    for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
        CLEANUP(charp_freep) char *a = key_of(pairs[i][0]);
        CLEANUP(charp_freep) char *b = key_of(pairs[i][1]);
        n_found += strcmp(a, b) == 0;
        if (strcmp(a, b) != 0)
            fprintf(stderr, "# not found: %s (%s), %s (%s)\n", pairs[i][0], a, pairs[i][1], b);
    }
    ck_assert_msg(10 * n_found >= 9 * ARRAY_SIZE(pairs), "%zu of %zu", n_found, ARRAY_SIZE(pairs));
}
END_TEST

START_TEST(companies_with_like_names_stay_apart)
{
    char *keys[ARRAY_SIZE(distinct)];

    for (size_t i = 0; i < ARRAY_SIZE(distinct); i++) {
        keys[i] = key_of(distinct[i]);
        for (size_t j = 0; j < i; j++)
            ck_assert_msg(strcmp(keys[i], keys[j]) != 0, "%s = %s: %s", distinct[i], distinct[j],
                          keys[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(distinct); i++)
        free(keys[i]);
}
END_TEST

static int compare_texts(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* Names as companies make them, each from other words than all the rest. */
static char *generated(size_t i)
{
    static const char *const firsts[] = {
        "Alder",  "Beacon", "Cobalt",   "Delphin",  "Ember",    "Falcon", "Granite", "Harbor",
        "Iris",   "Jade",   "Keystone", "Lumen",    "Meridian", "Nova",   "Onyx",    "Pinnacle",
        "Quarry", "Ridge",  "Summit",   "Tidal",    "Umber",    "Vista",  "Willow",  "Xenon",
        "Yarrow", "Zenith", "First",    "American", "United",   "Blue",
    };
    static const char *const seconds[] = {
        "Bank",      "Bancshares",      "Capital", "Chemical",     "Data",
        "Energy",    "Foods",           "Gold",    "Health",       "Insurance",
        "Logistics", "Materials",       "Media",   "Mining",       "Motors",
        "Oil",       "Pharmaceuticals", "Realty",  "Robotics",     "Software",
        "Solar",     "Steel",           "Systems", "Technologies", "Therapeutics",
        "Water",     "Wireless",        "Brands",  "Homes",        "Group",
    };
    static const char *const thirds[] = {
        "",       " Partners", " Holdings", " Group", " International", " Acquisition",
        " Trust", " II",       " of Texas"};
    static const char *const forms[] = {" Inc", " Corp", " Ltd", " PLC", "", " Co", " LLC"};

    return xprintf("%s %s%s%s", firsts[i % 30], seconds[i / 30 % 30], thirds[i / 900 % 9],
                   forms[i % 7]);
}

START_TEST(eight_thousand_distinct_names_hardly_merge)
{
    void *seen = NULL;
    size_t n_merged = 0;

    for (size_t i = 0; i < N_GENERATED; i++) {
        CLEANUP(charp_freep) char *name = generated(i);
        char *key = key_of(name);
        if (tfind(key, &seen, compare_texts)) {
            n_merged++;
            fprintf(stderr, "# merged: %s (%s)\n", name, key);
            free(key);
        } else {
            ck_assert_ptr_nonnull(tsearch(key, &seen, compare_texts));
        }
    }
    tdestroy(seen, free);
    ck_assert_uint_le(n_merged, WRONG_MERGES_MAX);
}
END_TEST

START_TEST(no_name_belongs_to_two_companies)
{
    ck_assert_msg(company_conflict() == NULL, "%s", company_conflict());
    ck_assert_uint_ge(names()->n_companies, 500);
}
END_TEST

START_TEST(every_company_is_found_by_its_own_names)
{
    const struct names *all = names();

    for (size_t i = 0; i < all->n_companies; i++) {
        CLEANUP(charp_freep) char *key = key_of(all->companies[i].name);
        CLEANUP(charp_freep) char *upper = xstrdup(all->companies[i].name);
        ck_assert_str_eq(key, all->companies[i].id);
        for (char *c = upper; *c; c++)
            *c = (char)(*c >= 'a' && *c <= 'z' ? *c - 32 : *c);
        CLEANUP(charp_freep) char *folded = key_of(upper);
        ck_assert_str_eq(folded, all->companies[i].id);
    }
}
END_TEST

START_TEST(a_misspelt_name_is_guessed_and_never_merged)
{
    static const char *const rows[][2] = {
        {"Goldmann",              "Goldman Sachs"},
        {"OpenAl",                "OpenAI"       },
        {"Anthropicc",            "Anthropic"    },
        {"zzzzqqqq",              NULL           },
        {"Quite Unknown Widgets", NULL           },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct buf key;
        buf_init(&key, 4096);
        ck_assert_msg(company_key(span_of(rows[i][0]), &key) == NULL, "%s", rows[i][0]);
        const char *guess = company_guess(span_of(rows[i][0]));
        ck_assert_msg(rows[i][1] ? guess && strcmp(guess, rows[i][1]) == 0 : guess == NULL,
                      "%s: %s", rows[i][0], guess);
        buf_deinit(&key);
    }
}
END_TEST

/* Nothing here is a name; a key must come all the same, and no crash. */
START_TEST(any_bytes_are_a_name)
{
    static const char *const names_[] = {
        "",
        " ",
        "()",
        "(",
        ")",
        "((((",
        "/DE/",
        "/",
        "&",
        "& Co",
        "Inc",
        "The",
        "the the",
        "A/S",
        "...",
        "\xff\xfe",
        "\xf0\x9f\x9a\x80 Inc",
        "Inc Inc Inc",
        "Class A",
        "AG & Co KGaA",
        "\xe6\xa0\xaa\xe5\xbc\x8f\xe4\xbc\x9a\xe7\xa4\xbe",
    };
    struct buf key, longest;

    buf_init(&key, 1 << 20);
    for (size_t i = 0; i < ARRAY_SIZE(names_); i++)
        (void)company_key(span_of(names_[i]), &key);
    buf_init(&longest, 70000);
    for (size_t i = 0; i < 65536; i++)
        buf_add_char(&longest, (char)(i % 7 == 0 ? ' ' : 'a' + i % 26));
    buf_clear(&key);
    ck_assert(company_key(buf_span(&longest), &key) == NULL);
    ck_assert_uint_gt(key.n, 50000);
    buf_deinit(&key);
    buf_deinit(&longest);
}
END_TEST

START_TEST(running_text_is_rewritten_once_and_for_all)
{
    static const char *const rows[][2] = {
        {"a job at Open AI, Inc.",               "a job at openai"        },
        {"a job at J.P. Morgan",                 "a job at jpmorganchase" },
        {"i work for the Coca-Cola Company now", "i work for cocacola now"},
        {"hired by L\xe2\x80\x99Or\xc3\xa9"
         "al",                          "hired by loreal"        },
        {"OpenAI's lab",                         "openai's lab"           },
        {"an apple a day",                       "an apple a day"         },
        {"at Apple",                             "at apple"               },
        {"to open ai shops",                     "to open ai shops"       },
        {"a visa for canada",                    "a visa for canada"      },
        {"a job at Visa Inc.",                   "a job at visa"          },
        {"a job at T Mobile",                    "a job at tmobile"       },
        {"a job at T. Rowe Price",               "a job at troweprice"    },
        {"work at AT&T",                         "work at atandt"         },
        {"climb everest",                        "climb everest"          },
        {"20 push ups a day",                    "20 push ups a day"      },
        {"raise 3m",                             "raise 3m"               },
        {"work at merck kgaa",                   "work at merckkgaa"      },
        {"work at merck & co.",                  "work at merck"          },
        {"",                                     ""                       },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct buf folded, once, twice;
        buf_init(&folded, 1000);
        buf_init(&once, 1000);
        buf_init(&twice, 1000);
        unicode_fold(span_of(rows[i][0]), &folded);
        company_rewrite(buf_span(&folded), &once);
        company_rewrite(buf_span(&once), &twice);
        ck_assert_msg(span_equal(buf_span(&once), span_of(rows[i][1])), "%s -> %s", rows[i][0],
                      once.at);
        ck_assert_msg(span_equal(buf_span(&once), buf_span(&twice)), "%s", once.at);
        buf_deinit(&folded);
        buf_deinit(&once);
        buf_deinit(&twice);
    }
}
END_TEST

TEST_MAIN("company", nine_of_ten_alias_pairs_are_found, companies_with_like_names_stay_apart,
          eight_thousand_distinct_names_hardly_merge, no_name_belongs_to_two_companies,
          every_company_is_found_by_its_own_names, a_misspelt_name_is_guessed_and_never_merged,
          any_bytes_are_a_name, running_text_is_rewritten_once_and_for_all)
