/* What the renderers of a translated request share: openai_render.c writes settings and tools,
 * openai_messages.c the conversation, openai_turn.c one turn of the model, openai_content.c what a message
 * holds. openai_fill.c another call of the same API. Private to these five. */
#ifndef TR_DATAPLANE_PROVIDER_OPENAI_BODY_H
#define TR_DATAPLANE_PROVIDER_OPENAI_BODY_H

#include "buf.h"
#include "prompt.h"
#include "providers.h"

/* The body as it is written, front to back. The first failure sticks: later calls do nothing. */
struct body {
    const struct prompt *prompt;
    const struct provider *provider;
    const char *model; /* the provider's name of it */
    struct buf *out;
    enum err e;
};

void body_put(struct body *b, struct view text);
/* Goes between quotes: the text, or the JSON value as text, without white space between its tokens. */
void body_put_text(struct body *b, struct prompt_text text);
/* The same of bytes that become text: quotes and backslashes are escaped once more. */
void body_put_escaped(struct body *b, struct view bytes);
#define BODY_PUT(b, literal) body_put(b, VIEW_LIT(literal))

/* May a member of this class be sent? Those that all OpenAI-compatible providers know always may. */
enum member_class { MEMBER_COMMON, MEMBER_OPENAI, MEMBER_EXTENSION };
bool body_may_send(const struct provider *p, enum member_class class, struct view name);

/* --- openai_render.c: what begins a body, and the settings that its provider may be sent --- */
void body_put_model(struct body *b);
void body_put_number(struct body *b, uint64_t n);
/* A member that is true or false: head ends with its colon. on < 0: not said, nothing is written. */
void body_put_switch(struct body *b, struct view head, int on);
void body_put_settings(struct body *b);
/* The body is complete; on failure it is wiped and taken back. */
enum err body_end(struct body *b, size_t start);

/* "messages":[...] */
void body_put_messages(struct body *b);

/* Of one turn, items in a row that are assistant messages with their parts: the members behind the role. */
void body_put_turn(struct body *b, const struct prompt_item *item, size_t n);

/* --- openai_content.c: the parts of one message --- */
bool content_has_text(const struct prompt_item *i);
bool content_any_media(const struct prompt_item *item, size_t n);
/* All texts as the inside of one string, a blank line between two. Was there any? */
bool content_put_texts(struct body *b, const struct prompt_item *item, size_t n);
/* One part, behind another one when *any. */
void content_put_part(struct body *b, const struct prompt_item *i, bool *any);
/* ,"content":... : text alone is one string, which every provider takes. */
void content_put(struct body *b, const struct prompt_item *item, size_t n);

#endif
