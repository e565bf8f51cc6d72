/* (G) What the files that write a Messages request share: anthropic_plan.c decides what a model's gates leave of it,
 * anthropic_render.c writes settings and tools, anthropic_turns.c the conversation, anthropic_blocks.c texts, images,
 * documents and marks, anthropic_files.c which files are texts, anthropic_thoughts.c what the model thought. Private to
 * these and anthropic_fits.c. */
#ifndef TR_DATAPLANE_PROVIDER_ANTHROPIC_BODY_H
#define TR_DATAPLANE_PROVIDER_ANTHROPIC_BODY_H

#include "destination.h"
#include "openai_body.h"

enum {
    ANTHROPIC_MARKS_MAX = 4,      /* of a cache, in one request */
    ANTHROPIC_BUDGET_MIN = 1024,  /* tokens of thoughts; the API's */
    ANTHROPIC_OUTPUT_MAX = 4096,  /* of a model of which nothing is known: each has as much */
    ANTHROPIC_NAME_MAX = 128,     /* bytes of a tool's name */
    ANTHROPIC_CALL_NAME_MAX = 200, /* of one that was called before */
    ANTHROPIC_TITLE_MAX = 500,    /* bytes of a document's title */
};

enum anthropic_thinking {
    THINKING_UNSAID,   /* nothing is said: as the model does by itself */
    THINKING_OFF,      /* disabled */
    THINKING_BETWEEN,  /* between_tools, the least that some models have */
    THINKING_BUDGET,   /* enabled, with a number of tokens */
    THINKING_ADAPTIVE, /* as much as the effort says, or the model likes */
};

/* What is sent, after the model's gates. */
struct anthropic_plan {
    uint32_t max_tokens, budget;
    enum anthropic_thinking thinking;
    enum prompt_effort effort;      /* EFFORT_UNSAID: not sent */
    enum prompt_choice_kind choice;
    bool only_chosen;               /* no other tool is sent: the choice itself cannot be */
    bool sampling;                  /* temperature, top_p, top_k may be sent */
};
struct anthropic_plan anthropic_plan(const struct prompt *p, const struct destination *d, uint32_t max_output);

/* The body as it is written. */
struct anthropic_body {
    struct body b;
    const struct destination *to;
    struct anthropic_plan plan;
    size_t marks_left_out; /* the first so many marks are not sent */
    bool short_mark;       /* one of five minutes was, or has to be: those behind it are, too */
};

static inline bool anthropic_gated(const struct destination *d, enum model_gate gate)
{
    return (d->model->gates.bits & (uint32_t)gate) != 0;
}

/* Tokens are thought before the answer, as far as the request decides. */
static inline bool anthropic_thinks(const struct anthropic_plan *p)
{
    return p->thinking == THINKING_BUDGET || p->thinking == THINKING_ADAPTIVE;
}

/* anthropic_turns.c: "system":[...],"messages":[...] with what follows a comma before each. */
void anthropic_put_conversation(struct anthropic_body *a);

/* anthropic_blocks.c */
/* An escaped text of white space alone, which the API refuses. */
bool anthropic_is_blank(struct view escaped);
bool anthropic_is_text(const struct prompt_item *i);
/* A text, image or file as a block, behind another when *any. last: the conversation ends with it. */
void anthropic_put_part(struct anthropic_body *a, const struct prompt_item *i, bool last, bool *any);
void anthropic_put_text_block(struct anthropic_body *a, struct view literal, bool *any);
/* ,"cache_control":{...} */
void anthropic_put_mark(struct anthropic_body *a, struct view mark);
size_t anthropic_count_marks(const struct prompt_list *l);
/* "abc", as the API takes ids. */
void anthropic_put_id(struct body *b, struct view id);
/* Whether this image or file can be sent. */
bool anthropic_takes_image(const struct prompt_item *i, const struct model_gates *gates);
bool anthropic_takes_file(const struct prompt_item *i);

/* anthropic_files.c: is this base64 (escaped, with line breaks) that of a text in UTF-8? */
bool anthropic_is_text_file(struct view data);

/* anthropic_thoughts.c: the thoughts that begin at item i of n; returns how many items they are. */
size_t anthropic_put_thoughts(struct anthropic_body *a, const struct prompt_item *i, size_t n, bool *any);
/* Is there one among n items that this model may be sent? */
bool anthropic_has_thoughts(const struct prompt_item *i, size_t n, const struct destination *d);

#endif
