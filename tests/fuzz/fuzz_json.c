/* Any bytes: the scanner and the builder agree, and what is taken survives being written and read.
 */
#include <assert.h>
#include <stdlib.h>

#include "buf.h"
#include "error.h"
#include "json.h"
#include "text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct span text = {(const char *)data, n};
    struct json *json = NULL, *again = NULL;
    struct error error = {0};
    int r = json_scan(text, NULL, &error);

    assert((r < 0) == (error.message[0] != '\0'));
    assert(json_parse(text, NULL, &json, NULL) == r);
    if (r < 0)
        return 0;
    assert(text_is_utf8(text));
    char *written = json_text(json);
    assert(json_parse(span_of(written), NULL, &again, NULL) == 0);
    assert(json_equal(json, again));
    char *twice = json_text(again);
    assert(strcmp(written, twice) == 0);
    struct json *copy = json_copy(json);
    assert(json_equal(json, copy));
    copy = json_free(copy);
    free(twice);
    free(written);
    again = json_free(again);
    json = json_free(json);
    return 0;
}
