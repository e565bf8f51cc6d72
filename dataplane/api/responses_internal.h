/* What the files of the Responses dialect share. Private to responses_*.c. */
#ifndef TR_DATAPLANE_API_RESPONSES_INTERNAL_H
#define TR_DATAPLANE_API_RESPONSES_INTERNAL_H

#include "buf.h"
#include "json.h"
#include "message.h" /* CAP_... */
#include "prompt_read.h"

#include <stdbool.h>

/* --- the request: responses_read.c has the table of members */

struct responses_reader {
    struct prompt *p;
    struct prompt_fault *fault;
    bool turn;     /* the last message is the assistant's: more of its turn belongs to it */
    bool turn_said; /* it has text */
    bool asked;    /* the input has something in it */
    bool logprobs; /* asked for by "include" */
    size_t judged; /* bytes of schemas, of which SCHEMA_JUDGED_MAX are judged */
    uint64_t added; /* prompt tokens that translation adds, beyond one for each byte of the body */
};

typedef enum err responses_read_fn(struct responses_reader *r, struct json_value v);

/* responses_input.c: a text, or a list of items. */
responses_read_fn responses_read_instructions, responses_read_input;
/* responses_parts.c: the parts of a message's content, or of a tool's output. v: a string or an array. The
 * message or result that they belong to has been added. */
responses_read_fn responses_read_parts;
/* responses_tools.c. Each may come again ("additional_tools" in the input). */
responses_read_fn responses_read_tools, responses_read_tool_choice;

static inline enum err responses_refuse(struct responses_reader *r, const char *message, enum err e)
{
    return prompt_refuse(r->fault, message, e);
}

/* --- names of tools, responses_names.c
 *
 * A tool inside of a namespace, or with a name that chat providers do not take, has another name there. It is
 * made of the two names alone, so that the same tool has the same name in every turn. */
enum { RESPONSES_NAME_MAX = 64 };
/* Append the name for the provider, still escaped. space: empty for a tool of no namespace. */
must_check enum err responses_name(struct view space, struct view name, struct buf *out);
/* The same for a call or a tool, an object with a name and perhaps a namespace (space wins over it), as a view
 * that lives as long as the prompt. message: what is said when there is no name. */
must_check enum err responses_keep_name(struct responses_reader *r, struct view space,
                                        struct json_value object, const char *message,
                                        struct view *out);
/* The tool of `tools`, an array of a request that was read, that has this name at the provider. *space is
 * empty for one of no namespace. False: none, and *space is empty: the model made it up. */
bool responses_name_find(struct json_value tools, struct view name, struct view *space,
                         struct json_value *tool);

/* The member's text between its quotes; empty when it is absent or no string. */
static inline struct view responses_text(struct json_value object, const char *name)
{
    struct json_value v;

    return json_get(object, name, &v) && v.kind == JSON_STRING
               ? view_of(v.text.ptr + 1, v.text.len - 2)
               : VIEW_EMPTY;
}

/* Present and not null. */
static inline bool responses_has(struct json_value object, const char *name, struct json_value *out)
{
    return json_get(object, name, out) && out->kind != JSON_NULL;
}

#endif
