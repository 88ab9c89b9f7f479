/* How often a tenant, and an address, may submit.
 *
 * A tenant's rates are those of the kind (x-rates in its schema), unless Redis has others for it
 * (rates.lua), and count for whoever comes with a key. An address has one rate over all kinds,
 * whoever comes from it; loopback has none, because a proxy that nobody declared
 * (PARLEY_TRUSTED_PROXIES) would make one client of everybody. */
#include "limits.h"

#include <stdio.h>
#include <sys/socket.h>

#include "address.h"
#include "buf.h"
#include "door.h"
#include "http.h"
#include "keyring.h"
#include "policy.h"

#define US_PER_S INT64_C(1000000)
/* Of an address: a burst is what it may do in so many seconds. */
#define ADDRESS_BURST_S 2

static void add(struct limits *limits, const char *name, int64_t per_s, int64_t burst)
{
    limits->rates[limits->n] = (struct job_rate){
        .key = limits->keys[limits->n], .interval_us = US_PER_S / per_s, .burst = burst};
    limits->names[limits->n++] = name;
}

static void add_address(const struct door *door, const struct http_exchange *exchange,
                        struct limits *limits)
{
    int64_t per_s = door->config->address_rate;
    char text[ADDRESS_TEXT_BYTES];
    struct sockaddr_storage peer;
    struct address address;

    if (per_s == 0)
        return;
    http_peer(exchange, &peer);
    address_of(&peer, &address);
    address_of_client(&door->trusted, &address, http_request(exchange), &address);
    if (!address.known || address_is_loopback(&address))
        return;
    address_text(&address, text);
    (void)snprintf(limits->keys[limits->n], LIMITS_KEY_BYTES, "rate:@%s", text);
    add(limits, "address", per_s, ADDRESS_BURST_S * per_s);
}

void limits_of(const struct door *door, const struct http_exchange *exchange,
               const struct caller *caller, const struct policy *policy,
               const struct policy_rate *rate, struct limits *ret_limits)
{
    ret_limits->n = 0;
    if (rate && caller->key_id[0]) {
        (void)snprintf(ret_limits->keys[0], LIMITS_KEY_BYTES, "rate:%s:%s:%s", caller->tenant,
                       policy->kind, rate->name);
        add(ret_limits, rate->name, rate->per_s, rate->burst);
    }
    add_address(door, exchange, ret_limits);
}

static long long seconds_up(int64_t ms)
{
    return (long long)((ms + 999) / 1000);
}

void limits_write(const struct limits *limits, const struct job_rate_state *state, bool refused,
                  struct buf *out)
{
    if (state->index >= limits->n)
        return;
    const char *name = limits->names[state->index];
    int64_t window_us = state->interval_us * state->burst;
    buf_addf(out, "RateLimit-Policy: \"%s\";q=%lld;w=%lld\r\n", name, (long long)state->burst,
             (long long)((window_us + US_PER_S - 1) / US_PER_S));
    buf_addf(out, "RateLimit: \"%s\";r=%lld;t=%lld\r\n", name, (long long)state->remaining,
             seconds_up(state->wait_ms));
    if (refused)
        buf_addf(out, "Retry-After: %lld\r\n", seconds_up(state->wait_ms));
}
