/* (G) The edits of a provider's row in a finished body. */
#include "row_edits.h"

#include "chat_leave.h"
#include "content_view.h"
#include "effort.h"
#include "secret.h"

#include <assert.h>
#include <stdlib.h>

enum {
    SHORT_ID = 9,     /* letters and digits of an id, where the provider takes no other */
    EFFORT_BYTES = 9, /* of the longest word of effort, "minimal", with its quotes */
};

/* A body that is edited. The walk is made twice: first to count (edits NULL), then to write. */
struct work {
    const struct destination *d;
    struct view body;
    struct cut cut;
    size_t edits;               /* how many there are at most */
    size_t ids;                 /* and ids among them */
    char (*id)[SHORT_ID];       /* their texts */
    struct json_value force;    /* text empty: none */
};

/* --- what is left out --- */

static bool key_in(struct view key, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (json_key_is(key, names[i]))
            return true;
    return false;
}

static uint32_t gates_of(const struct destination *d)
{
    return d->model != NULL ? d->model->gates.bits : 0;
}

bool row_edits_drop(const struct destination *d, struct view key)
{
    static const char *const sampling[] = {"temperature", "top_p", "top_k", "min_p", "top_a", "logit_bias", "logprobs",
                                           "top_logprobs"};
    static const char *const penalties[] = {"presence_penalty", "frequency_penalty", "repetition_penalty"};
    static const char *const stream[] = {"stream", "stream_options"}; /* said anew */
    const struct provider_members *drop = &d->provider->drop;

    for (size_t i = 0; i < drop->n; i++)
        if (json_key_is(key, drop->name[i]))
            return true;
    return ((gates_of(d) & GATE_NO_SAMPLING) != 0 && key_in(key, sampling, sizeof sampling / sizeof sampling[0])) ||
           ((gates_of(d) & GATE_NO_PENALTIES) != 0 && key_in(key, penalties, sizeof penalties / sizeof penalties[0])) ||
           ((gates_of(d) & GATE_STREAMS_ONLY) != 0 && key_in(key, stream, sizeof stream / sizeof stream[0]));
}

static bool is_forced(const struct work *w, struct view key)
{
    struct json_iter it = json_iter(w->force);
    struct json_member m;

    while (w->force.text.len != 0 && json_next(&it, &m)) {
        char name[sizeof w->d->provider->force];

        assert(m.key.len < sizeof name);
        memcpy(name, m.key.ptr, m.key.len);
        name[m.key.len] = '\0';
        if (json_key_is(key, name)) /* the body's spelling may have escapes */
            return true;
    }
    return false;
}

/* --- ids of calls --- */

static bool is_short(struct view id)
{
    for (size_t i = 0; i < id.len; i++)
        if (!(id.ptr[i] >= '0' && id.ptr[i] <= '9') && !(id.ptr[i] >= 'a' && id.ptr[i] <= 'z') &&
            !(id.ptr[i] >= 'A' && id.ptr[i] <= 'Z'))
            return false;
    return id.len == SHORT_ID;
}

/* The same id gives the same text: calls and results stay together. */
static void id_make(struct view id, char out[static SHORT_ID])
{
    static const char letters[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    struct digest32 digest;

    digest_sha256(id, &digest);
    for (size_t i = 0; i < SHORT_ID; i++)
        out[i] = letters[digest.b[i] % (sizeof letters - 1)];
}

static void edit_id(struct work *w, struct json_value v)
{
    struct view inside;

    if (v.kind != JSON_STRING)
        return;
    inside = view_of(v.text.ptr + 1, v.text.len - 2);
    if (is_short(inside))
        return;
    if (w->cut.edits != NULL) {
        id_make(inside, w->id[w->ids]);
        cut_put(&w->cut, inside.ptr, inside.ptr + inside.len, view_of(w->id[w->ids], SHORT_ID));
    }
    w->ids++;
    w->edits++;
}

static void edit_calls(struct work *w, struct json_value calls)
{
    struct json_iter it = json_iter(calls), in;
    struct json_member call, m;

    while (calls.kind == JSON_ARRAY && json_next(&it, &call)) {
        if (call.value.kind != JSON_OBJECT)
            continue;
        in = json_iter(call.value);
        while (json_next(&in, &m))
            if (json_key_is(m.key, "id"))
                edit_id(w, m.value);
    }
}

static void edit_messages(struct work *w, struct json_value messages)
{
    struct json_iter it = json_iter(messages), in;
    struct json_member message, m;

    while (messages.kind == JSON_ARRAY && json_next(&it, &message)) {
        if (message.value.kind != JSON_OBJECT)
            continue;
        in = json_iter(message.value);
        while (json_next(&in, &m)) {
            if (json_key_is(m.key, "tool_call_id"))
                edit_id(w, m.value);
            else if (json_key_is(m.key, "tool_calls"))
                edit_calls(w, m.value);
        }
    }
}

/* --- how much a model thinks --- */

/* The words that the model knows, 0: any. The other dialects' renderers have chosen one already. */
static unsigned efforts_of(const struct destination *d)
{
    return d->model != NULL && d->provider->dialect == DIALECT_OPENAI ? d->model->gates.efforts : 0;
}

/* "none" means that the model shall not think: it becomes another word only for a model that always does. */
static void edit_effort(struct work *w, struct json_value v)
{
    enum prompt_effort asked, known;

    if (efforts_of(w->d) == 0 || !effort_read(v, &asked))
        return; /* a word that nobody knows: the provider says so */
    known = effort_known(efforts_of(w->d), asked);
    if (known == asked || (asked == EFFORT_NONE && (gates_of(w->d) & GATE_THINKS_ALWAYS) == 0))
        return;
    if (w->cut.edits != NULL) /* between the quotes */
        cut_put(&w->cut, v.text.ptr + 1, v.text.ptr + v.text.len - 1, view_str(effort_word(known)));
    w->edits++;
}

/* --- the top level --- */

static void edit_name(struct work *w, const struct json_member *m)
{
    const struct provider *p = w->d->provider;

    for (size_t i = 0; i < p->n_renames; i++) {
        if (!json_key_is(m->key, p->rename[i].from))
            continue;
        if (w->cut.edits != NULL)
            cut_put(&w->cut, m->key.ptr, m->key.ptr + m->key.len, view_str(p->rename[i].to));
        w->edits++;
        return;
    }
}

/* `insert` goes behind the opening brace. */
static void edit_members(struct work *w, struct view insert)
{
    struct json_iter it = json_iter((struct json_value){JSON_OBJECT, w->body});
    struct cut_list list = {.lead = NULL};
    struct json_member m;
    const uint8_t *from = w->body.ptr + json_after_brace(w->body);

    w->edits = 1;
    w->ids = 0;
    if (w->cut.edits != NULL && insert.len != 0)
        cut_put(&w->cut, from, from, insert);
    while (json_next(&it, &m)) {
        bool stays = !row_edits_drop(w->d, m.key) && !is_forced(w, m.key);

        if (w->cut.edits != NULL)
            cut_member(&w->cut, &list, &m, stays);
        w->edits += stays ? 0 : 1;
        if (!stays)
            continue;
        edit_name(w, &m);
        if (json_key_is(m.key, "reasoning_effort"))
            edit_effort(w, m.value);
        if ((w->d->provider->quirks & QUIRK_SHORT_TOOL_IDS) != 0 && json_key_is(m.key, "messages"))
            edit_messages(w, m.value);
    }
    if (w->cut.edits != NULL)
        cut_end(&w->cut, &list);
}

#define STREAMS "\"stream\":true,\"stream_options\":{\"include_usage\":true},"

/* The forced members, each with the comma behind it. */
static enum err insert_make(const struct work *w, struct buf *out)
{
    enum err e = ERR_NONE;

    if ((gates_of(w->d) & GATE_STREAMS_ONLY) != 0)
        e = buf_append(out, VIEW_LIT(STREAMS));
    if (e == ERR_NONE && w->force.text.len != 0)
        e = buf_append(out, view_of(w->force.text.ptr + 1, w->force.text.len - 2));
    if (e == ERR_NONE && w->force.text.len != 0)
        e = buf_append_byte(out, ',');
    return e;
}

static bool is_idle(const struct destination *d)
{
    const struct provider *p = d->provider;

    return p->drop.n == 0 && p->n_renames == 0 && p->force[0] == '\0' && (p->quirks & QUIRK_SHORT_TOOL_IDS) == 0 &&
           efforts_of(d) == 0 &&
           (gates_of(d) & (GATE_NO_SAMPLING | GATE_NO_PENALTIES | GATE_STREAMS_ONLY)) == 0;
}

size_t row_edits_room(const struct destination *d, size_t body_len)
{
    return is_idle(d) ? 0
                      : sizeof d->provider->force + sizeof STREAMS + EFFORT_BYTES + 64 + /* names are no longer than so */
                            PROVIDER_RENAMES_MAX * PROVIDER_MEMBER_BYTES +
                            ((d->provider->quirks & QUIRK_SHORT_TOOL_IDS) != 0 ? body_len : 0); /* "" becomes nine */
}

static enum err edit(struct work *w, struct view insert, struct buf *edited)
{
    enum err e = ERR_MEMORY;

    edit_members(w, insert);
    w->cut = (struct cut){.base = w->body.ptr, .edits = reallocarray(NULL, w->edits + 1, sizeof *w->cut.edits)};
    w->id = reallocarray(NULL, w->ids + 1, sizeof *w->id);
    if (w->cut.edits != NULL && w->id != NULL) {
        edit_members(w, insert);
        e = json_splice(w->body, w->cut.edits, w->cut.n, edited);
    }
    free(w->cut.edits);
    free(w->id);
    return e;
}

enum err row_edits_apply(const struct destination *d, size_t start, struct buf *out)
{
    struct work w = {.d = d, .body = view_from(buf_view(out), start)};
    struct buf insert, edited;
    enum err e;

    if (is_idle(d))
        return ERR_NONE;
    /* No object, or nested too deeply to be read here: what the row forces must not be left out. */
    if (json_check(w.body, &(struct json_value){JSON_NULL, VIEW_EMPTY}, NULL) != ERR_NONE || w.body.ptr[0] != '{')
        return d->provider->force[0] == '\0' ? ERR_NONE : ERR_FORMAT;
    w.force = (struct json_value){JSON_OBJECT, view_trim(view_str(d->provider->force))};
    buf_init(&insert, sizeof d->provider->force + sizeof STREAMS + 1);
    buf_init_charged(&edited, w.body.len + row_edits_room(d, w.body.len), out->budget);
    e = insert_make(&w, &insert);
    if (e == ERR_NONE)
        e = edit(&w, buf_view(&insert), &edited);
    if (e == ERR_NONE) {
        secret_wipe(out->ptr + start, out->len - start);
        out->len = start;
        e = buf_append(out, buf_view(&edited));
    }
    buf_free(&edited);
    buf_free(&insert);
    return e;
}
