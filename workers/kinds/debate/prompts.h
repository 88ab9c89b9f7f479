#pragma once
/* What the models are asked. */

#include "base.h"

struct buf;
struct corpus_batch;
struct debate;
struct llm_question;
struct run;
struct turn;

/* Asks how near a batch of passages is to the question. */
struct prompts_batch {
    const struct debate *debate;
    const struct corpus_batch *batch;
};
void prompts_nearness(struct run *run, struct llm_question *question, const void *arg);

/* Builders for run_ask(); arg is the struct turn. */
void prompts_persona(struct run *run, struct llm_question *question, const void *arg);
/* The same question again, to another of the request's providers if it names one. */
void prompts_hedge(struct run *run, struct llm_question *question, const void *arg);
/* What the synthesis is written from. */
void prompts_write_synthesis(const struct debate *debate, struct buf *out);
void prompts_synthesis(struct run *run, struct llm_question *question, const void *arg);
