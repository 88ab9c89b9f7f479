#pragma once
/* The most a debate may have; schemas/debate.json says the same to clients. */

#define DEBATE_MIN_PERSONAS 2
#define DEBATE_MAX_PERSONAS 12
#define DEBATE_MAX_CHOICES 12
#define DEBATE_MAX_ROUNDS 5 /* of exchange, after the blind one */
#define DEBATE_MAX_REASONS 5
#define DEBATE_SYNTHESIS_TRIES 2
#define DEBATE_MAX_PROMPT_BYTES (1U << 20) /* above the largest request with its digests */
