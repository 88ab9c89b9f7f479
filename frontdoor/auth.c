/* Who asks, and whether that is allowed.
 *
 * There is one path: a credential is read out of the request (read_credential: a key in
 * Authorization, or a stream token in the query of a route that takes it), its key is looked up
 * (keyring.c), and admit() alone decides, from the key's record, the credential and the route's
 * scope. Whether a key is unknown, expired, revoked or wrong is not told apart, neither in words
 * nor in work: a look-up and a comparison happen either way. No key, token or hash is ever logged;
 * ids of keys are no secrets.
 *
 * Without a pepper nobody is asked, which is why such a door binds loopback addresses only
 * (main.c), and why it refuses to serve when Redis says that there are keys. */
#include "auth.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "account.h"
#include "answer.h"
#include "apikey.h"
#include "clock.h"
#include "door.h"
#include "http.h"
#include "keyring.h"
#include "log.h"
#include "redis.h"
#include "routes.h"
#include "text.h"
#include "visit.h"
#include "watch.h"

#define SCHEME "bearer "
#define CHALLENGE "WWW-Authenticate: Bearer realm=\"parley\""

struct auth {
    struct door *door; /* borrowed: owns this */
    struct hmac *pepper;
    struct keyring *keyring; /* NULL without a pepper, as is `pepper` */
    struct caller everybody; /* without a pepper */
    bool known;              /* with a pepper, or Redis has said whether there are keys */
    bool locked;             /* keys exist that this door cannot check */
};

/* What the request shows. */
struct credential {
    char id[APIKEY_ID_BYTES];
    bool token; /* checked already; else `hash` must be the record's */
    unsigned char hash[SHA256_BYTES];
};

/* A request whose key Redis is asked about. */
struct admission {
    struct visit visit;
    struct route_match match; /* its spans live as long as the exchange */
    struct credential credential;
};

/* ---- answers ---- */

static void refuse(struct door *door, struct http_exchange *exchange, bool given)
{
    door->figures.refused[REFUSED_AUTH]++;
    answer_error_with(
        exchange, ERROR_UNAUTHORIZED,
        given ? CHALLENGE ", error=\"invalid_token\"\r\n" : CHALLENGE "\r\n",
        given ? "the key is not valid: it may be mistyped, revoked or expired"
              : "this address needs an API key: send \"Authorization: Bearer parley_…\"");
}

static void refuse_scope(struct door *door, struct http_exchange *exchange, enum apikey_scope scope)
{
    const char *name = apikey_scope_name(scope);
    char *headers CLEANUP(charp_freep) =
        xprintf(CHALLENGE ", error=\"insufficient_scope\", scope=\"%s\"\r\n", name);
    char *message CLEANUP(charp_freep) =
        xprintf("the key does not allow this: it lacks the scope \"%s\"", name);

    door->figures.refused[REFUSED_SCOPE]++;
    answer_error_with(exchange, ERROR_FORBIDDEN, headers, message);
}

/* ---- reading ---- */

enum given { GIVEN_NONE, GIVEN_ONE, GIVEN_BAD };

static enum given read_key(struct auth *auth, const struct http_request *request,
                           struct credential *credential)
{
    struct span field = {NULL, 0};
    size_t n = 0;

    for (size_t i = 0; i < request->n_headers; i++)
        if (text_equal_nocase(request->headers[i].name, SPAN("authorization"))) {
            field = request->headers[i].value;
            n++;
        }
    if (n == 0)
        return GIVEN_NONE;
    const size_t at = sizeof(SCHEME) - 1;
    if (n > 1 || field.n < at || !text_equal_nocase((struct span){field.at, at}, SPAN(SCHEME)))
        return GIVEN_BAD;
    struct span key = text_trim((struct span){field.at + at, field.n - at});
    if (apikey_parse(key, credential->id) < 0)
        return GIVEN_BAD;
    apikey_hash(auth->pepper, key, credential->hash);
    return GIVEN_ONE;
}

static enum given read_token(struct auth *auth, const struct http_exchange *exchange,
                             const struct route_match *match, struct credential *credential)
{
    char token[APIKEY_TOKEN_BYTES] = "";
    bool given = false;

    if (!match->route->takes_token)
        return GIVEN_NONE;
    bool whole = http_query(exchange, "token", token, sizeof(token), &given);
    if (!given)
        return GIVEN_NONE;
    credential->token = true;
    if (!whole || apikey_token_parse(auth->pepper, span_of(token), match->id,
                                     clock_wall_ms() / 1000, credential->id) < 0)
        return GIVEN_BAD;
    return GIVEN_ONE;
}

/* Two at once would leave open who is asking. */
static enum given read_credential(struct auth *auth, const struct http_exchange *exchange,
                                  const struct route_match *match, struct credential *credential)
{
    enum given key = read_key(auth, http_request(exchange), credential);

    if (key != GIVEN_NONE && match->route->takes_token) {
        bool token = false;
        char none[1];

        (void)http_query(exchange, "token", none, sizeof(none), &token);
        return token ? GIVEN_BAD : key;
    }
    return key != GIVEN_NONE ? key : read_token(auth, exchange, match, credential);
}

/* ---- deciding ---- */

static bool is_valid(const struct keyring_key *key, const struct credential *credential)
{
    static const unsigned char nothing[SHA256_BYTES];
    bool equal =
        secret_equal(key ? key->hash : nothing, credential->hash, sizeof(credential->hash));

    if (!key || (!equal && !credential->token))
        return false;
    return key->expires_ms == 0 || key->expires_ms > clock_wall_ms();
}

/* The exchange belongs to nobody here, or to a visit that is over. */
static void admit(struct door *door, struct http_exchange *exchange, struct route_match *match,
                  const struct keyring_key *key, const struct credential *credential)
{
    if (!is_valid(key, credential)) {
        log_info("event=auth.refused request=%s key=%s", http_request_id(exchange), credential->id);
        refuse(door, exchange, true);
    } else if (!(key->caller->scopes & 1U << match->route->scope)) {
        log_info("event=auth.forbidden request=%s key=%s scope=%s", http_request_id(exchange),
                 credential->id, apikey_scope_name((enum apikey_scope)match->route->scope));
        refuse_scope(door, exchange, (enum apikey_scope)match->route->scope);
    } else {
        match->caller = account_of(exchange)->caller = key->caller;
        match->route->fn(door, exchange, match);
    }
}

static void free_admission(struct visit *visit)
{
    free(CONTAINER_OF(visit, struct admission, visit));
}

static void on_key(const struct keyring_key *key, bool unavailable, void *arg)
{
    struct admission *admission = arg;

    if (!visit_heard(&admission->visit))
        return;
    struct http_exchange *exchange = admission->visit.exchange;
    struct door *door = admission->visit.door;
    struct route_match match = admission->match;
    struct credential credential = admission->credential;
    http_set_user(exchange, NULL, NULL);
    visit_over(&admission->visit);
    if (unavailable)
        answer_unavailable(exchange);
    else
        admit(door, exchange, &match, key, &credential);
}

static void ask(struct auth *auth, struct http_exchange *exchange, const struct route_match *match,
                const struct credential *credential)
{
    struct admission *admission = xcalloc(1, sizeof(*admission));

    visit_init(&admission->visit, auth->door, exchange, free_admission);
    admission->match = *match;
    admission->credential = *credential;
    visit_asked(&admission->visit);
    keyring_ask(auth->keyring, credential->id, on_key, admission);
}

void auth_answer_locked(struct http_exchange *exchange)
{
    answer_error(exchange, ERROR_UNAVAILABLE,
                 "there are API keys, but this door has no pepper to check them with");
}

void auth_admit(struct door *door, struct http_exchange *exchange, struct route_match *match)
{
    struct auth *auth = door->auth;
    struct credential credential = {0};
    const struct keyring_key *key = NULL;

    if (match->route->scope == ROUTE_PUBLIC || (!auth->pepper && auth->known && !auth->locked)) {
        match->caller = account_of(exchange)->caller = &auth->everybody;
        match->route->fn(door, exchange, match);
        return;
    }
    if (!auth->known) {
        answer_unavailable(exchange);
        return;
    }
    if (auth->locked) {
        auth_answer_locked(exchange);
        return;
    }
    enum given given = read_credential(auth, exchange, match, &credential);
    if (given != GIVEN_ONE)
        refuse(door, exchange, given == GIVEN_BAD);
    else if (keyring_find(auth->keyring, credential.id, &key))
        admit(door, exchange, match, key, &credential);
    else
        ask(auth, exchange, match, &credential);
}

char *auth_token(struct auth *auth, const struct caller *caller, struct span job, int64_t ttl_s)
{
    char token[APIKEY_TOKEN_BYTES];

    if (!auth->pepper)
        return NULL;
    apikey_token(auth->pepper, caller->key_id, job, clock_wall_ms() / 1000 + ttl_s, token);
    return xstrdup(token);
}

/* ---- life ---- */

static void on_count(const struct reply *reply, void *arg)
{
    struct auth *auth = arg;

    if (!reply || reply->type != REPLY_INTEGER)
        return;
    auth->known = true;
    auth->locked = reply->integer > 0;
    if (auth->locked)
        log_error("event=auth.locked keys=%lld reason=\"Redis has API keys, but "
                  "PARLEY_KEY_PEPPER is not set: nothing is served\"",
                  (long long)reply->integer);
}

void auth_check(struct auth *auth)
{
    if (!auth->pepper)
        redis_commandf(auth->door->commands, REDIS_ONCE, on_count, auth, "SCARD keys");
}

bool auth_knows(const struct auth *auth)
{
    return auth->known;
}

bool auth_locked(const struct auth *auth)
{
    return auth->locked;
}

static void on_gone(const struct caller *caller, void *arg)
{
    const struct auth *auth = arg;

    log_info("event=auth.key_gone key=%s", caller->key_id);
    watches_revoke(auth->door->watches, caller);
}

struct auth *auth_new(struct door *door, const char *pepper)
{
    struct auth *auth = xcalloc(1, sizeof(*auth));

    auth->door = door;
    auth->known = pepper != NULL;
    auth->everybody =
        (struct caller){.tenant = DOOR_TENANT, .tag = DOOR_TENANT, .scopes = UINT_MAX};
    if (pepper) {
        auth->pepper = hmac_new(span_of(pepper));
        auth->keyring = keyring_new(door, auth->pepper, on_gone, auth);
    }
    return auth;
}

struct auth *auth_free(struct auth *auth)
{
    if (!auth)
        return NULL;
    keyring_free(auth->keyring);
    hmac_free(auth->pepper);
    free(auth);
    return NULL;
}
