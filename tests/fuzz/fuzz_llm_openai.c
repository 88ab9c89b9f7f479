/* The chat/completions answers: see llm_reader_fuzz.h. */
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
        .wire = &llm_wire_openai,
        .api_key = key,
        .models = models,
        .strip_think = true,
        .reasoning_apart = true,
    };

    return fuzz_reader(&provider, data, size);
}
