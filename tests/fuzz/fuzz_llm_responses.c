/* The answers in the responses format: see llm_reader_fuzz.h. */
#include "llm_reader_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct model models[] = {
        {.output_usd = 1, .input_usd = 1}
    };
    static char key[] = "secretkey";
    static const struct provider provider = {
        .name = "openai",
        .wire = &llm_wire_responses,
        .api_key = key,
        .models = models,
    };

    return fuzz_reader(&provider, data, size);
}
