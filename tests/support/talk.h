#pragma once
/* Conversations with Redis: a command in words, its reply flattened to one line. Arrays are [a b
 * c], nil is
 * -, integers and texts are themselves, an error is !text, no answer is ?. */

struct loop;
struct redis;

/* Turns the loop until the reply came. Valid until the next call. */
const char *talk(struct loop *loop, struct redis *redis, const char *command);

/* Turns the loop until *flag, at most 20 s; aborts the test otherwise. */
void wait_for(struct loop *loop, const int *flag);
