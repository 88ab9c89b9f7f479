/* Which provider a call asks: the question's own first, then those it may fall back to, in their
 * order. What is left of the list only gets shorter, so that a call ends. */
#include <errno.h>
#include <stdlib.h>

#include "llm_call.h"
#include "log.h"
#include "provider.h"
#include "text.h"

static void take(struct llm_call *call, const struct provider *provider)
{
    call->provider = provider;
    call->provider_at = 0;
    while (strcmp(provider_at(call->llm->providers, call->provider_at)->name, provider->name) != 0)
        call->provider_at++;
    call->without = call->llm->without[call->provider_at];
}

int llm_choose_first(struct llm_call *call, struct error *error)
{
    const struct provider *provider =
        call->question.embeds ? provider_embeddings(call->llm->providers, error)
                              : provider_find(call->llm->providers, call->question.provider, error);

    call->fallback = span_of(call->question.fallback);
    if (provider)
        take(call, provider);
    return provider || llm_choose_next(call) ? 0 : -ENOENT;
}

bool llm_choose_next(struct llm_call *call)
{
    struct span name;

    while (text_next(&call->fallback, ',', &name)) {
        CLEANUP(charp_freep) char *wanted = xspandup(name);
        const struct provider *provider = provider_find(call->llm->providers, wanted, NULL);

        if (!provider || provider == call->provider)
            continue;
        log_info("event=llm.fallback from=%s to=%s",
                 call->provider ? call->provider->name : "nobody", provider->name);
        /* The model's name means nothing to another provider. */
        free(call->question.model);
        call->question.model = NULL;
        take(call, provider);
        call->n_retries = 0;
        return true;
    }
    return false;
}
