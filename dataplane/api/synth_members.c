/* (G) What an orchestration cannot honour of the rest of a request: refused by name, never dropped. */
#include "synth_read_internal.h"

#include "chat_members.h"
#include "chat_request.h"
#include "content_view.h"
#include "openai_render.h"

#define SEVERAL(what) "Several models make this answer, and they cannot be asked for " what " together."
#define THIS SEVERAL("what this member says")

static enum err refuse(struct synth_reader *r, const char *param, const char *message)
{
    r->base[0] = '\0';
    return synth_refuse(r, param, message, ERR_UNSUPPORTED);
}

static enum err refuse_key(struct synth_reader *r, struct view key)
{
    r->f->member = key;
    return refuse(r, NULL, THIS);
}

/* --- a chat client's members */

/* Nothing of them is sent, and the answer is the same without them. */
static bool is_label(struct view key)
{
    static const char *const labels[] = {"metadata", "request_id", "moderation", "prompt_cache_isolation_key"};

    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++)
        if (json_key_is(key, labels[i]))
            return true;
    return false;
}

/* Does the list that each model's request is rendered from have a place for it? */
static bool is_listed(struct view key)
{
    if (json_key_is(key, "enable_thinking")) /* chat_list.c reads it as a word of effort */
        return true;
    for (int i = 0; i < SETTING_COUNT; i++) {
        struct view name = openai_setting_name((enum prompt_setting)i);
        char text[32] = "";

        if (name.len < sizeof text)
            memcpy(text, name.ptr, name.len);
        if (json_key_is(key, text))
            return true;
    }
    return false;
}

/* Tokens have other numbers in other models, and their probabilities are one model's. */
static bool is_of_one_model(const struct json_member *m)
{
    return (json_key_is(m->key, "logprobs") && m->value.kind == JSON_TRUE) ||
           (json_key_is(m->key, "top_logprobs") && m->value.kind == JSON_NUMBER) ||
           (json_key_is(m->key, "logit_bias") && m->value.kind == JSON_OBJECT);
}

/* body: an object that was read, perhaps behind white space. */
static enum err check_body(struct synth_reader *r, struct view body)
{
    struct json_member m;

    while (body.len != 0 && body.ptr[0] != '{')
        body = view_from(body, 1);
    for (struct json_iter it = json_iter((struct json_value){JSON_OBJECT, body}); json_next(&it, &m);) {
        if (m.value.kind == JSON_NULL)
            continue;
        if (is_of_one_model(&m))
            return refuse_key(r, m.key);
        if (chat_member_harmless(m.key) && !is_listed(m.key) && !is_label(m.key))
            return refuse_key(r, m.key);
    }
    return ERR_NONE;
}

static bool is_there(const struct chat_request *chat, enum chat_key k)
{
    return chat->member[k].present && chat->member[k].value.kind != JSON_NULL;
}

static enum err check_chat(struct synth_reader *r)
{
    const struct chat_request *chat = r->p->chat;

    if (chat->n_extras != 0) /* only some providers may be sent it */
        return refuse_key(r, chat->extras[0]);
    if (is_there(chat, CHAT_KEY_PREDICTION))
        return refuse(r, "prediction", THIS);
    if (is_there(chat, CHAT_KEY_MIN_TOKENS))
        return refuse(r, "min_tokens", THIS);
    return check_body(r, chat->body);
}

/* --- the others' settings */

static bool is_standard(struct view tier)
{
    return tier.len == 0 || view_eq(tier, VIEW_LIT("\"auto\"")) || view_eq(tier, VIEW_LIT("\"default\""));
}

static enum err check_list(struct synth_reader *r)
{
    const struct view *s = r->p->list.setting;

    if (s[SETTING_LOGPROBS].len != 0)
        return refuse(r, "include", SEVERAL("message.output_text.logprobs"));
    if (!is_standard(s[SETTING_SERVICE_TIER]))
        return refuse(r, "service_tier", THIS);
    return ERR_NONE;
}

enum err synth_members(struct synth_reader *r)
{
    const struct prompt *p = r->p;

    if (p->n_choices != 1)
        return refuse(r, "n", "Several models make one answer: n must be 1.");
    if (p->hosted_tools)
        return refuse(r, "tools", SEVERAL("a tool that a provider runs"));
    return p->chat != NULL ? check_chat(r) : check_list(r);
}
