/* (G) What the readers of Anthropic's answers share. Private to anthropic_read.c, anthropic_whole.c and
 * anthropic_figures.c. */
#ifndef TR_DATAPLANE_PROVIDER_ANTHROPIC_ANSWER_H
#define TR_DATAPLANE_PROVIDER_ANTHROPIC_ANSWER_H

#include "anthropic_read.h"
#include "json.h"
#include "openai_body.h"

enum anthropic_block { BLOCK_NONE, BLOCK_TEXT, BLOCK_THINKING, BLOCK_CALL, BLOCK_OTHER };

/* A string's inside, still escaped; empty for what is none. */
static inline struct view anthropic_text(struct json_value object, const char *name)
{
    struct json_value v;

    return json_get(object, name, &v) && v.kind == JSON_STRING ? view_of(v.text.ptr + 1, v.text.len - 2) : VIEW_EMPTY;
}

/* anthropic_figures.c: takes what a usage object tells, each figure in place of the one before; and writes
 * ,"usage":{...} when one has told any. */
void anthropic_figures_take(struct anthropic_reading *r, struct json_value usage);
void anthropic_figures_put(const struct anthropic_reading *r, struct body *b);

/* A stop reason as a number, 0: none that is told. Its own word, and chat's. */
uint8_t anthropic_stop_read(struct json_value v);
struct view anthropic_stop_word(uint8_t stop);
struct view anthropic_stop_finish(uint8_t stop);

/* {"type":"reasoning.text",...} with what there is; "reasoning.encrypted" of data. */
void anthropic_put_detail(struct body *b, struct view text, struct view signature, uint32_t index);
void anthropic_put_redacted(struct body *b, struct view data, uint32_t index);
/* An annotation of chat for a citation of these characters of the text. False: chat has none for it. */
bool anthropic_put_citation(struct body *b, struct json_value citation, uint32_t from, uint32_t to);
/* Characters of an escaped text. */
uint32_t anthropic_characters(struct view escaped);
/* An error object, or a document that is one. */
void anthropic_error_read(struct json_value root, struct chat_error *error);
/* anthropic_whole.c: a message as a chunk (whole: as a completion). */
must_check enum err anthropic_message(struct chat_canon *c, struct json_value message, bool whole, struct buf *chat);

#endif
