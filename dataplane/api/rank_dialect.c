/* (G) Reads requests to judge texts and images, and to rank documents for a query. */
#include "rank_dialect.h"

#include "call_dialect.h"
#include "content_view.h"

/* --- moderations */

/* A text, texts, or parts of which some are images. */
static enum err read_input(struct member_reader *r, struct json_value v)
{
    struct json_iter it;
    struct json_member m;
    struct json_value kind;

    call_add_text(r->p, v.text.len);
    if (v.kind == JSON_STRING)
        return ERR_NONE;
    if (v.kind != JSON_ARRAY)
        return prompt_refuse(r->fault, "input must be a string, or an array of strings or parts", ERR_FORMAT);
    for (it = json_iter(v); json_next(&it, &m);) {
        if (m.value.kind == JSON_STRING)
            continue;
        if (m.value.kind != JSON_OBJECT || !json_get(m.value, "type", &kind))
            return prompt_refuse(r->fault, "input must be a string, or an array of strings or parts", ERR_FORMAT);
        if (json_string_is(kind, "image_url"))
            r->p->prompt_bound += CALL_IMAGE_TOKENS_MOST;
        else if (!json_string_is(kind, "text"))
            return prompt_refuse(r->fault, "A part of input must be text or image_url.", ERR_UNSUPPORTED);
    }
    return ERR_NONE;
}

static const struct member_rule moderation_rules[] = {
    MEMBERS_ROUTING,
    MEMBERS_LABELS,
    {.name = "input", .read = read_input},
    {.name = "user", .read = member_user},
    {.name = "stream", .read = call_no_stream},
};

/* OpenAI's clients may leave the model out, which is then this one. */
static const char default_model[] = "openai/omni-moderation-latest";

static enum err moderations_read(struct view body, struct prompt *out, struct prompt_fault *fault)
{
    enum err e;

    call_prompt_init(out, PROMPT_MODERATION, CALL_JUDGEMENTS);
    e = members_read(body, moderation_rules, sizeof moderation_rules / sizeof moderation_rules[0], call_keep_member,
                     out, fault);
    if (e != ERR_NONE)
        return e;
    if (out->prompt_bytes == 0)
        return call_missing(fault, "input");
    if (out->model[0] == '\0' && out->models.text.len == 0)
        memcpy(out->model, default_model, sizeof default_model);
    return ERR_NONE;
}

/* --- ranks */

static enum err read_query(struct member_reader *r, struct json_value v)
{
    struct view text;
    enum err e = prompt_read_text(v, "query must be a string", r->fault, &text);

    if (e == ERR_NONE && text.len == 0)
        return prompt_refuse(r->fault, "query is empty", ERR_FORMAT);
    if (e == ERR_NONE)
        call_add_text(r->p, text.len);
    return e;
}

/* A ranking query has up to 100 documents of up to 500 tokens each, the query included; more of either are more
 * queries. No token is shorter than a byte. query: its bytes; the rules are read in their order, it before this. */
static enum err read_documents(struct member_reader *r, struct json_value v)
{
    struct call_form *f = &r->p->call.form;
    const uint64_t query = r->p->prompt_bytes;
    uint64_t n = 0, pieces = 0;
    struct json_iter it;
    struct json_member m;

    if (query == 0)
        return call_missing(r->fault, "query");
    if (v.kind != JSON_ARRAY)
        return prompt_refuse(r->fault, "documents must be an array of strings or objects", ERR_FORMAT);
    for (it = json_iter(v); json_next(&it, &m); n++) {
        if (m.value.kind != JSON_STRING && m.value.kind != JSON_OBJECT)
            return prompt_refuse(r->fault, "documents must be an array of strings or objects", ERR_FORMAT);
        if (n == CALL_DOCUMENTS_MAX)
            return prompt_refuse(r->fault, "There may be 10,000 documents.", ERR_RANGE);
        pieces += (m.value.text.len + query) / CALL_DOCUMENT_TOKENS + 1;
        r->p->prompt_bound += query; /* it is read with each */
        call_add_text(r->p, m.value.text.len);
    }
    if (n == 0)
        return prompt_refuse(r->fault, "documents is empty", ERR_FORMAT);
    if (pieces > UINT32_MAX)
        return prompt_refuse(r->fault, "The documents and the query are too long together.", ERR_RANGE);
    f->units = (struct price_units){(uint32_t)((pieces - 1) / CALL_QUERY_DOCUMENTS + 1), PRICE_UNIT_query};
    f->guess = (uint32_t)((n - 1) / CALL_QUERY_DOCUMENTS + 1);
    return ERR_NONE;
}

static const struct member_rule rerank_rules[] = {
    MEMBERS_ROUTING,
    MEMBERS_LABELS,
    {.name = "query", .read = read_query},
    {.name = "documents", .read = read_documents},
    {.name = "top_n", .read = call_number},
    {.name = "top_k", .read = call_number},
    {.name = "return_documents", .read = call_flag},
    {.name = "rank_fields", .read = call_any},
    {.name = "max_chunks_per_doc", .read = call_number},
    {.name = "max_tokens_per_doc", .read = call_number},
    {.name = "user", .read = member_user},
    {.name = "stream", .read = call_no_stream},
};

static enum err rerank_read(struct view body, struct prompt *out, struct prompt_fault *fault)
{
    enum err e;

    call_prompt_init(out, PROMPT_RERANK, CALL_RANKS);
    e = members_read(body, rerank_rules, sizeof rerank_rules / sizeof rerank_rules[0], call_keep_member, out, fault);
    if (e != ERR_NONE)
        return e;
    return out->call.form.units.n == 0 ? call_missing(fault, "documents") : ERR_NONE;
}

const struct dialect moderations_dialect = {
    .name = "moderations",
    .read = moderations_read,
    .figures = call_figures,
    .failure = call_failure,
};

const struct dialect rerank_dialect = {
    .name = "rerank",
    .read = rerank_read,
    .figures = call_figures,
    .failure = call_failure,
};
