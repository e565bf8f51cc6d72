/* (G) The body for one provider: the client's bytes with a few members spliced. */
#include "chat_request.h"

#include "chat_members.h"
#include "chat_replay.h"
#include "content_view.h"
#include "effort.h"

#include <assert.h>
#include <stdlib.h>

/* Every known member is edited at most once, but for messages and tools, whose edits are made apart, plus one
 * insertion after the opening brace. */
enum { EDITS_MAX = CHAT_KEY_COUNT + 1, TEXT_MAX = 480 };

enum action { KEEP, DROP, REPLACE_VALUE, REPLACE_KEY, INSERT_INSIDE, EDIT_MESSAGES, EDIT_TOOLS };

struct render {
    const struct chat_request *r;
    const struct provider *provider;
    uint32_t max_output;
    struct {
        enum action what;
        struct view with;
    } plan[CHAT_KEY_COUNT];
    const char *model_name;
    struct view insert; /* members to add after the opening brace, each with its comma */
    char text[TEXT_MAX];
    size_t text_len;
    char model[2 + 2 * LIMIT_MODEL_ID_BYTES]; /* quoted and escaped */
    char counts[3][10];                       /* n, best_of and min_tokens, spelled plainly */
};

static const struct view usage_member = {(const uint8_t *)"\"include_usage\":true", 20};

static void plan(struct render *p, enum chat_key k, enum action what, struct view with)
{
    p->plan[k].what = what;
    p->plan[k].with = with;
}

/* Text of ours, made here: all pieces are bounded (EDITS_MAX members of known length). */
static void text_add(struct render *p, struct view v)
{
    assert(v.len <= sizeof p->text - p->text_len);
    memcpy(p->text + p->text_len, v.ptr, v.len);
    p->text_len += v.len;
}

/* Decimal digits, at the end of the ten of `digits`. */
static struct view digits_of(uint32_t n, char digits[static 10])
{
    size_t at = 10;

    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n != 0);
    return view_of(digits + at, 10 - at);
}

static void text_add_u32(struct render *p, uint32_t n)
{
    char digits[10];

    text_add(p, digits_of(n, digits));
}

static enum err plan_model(struct render *p, const char *model)
{
    size_t n = 0;

    p->model[n++] = '"';
    for (; *model != '\0'; model++) {
        if ((uint8_t)*model < 0x20 || n + 3 > sizeof p->model)
            return ERR_FORMAT;
        if (*model == '"' || *model == '\\')
            p->model[n++] = '\\';
        p->model[n++] = *model;
    }
    p->model[n++] = '"';
    if (p->r->member[CHAT_KEY_MODEL].present) {
        plan(p, CHAT_KEY_MODEL, REPLACE_VALUE, view_of(p->model, n));
    } else { /* the client named "models" only */
        text_add(p, VIEW_LIT("\"model\":"));
        text_add(p, view_of(p->model, n));
        text_add(p, VIEW_LIT(","));
    }
    return ERR_NONE;
}

static void plan_router_only(struct render *p)
{
    for (int k = CHAT_KEY_MODELS; k < CHAT_KEY_COUNT; k++) {
        if (p->r->member[k].present)
            plan(p, (enum chat_key)k, DROP, VIEW_EMPTY);
    }
}

static void plan_store(struct render *p)
{
    const struct chat_member *m = &p->r->member[CHAT_KEY_STORE];

    if (p->provider->quirks & QUIRK_NO_STORE) {
        if (m->present)
            plan(p, CHAT_KEY_STORE, DROP, VIEW_EMPTY);
    } else if (!m->present)
        text_add(p, VIEW_LIT("\"store\":false,"));
    else if (m->value.kind != JSON_FALSE)
        plan(p, CHAT_KEY_STORE, REPLACE_VALUE, VIEW_LIT("false"));
}

/* A stream is always asked for its usage: billing an estimate is the commonest router bug. */
static void plan_stream_options(struct render *p, struct json_value *include_usage)
{
    const struct chat_member *m = &p->r->member[CHAT_KEY_STREAM_OPTIONS];

    if (!p->r->facts->stream || (p->provider->quirks & QUIRK_NO_STREAM_OPTIONS) != 0) {
        if (m->present) /* beside a whole answer, strict providers refuse it */
            plan(p, CHAT_KEY_STREAM_OPTIONS, DROP, VIEW_EMPTY);
        return;
    }
    if (!m->present)
        text_add(p, VIEW_LIT("\"stream_options\":{\"include_usage\":true},"));
    else if (m->value.kind == JSON_NULL)
        plan(p, CHAT_KEY_STREAM_OPTIONS, REPLACE_VALUE, VIEW_LIT("{\"include_usage\":true}"));
    else if (!json_get(m->value, "include_usage", include_usage))
        plan(p, CHAT_KEY_STREAM_OPTIONS, INSERT_INSIDE, usage_member);
    else if (include_usage->kind != JSON_TRUE)
        plan(p, CHAT_KEY_STREAM_OPTIONS, INSERT_INSIDE, VIEW_LIT("true"));
}

/* 100.0 and 1e2 are whole numbers to us, but not to every provider. */
static bool spelled_oddly(struct json_value v)
{
    uint64_t n;

    return v.kind == JSON_NUMBER && json_u64(v, &n) != ERR_NONE;
}

static void plan_count(struct render *p, enum chat_key k, char digits[static 10])
{
    const struct chat_member *m = &p->r->member[k];
    int64_t n;

    if (m->present && spelled_oddly(m->value) && json_whole(m->value, &n) == ERR_NONE)
        plan(p, k, REPLACE_VALUE, digits_of((uint32_t)n, digits));
}

/* null, [] or {}. */
static bool is_empty(struct json_value v)
{
    struct json_iter it = json_iter(v);
    struct json_member m;

    return v.kind == JSON_NULL ||
           ((v.kind == JSON_ARRAY || v.kind == JSON_OBJECT) && !json_next(&it, &m));
}

static void plan_drop(struct render *p, enum chat_key k)
{
    if (p->r->member[k].present)
        plan(p, k, DROP, VIEW_EMPTY);
}

/* Members that say nothing when they are empty, and that strict providers refuse then. */
static void plan_empty(struct render *p)
{
    static const enum chat_key keys[] = {CHAT_KEY_RESPONSE_FORMAT, CHAT_KEY_STOP,
                                         CHAT_KEY_MODALITIES};

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (p->r->member[keys[i]].present && is_empty(p->r->member[keys[i]].value))
            plan_drop(p, keys[i]);
}

/* No tool is in the list but this router's own, which no provider is sent. */
static bool no_tools(const struct render *p, enum chat_key list, struct json_value v)
{
    struct json_iter it = json_iter(v);
    struct json_member m;

    return is_empty(v) || (list == CHAT_KEY_TOOLS && p->r->facts->synth.tool.len != 0 && json_next(&it, &m) &&
                           !json_next(&it, &m));
}

/* An empty list of tools, which half of the providers refuse, and what is allowed only beside tools. A
 * choice that demands a tool without any list is the client's mistake: the provider says so. */
static void plan_tools(struct render *p, enum chat_key list, enum chat_key choice)
{
    const struct chat_member *tools = &p->r->member[list], *wanted = &p->r->member[choice];

    if (tools->present && !no_tools(p, list, tools->value))
        return;
    plan_drop(p, list);
    if (list == CHAT_KEY_TOOLS)
        plan_drop(p, CHAT_KEY_PARALLEL_TOOL_CALLS);
    if (tools->present || wanted->value.kind == JSON_NULL ||
        json_string_is(wanted->value, "auto") || json_string_is(wanted->value, "none"))
        plan_drop(p, choice);
}

/* What is inside of messages and tools, unless the list of tools is left out. */
static void plan_inside(struct render *p)
{
    if (chat_replay_in_messages(p->r, p->provider))
        plan(p, CHAT_KEY_MESSAGES, EDIT_MESSAGES, VIEW_EMPTY);
    if (chat_replay_in_tools(p->r, p->provider) && p->plan[CHAT_KEY_TOOLS].what == KEEP)
        plan(p, CHAT_KEY_TOOLS, EDIT_TOOLS, VIEW_EMPTY);
    if (!chat_replay_takes_marks(p->provider))
        plan_drop(p, CHAT_KEY_CACHE_CONTROL);
}

static void text_add_effort(struct render *p)
{
    text_add(p, VIEW_LIT("\"reasoning_effort\":\""));
    text_add(p, view_str(effort_word(p->r->effort)));
    text_add(p, VIEW_LIT("\","));
}

/* Does the client say it itself? It is one of the harmless members, whose places are not kept. */
static bool says_enable_thinking(const struct chat_request *r)
{
    struct json_iter it = json_iter((struct json_value){JSON_OBJECT, r->body});
    struct json_member m;

    while (json_next(&it, &m))
        if (json_key_is(m.key, "enable_thinking"))
            return true;
    return false;
}

/* Thinking is on or off there, and a word of how much is a switch too. */
static void plan_enable_thinking(struct render *p)
{
    const struct chat_member *word = &p->r->member[CHAT_KEY_REASONING_EFFORT];
    enum prompt_effort effort = p->r->effort;

    if (word->present && word->value.kind == JSON_STRING && !effort_read(word->value, &effort))
        return; /* no word of ours: the provider says what it thinks of it */
    plan_drop(p, CHAT_KEY_REASONING);
    plan_drop(p, CHAT_KEY_REASONING_EFFORT);
    if (effort != EFFORT_UNSAID && !says_enable_thinking(p->r))
        text_add(p, effort == EFFORT_NONE ? VIEW_LIT("\"enable_thinking\":false,") : VIEW_LIT("\"enable_thinking\":true,"));
}

/* "reasoning" in the provider's words, unless the client says it in them itself. */
static void plan_reasoning(struct render *p)
{
    const struct chat_member *m = p->r->member;
    bool says = p->r->effort != EFFORT_UNSAID, on = p->r->effort != EFFORT_NONE;
    bool by_switch = (p->provider->quirks & QUIRK_THINKING) != 0;

    if ((p->provider->quirks & QUIRK_ENABLE_THINKING) != 0) {
        plan_enable_thinking(p);
        return;
    }
    if (!m[CHAT_KEY_REASONING].present ||
        chat_member_allowed(p->provider, VIEW_LIT("reasoning")))
        return;
    plan_drop(p, CHAT_KEY_REASONING);
    if (says && by_switch && !m[CHAT_KEY_THINKING].present)
        text_add(p, on ? VIEW_LIT("\"thinking\":{\"type\":\"enabled\"},")
                       : VIEW_LIT("\"thinking\":{\"type\":\"disabled\"},"));
    if (says && (on || !by_switch) && !m[CHAT_KEY_REASONING_EFFORT].present &&
        (p->provider->quirks & QUIRK_NO_REASONING_EFFORT) == 0)
        text_add_effort(p);
}

/* "auto" is what its absence means, and not every provider knows the member. */
static void plan_service_tier(struct render *p)
{
    const struct chat_member *m = &p->r->member[CHAT_KEY_SERVICE_TIER];

    if (m->present && (m->value.kind == JSON_NULL || json_string_is(m->value, "auto")))
        plan(p, CHAT_KEY_SERVICE_TIER, DROP, VIEW_EMPTY);
}

static const struct view limit_name[3] = {
    {(const uint8_t *)"\"max_tokens\"", 12},
    {(const uint8_t *)"\"max_completion_tokens\"", 23},
    {(const uint8_t *)"\"max_output_tokens\"", 19},
};

/* One limit goes upstream, spelled as the provider knows it: of two, the provider might read the
 * one that was not reserved. */
static void plan_limit(struct render *p)
{
    const struct chat_member *limit = &p->r->member[CHAT_KEY_MAX_TOKENS];
    int effective = -1, spell = -1;
    uint32_t written = p->max_output; /* in place of the client's spelling; 0: that stays */

    for (int i = 2; i >= 0; i--) {
        if (limit[i].present && limit[i].value.kind != JSON_NULL)
            effective = i;
    }
    if (written == 0 && effective >= 0 && spelled_oddly(limit[effective].value))
        written = p->r->facts->max_tokens;
    if (p->provider->quirks & QUIRK_MAX_TOKENS)
        spell = 0;
    else if (p->provider->quirks & QUIRK_MAX_COMPLETION_TOKENS)
        spell = 1;
    else if (effective != 1)
        spell = 0; /* max_output_tokens is no field of this API; a new limit is called max_tokens */
    else
        spell = 1;
    for (int i = 0; i < 3; i++) {
        enum chat_key k = (enum chat_key)(CHAT_KEY_MAX_TOKENS + i);

        if (!limit[i].present)
            continue;
        if (written != 0 || (i != effective && (effective >= 0 || i != spell)))
            plan(p, k, DROP, VIEW_EMPTY);
        else if (i != spell)
            plan(p, k, REPLACE_KEY, limit_name[spell]);
    }
    if (written != 0) {
        text_add(p, limit_name[spell]);
        text_add(p, VIEW_LIT(":"));
        text_add_u32(p, written);
        text_add(p, VIEW_LIT(","));
    }
}

/* The edit of a dropped member takes exactly one comma with it. `lead` counts the members dropped
 * from the front so far: those take the comma behind them, all others the one before. */
static struct json_edit drop_edit(const struct chat_member *m, size_t *lead)
{
    if (m->index != *lead)
        return (struct json_edit){m->prev_end, m->end - m->prev_end, VIEW_EMPTY};
    ++*lead;
    assert(m->next_begin != 0); /* messages stay, so a front run ends before the last member */
    return (struct json_edit){m->begin, m->next_begin - m->begin, VIEW_EMPTY};
}

static struct json_edit inside_edit(struct render *p, const struct chat_member *m,
                                    struct json_value old)
{
    size_t value = (size_t)(m->value.text.ptr - p->r->body.ptr);
    struct json_iter it = json_iter(m->value);
    struct json_member first;
    size_t from;

    if (old.text.len != 0) {
        from = (size_t)(old.text.ptr - p->r->body.ptr);
        return (struct json_edit){from, old.text.len, VIEW_LIT("true")};
    }
    from = value + json_after_brace(m->value.text);
    if (json_next(&it, &first))
        return (struct json_edit){from, 0, VIEW_LIT("\"include_usage\":true,")};
    return (struct json_edit){from, 0, usage_member};
}

static size_t edits_make(struct render *p, struct json_value include_usage, struct json_edit *edits)
{
    const struct chat_member *order[CHAT_KEY_COUNT];
    size_t n = 0, n_order = 0, lead = 0;

    if (p->text_len != 0)
        edits[n++] =
            (struct json_edit){json_after_brace(p->r->body), 0, view_of(p->text, p->text_len)};
    for (int k = 0; k < CHAT_KEY_COUNT; k++) { /* insertion sort by position; few are edited */
        size_t at = n_order;

        if (p->plan[k].what == KEEP)
            continue;
        for (; at > 0 && order[at - 1]->index > p->r->member[k].index; at--)
            order[at] = order[at - 1];
        order[at] = &p->r->member[k];
        n_order++;
    }
    for (size_t i = 0; i < n_order; i++) {
        const struct chat_member *m = order[i];
        size_t k = (size_t)(m - p->r->member);
        size_t value = (size_t)(m->value.text.ptr - p->r->body.ptr);

        switch (p->plan[k].what) {
        case KEEP:
            break;
        case DROP:
            edits[n++] = drop_edit(m, &lead);
            break;
        case REPLACE_VALUE:
            edits[n++] = (struct json_edit){value, m->value.text.len, p->plan[k].with};
            break;
        case REPLACE_KEY: {
            const uint8_t *key = p->r->body.ptr + m->begin;
            size_t len = 1;

            while (key[len] != '"') /* no known key holds a quote, escaped or not */
                len++;
            edits[n++] = (struct json_edit){m->begin, len + 1, p->plan[k].with};
            break;
        }
        case INSERT_INSIDE:
            edits[n++] = inside_edit(p, m, include_usage);
            break;
        case EDIT_MESSAGES:
            n += chat_replay_messages(p->r, p->provider, p->model_name, edits + n);
            break;
        case EDIT_TOOLS:
            n += chat_replay_tools(p->r, p->provider, edits + n);
            break;
        }
    }
    return n;
}

size_t chat_request_room(const struct chat_request *r)
{
    return r->body.len + CHAT_RENDER_SLACK + (size_t)r->n_thoughts * CHAT_RENAME_BYTES;
}

enum err chat_request_render(const struct chat_request *r, const struct provider *provider,
                             const char *upstream_model, uint32_t max_output, struct buf *out)
{
    struct render p = {.r = r, .provider = provider, .model_name = upstream_model, .max_output = max_output};
    struct json_value include_usage = {.text = VIEW_EMPTY};
    struct json_edit own[EDITS_MAX], *edits = own;
    enum err e = plan_model(&p, upstream_model);

    if (e != ERR_NONE)
        return e;
    plan_router_only(&p);
    plan_store(&p);
    plan_stream_options(&p, &include_usage);
    plan_limit(&p);
    plan_count(&p, CHAT_KEY_N, p.counts[0]);
    plan_count(&p, CHAT_KEY_BEST_OF, p.counts[1]);
    plan_count(&p, CHAT_KEY_MIN_TOKENS, p.counts[2]);
    plan_empty(&p);
    plan_tools(&p, CHAT_KEY_TOOLS, CHAT_KEY_TOOL_CHOICE);
    plan_tools(&p, CHAT_KEY_FUNCTIONS, CHAT_KEY_FUNCTION_CALL);
    plan_reasoning(&p);
    plan_inside(&p);
    plan_service_tier(&p);
    if (chat_replay_most(r) != 0) { /* seldom: they do not fit on the stack */
        edits = reallocarray(NULL, EDITS_MAX + chat_replay_most(r), sizeof *edits);
        if (edits == NULL)
            return ERR_MEMORY;
    }
    e = buf_reserve(out, chat_request_room(r)); /* one allocation, no growth */
    if (e == ERR_NONE)
        e = json_splice(r->body, edits, edits_make(&p, include_usage, edits), out);
    if (edits != own)
        free(edits);
    return e;
}
