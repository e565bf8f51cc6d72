/* What a client of another dialect asks becomes chat/completions: whatever was read is written as one JSON
 * object that our own reader of chat finds in order, within the room that was promised, with at least one message, with
 * the figures that were priced, and each call followed by its result. The first byte says the dialect, the
 * second the provider's quirks. */
#include "adapter.h"
#include "chat_list.h"
#include "chat_request.h"
#include "messages.h"
#include "openai_render.h"
#include "responses.h"

#include <stdlib.h>

static void must(bool ok)
{
    if (!ok)
        abort();
}

static struct view id_of(struct json_value v, const char *name)
{
    struct json_value id;

    return json_get(v, name, &id) && id.kind == JSON_STRING ? id.text : VIEW_EMPTY;
}

/* Behind an assistant message stand the results of its calls, in their order, and nothing between them. */
static void check_results(struct json_iter behind, struct json_value calls)
{
    struct json_iter it = json_iter(calls);
    struct json_member call, message;

    while (json_next(&it, &call)) {
        must(json_next(&behind, &message));
        must(view_eq(id_of(message.value, "role"), VIEW_LIT("\"tool\"")));
        must(view_eq(id_of(message.value, "tool_call_id"), id_of(call.value, "id")));
    }
}

static void check_conversation(struct json_value messages)
{
    struct json_iter it = json_iter(messages);
    struct json_member message;
    struct json_value calls, content;

    while (json_next(&it, &message)) {
        must(json_get(message.value, "content", &content));
        if (json_get(message.value, "tool_calls", &calls))
            check_results(it, calls);
    }
}

/* A conversation of turns that say nothing comes to none. */
static bool says_nothing(struct json_value root)
{
    struct json_value messages;
    struct json_member any;
    struct json_iter it;

    must(json_get(root, "messages", &messages));
    it = json_iter(messages);
    return !json_next(&it, &any);
}

/* Our reader of chat takes it, and reads what the other reader read. */
static void check_body(struct view body, const struct prompt *p, const struct provider *provider)
{
    static struct chat_request r;
    struct json_value root;
    struct prompt facts;
    struct prompt_fault fault;
    enum err e = json_check(body, &root, NULL);

    if (e == ERR_LIMIT) /* schemas of the greatest depth stand deeper here */
        return;
    must(e == ERR_NONE && root.kind == JSON_OBJECT);
    if (says_nothing(root))
        return;
    e = chat_request_parse(body, &r, &facts, &fault);
    if (e == ERR_UNSUPPORTED || (e == ERR_LIMIT && r.n_developer > CHAT_DEVELOPER_MAX))
        return; /* a schema's or a format's key like one of ours; more developers than chat takes */
    must(e == ERR_NONE);
    must(facts.stream == p->stream && facts.max_tokens == p->max_tokens && facts.n_choices == p->n_choices);
    must(!facts.hosted_tools && !facts.asked_store);
    must(r.member[CHAT_KEY_STORE].present == ((provider->quirks & QUIRK_NO_STORE) == 0));
    check_conversation(r.member[CHAT_KEY_MESSAGES].value);
}

static void render(const struct prompt *p, unsigned quirks)
{
    const struct provider provider = {.quirks = quirks};
    const struct catalog_model model = {0};
    const struct catalog_endpoint endpoint = {.upstream_model = "up/model"};
    const struct destination to = {&provider, &model, &endpoint};
    const struct adapter *adapter = adapter_of(&provider, p->kind);
    struct view refused = VIEW_EMPTY;
    struct buf out;

    if (!adapter->fits(p, &to, &refused)) {
        must(refused.len != 0);
        return;
    }
    buf_init(&out, adapter->room(p));
    must(adapter->render(p, &to, 0, &out) == ERR_NONE);
    check_body(buf_view(&out), p, &provider);
    buf_free(&out);
}

/* As a Responses request: it fits into its room, is one object, and asks that nothing be stored. */
static void render_responses(struct prompt *p, unsigned quirks)
{
    const struct provider provider = {.quirks = quirks & ~(unsigned)QUIRK_NO_STORE, .dialect = DIALECT_RESPONSES};
    const struct catalog_model model = {.capabilities = CAP_REASONING};
    const struct catalog_endpoint endpoint = {.upstream_model = "openai/gpt-x"};
    const struct destination to = {&provider, &model, &endpoint};
    const struct adapter *adapter = adapter_of(&provider, p->kind);
    struct json_value root, v;
    struct view refused = VIEW_EMPTY;
    struct buf out;
    enum err e;

    if (!adapter->fits(p, &to, &refused)) {
        must(refused.len != 0);
        return;
    }
    buf_init(&out, adapter->room(p));
    must(adapter->render(p, &to, 0, &out) == ERR_NONE);
    e = json_check(buf_view(&out), &root, NULL);
    must(e == ERR_LIMIT || (e == ERR_NONE && json_get(root, "input", &v) && v.kind == JSON_ARRAY));
    must(e == ERR_LIMIT || (json_only(root, "store", &v) == ERR_NONE && v.kind == JSON_FALSE));
    buf_free(&out);
}

/* A chat client's body, as an adapter of another dialect reads it: no longer spliced, but written from its list. */
static enum err read_chat(struct view body, struct prompt *out, struct prompt_fault *fault)
{
    static struct chat_request r;
    enum err e = chat_request_parse(body, &r, out, fault);

    if (e == ERR_NONE)
        e = chat_list_make(out, fault);
    else
        prompt_list_init(&out->list);
    must(e == ERR_NONE || fault->message != NULL);
    out->chat = NULL;
    return e;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct dialect *const dialects[] = {&messages_2023, &messages_2026, &responses_dialect};
    struct prompt_fault fault;
    struct prompt p;
    enum err e;

    if (size < 2)
        return 0;
    e = data[0] % 4 == 3 ? read_chat(view_of(data + 2, size - 2), &p, &fault)
                         : dialects[data[0] % 4]->read(view_of(data + 2, size - 2), &p, &fault);
    if (e == ERR_NONE) {
        render(&p, 0);
        render(&p, data[1]);
        render(&p, (unsigned)data[1] << 4 & 0x7f0);
        render_responses(&p, data[1]);
    }
    prompt_list_free(&p.list);
    return 0;
}
