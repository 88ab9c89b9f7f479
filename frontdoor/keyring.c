/* What the door knows of API keys.
 *
 * A record is believed for FRESH_MS, and that there is no such key for a shorter time; a message on
 * the channel `keys` makes the door forget that id at once, and each (re)connect of the
 * subscription makes it forget all. So a revoked key ends at once, or, where the message was lost
 * together with the connection, FRESH_MS later at the latest. Never is an old record used because
 * Redis does not answer.
 *
 * Entries are ordered by age; the oldest goes when there are MAX_ENTRIES, so whoever tries ids at
 * random costs a bounded amount of memory. Callers are kept for good: readers point to them. */
#include "keyring.h"

#include <search.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "clock.h"
#include "door.h"
#include "log.h"
#include "redis.h"
#include "text.h"

#define FRESH_MS 10000
#define FRESH_UNKNOWN_MS 2000
#define MAX_ENTRIES 10000
#define CHANNEL "keys"
#define MAX_SLEEP_MS 60000 /* the wall clock may be set */

struct card {
    char id[APIKEY_ID_BYTES]; /* first: the tree compares it */
    bool known;
    struct keyring_key key;
    int64_t until_ms; /* monotonic */
    TAILQ_ENTRY(card) link;
};

struct named_caller {
    struct caller caller;
    int64_t expires_ms; /* of its key, wall clock; 0 = never, or told already */
    LIST_ENTRY(named_caller) link;
};

/* A question under way: the command owns it. */
struct asking {
    struct keyring *keyring; /* borrowed */
    char id[APIKEY_ID_BYTES];
    keyring_fn *fn; /* NULL: nobody waits; its streams end when it is gone */
    void *arg;
    uint64_t era; /* of the keyring when it was asked */
};

struct keyring {
    struct door *door; /* borrowed: owns this */
    struct hmac *pepper;
    struct redis_channel *channel;
    void *tree;                /* tsearch, of struct card by id */
    TAILQ_HEAD(, card) oldest; /* the oldest first */
    LIST_HEAD(, named_caller) callers;
    size_t n;
    uint64_t era; /* moves with everything that is forgotten: an older answer is not remembered */
    struct loop_timer expiry; /* of the key that ends next */
    keyring_gone_fn *on_gone;
    void *arg;
};

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

static struct card *find_entry(struct keyring *keyring, const char *id)
{
    void *found = tfind(id, &keyring->tree, compare);

    return found ? *(struct card **)found : NULL;
}

static void drop_entry(struct keyring *keyring, struct card *entry)
{
    (void)tdelete(entry->id, &keyring->tree, compare);
    TAILQ_REMOVE(&keyring->oldest, entry, link);
    keyring->n--;
    free(entry);
}

static void forget_all(void *arg)
{
    struct keyring *keyring = arg;
    struct card *entry;

    keyring->era++;
    while ((entry = TAILQ_FIRST(&keyring->oldest)))
        drop_entry(keyring, entry);
}

static struct named_caller *find_caller(struct keyring *keyring, const char *id)
{
    struct named_caller *caller;

    LIST_FOREACH(caller, &keyring->callers, link)
    if (strcmp(caller->caller.key_id, id) == 0)
        return caller;
    return NULL;
}

/* Another use of the pepper than keys and tokens, so that none can stand for the other. */
static void write_tag(struct keyring *keyring, struct caller *caller)
{
    CLEANUP(charp_freep) char *text = xprintf("tenant-tag\n%s", caller->tenant);
    unsigned char hash[SHA256_BYTES];

    hmac_of(keyring->pepper, span_of(text), hash);
    text_hex(hash, sizeof(caller->tag) / 2, caller->tag);
}

/* Its streams end with a key; requests look at the time themselves. */
static void on_expiry(void *arg)
{
    struct keyring *keyring = arg;
    struct named_caller *caller;
    int64_t now_ms = clock_wall_ms(), next_ms = now_ms + MAX_SLEEP_MS;

    LIST_FOREACH(caller, &keyring->callers, link)
    {
        if (caller->expires_ms == 0)
            continue;
        if (caller->expires_ms > now_ms) {
            next_ms = caller->expires_ms < next_ms ? caller->expires_ms : next_ms;
            continue;
        }
        caller->expires_ms = 0;
        keyring->on_gone(&caller->caller, keyring->arg);
    }
    loop_timer_set(&keyring->expiry, next_ms - now_ms);
}

/* The one struct of that key; a key never changes its tenant or scopes, but may get an end. */
static struct named_caller *caller_of(struct keyring *keyring, const char *id, struct span tenant,
                                      unsigned scopes)
{
    struct named_caller *found = find_caller(keyring, id);

    if (found && span_equal(span_of(found->caller.tenant), tenant) &&
        found->caller.scopes == scopes)
        return found;
    found = xcalloc(1, sizeof(*found));
    (void)snprintf(found->caller.key_id, sizeof(found->caller.key_id), "%s", id);
    (void)snprintf(found->caller.tenant, sizeof(found->caller.tenant), "%s", tenant.at);
    found->caller.scopes = scopes;
    write_tag(keyring, &found->caller);
    LIST_INSERT_HEAD(&keyring->callers, found, link);
    return found;
}

/* ---- asking ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_hash(struct span text, unsigned char out[SHA256_BYTES])
{
    if (text.n != 2 * (size_t)SHA256_BYTES)
        return false;
    for (size_t i = 0; i < SHA256_BYTES; i++) {
        int high = hex_digit(text.at[2 * i]), low = hex_digit(text.at[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        out[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

/* {tenant, scopes, hash, expires_ms} of parley1_key_get. false: no key, or a record nobody of ours
 * wrote, which opens nothing. */
static bool read_key(struct keyring *keyring, const char *id, const struct reply *reply,
                     struct keyring_key *key)
{
    uint64_t expires_ms;
    unsigned scopes;

    if (reply->type != REPLY_ARRAY || reply->n != 4)
        return false;
    struct span tenant = reply->items[0]->text;
    if (!apikey_tenant_valid(tenant) || apikey_scopes_parse(reply->items[1]->text, &scopes) < 0 ||
        !read_hash(reply->items[2]->text, key->hash) ||
        text_to_u64(reply->items[3]->text, INT64_MAX, &expires_ms) < 0) {
        log_error("event=key.unreadable key=%s", id);
        return false;
    }
    struct named_caller *caller = caller_of(keyring, id, tenant, scopes);
    key->caller = &caller->caller;
    key->expires_ms = caller->expires_ms = (int64_t)expires_ms;
    if (expires_ms > 0)
        on_expiry(keyring);
    return true;
}

static const struct card *remember(struct keyring *keyring, const struct card *what)
{
    struct card *entry = find_entry(keyring, what->id);

    if (entry)
        drop_entry(keyring, entry);
    else if (keyring->n == MAX_ENTRIES)
        drop_entry(keyring, TAILQ_FIRST(&keyring->oldest));
    entry = xmemdup(what, sizeof(*what));
    entry->until_ms = clock_monotonic_ms() + (what->known ? FRESH_MS : FRESH_UNKNOWN_MS);
    if (!tsearch(entry->id, &keyring->tree, compare))
        abort();
    TAILQ_INSERT_TAIL(&keyring->oldest, entry, link);
    keyring->n++;
    return entry;
}

static void answer(const struct asking *asking, const struct keyring_key *key, bool unavailable)
{
    struct keyring *keyring = asking->keyring;
    struct named_caller *caller = find_caller(keyring, asking->id);

    if (asking->fn)
        asking->fn(key, unavailable, asking->arg);
    else if (!key && !unavailable && caller)
        keyring->on_gone(&caller->caller, keyring->arg);
}

static void on_key(const struct reply *reply, void *arg)
{
    const struct asking *asking = arg;
    struct keyring *keyring = asking->keyring;
    struct card entry = {0};

    if (!reply || reply->type == REPLY_ERROR) {
        if (reply)
            log_debug("event=key.refused error=\"%s\"", reply->text.at);
        answer(asking, NULL, true);
        return;
    }
    memcpy(entry.id, asking->id, sizeof(entry.id));
    entry.known = read_key(keyring, asking->id, reply, &entry.key);
    if (asking->era == keyring->era)
        (void)remember(keyring, &entry);
    answer(asking, entry.known ? &entry.key : NULL, false);
}

void keyring_ask(struct keyring *keyring, const char *id, keyring_fn *fn, void *arg)
{
    struct asking *asking = xcalloc(1, sizeof(*asking));
    char at[CLOCK_TEXT_BYTES];

    clock_text(clock_wall_ms(), at);
    *asking = (struct asking){.keyring = keyring, .fn = fn, .arg = arg, .era = keyring->era};
    (void)snprintf(asking->id, sizeof(asking->id), "%s", id);
    struct span argv[] = {
        SPAN("FCALL"), SPAN("parley1_key_get"), SPAN("0"), span_of(asking->id), span_of(at),
    };
    redis_command(keyring->door->commands, REDIS_ONCE | REDIS_OWN, on_key, asking, ARRAY_SIZE(argv),
                  argv);
}

bool keyring_find(struct keyring *keyring, const char *id, const struct keyring_key **ret_key)
{
    const struct card *entry = find_entry(keyring, id);

    if (!entry || entry->until_ms <= clock_monotonic_ms())
        return false;
    *ret_key = entry->known ? &entry->key : NULL;
    return true;
}

/* ---- hearing ---- */

/* A message says that something changed, Redis says what. */
static void on_message(struct span message, void *arg)
{
    struct keyring *keyring = arg;
    char id[APIKEY_ID_BYTES] = "";

    if (!apikey_id_valid(message))
        return;
    memcpy(id, message.at, message.n);
    keyring->era++;
    struct card *entry = find_entry(keyring, id);
    if (entry)
        drop_entry(keyring, entry);
    if (find_caller(keyring, id))
        keyring_ask(keyring, id, NULL, NULL);
}

/* What was said meanwhile is lost: nothing is believed, and a key that is gone ends its streams. */
static void on_subscribed(void *arg)
{
    struct keyring *keyring = arg;
    struct named_caller *caller;

    forget_all(keyring);
    LIST_FOREACH(caller, &keyring->callers, link)
    keyring_ask(keyring, caller->caller.key_id, NULL, NULL);
}

struct keyring *keyring_new(struct door *door, struct hmac *pepper, keyring_gone_fn *on_gone,
                            void *arg)
{
    struct keyring *keyring = xcalloc(1, sizeof(*keyring));

    keyring->door = door;
    keyring->pepper = pepper;
    keyring->on_gone = on_gone;
    keyring->arg = arg;
    TAILQ_INIT(&keyring->oldest);
    LIST_INIT(&keyring->callers);
    loop_timer_init(&keyring->expiry, door->loop, on_expiry, keyring);
    keyring->channel =
        redis_subscribe(door->subscriptions, CHANNEL, on_subscribed, on_message, keyring);
    return keyring;
}

struct keyring *keyring_free(struct keyring *keyring)
{
    struct named_caller *caller;

    if (!keyring)
        return NULL;
    keyring->channel = redis_unsubscribe(keyring->channel);
    loop_timer_clear(&keyring->expiry);
    forget_all(keyring);
    while ((caller = LIST_FIRST(&keyring->callers))) {
        LIST_REMOVE(caller, link);
        free(caller);
    }
    free(keyring);
    return NULL;
}
