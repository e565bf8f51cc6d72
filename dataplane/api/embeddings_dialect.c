/* (G) Reads a request for embeddings, and adds the bill's figures to the answer, which an adapter has made. */
#include "embeddings_dialect.h"

#include "content_view.h"
#include "error_body.h"
#include "pen.h"
#include "members.h"

/* --- the request */

/* One input has been read: its tokens are no more than `bound`, and about as many as `bytes` of text have. */
static enum err add_input(struct member_reader *r, uint64_t bound, uint64_t bytes)
{
    if (++r->p->embeddings.form.n_inputs > EMBEDDINGS_INPUTS_MAX)
        return prompt_refuse(r->fault, "input may hold 2048 texts or arrays of token ids", ERR_RANGE);
    r->p->prompt_bound += bound + EMBEDDINGS_TEMPLATE_TOKENS;
    r->p->prompt_bytes += bytes;
    return ERR_NONE;
}

/* What an escape stands for is no longer than it. */
static enum err read_input_text(struct member_reader *r, struct json_value v)
{
    struct view text;
    enum err e = prompt_read_text(v, "input must hold texts alone, or arrays of token ids alone", r->fault, &text);

    if (e == ERR_NONE && text.len == 0)
        return prompt_refuse(r->fault, "input holds an empty text", ERR_FORMAT);
    return e == ERR_NONE ? add_input(r, text.len, text.len) : e;
}

enum { BYTES_OF_TOKEN = 4 }; /* as estimates count text: BILL_BYTES_PER_TOKEN */

static enum err read_input_ids(struct member_reader *r, struct json_value v)
{
    struct json_iter it = json_iter(v);
    struct json_member m;
    uint32_t id;
    size_t n = 0;
    enum err e = ERR_NONE;

    if (v.kind != JSON_ARRAY)
        return prompt_refuse(r->fault, "input must hold texts alone, or arrays of token ids alone", ERR_FORMAT);
    for (; e == ERR_NONE && json_next(&it, &m); n++)
        e = prompt_read_count(m.value, 0, INT32_MAX, "input holds what is no token id", r->fault, &id);
    if (e == ERR_NONE && n == 0)
        return prompt_refuse(r->fault, "input holds an empty array", ERR_FORMAT);
    return e == ERR_NONE ? add_input(r, n, n * BYTES_OF_TOKEN) : e;
}

/* The first element says of which kind all are. */
static enum err read_input(struct member_reader *r, struct json_value v)
{
    struct json_iter it = json_iter(v);
    struct json_member m;
    member_fn *read;
    enum err e = ERR_NONE;

    r->p->embeddings.input = v.text;
    if (v.kind == JSON_STRING)
        return read_input_text(r, v);
    if (v.kind != JSON_ARRAY)
        return prompt_refuse(r->fault, "input must be a text, an array of token ids, or an array of either",
                             ERR_FORMAT);
    if (!json_next(&it, &m))
        return prompt_refuse(r->fault, "input holds an empty array", ERR_FORMAT);
    if (m.value.kind == JSON_OBJECT)
        return prompt_refuse(r->fault, "Content parts as input are not supported; send texts.", ERR_UNSUPPORTED);
    if (m.value.kind == JSON_NUMBER)
        return read_input_ids(r, v);
    read = m.value.kind == JSON_STRING ? read_input_text : read_input_ids;
    for (it = json_iter(v); e == ERR_NONE && json_next(&it, &m);)
        e = read(r, m.value);
    return e;
}

static enum err read_encoding(struct member_reader *r, struct json_value v)
{
    r->p->embeddings.form.base64 = json_string_is(v, "base64");
    return r->p->embeddings.form.base64 || json_string_is(v, "float")
               ? ERR_NONE
               : prompt_refuse(r->fault, "encoding_format must be float or base64", ERR_FORMAT);
}

static enum err read_dimensions(struct member_reader *r, struct json_value v)
{
    return prompt_read_count(v, 1, EMBEDDINGS_DIMENSIONS_MAX, "dimensions must be an integer from 1 to 65536",
                             r->fault, &r->p->embeddings.form.dimensions);
}

static enum err read_stream(struct member_reader *r, struct json_value v)
{
    bool stream = false;
    enum err e = prompt_read_bool(v, r->fault, &stream);

    return e != ERR_NONE || !stream
               ? e
               : prompt_refuse(r->fault, "There are no streams of embeddings.", ERR_UNSUPPORTED);
}

static const struct member_rule rules[] = {
    MEMBERS_ROUTING,
    MEMBERS_LABELS,
    {.name = "input", .read = read_input},
    {.name = "encoding_format", .read = read_encoding},
    {.name = "dimensions", .read = read_dimensions},
    {.name = "user", .read = member_user},
    {.name = "stream", .read = read_stream},
};

/* A member that only some providers know ("input_type"). */
static enum err keep_member(struct member_reader *r, const struct json_member *m)
{
    struct prompt_embeddings *x = &r->p->embeddings;

    r->fault->member = m->key;
    for (size_t i = 0; i < x->n_members; i++)
        if (view_eq(x->member[i].key, m->key))
            return prompt_refuse(r->fault, "This member appears more than once.", ERR_DUPLICATE);
    if (x->n_members == EMBEDDINGS_MEMBERS_MAX)
        return prompt_refuse(r->fault, "This member is not known.", ERR_UNSUPPORTED);
    x->member[x->n_members++] = *m;
    r->fault->member = VIEW_EMPTY;
    return ERR_NONE;
}

/* A provider may put what a member says ("instruction") in front of each input. */
static void bound_members(struct prompt *p)
{
    const struct prompt_embeddings *x = &p->embeddings;

    for (size_t i = 0; i < x->n_members; i++)
        p->prompt_bound += (uint64_t)x->member[i].value.text.len * x->form.n_inputs;
}

static enum err embeddings_read(struct view body, struct prompt *out, struct prompt_fault *fault)
{
    enum err e;

    *out = (struct prompt){.kind = PROMPT_EMBEDDINGS, .n_choices = 1};
    prompt_list_init(&out->list);
    e = members_read(body, rules, sizeof rules / sizeof rules[0], keep_member, out, fault);
    if (e != ERR_NONE)
        return e;
    if (out->embeddings.form.n_inputs == 0) {
        fault->param = "input";
        return prompt_refuse(fault, "This member is required.", ERR_FORMAT);
    }
    bound_members(out);
    return ERR_NONE;
}

/* --- the answer */

static enum err embeddings_figures(const struct answer *a, const struct token_usage *usage, struct buf *whole)
{
    size_t end = whole->len;
    struct pen p = {.out = whole};

    whole->len--; /* the closing brace */
    if (a->openrouter) {
        pen_text(&p, ",\"id\":\"embd-");
        pen_text(&p, a->id + 4); /* behind "gen-" */
        pen_text(&p, "\"");
    }
    pen_text(&p, ",\"usage\":{\"prompt_tokens\":");
    pen_number(&p, usage->prompt);
    pen_text(&p, ",\"total_tokens\":");
    pen_number(&p, usage->prompt);
    if (a->openrouter)
        pen_cost(&p, a->cost_nusd, usage, "prompt", "completions");
    pen_text(&p, "}}");
    if (p.e != ERR_NONE) {
        whole->len = end;
        whole->ptr[end - 1] = '}';
    }
    return p.e;
}

static enum err embeddings_failure(const struct api_failure *f, const struct id *request, bool openrouter,
                                   struct buf *out)
{
    (void)request;
    return openrouter ? error_openrouter_body(f, out) : error_body(f, out);
}

const struct dialect embeddings_dialect = {
    .name = "embeddings",
    .read = embeddings_read,
    .figures = embeddings_figures,
    .failure = embeddings_failure,
};
