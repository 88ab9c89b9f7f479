/* The digest: code, not a model, decides what is passed on.
 *
 * Equal answers are one position, whoever and however many gave them: the reader learns which
 * reasons exist, not where the majority stands (most changes of mind without a reason follow the
 * head count). A position keeps its two strongest reasons that do not repeat each other; strength
 * is the speaker's confidence, then the personas' order. Letters are shuffled per reader, so that
 * "A" means nothing. A pure function of its arguments; all texts are borrowed from the verdicts. */
#include "digest.h"

#include "buf.h"
#include "line.h"
#include "verdict.h"

#define MAX_REASON_BYTES 300
#define MAX_NAME_BYTES 80

static struct digest_group *group_of(struct digest *digest, struct answer answer)
{
    for (size_t i = 0; i < digest->n_groups; i++)
        if (ballot_same(digest->ballot, digest->groups[i].answer, answer))
            return &digest->groups[i];
    digest->groups[digest->n_groups] = (struct digest_group){.answer = answer};
    return &digest->groups[digest->n_groups++];
}

static bool is_told(const struct digest *digest, struct span reason)
{
    for (size_t i = 0; i < digest->n_groups; i++)
        for (size_t j = 0; j < digest->groups[i].n_reasons; j++)
            if (line_alike(digest->groups[i].reasons[j], reason))
                return true;
    return false;
}

/* The most confident speaker not taken yet, n when all are. */
static size_t next_speaker(const struct verdict *const *standing, size_t n, size_t reader,
                           const bool taken[DEBATE_MAX_PERSONAS])
{
    size_t best = n;

    for (size_t i = 0; i < n; i++) {
        if (i == reader || taken[i] || !standing[i] || !standing[i]->answer.given)
            continue;
        if (best == n || standing[i]->confidence > standing[best]->confidence)
            best = i;
    }
    return best;
}

static void add_reasons(struct digest *digest, const struct verdict *verdict, size_t speaker)
{
    struct digest_group *group = group_of(digest, verdict->answer);

    for (size_t i = 0; i < verdict->n_reasons && group->n_reasons < DIGEST_REASONS; i++)
        if (!is_told(digest, verdict->reasons[i])) {
            group->speakers[group->n_reasons] = speaker;
            group->reasons[group->n_reasons++] = verdict->reasons[i];
        }
}

static void shuffle(struct digest *digest, const uint64_t words[DEBATE_MAX_PERSONAS])
{
    for (size_t i = digest->n_groups; i > 1; i--) {
        size_t j = (size_t)(words[i - 1] % i);
        struct digest_group kept = digest->groups[i - 1];
        digest->groups[i - 1] = digest->groups[j];
        digest->groups[j] = kept;
    }
}

void digest_make(struct digest *digest, const struct ballot *ballot,
                 const struct verdict *const *standing, size_t n, size_t reader,
                 const uint64_t words[DEBATE_MAX_PERSONAS])
{
    bool taken[DEBATE_MAX_PERSONAS] = {false};
    size_t i;

    *digest = (struct digest){.ballot = ballot};
    while ((i = next_speaker(standing, n, reader, taken)) < n) {
        taken[i] = true;
        add_reasons(digest, standing[i], i);
    }
    shuffle(digest, words);
}

void digest_write(const struct digest *digest, const struct span *names, struct buf *out)
{
    for (size_t i = 0; i < digest->n_groups; i++) {
        const struct digest_group *group = &digest->groups[i];
        buf_addf(out, "%c. ", (char)('A' + i));
        ballot_write(digest->ballot, group->answer, out);
        buf_add_char(out, '\n');
        for (size_t j = 0; j < group->n_reasons; j++) {
            buf_addf(out, "  %c%zu: ", (char)('A' + i), j + 1);
            if (names) {
                line_add(out, names[group->speakers[j]], MAX_NAME_BYTES);
                buf_add_text(out, " says: ");
            }
            line_add(out, group->reasons[j], MAX_REASON_BYTES);
            buf_add_char(out, '\n');
        }
    }
}

bool digest_has(const struct digest *digest, struct span id)
{
    if (id.n != 2 || id.at[0] < 'A' || id.at[1] < '1')
        return false;
    size_t group = (size_t)(id.at[0] - 'A'), reason = (size_t)(id.at[1] - '1');
    return group < digest->n_groups && reason < digest->groups[group].n_reasons;
}
