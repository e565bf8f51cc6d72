/* What the renderers of a translated request share: openai_render.c writes settings and tools,
 * openai_messages.c the conversation. Private to these two. */
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
/* What stands between the quotes of a JSON string; goes between quotes. */
void body_put_text(struct body *b, struct prompt_text text);
/* The same of bytes that become text: quotes and backslashes are escaped once more. */
void body_put_escaped(struct body *b, struct view bytes);
#define BODY_PUT(b, literal) body_put(b, VIEW_LIT(literal))

/* May a member of this class be sent? Those that all OpenAI-compatible providers know always may. */
enum member_class { MEMBER_COMMON, MEMBER_OPENAI, MEMBER_EXTENSION };
bool body_may_send(const struct provider *p, enum member_class class, struct view name);

/* "messages":[...] ERR_MEMORY sticks in b->e. */
void body_put_messages(struct body *b);

#endif
