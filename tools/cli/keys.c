/* parley keys: who may use a door that is reached from elsewhere.
 *
 * A key is made here and shown once; Redis gets its hash under the pepper, which is why the pepper
 * must be known here too. What is done counts at every door at once (keys.lua). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "apikey.h"
#include "cli/cli.h"
#include "cli/page.h"
#include "clock.h"
#include "json.h"
#include "redis.h"
#include "text.h"

#define DEFAULT_SCOPES "submit,read,cancel"
#define DEFAULT_NAME "key"
#define DEFAULT_GRACE "24h"
#define MAX_NAME_BYTES 64
#define MAX_LIFE_MS (INT64_C(10) * 366 * 24 * 3600 * 1000)

/* A key just made, and what is stored of it. */
struct fresh {
    char id[APIKEY_ID_BYTES], text[APIKEY_TEXT_BYTES], hash[SHA256_TEXT_BYTES];
};

static bool make_key(const struct cli *cli, struct fresh *key)
{
    unsigned char hash[SHA256_BYTES];

    if (!cli->pepper || strlen(cli->pepper) < APIKEY_PEPPER_MIN_BYTES) {
        fprintf(stderr,
                "parley keys: PARLEY_KEY_PEPPER is not set or has less than %d bytes; the doors' "
                "own is needed to make a key\n",
                APIKEY_PEPPER_MIN_BYTES);
        return false;
    }
    CLEANUP(hmac_freep) struct hmac *pepper = hmac_new(span_of(cli->pepper));
    apikey_new(key->id, key->text);
    apikey_hash(pepper, span_of(key->text), hash);
    text_hex(hash, sizeof(hash), key->hash);
    return true;
}

/* A time of up to ten years; false after saying that it is none. */
static bool read_time(const struct arguments *arguments, enum cli_option option,
                      const char *fallback, int64_t *ret_ms)
{
    const char *text = arguments->values[option] ? arguments->values[option] : fallback;

    if (text_to_duration(span_of(text), ret_ms) == 0 && *ret_ms <= MAX_LIFE_MS)
        return true;
    fprintf(stderr, "parley keys: \"%s\" is no time like 30s, 24h or 90d\n", text);
    return false;
}

static bool is_name(const char *name)
{
    size_t n = strlen(name);

    for (size_t i = 0; i < n; i++)
        if (name[i] < ' ' || name[i] > '~')
            n = 0;
    if (n > 0 && n <= MAX_NAME_BYTES)
        return true;
    fprintf(stderr, "parley keys: a name has 1 to %d printable ASCII characters\n", MAX_NAME_BYTES);
    return false;
}

/* What is known of the new key, and the key itself: the only time that it can be seen. */
static void show_fresh(const struct cli *cli, const struct fresh *key, struct json *facts)
{
    if (cli->json) {
        json_set_text(facts, "key", key->text);
        CLEANUP(charp_freep) char *text = json_text(facts);
        fprintf(cli->out, "%s\n", text);
        return;
    }
    fprintf(cli->out, "%s\n", key->text);
    fprintf(stderr,
            "This is key %s of the tenant %s. It is shown this once; only its hash is kept.\n",
            key->id, json_get_string(facts, "tenant", "").at);
}

static int add(struct cli *cli, struct redis *redis, const struct arguments *arguments)
{
    const char *tenant = arguments->operands[1];
    const char *scopes = arguments->values[CLI_OPTION_SCOPES];
    const char *name = arguments->values[CLI_OPTION_NAME];
    CLEANUP(json_freep) struct json *facts = NULL;
    char at[CLOCK_TEXT_BYTES];
    unsigned bits;
    int64_t life_ms = 0;
    struct fresh key;

    scopes = scopes ? scopes : DEFAULT_SCOPES;
    name = name ? name : DEFAULT_NAME;
    if (!apikey_tenant_valid(span_of(tenant))) {
        fprintf(stderr,
                "parley keys: \"%s\" cannot be a tenant's name: it has up to %d of a-z, "
                "0-9, \"_\", \"-\" and \".\"\n",
                tenant, APIKEY_TENANT_MAX);
        return CLI_USAGE;
    }
    if (apikey_scopes_parse(span_of(scopes), &bits) < 0) {
        fprintf(stderr,
                "parley keys: --scopes wants a list of submit, read, cancel and metrics, "
                "not \"%s\"\n",
                scopes);
        return CLI_USAGE;
    }
    if (!is_name(name) || !read_time(arguments, CLI_OPTION_EXPIRES, "0s", &life_ms) ||
        !make_key(cli, &key))
        return CLI_USAGE;
    int64_t now_ms = clock_wall_ms();
    clock_text(now_ms, at);
    CLEANUP(charp_freep) char *expires = xprintf("%" PRId64, life_ms > 0 ? now_ms + life_ms : 0);
    const char *const words[] = {"FCALL", "parley1_key_add", "0", key.id,  tenant, scopes,
                                 name,    key.hash,          at,  expires, NULL};
    int r = cli_ask(cli, redis, words, &facts);
    if (r == CLI_OK)
        show_fresh(cli, &key, facts);
    return r;
}

static void print_key(const struct page *page, const struct json *key)
{
    int64_t expires_ms = json_get_integer(key, "expires_ms", 0);
    char expires[CLOCK_TEXT_BYTES] = "never";
    struct buf row;

    if (expires_ms > 0)
        clock_text(expires_ms, expires);
    buf_init(&row, 1024);
    buf_addf(&row, "%-12s %-16s %-16s %-22s", json_get_string(key, "id", "").at,
             json_get_string(key, "tenant", "").at, json_get_string(key, "name", "").at,
             json_get_string(key, "scopes", "").at);
    buf_addf(&row, " %-19.19s %-19.19s %-19.19s", json_get_string(key, "created_at", "").at,
             expires, json_get_string(key, "used_at", "never").at);
    page_row(page, (struct margin){0}, PAGE_PLAIN, buf_span(&row));
    buf_deinit(&row);
}

static int list(struct cli *cli, struct redis *redis, const struct arguments *arguments)
{
    const struct page page = {cli->out, cli->colour, cli->width};
    const char *const words[] = {"FCALL", "parley1_key_list", "0", NULL};
    CLEANUP(json_freep) struct json *keys = NULL;
    char head[192];
    int r = cli_ask(cli, redis, words, &keys);

    (void)arguments;
    if (r != CLI_OK)
        return r;
    if (cli->json) {
        CLEANUP(charp_freep) char *text = json_text(keys);
        fprintf(cli->out, "%s\n", text);
        return CLI_OK;
    }
    (void)snprintf(head, sizeof(head), "%-12s %-16s %-16s %-22s %-19s %-19s %-19s", "KEY", "TENANT",
                   "NAME", "SCOPES", "CREATED", "EXPIRES", "USED");
    page_row(&page, (struct margin){0}, PAGE_BOLD, span_of(head));
    for (size_t i = 0; i < json_length(keys); i++)
        print_key(&page, json_at(keys, i));
    return CLI_OK;
}

static bool is_id(const char *text)
{
    if (apikey_id_valid(span_of(text)))
        return true;
    fprintf(stderr, "parley keys: \"%s\" is no key's id: \"parley keys ls\" shows them\n", text);
    return false;
}

static int revoke(struct cli *cli, struct redis *redis, const struct arguments *arguments)
{
    const char *const words[] = {"FCALL", "parley1_key_revoke", "0", arguments->operands[1], NULL};
    CLEANUP(json_freep) struct json *done = NULL;

    if (!is_id(arguments->operands[1]))
        return CLI_USAGE;
    int r = cli_ask(cli, redis, words, &done);
    if (r == CLI_OK)
        fprintf(cli->out, "%s is revoked: every door refuses it from now on.\n",
                arguments->operands[1]);
    return r;
}

static int rotate(struct cli *cli, struct redis *redis, const struct arguments *arguments)
{
    const char *old = arguments->operands[1];
    CLEANUP(json_freep) struct json *facts = NULL;
    char at[CLOCK_TEXT_BYTES];
    int64_t grace_ms = 0;
    struct fresh key;

    if (!is_id(old) || !read_time(arguments, CLI_OPTION_GRACE, DEFAULT_GRACE, &grace_ms) ||
        !make_key(cli, &key))
        return CLI_USAGE;
    clock_text(clock_wall_ms(), at);
    CLEANUP(charp_freep) char *grace = xprintf("%" PRId64, grace_ms);
    const char *const words[] = {
        "FCALL", "parley1_key_rotate", "0", old, key.id, key.hash, at, grace, NULL};
    int r = cli_ask(cli, redis, words, &facts);
    if (r == CLI_OK)
        show_fresh(cli, &key, facts);
    return r;
}

static const struct cli_verb verbs[] = {
    {"ls",     1, list  },
    {"add",    2, add   },
    {"revoke", 2, revoke},
    {"rotate", 2, rotate},
    {NULL,     0, NULL  },
};

static int run(struct cli *cli, const struct arguments *arguments)
{
    return cli_run_verb(cli, arguments, verbs, "keys",
                        "\"ls\", \"add TENANT\", \"revoke KEY\" or \"rotate KEY\"");
}

const struct command command_keys = {
    .name = "keys",
    .operands = "[ls|add|revoke|rotate]",
    .max_operands = 2,
    .options = 1U << CLI_OPTION_SCOPES | 1U << CLI_OPTION_NAME | 1U << CLI_OPTION_EXPIRES |
               1U << CLI_OPTION_GRACE,
    .summary = "Make and end the API keys of tenants",
    .help =
        "  parley keys [ls]         every key: its id, tenant, scopes, when it was last used\n"
        "  parley keys add TENANT   a new key, printed once: nobody can show it again\n"
        "  parley keys revoke KEY   ends a key at once, at every door; its open streams are "
        "closed\n"
        "  parley keys rotate KEY   a second key like it; the old one ends after --grace\n\n"
        "KEY is the id: the part between the first two underscores. Doors check keys only when\n"
        "PARLEY_KEY_PEPPER is set, a secret of at least 32 bytes which this command needs as "
        "well:\n"
        "  openssl rand -hex 32 >pepper; export PARLEY_KEY_PEPPER_FILE=$PWD/pepper\n"
        "A lost pepper makes all keys useless; whoever has only the pepper or only Redis can use "
        "none.\n"
        "Clients send the key as \"Authorization: Bearer parley_…\"; this tool itself takes "
        "PARLEY_API_KEY.\n",
    .run = run,
};
