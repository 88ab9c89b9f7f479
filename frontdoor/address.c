/* Addresses of clients. Nothing here asks a name server, and X-Forwarded-For is believed only as
 * far as trusted proxies have written it: each appends the address it saw, so the field is read
 * from its end. */
#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#include "error.h"
#include "http.h"
#include "text.h"

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static void set_v4(struct address *address, const void *bytes)
{
    memcpy(address->bytes, mapped, sizeof(mapped));
    memcpy(address->bytes + sizeof(mapped), bytes, 4);
    address->known = true;
}

static bool is_v4(const struct address *address)
{
    return memcmp(address->bytes, mapped, sizeof(mapped)) == 0;
}

/* Takes the brackets and the port off. */
static struct span strip_port(struct span text)
{
    if (text.n > 0 && text.at[0] == '[') {
        const char *end = memchr(text.at, ']', text.n);
        return end ? (struct span){text.at + 1, (size_t)(end - text.at) - 1} : text;
    }
    const char *colon = text.n > 0 ? memchr(text.at, ':', text.n) : NULL;
    if (colon && colon == (const char *)memrchr(text.at, ':', text.n))
        return (struct span){text.at, (size_t)(colon - text.at)};
    return text;
}

int address_parse(struct span text, struct address *ret_address)
{
    struct span bare = strip_port(text);
    char name[INET6_ADDRSTRLEN];
    struct address address = {0};
    uint8_t bytes[16];

    if (bare.n == 0 || bare.n >= sizeof(name))
        return -EINVAL;
    memcpy(name, bare.at, bare.n);
    name[bare.n] = '\0';
    if (inet_pton(AF_INET, name, bytes) == 1)
        set_v4(&address, bytes);
    else if (inet_pton(AF_INET6, name, address.bytes) == 1)
        address.known = true;
    else
        return -EINVAL;
    *ret_address = address;
    return 0;
}

void address_of(const struct sockaddr_storage *socket_address, struct address *ret_address)
{
    *ret_address = (struct address){0};
    if (socket_address->ss_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, socket_address, sizeof(in));
        set_v4(ret_address, &in.sin_addr);
    } else if (socket_address->ss_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, socket_address, sizeof(in6));
        memcpy(ret_address->bytes, &in6.sin6_addr, sizeof(ret_address->bytes));
        ret_address->known = true;
    }
}

bool address_is_loopback(const struct address *address)
{
    static const uint8_t one[16] = {[15] = 1};

    return address->known && (is_v4(address) ? address->bytes[12] == IN_LOOPBACKNET
                                             : memcmp(address->bytes, one, sizeof(one)) == 0);
}

void address_text(const struct address *address, char out[ADDRESS_TEXT_BYTES])
{
    struct address net = *address;
    char text[INET6_ADDRSTRLEN] = "?";
    bool v4 = is_v4(address);

    if (!v4)
        for (size_t i = 8; i < sizeof(net.bytes); i++)
            net.bytes[i] = 0;
    if (address->known)
        (void)inet_ntop(v4 ? AF_INET : AF_INET6, net.bytes + (v4 ? sizeof(mapped) : 0), text,
                        sizeof(text));
    (void)snprintf(out, ADDRESS_TEXT_BYTES, "%s%s", text, v4 || !address->known ? "" : "/64");
}

static int parse_network(struct span item, struct network *network)
{
    const char *slash = item.n > 0 ? memchr(item.at, '/', item.n) : NULL;
    struct span host = {item.at, slash ? (size_t)(slash - item.at) : item.n};
    uint64_t n_bits = 0;

    if (address_parse(host, &network->address) < 0)
        return -EINVAL;
    unsigned whole = is_v4(&network->address) ? 32 : 128;
    if (slash && text_to_u64((struct span){slash + 1, item.n - host.n - 1}, whole, &n_bits) < 0)
        return -EINVAL;
    network->n_bits = 128 - whole + (slash ? (unsigned)n_bits : whole);
    return 0;
}

int networks_parse(const char *list, struct networks *ret_networks, struct error *error)
{
    struct span rest = span_of(list), item;

    *ret_networks = (struct networks){0};
    while (text_next(&rest, ',', &item)) {
        if (ret_networks->n == NETWORKS_MAX)
            return error_set(error, ERROR_CONFIG, -EINVAL, "more than %d networks", NETWORKS_MAX);
        if (parse_network(item, &ret_networks->items[ret_networks->n]) < 0)
            return error_set(error, ERROR_CONFIG, -EINVAL,
                             "\"%.*s\" is no network like 10.0.0.0/8 or 2001:db8::/32", (int)item.n,
                             item.at);
        ret_networks->n++;
    }
    return 0;
}

static bool network_has(const struct network *network, const struct address *address)
{
    unsigned n_bytes = network->n_bits / 8, n_bits = network->n_bits % 8;

    if (memcmp(network->address.bytes, address->bytes, n_bytes) != 0)
        return false;
    return n_bits == 0 ||
           (network->address.bytes[n_bytes] ^ address->bytes[n_bytes]) >> (8 - n_bits) == 0;
}

bool networks_have(const struct networks *networks, const struct address *address)
{
    for (size_t i = 0; address->known && i < networks->n; i++)
        if (network_has(&networks->items[i], address))
            return true;
    return false;
}

/* One field of X-Forwarded-For, from its end. false: *address is the client's. */
static bool walk_field(const struct networks *trusted, struct span field, struct address *address)
{
    while (field.n > 0) {
        const char *comma = memrchr(field.at, ',', field.n);
        size_t at = comma ? (size_t)(comma - field.at) + 1 : 0;
        struct address found;

        if (address_parse(text_trim((struct span){field.at + at, field.n - at}), &found) < 0)
            return false;
        *address = found;
        if (!networks_have(trusted, &found))
            return false;
        field.n = at > 0 ? at - 1 : 0;
    }
    return true;
}

void address_of_client(const struct networks *trusted, const struct address *peer,
                       const struct http_request *request, struct address *ret_address)
{
    *ret_address = *peer;
    if (!networks_have(trusted, peer))
        return;
    for (size_t i = request->n_headers; i-- > 0;)
        if (text_equal_nocase(request->headers[i].name, SPAN("x-forwarded-for")) &&
            !walk_field(trusted, request->headers[i].value, ret_address))
            return;
}
