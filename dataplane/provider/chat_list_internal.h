/* (G) What the readers of a chat client's list share. Private to chat_list*.c. */
#ifndef TR_DATAPLANE_PROVIDER_CHAT_LIST_INTERNAL_H
#define TR_DATAPLANE_PROVIDER_CHAT_LIST_INTERNAL_H

#include "chat_request.h"
#include "prompt_read.h"

enum { CHAT_LIST_STEPS_MAX = 1 << 20 }; /* comparisons of results with calls, in one request */

struct chat_lister {
    const struct chat_request *r;
    struct prompt *p;
    struct prompt_fault *fault;
    uint32_t legacy_calls; /* calls in the way of old, which have no id */
    size_t turn;           /* the first item of the latest assistant message; results answer its calls */
    size_t next_call;      /* where the call of the next result is looked for first */
    size_t steps;          /* comparisons so far */
};

/* The member is there, and not null. */
static inline bool chat_list_has(struct json_value v)
{
    return v.text.len != 0 && v.kind != JSON_NULL;
}

/* Between the quotes of a string, still escaped; of any other value nothing. */
static inline struct view chat_list_text(struct json_value v)
{
    return v.kind == JSON_STRING ? view_of(v.text.ptr + 1, v.text.len - 2) : VIEW_EMPTY;
}

/* fault->param is the request's member that is being read. */
static inline enum err chat_list_refuse(struct chat_lister *l, const char *message, enum err e)
{
    return prompt_refuse(l->fault, message, e);
}

/* A member of the request that is there and not null. */
bool chat_list_member(const struct chat_lister *l, enum chat_key key, struct json_value *out);
/* The members of an object by these names, each at most once; others are passed over. One that is absent or null has no
 * text. ERR_DUPLICATE. */
must_check enum err chat_list_fields(struct chat_lister *l, struct json_value object, const char *const *names,
                                     size_t n, struct json_value *out);

/* chat_list_messages.c */
must_check enum err chat_list_messages(struct chat_lister *l, struct json_value messages);
/* chat_list_parts.c: content (text, or an array of parts), at the item that was begun last. The mark of a
 * part, a message or a tool: the object, or nothing. */
must_check enum err chat_list_content(struct chat_lister *l, struct json_value content);
must_check enum err chat_list_images(struct chat_lister *l, struct json_value images);
struct view chat_list_mark(struct json_value cache_control, struct json_value breakpoint);
/* chat_list_tools.c: "tools", "functions" and what is said of them */
must_check enum err chat_list_tools(struct chat_lister *l);

#endif
