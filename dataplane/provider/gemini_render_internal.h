/* What the renderers of a generateContent request share: gemini_render.c puts the body together, gemini_config.c
 * writes generationConfig, gemini_tools.c the tools, gemini_schema.c their schemas, gemini_contents.c the
 * conversation, gemini_signs.c says which signature belongs where, gemini_parts.c writes parts. Private to these. */
#ifndef TR_DATAPLANE_PROVIDER_GEMINI_RENDER_INTERNAL_H
#define TR_DATAPLANE_PROVIDER_GEMINI_RENDER_INTERNAL_H

#include "destination.h"
#include "openai_body.h"

struct gemini_body {
    struct body b; /* the writer; its first failure sticks */
    const struct model_gates *gates;
    bool vertex; /* Vertex knows no ids of calls and no "store" */
};
#define GEMINI_PUT(g, literal) body_put(&(g)->b, VIEW_LIT(literal))

static inline bool gemini_gated(const struct gemini_body *g, enum model_gate gate)
{
    return (g->gates->bits & gate) != 0;
}
/* Models that need a signature with a replayed call are those since Gemini 3. They also know ids of calls, attachments
 * inside of results and the resolution of one part. */
static inline bool gemini_since_3(const struct gemini_body *g)
{
    return gemini_gated(g, GATE_SIGNS_CALLS);
}

/* --- gemini_config.c --- */

/* ,"generationConfig":{...}, or nothing. */
void gemini_put_config(struct gemini_body *g, uint32_t max_output);
bool gemini_config_fits(const struct prompt *p, const struct destination *d, struct view *refused);

/* --- gemini_tools.c --- */

/* ,"tools":[...],"toolConfig":{...}, or nothing. */
void gemini_put_tools(struct gemini_body *g);
bool gemini_tools_fit(const struct prompt *p, const struct destination *d, struct view *refused);
/* The prompt's tools are left out: the model may use none, and takes none beside a JSON format. */
bool gemini_omits_tools(const struct prompt *p, const struct model_gates *gates);

/* --- gemini_schema.c --- */

/* A validated JSON Schema as Gemini's *JsonSchema takes it. */
void gemini_put_schema(struct gemini_body *g, struct view schema);

/* --- gemini_contents.c --- */

/* "systemInstruction":{...},"contents":[...] */
void gemini_put_contents(struct gemini_body *g);

/* --- gemini_signs.c --- */

enum {
    /* Signatures that are read of one turn: a model signs its answer and one of the calls made at once, or one of
     * each step that a client put into one turn. */
    GEMINI_SIGNS_MAX = 64,
};
struct gemini_signs {
    struct gemini_sign {
        struct view id, data; /* of the call, or empty: of the answer; between quotes, escaped */
        bool used;
    } sign[GEMINI_SIGNS_MAX];
    size_t n;
};
/* Google's signatures among the items of one turn. */
void gemini_signs_read(struct gemini_signs *s, const struct prompt_item *item, size_t n);
/* That of the answer itself; empty: none. */
struct view gemini_sign_of_answer(const struct gemini_signs *s);
/* That of a call; first: it is the turn's first, to which one belongs whose call has another id now. */
struct view gemini_sign_of_call(struct gemini_signs *s, const struct prompt_item *call, bool first);
/* What may be sent as a signature: base64 between quotes. */
bool gemini_is_sign(struct view text);

/* --- gemini_parts.c --- */

/* Can the item, which is media, be sent to this endpoint? */
bool gemini_media_fits(const struct prompt_item *i, const struct destination *d);
/* {"text":...}, {"inlineData":...} or {"fileData":...}; sign: its signature or empty. */
void gemini_put_part(struct gemini_body *g, const struct prompt_item *i, struct view sign);
void gemini_put_call(struct gemini_body *g, const struct prompt_item *i, struct view sign);
/* Of a call: its result, whose n parts are at `part`; result NULL: there is none. */
void gemini_put_result(struct gemini_body *g, const struct prompt_item *call, const struct prompt_item *result,
                       const struct prompt_item *part, size_t n);

#endif
