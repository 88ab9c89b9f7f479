/* API keys: their text, what is stored of them, and stream tokens.
 *
 * Everything here works on bytes alone: who may what is decided by the door (frontdoor/auth.c),
 * records of keys live in Redis (keys.lua). A new scope is a row in APIKEY_SCOPES and a word in the
 * door's route table. */
#include "apikey.h"

#include <errno.h>
#include <stdio.h>

#include "buf.h"
#include "id.h"
#include "text.h"

#define PREFIX "parley_"
#define TOKEN_PREFIX "st1."
#define TOKEN_UNTIL_MAX INT64_C(99999999999)
#define TOKEN_SIGNED_BYTES 256

static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
static const char id_digits[] = "0123456789abcdefghjkmnpqrstvwxyz";

static const struct {
    const char *name;
} scope_rows[] = {
#define X(name, wire, help) [APIKEY_##name] = {wire},
    APIKEY_SCOPES(X)
#undef X
};
_Static_assert(ARRAY_SIZE(scope_rows) == APIKEY_SCOPE_COUNT_, "a scope has no name");

const char *apikey_scope_name(enum apikey_scope scope)
{
    return scope_rows[scope].name;
}

int apikey_scopes_parse(struct span text, unsigned *ret_scopes)
{
    unsigned scopes = 0;
    struct span item;

    while (text_next(&text, ',', &item)) {
        unsigned scope = 0;

        for (unsigned i = 0; i < APIKEY_SCOPE_COUNT_; i++)
            if (span_equal(item, span_of(scope_rows[i].name)))
                scope = 1U << i;
        if (scope == 0)
            return -EINVAL;
        scopes |= scope;
    }
    if (scopes == 0)
        return -EINVAL;
    *ret_scopes = scopes;
    return 0;
}

static bool is_lower_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool apikey_tenant_valid(struct span name)
{
    static const char marks[] = {'_', '-', '.'};

    if (name.n == 0 || name.n > APIKEY_TENANT_MAX || !is_lower_or_digit(name.at[0]))
        return false;
    for (size_t i = 0; i < name.n; i++)
        if (!is_lower_or_digit(name.at[i]) && !memchr(marks, name.at[i], sizeof(marks)))
            return false;
    return true;
}

bool apikey_id_valid(struct span id)
{
    if (id.n != APIKEY_ID_MAX)
        return false;
    for (size_t i = 0; i < id.n; i++)
        if (!memchr(id_digits, id.at[i], sizeof(id_digits) - 1))
            return false;
    return true;
}

/* Each digit with the same chance: random bytes beyond a multiple of the base are thrown away. */
static void random_digits(const char *alphabet, unsigned base, char *out, size_t n)
{
    const unsigned limit = 256 / base * base;

    while (n > 0) {
        unsigned char byte;

        id_random(&byte, 1);
        if (byte >= limit)
            continue;
        *out++ = alphabet[byte % base];
        n--;
    }
}

/* CRC-32 (ISO 3309) in base 62: no secret, only against typing errors. */
static void write_check(struct span text, char out[APIKEY_CHECK_MAX])
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < text.n; i++) {
        crc ^= (unsigned char)text.at[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ UINT32_C(0xedb88320) : crc >> 1;
    }
    crc = ~crc;
    for (size_t i = APIKEY_CHECK_MAX; i-- > 0; crc /= 62)
        out[i] = digits[crc % 62];
}

void apikey_new(char ret_id[APIKEY_ID_BYTES], char out[APIKEY_TEXT_BYTES])
{
    char secret[APIKEY_SECRET_MAX + 1] = "", check[APIKEY_CHECK_MAX + 1] = "";

    random_digits(id_digits, sizeof(id_digits) - 1, ret_id, APIKEY_ID_MAX);
    ret_id[APIKEY_ID_MAX] = '\0';
    random_digits(digits, sizeof(digits) - 1, secret, APIKEY_SECRET_MAX);
    int n = snprintf(out, APIKEY_TEXT_BYTES, PREFIX "%s_%s_", ret_id, secret);
    write_check((struct span){out, (size_t)n}, check);
    (void)snprintf(out + n, APIKEY_TEXT_BYTES - (size_t)n, "%s", check);
}

int apikey_parse(struct span text, char ret_id[APIKEY_ID_BYTES])
{
    const size_t id_at = sizeof(PREFIX) - 1, secret_at = id_at + APIKEY_ID_MAX + 1,
                 check_at = secret_at + APIKEY_SECRET_MAX + 1;
    char check[APIKEY_CHECK_MAX];

    if (text.n != APIKEY_TEXT_BYTES - 1 || !text_starts(text, PREFIX) ||
        !apikey_id_valid((struct span){text.at + id_at, APIKEY_ID_MAX}) ||
        text.at[secret_at - 1] != '_' || text.at[check_at - 1] != '_')
        return -EINVAL;
    write_check((struct span){text.at, check_at}, check);
    if (memcmp(check, text.at + check_at, sizeof(check)) != 0)
        return -EINVAL;
    memcpy(ret_id, text.at + id_at, APIKEY_ID_MAX);
    ret_id[APIKEY_ID_MAX] = '\0';
    return 0;
}

void apikey_hash(struct hmac *pepper, struct span text, unsigned char out[SHA256_BYTES])
{
    hmac_of(pepper, text, out);
}

/* ---- stream tokens ---- */

static void sign(struct hmac *pepper, const char *id, struct span job, int64_t until_s,
                 char out[SHA256_TEXT_BYTES])
{
    unsigned char mac[SHA256_BYTES];
    struct buf text;

    buf_init(&text, TOKEN_SIGNED_BYTES);
    /* No key begins like this, so no hash of a key is ever a token's. */
    buf_addf(&text, "stream\n%s\n%lld\n", id, (long long)until_s);
    buf_add_span(&text, job);
    hmac_of(pepper, buf_span(&text), mac);
    text_hex(mac, sizeof(mac), out);
    buf_deinit(&text);
}

void apikey_token(struct hmac *pepper, const char *id, struct span job, int64_t until_s,
                  char out[APIKEY_TOKEN_BYTES])
{
    char mac[SHA256_TEXT_BYTES];

    sign(pepper, id, job, until_s, mac);
    (void)snprintf(out, APIKEY_TOKEN_BYTES, TOKEN_PREFIX "%s.%lld.%s", id, (long long)until_s, mac);
}

int apikey_token_parse(struct hmac *pepper, struct span token, struct span job, int64_t now_s,
                       char ret_id[APIKEY_ID_BYTES])
{
    struct span rest = token, version, id_text, until_text, mac_text;
    char id[APIKEY_ID_BYTES], mac[SHA256_TEXT_BYTES];
    uint64_t until_s;

    if (!text_next(&rest, '.', &version) || !text_next(&rest, '.', &id_text) ||
        !text_next(&rest, '.', &until_text) || !text_next(&rest, '.', &mac_text) || rest.at ||
        !span_equal(version, SPAN("st1")) || !apikey_id_valid(id_text) || job.n > ID_TEXT_BYTES ||
        mac_text.n != sizeof(mac) - 1 ||
        text_to_u64(until_text, (uint64_t)TOKEN_UNTIL_MAX, &until_s) < 0)
        return -EINVAL;
    memcpy(id, id_text.at, APIKEY_ID_MAX);
    id[APIKEY_ID_MAX] = '\0';
    sign(pepper, id, job, (int64_t)until_s, mac);
    if (!secret_equal(mac, mac_text.at, mac_text.n) || (int64_t)until_s <= now_s)
        return -EINVAL;
    memcpy(ret_id, id, sizeof(id));
    return 0;
}
