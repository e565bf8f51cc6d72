/* (G) Writes JSON piece by piece. The first failure sticks: later calls do nothing, and the caller looks at
 * e once. */
#ifndef TR_DATAPLANE_API_PEN_H
#define TR_DATAPLANE_API_PEN_H

#include "buf.h"
#include "tokens.h"

struct pen {
    struct buf *out; /* NULL: nothing is written, and nothing fails */
    enum err e;
};

void pen_put(struct pen *p, struct view text);
/* A JSON value of others', on one line: what stands between tokens may hold line feeds. */
void pen_json(struct pen *p, struct view value);
void pen_text(struct pen *p, const char *text); /* of ours, as it is */
void pen_number(struct pen *p, uint64_t n);
void pen_usd(struct pen *p, int64_t nusd); /* dollars as a number */
void pen_string(struct pen *p, struct view plain);  /* escaped and quoted */
void pen_quoted(struct pen *p, struct view escaped); /* quoted */

/* The members of a chat client's "usage". */
void pen_figures(struct pen *p, const struct token_usage *u);

/* ,"cost":...,"cost_details":{...} for a client of OpenRouter's API, which says "prompt" and "completions" of chat,
 * "input" and "output" of Responses. */
void pen_cost(struct pen *p, int64_t cost_nusd, const struct token_usage *u, const char *prompt, const char *completion);

#endif
