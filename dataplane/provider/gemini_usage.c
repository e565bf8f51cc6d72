/* (G) usageMetadata as chat's usage: prompt tokens with those of tools, completion tokens with thoughts. */
#include "gemini_read_internal.h"

#include "content_view.h"

/* -1: it cannot be believed, which chat_usage.c notes. */
static int64_t count(struct json_value metadata, const char *name)
{
    struct json_value v;
    int64_t n;

    if (!json_get(metadata, name, &v) || v.kind == JSON_NULL)
        return 0;
    return json_whole(v, &n) == ERR_NONE && n >= 0 && n <= INT32_MAX ? n : -1;
}

static int64_t sum(int64_t a, int64_t b)
{
    return a < 0 || b < 0 ? -1 : a + b;
}

/* Of a list of modalities the tokens of one. */
static int64_t of_modality(struct json_value metadata, const char *list, const char *modality)
{
    struct json_value v, name;
    struct json_member m;
    struct json_iter it;
    int64_t n = 0;

    if (!json_get(metadata, list, &v) || v.kind != JSON_ARRAY)
        return 0;
    for (it = json_iter(v); json_next(&it, &m);)
        if (json_get(m.value, "modality", &name) && json_string_is(name, modality))
            n = sum(n, count(m.value, "tokenCount"));
    return n;
}

static void put(struct buf *out, struct view head, int64_t n, enum err *e)
{
    if (*e == ERR_NONE)
        *e = buf_append(out, head);
    if (*e == ERR_NONE)
        *e = buf_append_i64(out, n);
}

/* Only media is counted apart where there is some. */
static void put_media(struct buf *out, struct view head, int64_t n, enum err *e)
{
    if (n != 0)
        put(out, head, n, e);
}

static int64_t completion_of(struct json_value u)
{
    int64_t candidates = count(u, "candidatesTokenCount");

    return sum(candidates != 0 ? candidates : count(u, "responseTokenCount"), count(u, "thoughtsTokenCount"));
}

static int64_t output_of(struct json_value u, const char *modality)
{
    int64_t n = of_modality(u, "candidatesTokensDetails", modality);

    return n != 0 ? n : of_modality(u, "responseTokensDetails", modality);
}

bool gemini_usage(struct json_value u, struct buf *out, enum err *e)
{
    int64_t prompt = sum(count(u, "promptTokenCount"), count(u, "toolUsePromptTokenCount"));
    int64_t completion = completion_of(u), total = count(u, "totalTokenCount");

    if (prompt == 0 && completion == 0 && total == 0)
        return false; /* of Vertex's first events, which have no counts */
    put(out, VIEW_LIT("{\"prompt_tokens\":"), prompt, e);
    put(out, VIEW_LIT(",\"completion_tokens\":"), completion, e);
    put(out, VIEW_LIT(",\"total_tokens\":"), total != 0 ? total : sum(prompt, completion), e);
    put(out, VIEW_LIT(",\"prompt_tokens_details\":{\"cached_tokens\":"), count(u, "cachedContentTokenCount"), e);
    put_media(out, VIEW_LIT(",\"audio_tokens\":"), of_modality(u, "promptTokensDetails", "AUDIO"), e);
    put_media(out, VIEW_LIT(",\"image_tokens\":"), of_modality(u, "promptTokensDetails", "IMAGE"), e);
    put(out, VIEW_LIT("},\"completion_tokens_details\":{\"reasoning_tokens\":"), count(u, "thoughtsTokenCount"), e);
    put_media(out, VIEW_LIT(",\"audio_tokens\":"), output_of(u, "AUDIO"), e);
    put_media(out, VIEW_LIT(",\"image_tokens\":"), output_of(u, "IMAGE"), e);
    if (*e == ERR_NONE)
        *e = buf_append(out, VIEW_LIT("}}"));
    return *e == ERR_NONE;
}
