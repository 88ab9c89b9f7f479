/* Makes a value that a schema of the two vendors' structured outputs allows: closed objects with
 * all properties, enum, const, anyOf, local $ref, arrays, the six types. Numbers keep to minimum
 * and maximum where given.
 *
 * Deterministic: members are drawn in the schema's order. A schema it cannot follow gives null.
 * Depth is bounded, since a $ref may lead back to itself; at the bound null, or the first branch
 * that ends, is taken. */
#include "speech_json.h"

#include <stdio.h>

#include "draw.h"
#include "json.h"
#include "text.h"

#define MAX_DEPTH 12

struct maker {
    const struct json *root;
    struct draw *draw;
    int depth;
};

static struct json *make(struct maker *maker, const struct json *schema);

/* "#/$defs/name": walks the root; ~0 and ~1 are not needed for the names vendors allow. */
static const struct json *resolve(const struct maker *maker, struct span ref)
{
    const struct json *at = maker->root;
    struct span part;
    char key[128];

    if (!text_next(&ref, '/', &part) || !span_equal(part, SPAN("#")))
        return NULL;
    while (text_next(&ref, '/', &part)) {
        (void)snprintf(key, sizeof(key), "%.*s", (int)part.n, part.at);
        at = json_get(at, key);
    }
    return at;
}

static struct json *make_string(struct maker *maker)
{
    static const char *const texts[] = {
        "rehearsal text",        "as the rehearsal would have it", "said in rehearsal only",
        "a rehearsal's opinion", "a plain rehearsal answer",
    };

    return json_new_string(span_of(texts[draw_below(maker->draw, ARRAY_SIZE(texts))]));
}

static struct json *make_integer(struct maker *maker, const struct json *schema)
{
    int64_t low = json_get_integer(schema, "minimum", 0);
    int64_t high = json_get_integer(schema, "maximum", low + 100);

    if (high < low)
        return json_new_integer(low);
    return json_new_integer(low + (int64_t)draw_below(maker->draw, (size_t)(high - low) + 1));
}

static struct json *make_number(struct maker *maker, const struct json *schema)
{
    double low = json_get_number(schema, "minimum", 0);
    double high = json_get_number(schema, "maximum", low + 1);
    double hundredths = (double)draw_below(maker->draw, 101);

    return json_new_number(low + (high - low) * hundredths / 100);
}

static struct json *make_array(struct maker *maker, const struct json *schema)
{
    struct json *array = json_array();
    int64_t least = json_get_integer(schema, "minItems", 0);
    int64_t most = json_get_integer(schema, "maxItems", least > 2 ? least : 2);
    int64_t n =
        least + (int64_t)draw_below(maker->draw, (size_t)(most > least ? most - least : 0) + 1);

    for (int64_t i = 0; i < n && i < 16; i++)
        json_append(array, make(maker, json_get(schema, "items")));
    return array;
}

struct object_making {
    struct maker *maker;
    struct json *object;
};

static bool make_member(const char *key, const struct json *schema, void *arg)
{
    struct object_making *making = arg;

    json_set(making->object, key, make(making->maker, schema));
    return true;
}

static struct json *make_object(struct maker *maker, const struct json *schema)
{
    struct object_making making = {maker, json_object()};

    json_each(json_get(schema, "properties"), make_member, &making);
    return making.object;
}

/* The type to make: of several the first that is not null, unless depth forbids more. */
static struct span type_of(const struct maker *maker, const struct json *schema)
{
    const struct json *type = json_get(schema, "type");

    if (json_is(type, JSON_STRING))
        return json_string(type);
    for (size_t i = 0; i < json_length(type); i++) {
        struct span name = json_string(json_at(type, i));
        if (span_equal(name, SPAN("null")) == (maker->depth > MAX_DEPTH))
            return name;
    }
    return json_get(schema, "properties") ? SPAN("object") : SPAN("null");
}

static struct json *make_typed(struct maker *maker, const struct json *schema)
{
    struct span type = type_of(maker, schema);

    if (span_equal(type, SPAN("string")))
        return make_string(maker);
    if (span_equal(type, SPAN("integer")))
        return make_integer(maker, schema);
    if (span_equal(type, SPAN("number")))
        return make_number(maker, schema);
    if (span_equal(type, SPAN("boolean")))
        return json_new_bool(draw_below(maker->draw, 2) == 1);
    if (span_equal(type, SPAN("array")))
        return make_array(maker, schema);
    if (span_equal(type, SPAN("object")))
        return make_object(maker, schema);
    return json_new_null();
}

static struct json *make_here(struct maker *maker, const struct json *schema)
{
    const struct json *choices = json_get(schema, "enum"), *any = json_get(schema, "anyOf");

    if (json_get(schema, "$ref"))
        return make(maker, resolve(maker, json_get_string(schema, "$ref", "")));
    if (json_get(schema, "const"))
        return json_copy(json_get(schema, "const"));
    if (json_length(choices) > 0)
        return json_copy(json_at(choices, draw_below(maker->draw, json_length(choices))));
    if (json_length(any) > 0)
        return make(maker, json_at(any, maker->depth > MAX_DEPTH / 2 ? json_length(any) - 1 : 0));
    return make_typed(maker, schema);
}

static struct json *make(struct maker *maker, const struct json *schema)
{
    if (maker->depth > 2 * MAX_DEPTH)
        return json_new_null();
    maker->depth++;
    struct json *value = make_here(maker, schema);
    maker->depth--;
    return value;
}

struct json *speech_json(const struct json *schema, const struct json *root, struct draw *draw)
{
    struct maker maker = {.root = root, .draw = draw};

    return make(&maker, schema);
}
