/* (G) The dialect messages: an answer from its beginning to its end. */
#include "messages_write.h"

#include "content_view.h"
#include "messages_internal.h"
#include "rate_headers.h"

#include <assert.h>
#include <stdlib.h>

static enum err start(struct answer *a)
{
    struct messages_answer *m = calloc(1, sizeof *m);

    if (m == NULL)
        return ERR_MEMORY;
    assert(strncmp(a->id, "gen-", 4) == 0);
    m->omitted = !a->prompt->list.wants_reasoning;
    buf_init_charged(&m->refusal, MESSAGES_EXPLANATION_MAX, a->budget);
    a->state = m;
    return ERR_NONE;
}

static void end_state(struct answer *a)
{
    struct messages_answer *m = a->state;

    if (m == NULL)
        return;
    messages_queue_free(m);
    buf_free(&m->refusal);
    free(m);
    a->state = NULL;
}

/* --- members that both forms have --- */

/* The client's figures: what came from the cache, or went there, is not in input_tokens. */
static void out_tokens(const struct token_usage *u, struct pen *o)
{
    uint64_t cached = (uint64_t)u->cached_read + u->cache_write;

    pen_text(o, "\"input_tokens\":");
    pen_number(o, u->prompt > cached ? u->prompt - cached : 0);
    pen_text(o, ",\"output_tokens\":");
    pen_number(o, u->completion);
    pen_text(o, ",\"cache_creation_input_tokens\":");
    pen_number(o, u->cache_write);
    pen_text(o, ",\"cache_read_input_tokens\":");
    pen_number(o, u->cached_read);
    pen_text(o, ",\"output_tokens_details\":");
    if (u->reasoning == 0) {
        pen_text(o, "null");
    } else {
        pen_text(o, "{\"thinking_tokens\":");
        pen_number(o, u->reasoning);
        pen_text(o, "}");
    }
    pen_text(o, ",\"server_tool_use\":null");
}

/* By duration; what is written for an hour is part of the whole. */
static void out_writes(const struct token_usage *u, struct pen *o)
{
    if (u->cache_write == 0) {
        pen_text(o, ",\"cache_creation\":null");
        return;
    }
    pen_text(o, ",\"cache_creation\":{\"ephemeral_5m_input_tokens\":");
    pen_number(o, u->cache_write - u->cache_write_long);
    pen_text(o, ",\"ephemeral_1h_input_tokens\":");
    pen_number(o, u->cache_write_long);
    pen_text(o, "}");
}

static void out_usage(const struct token_usage *u, struct pen *o)
{
    pen_text(o, "\"usage\":{");
    out_tokens(u, o);
    out_writes(u, o);
    pen_text(o, ",\"inference_geo\":null,\"service_tier\":null,\"speed\":null");
}

static void out_cost(const struct answer *a, const struct token_usage *u, struct pen *o)
{
    if (a->openrouter)
        pen_cost(o, a->cost_nusd, u, "prompt", "completions");
}

/* How it was made, where several models had a part in it. */
static void out_router(const struct answer *a, struct pen *o)
{
    if (a->router.len == 0)
        return;
    pen_text(o, ",\"trustedrouter\":");
    pen_json(o, a->router);
}

/* Up to its content. */
static void out_head(const struct answer *a, struct pen *o)
{
    pen_text(o, "{\"id\":\"msg_");
    pen_put(o, view_str(a->id + 4));
    pen_text(o, "\",\"type\":\"message\",\"role\":\"assistant\",\"model\":");
    if (o->e == ERR_NONE)
        o->e = buf_append_json_string(o->out, a->model);
    pen_text(o, ",\"content\":[");
}

/* Which of the client's sequences ended an answer is known of Anthropic's own API alone; else it is end_turn. */
static void out_stop(const struct messages_answer *m, const char *cut, struct pen *o)
{
    bool refusal = m->refused || m->finish == FINISH_CONTENT_FILTER;
    bool sequence = m->finish == FINISH_STOP && m->sequence[0] != '\0' && cut[0] == '\0' && !refusal && !m->called;

    pen_text(o, "\"stop_reason\":");
    if (cut[0] != '\0' || m->finish == FINISH_LENGTH)
        pen_text(o, "\"max_tokens\"");
    else if (refusal)
        pen_text(o, "\"refusal\"");
    else if (m->called)
        pen_text(o, "\"tool_use\"");
    else
        pen_text(o, sequence ? "\"stop_sequence\"" : "\"end_turn\"");
    pen_text(o, sequence ? ",\"stop_sequence\":\"" : ",\"stop_sequence\":null");
    if (sequence) {
        pen_put(o, view_str(m->sequence));
        pen_text(o, "\"");
    }
    pen_text(o, ",\"stop_details\":");
    if (!refusal || cut[0] != '\0' || m->finish == FINISH_LENGTH) {
        pen_text(o, "null");
    } else if (m->refusal.len == 0) {
        pen_text(o, "{\"type\":\"refusal\",\"category\":null,\"explanation\":null}");
    } else {
        pen_text(o, "{\"type\":\"refusal\",\"category\":null,\"explanation\":\"");
        pen_put(o, buf_view(&m->refusal));
        pen_text(o, "\"}");
    }
    pen_text(o, ",\"container\":null");
}

static enum err done(struct pen *o, size_t mark)
{
    if (o->e != ERR_NONE)
        o->out->len = mark;
    return o->e;
}

/* --- a stream --- */

static enum err begin(struct answer *a, struct buf *out)
{
    static const struct token_usage none;
    struct pen o = {out, ERR_NONE};
    size_t mark = out->len;

    pen_text(&o, "event: message_start\ndata: {\"type\":\"message_start\",\"message\":");
    out_head(a, &o);
    pen_text(&o, "],\"container\":null,\"diagnostics\":null,\"stop_reason\":null,\"stop_sequence\":null,"
            "\"stop_details\":null,");
    out_usage(&none, &o);
    pen_text(&o, "}}}\n\n");
    return done(&o, mark);
}

static enum err event(struct answer *a, const struct event *e, struct buf *out)
{
    struct pen o = {out, ERR_NONE};
    size_t mark = out == NULL ? 0 : out->len;
    enum err taken = messages_take(a, e, &o);

    if (o.e == ERR_NONE)
        o.e = taken;
    return out == NULL ? o.e : done(&o, mark);
}

/* The last event has no name: Anthropic's SDKs pass over it, and trusted-router-js waits for it. */
static enum err end(struct answer *a, const struct token_usage *usage, const char *cut, struct buf *out)
{
    struct pen o = {out, ERR_NONE};
    size_t mark = out->len;

    messages_flush(a, &o);
    pen_text(&o, "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{");
    out_stop(a->state, cut, &o);
    pen_text(&o, "},\"usage\":{");
    out_tokens(usage, &o);
    out_cost(a, usage, &o);
    pen_text(&o, "}");
    out_router(a, &o);
    pen_text(&o, "}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\ndata: [DONE]\n\n");
    return done(&o, mark);
}

static enum err fail(struct answer *a, const struct api_failure *f, struct buf *out)
{
    struct pen o = {out, ERR_NONE};
    size_t mark = out->len;
    struct id request;

    o.e = id_parse(view_str(a->id + 4), &request);
    pen_text(&o, "event: error\ndata: ");
    if (o.e == ERR_NONE)
        o.e = messages_failure(f, &request, a->openrouter, out);
    pen_text(&o, "\n\n");
    return done(&o, mark);
}

/* --- a whole answer --- */

static enum err whole(struct answer *a, const struct token_usage *usage, struct buf *out)
{
    struct pen o = {out, ERR_NONE};
    size_t mark = out->len;

    out_head(a, &o);
    messages_flush(a, &o);
    pen_text(&o, "],");
    out_stop(a->state, "", &o);
    pen_text(&o, ",\"diagnostics\":null,");
    out_usage(usage, &o);
    out_cost(a, usage, &o);
    pen_text(&o, "}");
    out_router(a, &o);
    pen_text(&o, "}");
    return done(&o, mark);
}

#define ROW(version)                                                                               \
    {                                                                                              \
        .name = "messages", .synth = true, .version_header = VIEW_LIT("anthropic-version"),                       \
        .of_version = messages_of_version, .read = messages_read_##version,                        \
        .read_count = messages_read_count_##version, .count = messages_count, .start = start,      \
        .close = end_state, .begin = begin, .event = event, .end = end, .fail = fail,              \
        .keep_alive = VIEW_LIT("event: ping\ndata: {\"type\":\"ping\"}\n\n"), .whole = whole,      \
        .failure = messages_failure, .status = messages_status,                                    \
        .rates = &rate_words_anthropic,                                                            \
    }
const struct dialect messages_2023 = ROW(2023);
const struct dialect messages_2026 = ROW(2026);

/* Versions are dates, so that text order is time's. */
const struct dialect *messages_of_version(struct view version)
{
    static const char since[] = "2026-10-21";
    bool newer = version.len == sizeof since - 1 && version.ptr[0] == '2' &&
                 memcmp(version.ptr, since, sizeof since - 1) >= 0;

    return newer ? &messages_2026 : &messages_2023;
}
