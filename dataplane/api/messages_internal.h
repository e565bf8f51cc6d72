/* What the files of the dialect messages share. Private to them. */
#ifndef TR_DATAPLANE_API_MESSAGES_INTERNAL_H
#define TR_DATAPLANE_API_MESSAGES_INTERNAL_H

#include "messages.h"
#include "message.h" /* enum catalog_capability */
#include "prompt_read.h"

/* --- reading --- */

struct messages_reader {
    struct prompt *p;
    struct prompt_fault *fault;
    bool since_2026; /* version 2026-10-21 or later */
    bool counting;   /* messages/count_tokens */
};

/* A member of an object and the kinds its value may have, as bits 1 << enum json_kind. */
struct messages_field {
    const char *name;
    unsigned kinds;
};
enum {
    OF_TEXT = 1 << JSON_STRING,
    OF_NUMBER = 1 << JSON_NUMBER,
    OF_LIST = 1 << JSON_ARRAY,
    OF_OBJECT = 1 << JSON_OBJECT,
    OF_BOOL = 1 << JSON_TRUE | 1 << JSON_FALSE,
    OF_ANY = 0x7f,
};

/* Finds the n fields among the members of v; text.len 0: absent or null. A field that is there twice is
 * ERR_DUPLICATE, one of a wrong kind ERR_FORMAT. strict: a member that is none of them is
 * ERR_UNSUPPORTED; else it is left out. */
must_check enum err messages_fields(struct messages_reader *r, struct json_value v,
                                    const struct messages_field *fields, size_t n, bool strict,
                                    struct json_value *out);

static inline bool messages_has(struct json_value v)
{
    return v.text.len != 0;
}

/* Between the quotes of a string; empty for what is absent. */
static inline struct view messages_text(struct json_value v)
{
    return v.kind == JSON_STRING && v.text.len != 0 ? view_of(v.text.ptr + 1, v.text.len - 2) : VIEW_EMPTY;
}

static inline enum err messages_refuse(struct messages_reader *r, const char *param, const char *message,
                                       enum err e)
{
    r->fault->param = param;
    return prompt_refuse(r->fault, message, e);
}

/* The same, naming what the client wrote. */
static inline enum err messages_refuse_member(struct messages_reader *r, struct view member,
                                              const char *message)
{
    r->fault->member = member;
    return prompt_refuse(r->fault, message, ERR_UNSUPPORTED);
}

/* messages_read.c: dialect.read of the two versions */
must_check enum err messages_read_2023(struct view body, struct prompt *out, struct prompt_fault *fault);
must_check enum err messages_read_2026(struct view body, struct prompt *out, struct prompt_fault *fault);
/* dialect.read_count: the same without max_tokens, for messages/count_tokens */
must_check enum err messages_read_count_2023(struct view body, struct prompt *out,
                                             struct prompt_fault *fault);
must_check enum err messages_read_count_2026(struct view body, struct prompt *out,
                                             struct prompt_fault *fault);
/* dialect.count: {"input_tokens":N}, an estimate: the provider that will serve the messages is not asked. */
must_check enum err messages_count(const struct prompt *p, struct buf *out);
/* messages_turns.c */
must_check enum err messages_read_system(struct messages_reader *r, struct json_value v);
must_check enum err messages_read_turns(struct messages_reader *r, struct json_value v);
/* messages_blocks.c: text blocks, or a string, of a system message. */
must_check enum err messages_read_blocks(struct messages_reader *r, enum prompt_role role,
                                         struct json_value content);
/* A cache mark, kept for providers that read one. */
must_check enum err messages_read_mark(struct messages_reader *r, struct json_value v);
/* messages_tools.c */
must_check enum err messages_read_tools(struct messages_reader *r, struct json_value v);
must_check enum err messages_read_choice(struct messages_reader *r, struct json_value v);
/* messages_thinking.c: the first two are thoughts of an earlier turn, the rest settings */
must_check enum err messages_add_thought(struct messages_reader *r, struct view text,
                                         struct view signature);
must_check enum err messages_add_redacted(struct messages_reader *r, struct view data);
must_check enum err messages_read_thinking(struct messages_reader *r, struct json_value v);
must_check enum err messages_read_output(struct messages_reader *r, struct json_value v);
must_check enum err messages_read_format(struct messages_reader *r, struct json_value v);

#endif
