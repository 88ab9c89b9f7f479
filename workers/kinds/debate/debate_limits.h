#pragma once
/* The most a debate may have; schemas/debate.json says the same to clients. */

#define DEBATE_MIN_PERSONAS 2
#define DEBATE_MAX_PERSONAS 12
#define DEBATE_MAX_CHOICES 12
#define DEBATE_MAX_ROUNDS 5 /* of exchange, after the blind one */
#define DEBATE_MAX_REASONS 5
