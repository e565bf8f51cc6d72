/* (G) What a judge is asked: one document with the conversation and the answers, all of it data. The conversation is quoted
 * as well, so that it needs no tools, no media and no turns that a judge's model might not take, and the judge does not go
 * on with it instead of judging. */
#include "content_view.h"
#include "words.h"
#include "words_internal.h"

#include <stdint.h>

/* The client's own texts are quoted whole. */
struct conversation {
    struct quoted q;
    const struct prompt_list *l;
    bool any; /* of the array that is being written */
};

static void separate(struct conversation *c)
{
    if (c->any)
        quoted_put(&c->q, VIEW_LIT(","));
    c->any = true;
}

/* A value stays one: as a text it would be longer by its escapes. */
static void put_text(struct conversation *c, struct prompt_text text)
{
    if (text.json && text.bytes.len != 0)
        quoted_put(&c->q, text.bytes);
    else
        quoted_string(&c->q, text.bytes);
}

static void put_call(struct conversation *c, const struct prompt_item *i)
{
    quoted_put(&c->q, VIEW_LIT("{\"name\":"));
    quoted_string(&c->q, i->name);
    quoted_put(&c->q, VIEW_LIT(",\"arguments\":"));
    put_text(c, i->text);
    quoted_put(&c->q, VIEW_LIT("}"));
}

static bool is_text(const struct prompt_item *i)
{
    return i->kind == ITEM_TEXT || i->kind == ITEM_REFUSAL;
}

static bool is_call(const struct prompt_item *i)
{
    return i->kind == ITEM_CALL;
}

/* An array of those parts; nothing when there are none. */
static void put_parts(struct conversation *c, size_t from, size_t to, struct view key,
                      bool (*is)(const struct prompt_item *))
{
    bool begun = false;

    for (size_t i = from; i < to; i++) {
        if (!is(&c->l->item[i]))
            continue;
        quoted_put(&c->q, begun ? VIEW_LIT(",") : key);
        begun = true;
        if (is_call(&c->l->item[i]))
            put_call(c, &c->l->item[i]);
        else
            put_text(c, c->l->item[i].text);
    }
    if (begun)
        quoted_put(&c->q, VIEW_LIT("]"));
}

static struct view role_name(const struct prompt_item *i)
{
    static const char *const roles[] = {
        [ROLE_SYSTEM] = "system", [ROLE_DEVELOPER] = "developer", [ROLE_USER] = "user", [ROLE_ASSISTANT] = "assistant"};

    return i->kind == ITEM_RESULT ? VIEW_LIT("tool") : view_str(roles[i->role]);
}

/* Media are not shown, only that they were there: an answer's claims about them cannot be checked by a judge that may not
 * be able to see, and each would be paid for once more. */
static void put_message(struct conversation *c, size_t at, size_t end)
{
    const struct prompt_item *i = &c->l->item[at];
    bool media = false;

    for (size_t k = at + 1; k < end; k++)
        media = media || prompt_is_media(&c->l->item[k]);
    separate(c);
    quoted_put(&c->q, VIEW_LIT("{\"role\":\""));
    quoted_put(&c->q, role_name(i));
    quoted_put(&c->q, VIEW_LIT("\""));
    put_parts(c, at + 1, end, VIEW_LIT(",\"text\":["), is_text);
    put_parts(c, at + 1, end, VIEW_LIT(",\"calls\":["), is_call);
    if (media)
        quoted_put(&c->q, VIEW_LIT(",\"media\":true"));
    if (i->failed)
        quoted_put(&c->q, VIEW_LIT(",\"failed\":true"));
    quoted_put(&c->q, VIEW_LIT("}"));
}

static void put_messages(struct conversation *c)
{
    for (size_t at = 0, end; at < c->l->n_items; at = end) {
        for (end = at + 1; end < c->l->n_items;) {
            enum prompt_item_kind kind = c->l->item[end].kind;

            if (kind == ITEM_MESSAGE || kind == ITEM_RESULT)
                break;
            end++;
        }
        put_message(c, at, end);
    }
}

/* Names and descriptions: enough to know what an answer could have called. */
static void put_tools(struct conversation *c)
{
    for (size_t i = 0; i < c->l->n_tools; i++) {
        const struct prompt_tool *t = &c->l->tool[i];

        separate(c);
        quoted_put(&c->q, VIEW_LIT("{\"name\":"));
        quoted_string(&c->q, t->name);
        if (t->description.ptr != NULL) {
            quoted_put(&c->q, VIEW_LIT(",\"description\":"));
            quoted_string(&c->q, t->description);
        }
        quoted_put(&c->q, VIEW_LIT("}"));
    }
}

/* The form that the client has asked for. */
static void put_format(struct conversation *c)
{
    if (c->l->format == FORMAT_JSON_OBJECT)
        quoted_put(&c->q, VIEW_LIT(",\"response_format\":\"json_object\""));
    if (c->l->format != FORMAT_JSON_SCHEMA)
        return;
    quoted_put(&c->q, VIEW_LIT(",\"response_format\":"));
    quoted_put(&c->q, c->l->format_schema.len != 0 ? c->l->format_schema : VIEW_LIT("{}"));
}

static enum err judge_document(struct buf *doc, const struct prompt_list *client, const struct words_answer *answers,
                               size_t n, uint64_t seed, size_t most)
{
    struct conversation c = {.l = client};
    enum err e;

    quoted_init(&c.q, doc, SIZE_MAX);
    quoted_put(&c.q, VIEW_LIT("{\"conversation\":["));
    put_messages(&c);
    quoted_put(&c.q, VIEW_LIT("]"));
    if (client->n_tools != 0) {
        c.any = false;
        quoted_put(&c.q, VIEW_LIT(",\"tools\":["));
        put_tools(&c);
        quoted_put(&c.q, VIEW_LIT("]"));
    }
    put_format(&c);
    quoted_put(&c.q, VIEW_LIT(",\"answers\":"));
    e = c.q.e;
    if (e == ERR_NONE)
        e = words_put_answers(doc, answers, n, seed, words_places(answers, n), most);
    return e == ERR_NONE ? buf_append_byte(doc, '}') : e;
}

static enum err judge_list(struct prompt_list *out, const struct synth_plan *plan, struct view doc)
{
    const struct prompts *p = words_prompts(plan);
    bool selects = plan->strategy == SYNTH_SELECTOR;
    enum err e = words_add_message(out, ROLE_SYSTEM);

    if (e == ERR_NONE)
        e = words_add_text(out, selects ? p->select : p->judge);
    if (e == ERR_NONE)
        e = words_add_message(out, ROLE_USER);
    if (e == ERR_NONE)
        e = words_add_document(out, doc);
    if (e == ERR_NONE)
        e = words_add_text(out, selects ? p->select_after : p->judge_after);
    return e;
}

enum err words_judge(const struct prompt_list *client, const struct synth_plan *plan, const struct words_answer *answers,
                     size_t n, uint64_t seed, struct prompt_list *out)
{
    struct buf doc;
    enum err e;

    prompt_list_init(out);
    out->format = FORMAT_JSON_OBJECT;
    out->setting[SETTING_SAFETY_IDENTIFIER] = client->setting[SETTING_SAFETY_IDENTIFIER];
    buf_init_charged(&doc, WORDS_DOCUMENT_MAX, words_budget(answers, n));
    e = judge_document(&doc, client, answers, n, seed, words_quote_most(plan));
    if (e == ERR_NONE)
        e = judge_list(out, plan, buf_view(&doc));
    buf_free(&doc);
    if (e != ERR_NONE)
        prompt_list_free(out);
    return e;
}
