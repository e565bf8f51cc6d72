/* (G) Path and body of a generateContent request. */
#include "gemini_render.h"

#include "chat_request.h"
#include "content_view.h"
#include "gemini_render_internal.h"

#include <assert.h>
#include <string.h>

enum {
    /* What a rendered body may be longer than the client's: a call without result gets one and its name twice, a turn
     * of calls a placeholder of 53 bytes; the smallest call of a Responses body has 60 bytes and becomes 300. */
    GEMINI_ROOM_GROWTH = 8,
    GEMINI_ROOM_SLACK = 4096,
};

/* --- path --- */

static enum err put_encoded(struct buf *out, struct view name)
{
    static const char hex[] = "0123456789ABCDEF";
    enum err e = ERR_NONE;

    for (size_t i = 0; e == ERR_NONE && i < name.len; i++) {
        uint8_t c = name.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     (c != 0 && strchr("-._~@", c) != NULL);
        const uint8_t escaped[3] = {'%', (uint8_t)hex[c >> 4], (uint8_t)hex[c & 15]};

        e = buf_append(out, plain ? view_of(&c, 1) : view_of(escaped, sizeof escaped));
    }
    return e;
}

struct view gemini_model(const struct destination *d)
{
    struct view model = view_str(d->endpoint->upstream_model);

    return view_starts(model, VIEW_LIT("models/")) ? view_from(model, 7) : model;
}

enum err gemini_put_model(const struct destination *d, struct buf *out)
{
    enum err e = buf_append(out, VIEW_LIT("/models/"));

    return e == ERR_NONE ? put_encoded(out, gemini_model(d)) : e;
}

enum err gemini_path(const struct prompt *p, const struct destination *d, struct buf *out)
{
    enum err e = gemini_put_model(d, out);

    if (e != ERR_NONE)
        return e;
    return buf_append(out, p->stream ? VIEW_LIT(":streamGenerateContent?alt=sse") : VIEW_LIT(":generateContent"));
}

/* --- what an endpoint may be sent --- */

static bool media_fits(const struct prompt *p, const struct destination *d, struct view *refused)
{
    for (size_t i = 0; i < p->list.n_items; i++) {
        const struct prompt_item *item = &p->list.item[i];

        if (prompt_is_media(item) && !gemini_media_fits(item, d)) {
            *refused = prompt_media_member(item);
            return false;
        }
    }
    return true;
}

/* A last message of the model's, which its answer would go on with. */
static bool ends_with_model(const struct prompt *p)
{
    const struct prompt_list *l = &p->list;
    bool model = false;

    for (size_t i = 0; i < l->n_items; i++) {
        if (l->item[i].kind == ITEM_MESSAGE)
            model = l->item[i].role == ROLE_ASSISTANT;
        else if (l->item[i].kind == ITEM_RESULT || l->item[i].kind == ITEM_CALL)
            model = false; /* a call gets a result behind it */
    }
    return model;
}

bool gemini_fits(const struct prompt *p, const struct destination *d, struct view *refused)
{
    /* Of a chat client's members those that cost something are the row's to allow, as everywhere. */
    if (p->chat != NULL && !chat_request_fits(p->chat, d->provider, refused))
        return false;
    *refused = VIEW_LIT("messages");
    if (p->list.n_items == 0)
        return false;
    if ((d->model->gates.bits & GATE_NO_PREFILL) != 0 && ends_with_model(p))
        return false;
    if (!media_fits(p, d, refused))
        return false;
    return gemini_config_fits(p, d, refused) && gemini_tools_fit(p, d, refused);
}

/* --- body --- */

size_t gemini_room(const struct prompt *p)
{
    return (p->body.len + prompt_list_kept(&p->list)) * GEMINI_ROOM_GROWTH + GEMINI_ROOM_SLACK;
}

/* Its hosts are one for each region; what all have is the place of the publisher in the path. */
bool gemini_is_vertex(const struct provider *p)
{
    return strstr(p->path, "/publishers/") != NULL;
}

enum err gemini_render(const struct prompt *p, const struct destination *d, uint32_t max_output, struct buf *out)
{
    struct gemini_body g = {.b = {.prompt = p, .provider = d->provider, .model = d->endpoint->upstream_model, .out = out},
                            .gates = &d->model->gates,
                            .vertex = gemini_is_vertex(d->provider)};
    size_t start = out->len;

    assert(p->kind == PROMPT_CHAT && p->list.n_items != 0);
    g.b.e = buf_reserve(out, p->body.len + CHAT_RENDER_SLACK); /* seldom more */
    GEMINI_PUT(&g, "{");
    gemini_put_contents(&g);
    gemini_put_tools(&g);
    gemini_put_config(&g, max_output);
    if (!g.vertex && (d->provider->quirks & QUIRK_NO_STORE) == 0)
        GEMINI_PUT(&g, ",\"store\":false"); /* no log of it, whatever the account's setting is */
    GEMINI_PUT(&g, "}");
    return body_end(&g.b, start);
}
