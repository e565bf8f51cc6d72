/* (G) Renders a batch of embeddings for the Gemini API, and reads its vectors. */
#include "gemini_embeddings.h"

#include "content_view.h"
#include "gemini_read_internal.h"
#include "gemini_render.h"
#include "openai_body.h"
#include "openai_embeddings.h"

#include <assert.h>

enum {
    /* Around each input: {"model":"models/...","content":{"parts":[{"text":}]},"outputDimensionality":65536}, with a model's
     * name whose every byte is escaped. */
    AROUND_INPUT = 128 + 6 * LIMIT_MODEL_ID_BYTES,
    AROUND_BATCH = 64,
};

/* --- the request */

enum err gemini_embeddings_path(const struct prompt *p, const struct destination *d, struct buf *out)
{
    enum err e = gemini_put_model(d, out);

    (void)p;
    return e == ERR_NONE ? buf_append(out, VIEW_LIT(":batchEmbedContents")) : e;
}

static struct json_value input_of(const struct prompt *p)
{
    struct view raw = p->embeddings.input;

    return (struct json_value){raw.ptr[0] == '[' ? JSON_ARRAY : JSON_STRING, raw};
}

static bool is_text(struct json_value input)
{
    struct json_iter it = json_iter(input);
    struct json_member first;

    return input.kind == JSON_STRING || (json_next(&it, &first) && first.value.kind == JSON_STRING);
}

bool gemini_embeddings_fits(const struct prompt *p, const struct destination *d, struct view *refused)
{
    *refused = VIEW_LIT("model");
    if (gemini_is_vertex(d->provider))
        return false;
    *refused = VIEW_LIT("input");
    return is_text(input_of(p)) && openai_embeddings_fits(p, d->provider, refused);
}

size_t gemini_embeddings_room(const struct prompt *p)
{
    return p->embeddings.input.len + AROUND_BATCH + (size_t)p->embeddings.form.n_inputs * AROUND_INPUT;
}

static void put_input(struct body *b, struct view model, struct json_value text)
{
    BODY_PUT(b, "{\"model\":");
    if (b->e == ERR_NONE)
        b->e = buf_append_json_string(b->out, model);
    BODY_PUT(b, ",\"content\":{\"parts\":[{\"text\":");
    body_put(b, text.text);
    BODY_PUT(b, "}]}");
    if (b->prompt->embeddings.form.dimensions != 0) {
        BODY_PUT(b, ",\"outputDimensionality\":");
        body_put_number(b, b->prompt->embeddings.form.dimensions);
    }
    BODY_PUT(b, "}");
}

/* The resource's whole name. */
static enum err put_name(const struct destination *d, struct buf *name)
{
    enum err e = buf_append(name, VIEW_LIT("models/"));

    return e == ERR_NONE ? buf_append(name, gemini_model(d)) : e;
}

enum err gemini_embeddings_render(const struct prompt *p, const struct destination *d, uint32_t max_output,
                                  struct buf *out)
{
    struct body b = {.prompt = p, .provider = d->provider, .model = d->endpoint->upstream_model, .out = out};
    struct json_value input = input_of(p);
    struct json_iter it = json_iter(input);
    struct json_member m;
    struct buf name;

    assert(p->kind == PROMPT_EMBEDDINGS && max_output == 0);
    buf_init(&name, LIMIT_MODEL_ID_BYTES + AROUND_BATCH);
    b.e = put_name(d, &name);
    BODY_PUT(&b, "{\"requests\":[");
    if (input.kind == JSON_STRING)
        put_input(&b, buf_view(&name), input);
    for (bool any = false; input.kind == JSON_ARRAY && json_next(&it, &m); any = true) {
        if (any)
            BODY_PUT(&b, ",");
        put_input(&b, buf_view(&name), m.value);
    }
    BODY_PUT(&b, "]}");
    buf_free(&name);
    return b.e;
}

/* --- the answer */

/* {"embeddings":[{"values":[...]}]} as OpenAI's list. */
static enum err put_list(struct json_value list, struct buf *out)
{
    struct json_iter it = json_iter(list);
    struct json_member m;
    struct json_value values;
    enum err e = buf_append(out, VIEW_LIT("{\"data\":["));

    for (bool any = false; e == ERR_NONE && json_next(&it, &m); any = true) {
        if (!json_get(m.value, "values", &values) || values.kind != JSON_ARRAY)
            return ERR_PROVIDER_PROTOCOL;
        e = buf_append(out, any ? VIEW_LIT(",{\"embedding\":") : VIEW_LIT("{\"embedding\":"));
        if (e == ERR_NONE)
            e = buf_append(out, values.text);
        if (e == ERR_NONE)
            e = buf_append_byte(out, '}');
    }
    return e == ERR_NONE ? buf_append_byte(out, ']') : e;
}

static enum err put_usage(struct json_value root, struct buf *out)
{
    struct json_value metadata;
    size_t start;
    enum err e = buf_append(out, VIEW_LIT(",\"usage\":"));

    start = out->len;
    if (e == ERR_NONE && json_get(root, "usageMetadata", &metadata) && metadata.kind == JSON_OBJECT)
        (void)gemini_usage(metadata, out, &e);
    if (e == ERR_NONE && out->len == start)
        e = buf_append(out, VIEW_LIT("null"));
    return e == ERR_NONE ? buf_append_byte(out, '}') : e;
}

enum err gemini_embeddings_whole(struct chat_canon *c, struct view body, struct buf *out, enum chat_kind *kind,
                                 struct chat_error *error)
{
    struct json_value root, list;
    struct buf openai;
    enum err e;

    *kind = CHAT_NOTHING;
    if (json_check(body, &root, NULL) != ERR_NONE)
        return ERR_PROVIDER_PROTOCOL;
    if (!json_get(root, "embeddings", &list) || list.kind != JSON_ARRAY)
        return openai_embeddings_whole(c, body, out, kind, error); /* an error, most likely */
    buf_init_charged(&openai, out->max, out->budget);
    e = put_list(list, &openai);
    if (e == ERR_NONE)
        e = put_usage(root, &openai);
    if (e == ERR_NONE)
        e = openai_embeddings_whole(c, buf_view(&openai), out, kind, error);
    buf_free(&openai);
    return e;
}
