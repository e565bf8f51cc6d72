/* (G) Renders a request for embeddings, and reads the answer. */
#include "openai_embeddings.h"

#include "chat_members.h"
#include "chat_parts.h"
#include "content_view.h"
#include "openai_body.h"
#include "secret.h"
#include "vector.h"

#include <assert.h>
#include <stdlib.h>

enum {
    RENDER_SLACK = 1024,    /* what stands around input and members: names, numbers, the model's id escaped */
    ANSWER_MEMBERS_MAX = 64, /* of an answer, and of one vector's object; more are no embeddings */
    ANSWER_SLACK = 1024,    /* behind the list, for the model and what the bill adds */
};

/* --- the request */

bool openai_embeddings_fits(const struct prompt *p, const struct provider *provider, struct view *refused)
{
    const struct prompt_embeddings *x = &p->embeddings;

    for (size_t i = 0; i < x->n_members; i++) {
        *refused = x->member[i].key;
        if (!chat_member_allowed(provider, x->member[i].key))
            return false;
    }
    return true;
}

size_t openai_embeddings_room(const struct prompt *p)
{
    return p->body.len + RENDER_SLACK;
}

static void put_named(struct body *b, struct view name, struct view value)
{
    BODY_PUT(b, ",\"");
    body_put(b, name);
    BODY_PUT(b, "\":");
    body_put(b, value);
}

enum err openai_embeddings_render(const struct prompt *p, const struct provider *provider,
                                  const char *upstream_model, uint32_t max_output, struct buf *out)
{
    const struct prompt_embeddings *x = &p->embeddings;
    struct body b = {.prompt = p, .provider = provider, .model = upstream_model, .out = out};

    assert(p->kind == PROMPT_EMBEDDINGS && max_output == 0);
    b.e = buf_reserve(out, x->input.len + RENDER_SLACK);
    BODY_PUT(&b, "{\"model\":");
    if (b.e == ERR_NONE)
        b.e = buf_append_json_string(out, view_str(upstream_model));
    put_named(&b, VIEW_LIT("input"), x->input);
    if (x->form.base64 && (provider->quirks & QUIRK_STRICT) == 0)
        put_named(&b, VIEW_LIT("encoding_format"), VIEW_LIT("\"base64\""));
    if (x->form.dimensions != 0) {
        put_named(&b, VIEW_LIT("dimensions"), VIEW_EMPTY);
        if (b.e == ERR_NONE)
            b.e = buf_append_u64(out, x->form.dimensions);
    }
    for (size_t i = 0; i < x->n_members; i++)
        put_named(&b, x->member[i].key, x->member[i].value.text);
    BODY_PUT(&b, "}");
    return b.e;
}

/* --- the answer */

/* Only what was read is paid for: a figure of output is not asked for, and a total alone is the prompt's. */
static void read_usage(struct chat_canon *c, struct json_value usage)
{
    const struct usage_figures *f = &c->figures;

    if (!chat_usage_read(c, usage))
        return;
    c->usage = (struct token_usage){
        .prompt = f->prompt != 0 ? f->prompt : f->input != 0 ? f->input : f->total,
        .clamped = f->odd,
    };
    c->usage.present = c->usage.prompt != 0 || f->odd;
}

/* Where the vector of this element belongs: its index, or its place when it has none. */
static bool index_of(struct json_value element, size_t place, size_t n, size_t *out)
{
    struct json_value v;
    int64_t i;

    *out = place;
    if (json_get(element, "index", &v) && v.kind != JSON_NULL) {
        if (json_whole(v, &i) != ERR_NONE || i < 0)
            return false;
        *out = (size_t)i;
    }
    return *out < n;
}

/* The vectors by their inputs. One that is there twice leaves a slot empty, and that is no vector. */
static enum err read_list(struct json_value data, struct json_value *vector, size_t n)
{
    struct json_iter it = json_iter(data);
    struct json_member m;
    size_t place = 0, at;

    for (; json_next(&it, &m); place++) {
        if (m.value.kind != JSON_OBJECT || !index_of(m.value, place, n, &at) ||
            !json_get(m.value, "embedding", &vector[at]))
            return ERR_PROVIDER_PROTOCOL;
    }
    return place == n ? ERR_NONE : ERR_PROVIDER_PROTOCOL;
}

static enum err put_vector(const struct chat_canon *c, size_t i, struct json_value vector, size_t *dimensions,
                           struct buf *scratch, struct buf *out)
{
    size_t count = 0;
    enum err e = buf_append(out, i == 0 ? VIEW_LIT("{\"object\":\"embedding\",\"index\":")
                                        : VIEW_LIT(",{\"object\":\"embedding\",\"index\":"));

    if (e == ERR_NONE)
        e = buf_append_u64(out, i);
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT(",\"embedding\":"));
    if (e == ERR_NONE)
        e = vector_write(vector, c->embeddings.base64, scratch, out, &count);
    if (e == ERR_NONE && *dimensions != 0 && count != *dimensions)
        e = ERR_PROVIDER_PROTOCOL;
    *dimensions = count;
    return e == ERR_NONE ? buf_append_byte(out, '}') : e;
}

static enum err put_list(const struct chat_canon *c, const struct json_value *vector, struct buf *out)
{
    size_t dimensions = c->embeddings.dimensions;
    struct buf scratch;
    enum err e = buf_append(out, VIEW_LIT("{\"object\":\"list\",\"data\":["));

    buf_init_charged(&scratch, out->max, out->budget);
    for (size_t i = 0; e == ERR_NONE && i < c->embeddings.n_inputs; i++)
        e = put_vector(c, i, vector[i], &dimensions, &scratch, out);
    buf_free(&scratch);
    if (e == ERR_NONE)
        e = buf_reserve(out, ANSWER_SLACK);
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT("],\"model\":"));
    if (e == ERR_NONE)
        e = buf_append_json_string(out, c->model);
    return e == ERR_NONE ? buf_append_byte(out, '}') : e;
}

static void take_back(struct buf *out, size_t start)
{
    if (out->len > start)
        secret_wipe(out->ptr + start, out->len - start);
    out->len = start;
}

/* No list of vectors: an error, most likely. */
static enum err read_error(struct chat_canon *c, struct view body, struct buf *out, enum chat_kind *kind,
                           struct chat_error *error)
{
    size_t start = out->len;
    enum err e = chat_canon_whole(c, body, out, kind, error);

    take_back(out, start);
    return e != ERR_NONE || *kind == CHAT_ERROR ? e : ERR_PROVIDER_PROTOCOL;
}

enum err openai_embeddings_whole(struct chat_canon *c, struct view body, struct buf *out, enum chat_kind *kind,
                                 struct chat_error *error)
{
    struct json_member member[ANSWER_MEMBERS_MAX];
    struct json_value data = {JSON_NULL, VIEW_EMPTY}, usage = data, *vector;
    size_t n = 0, start = out->len;
    enum err e;

    *kind = CHAT_NOTHING;
    if (view_starts(body, VIEW_LIT("\xef\xbb\xbf")))
        body = view_from(body, 3);
    if (json_object(body, member, ANSWER_MEMBERS_MAX, &n, NULL) != ERR_NONE)
        return ERR_PROVIDER_PROTOCOL;
    if (json_find(member, n, "data", &data) != ERR_NONE || data.kind != JSON_ARRAY)
        return read_error(c, body, out, kind, error);
    vector = calloc(c->embeddings.n_inputs, sizeof *vector);
    if (vector == NULL)
        return ERR_MEMORY;
    e = read_list(data, vector, c->embeddings.n_inputs);
    if (e == ERR_NONE)
        e = put_list(c, vector, out);
    free(vector);
    if (e != ERR_NONE) {
        take_back(out, start);
        return e;
    }
    if (json_find(member, n, "usage", &usage) == ERR_NONE)
        read_usage(c, usage);
    c->useful = true;
    *kind = CHAT_EMIT;
    return ERR_NONE;
}
