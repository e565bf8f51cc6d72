/* (G) One turn of the model as chat's assistant message: answer, reasoning, calls. */
#include "content_view.h"
#include "openai_body.h"
#include "reasoning_maker.h"

/* The items of the turn. */
struct turn {
    struct body *b;
    const struct prompt_item *item;
    size_t n;
};

static bool has(const struct turn *t, enum prompt_item_kind kind)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->item[i].kind == kind && (kind == ITEM_CALL || t->item[i].text.bytes.len != 0))
            return true;
    return false;
}

/* All texts of this kind as the inside of one string: those of one message without separator, a blank
 * line between two messages. */
static void put_joined(const struct turn *t, enum prompt_item_kind kind)
{
    bool any = false, apart = false;

    for (size_t i = 0; i < t->n; i++) {
        const struct prompt_item *item = &t->item[i];

        apart = apart || (any && item->kind == ITEM_MESSAGE);
        if (item->kind != kind || item->text.bytes.len == 0)
            continue;
        if (apart)
            BODY_PUT(t->b, "\\n\\n");
        body_put_text(t->b, item->text);
        any = true;
        apart = false;
    }
}

static void put_answer(const struct turn *t)
{
    bool refusal = has(t, ITEM_REFUSAL);

    if (!has(t, ITEM_TEXT) && (refusal || has(t, ITEM_CALL)))
        BODY_PUT(t->b, ",\"content\":null");
    else {
        BODY_PUT(t->b, ",\"content\":\"");
        put_joined(t, ITEM_TEXT);
        BODY_PUT(t->b, "\"");
    }
    if (refusal) {
        BODY_PUT(t->b, ",\"refusal\":\"");
        put_joined(t, ITEM_REFUSAL);
        BODY_PUT(t->b, "\"");
    }
}

/* A thought of Anthropic's own dialect, signed, as an element of reasoning_details. */
static void put_signed(struct body *b, const struct prompt_item *i)
{
    BODY_PUT(b, "{\"type\":\"reasoning.text\",\"text\":\"");
    body_put_text(b, i->text);
    BODY_PUT(b, "\",\"signature\":\"");
    body_put(b, i->signature);
    BODY_PUT(b, "\",\"format\":\"anthropic-claude-v1\"}");
}

/* Who made the model that is asked, and the one that thought the last element: those of one text have one name,
 * which is read once. */
struct makers {
    enum maker asked, thinker;
    struct view name; /* of the thinker's model */
};

/* Is it something to be replayed to this model? */
static bool is_replayed(struct makers *m, const struct prompt_item *i)
{
    if (i->kind == ITEM_REASONING)
        return i->signature.len != 0 && m->asked == MAKER_ANTHROPIC;
    if (i->kind != ITEM_DETAIL)
        return false;
    if (i->name.ptr != m->name.ptr || i->name.len != m->name.len)
        m->thinker = maker_of_model(i->name);
    m->name = i->name;
    return reasoning_replays(m->asked, i->text.bytes, m->thinker);
}

static void put_details(const struct turn *t)
{
    struct makers makers = {maker_of_model(view_str(t->b->model)), MAKER_UNKNOWN, VIEW_EMPTY};
    bool any = false;

    if (!body_may_send(t->b->provider, MEMBER_EXTENSION, VIEW_LIT("reasoning_details")))
        return;
    for (size_t i = 0; i < t->n; i++) {
        const struct prompt_item *item = &t->item[i];

        if (!is_replayed(&makers, item))
            continue;
        body_put(t->b, any ? VIEW_LIT(",") : VIEW_LIT(",\"reasoning_details\":["));
        any = true;
        if (item->kind == ITEM_REASONING)
            put_signed(t->b, item);
        else
            body_put(t->b, item->text.bytes);
    }
    if (any)
        BODY_PUT(t->b, "]");
}

/* Thoughts in clear go only where they are wanted. */
static void put_thoughts(const struct turn *t)
{
    if ((t->b->provider->quirks & QUIRK_REASONING_CONTENT) == 0 || !has(t, ITEM_REASONING))
        return;
    BODY_PUT(t->b, ",\"reasoning_content\":\"");
    put_joined(t, ITEM_REASONING);
    BODY_PUT(t->b, "\"");
}

/* Free text for a tool that the provider knows as a function: {"input":"..."}. */
static void put_custom_as_function(struct body *b, const struct prompt_item *i)
{
    BODY_PUT(b, "\"type\":\"function\",\"function\":{\"name\":\"");
    body_put(b, i->name);
    BODY_PUT(b, "\",\"arguments\":\"{\\\"input\\\":\\\"");
    body_put_escaped(b, i->text.bytes);
    BODY_PUT(b, "\\\"}\"}}");
}

static void put_call(struct body *b, const struct prompt_item *i)
{
    bool custom = i->custom && (b->provider->quirks & QUIRK_OPENAI) != 0;

    BODY_PUT(b, "{\"id\":\"");
    body_put(b, i->id);
    BODY_PUT(b, "\",");
    if (i->custom && !custom) {
        put_custom_as_function(b, i);
        return;
    }
    body_put(b, custom ? VIEW_LIT("\"type\":\"custom\",\"custom\":{\"name\":\"")
                       : VIEW_LIT("\"type\":\"function\",\"function\":{\"name\":\""));
    body_put(b, i->name);
    body_put(b, custom ? VIEW_LIT("\",\"input\":\"") : VIEW_LIT("\",\"arguments\":\""));
    if (i->text.bytes.len == 0 && !custom)
        BODY_PUT(b, "{}"); /* many readers want JSON there */
    else
        body_put_text(b, i->text);
    BODY_PUT(b, "\"}}");
}

static void put_calls(const struct turn *t)
{
    bool any = false;

    for (size_t i = 0; i < t->n; i++) {
        if (t->item[i].kind != ITEM_CALL)
            continue;
        body_put(t->b, any ? VIEW_LIT(",") : VIEW_LIT(",\"tool_calls\":["));
        put_call(t->b, &t->item[i]);
        any = true;
    }
    if (any)
        BODY_PUT(t->b, "]");
}

void body_put_turn(struct body *b, const struct prompt_item *item, size_t n)
{
    const struct turn t = {.b = b, .item = item, .n = n};

    put_answer(&t);
    put_thoughts(&t);
    put_details(&t);
    put_calls(&t);
}
