#pragma once
/* How long a debate's calls may take: what is left of its time, in equal parts for every round that
 * must still be held and for the synthesis. */

#include <stdbool.h>

struct debate;
struct run;

/* Breaks off what the current round still waits for when its time is up; those personas are absent
 * from it. */
void pace_round(struct run *run, struct debate *debate);
/* Breaks off the look at the passages when a tenth of the time is gone. */
void pace_retrieval(struct run *run, const struct debate *debate, const char *key);
/* Whether there is time for another round as slow as the last, and for a synthesis. */
bool pace_allows_round(const struct run *run, const struct debate *debate);
/* Breaks off the synthesis when its time is up. */
void pace_synthesis(struct run *run, struct debate *debate);
