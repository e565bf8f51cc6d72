/* Embeddings: the first byte says what is asked for; in front of a NUL stands a client's request, whatever it says is read
 * or refused and what is read is rendered as JSON; behind it a provider's answer. An answer that is taken is a list
 * of the vectors that were asked for, stays what it is when it is taken again, and has the same float32s in both
 * forms. */
#include "embeddings_dialect.h"
#include "openai_embeddings.h"

#include <stdlib.h>

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void request(struct view body)
{
    static const struct provider provider = {.n_members = 1, .members = {"input_type"}};
    struct prompt p;
    struct prompt_fault fault;
    struct json_value root;
    struct view refused;
    struct buf out;

    if (embeddings_dialect.read(body, &p, &fault) != ERR_NONE) {
        must(fault.message != NULL);
    } else {
        must(p.embeddings.form.n_inputs >= 1 && p.embeddings.form.n_inputs <= EMBEDDINGS_INPUTS_MAX);
        /* What a member says may stand before each input. */
        must(p.prompt_bound <= body.len + (body.len + EMBEDDINGS_TEMPLATE_TOKENS) * p.embeddings.form.n_inputs);
        must(p.prompt_bytes != 0 && p.prompt_bytes <= 4 * p.prompt_bound && !p.stream);
        buf_init(&out, openai_embeddings_room(&p));
        if (openai_embeddings_fits(&p, &provider, &refused)) {
            must(openai_embeddings_render(&p, &provider, "up", 0, &out) == ERR_NONE);
            must(json_check(buf_view(&out), &root, NULL) == ERR_NONE && root.kind == JSON_OBJECT);
        }
        buf_free(&out);
    }
    prompt_list_free(&p.list);
}

static bool take(struct view body, uint32_t n, bool base64, struct buf *out)
{
    static const struct provider provider = {.id = "p"};
    struct chat_canon c = {.id = "gen-1", .model = VIEW_LIT("a/b"), .provider = &provider,
                           .embeddings = {.n_inputs = n, .base64 = base64}};
    struct chat_error error = {0};
    enum chat_kind kind;
    struct json_value root, data = {JSON_NULL, VIEW_EMPTY};
    struct json_member m;
    enum err e;

    buf_reset(out);
    e = openai_embeddings_whole(&c, body, out, &kind, &error);
    if (e != ERR_NONE || kind != CHAT_EMIT) {
        must(out->len == 0 && (e != ERR_NONE || kind == CHAT_ERROR));
        return false;
    }
    must(json_check(buf_view(out), &root, NULL) == ERR_NONE && json_get(root, "data", &data));
    for (struct json_iter it = json_iter(data); json_next(&it, &m); n--)
        must(json_get(m.value, "embedding", &root) && root.kind == (base64 ? JSON_STRING : JSON_ARRAY));
    must(n == 0 && c.usage.completion == 0);
    return true;
}

static void answer(struct view body, uint32_t n, bool base64)
{
    struct buf one, two, three;

    buf_init(&one, 8 << 20);
    buf_init(&two, 8 << 20);
    buf_init(&three, 8 << 20);
    if (take(body, n, base64, &one)) {
        must(take(buf_view(&one), n, base64, &two) && view_eq(buf_view(&one), buf_view(&two)));
        must(take(buf_view(&one), n, true, &two) && take(buf_view(&two), n, false, &three));
        must(take(buf_view(&three), n, true, &one) && view_eq(buf_view(&one), buf_view(&two)));
    }
    buf_free(&one);
    buf_free(&two);
    buf_free(&three);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view all = view_of(data, size), body;
    const uint8_t *nul;

    if (size == 0)
        return 0;
    all = view_from(all, 1);
    nul = all.len != 0 ? memchr(all.ptr, 0, all.len) : NULL;
    body = nul == NULL ? all : view_of(all.ptr, (size_t)(nul - all.ptr));
    request(body);
    if (nul != NULL)
        answer(view_of(nul + 1, all.len - body.len - 1), 1 + data[0] % 4, data[0] >= 128);
    return 0;
}
