/* (G) What the dialects of one question and one whole answer share (llm/call.h): images_dialect.c, audio_dialect.c and
 * rank_dialect.c are rows made of these. */
#ifndef TR_DATAPLANE_API_CALL_DIALECT_H
#define TR_DATAPLANE_API_CALL_DIALECT_H

#include "dialect.h"
#include "members.h"
#include "multipart.h"

/* An empty prompt of this kind. */
void call_prompt_init(struct prompt *p, enum prompt_kind kind, enum call_answer answer);
/* ERR_FORMAT: the member is missing. */
must_check enum err call_missing(struct prompt_fault *fault, const char *name);

/* --- members of a JSON body */
member_fn call_text, call_number, call_flag, call_any; /* of this type, or any; they travel as they came */
member_fn call_no_stream;                              /* only false */
/* A member without a rule: kept for the providers whose row allows it. */
enum err call_keep_member(struct member_reader *r, const struct json_member *m);

/* --- fields of a form */
typedef enum err form_fn(struct member_reader *r, const struct multipart_part *part);
struct form_rule {
    const char *name;
    form_fn *read;
    bool many; /* it may appear more than once */
};
enum { FORM_RULES_MAX = 24 };
/* Reads a multipart body into *p, which call_prompt_init() has made. Fails as members_read() does; a field without a
 * rule is kept as call_keep_member() does. */
must_check enum err form_read(struct view body, const struct form_rule *rules, size_t n_rules, struct prompt *p,
                              struct prompt_fault *fault);
form_fn form_model, form_user, form_text, form_number, form_no_stream;
form_fn form_file; /* counted in p->call */
/* A whole number from min to max. */
must_check enum err form_count(const struct multipart_part *part, uint32_t min, uint32_t max, const char *message,
                               struct prompt_fault *fault, uint32_t *out);
#define FORM_COMMON                                                                                \
    {.name = "model", .read = form_model}, {.name = "user", .read = form_user},                    \
        {.name = "stream", .read = form_no_stream}

/* --- text that is paid by its characters or tokens */
/* Characters of what stands between the quotes of a JSON string. */
uint32_t call_characters(struct view escaped);
/* So many bytes of text are read as prompt. */
void call_add_text(struct prompt *p, uint64_t bytes);

/* --- the answer */
enum err call_figures(const struct answer *a, const struct token_usage *usage, struct buf *whole);
enum err call_failure(const struct api_failure *f, const struct id *request, bool openrouter, struct buf *out);

#endif
