/* The answers with embeddings: see llm_reader_fuzz.h. */
#include "llm_reader_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_wire(&llm_wire_embeddings, data, size);
}
