/* (G) The dialect of OpenAI's legacy text completions: a text in, texts out. A provider reads the text as
 * one message of a user, or, with a suffix, is asked through this very API, which not all have. Token ids for
 * a prompt, several prompts at once, and this API's form of log probabilities are refused by name. */
#include "completions.h"

#include "chat_request.h" /* CHAT_MAX_TOKENS_MAX, CHAT_N_MAX, CHAT_TEMPLATE_TOKENS */
#include "content_view.h"
#include "error_body.h"
#include "pen.h"
#include "members.h"

#include <stdlib.h>

/* --- the request */

/* Bytes of the prompt in all answers of a request that wants it in front of each: half of what a whole answer may
 * have, or it would be paid for and not fit. */
enum { ECHOES_MAX = LIMIT_RESPONSE_BYTES / 2 };

static enum err read_prompt(struct member_reader *r, struct json_value v)
{
    static const char message[] = "prompt must be a text, or a list with one text; token ids and several "
                                  "prompts are not supported";
    struct json_iter it = json_iter(v);
    struct json_member m;
    struct prompt_item *item;
    struct view text;
    enum err e;

    if (v.kind == JSON_ARRAY) {
        if (!json_next(&it, &m))
            return prompt_refuse(r->fault, message, ERR_FORMAT);
        v = m.value;
        if (json_next(&it, &m))
            return prompt_refuse(r->fault, message, ERR_UNSUPPORTED);
    }
    e = prompt_read_text(v, message, r->fault, &text);
    if (e == ERR_NONE)
        e = prompt_add_item(&r->p->list, ITEM_MESSAGE, &item);
    if (e != ERR_NONE)
        return e;
    item->role = ROLE_USER;
    e = prompt_add_item(&r->p->list, ITEM_TEXT, &item);
    if (e == ERR_NONE)
        item->text.bytes = text;
    r->p->prompt_bytes = text.len;
    return e;
}

static enum err read_suffix(struct member_reader *r, struct json_value v)
{
    enum err e = prompt_read_text(v, "suffix must be a string", r->fault, &r->p->suffix);

    if (e == ERR_NONE && r->p->suffix.len != 0) {
        r->p->kind = PROMPT_FILL;
        r->p->prompt_bytes += r->p->suffix.len;
    }
    return e;
}

static enum err read_stream(struct member_reader *r, struct json_value v)
{
    return prompt_read_bool(v, r->fault, &r->p->stream);
}

static enum err read_stream_options(struct member_reader *r, struct json_value v)
{
    struct json_value usage;

    if (v.kind != JSON_OBJECT)
        return prompt_refuse(r->fault, "stream_options must be an object", ERR_FORMAT);
    if (!json_get(v, "include_usage", &usage) || usage.kind == JSON_NULL)
        return ERR_NONE;
    return prompt_read_bool(usage, r->fault, &r->p->include_usage);
}

static enum err read_max_tokens(struct member_reader *r, struct json_value v)
{
    return prompt_read_count(v, 1, CHAT_MAX_TOKENS_MAX, "max_tokens must be a positive integer",
                             r->fault, &r->p->max_tokens);
}

static enum err read_n(struct member_reader *r, struct json_value v)
{
    return prompt_read_count(v, 1, CHAT_N_MAX, "n must be an integer from 1 to 128", r->fault,
                             &r->p->n_choices);
}

/* Behind n. */
static enum err read_best_of(struct member_reader *r, struct json_value v)
{
    uint32_t best_of = 1;
    enum err e = prompt_read_count(v, 1, CHAT_N_MAX, "best_of must be an integer from 1 to 128",
                                   r->fault, &best_of);

    return e != ERR_NONE || best_of <= r->p->n_choices
               ? e
               : prompt_refuse(r->fault, "best_of above n is not supported: all answers are returned.",
                               ERR_UNSUPPORTED);
}

static enum err read_logprobs(struct member_reader *r, struct json_value v)
{
    (void)v;
    return prompt_refuse(r->fault, "logprobs of this API are not supported; chat/completions has them.",
                         ERR_UNSUPPORTED);
}

/* Behind prompt and n. */
static enum err read_echo(struct member_reader *r, struct json_value v)
{
    bool echo = false;
    enum err e = prompt_read_bool(v, r->fault, &echo); /* the answer looks for it again */

    return e != ERR_NONE || !echo || r->p->prompt_bytes * r->p->n_choices <= ECHOES_MAX
               ? e
               : prompt_refuse(r->fault, "The prompt is too long to be in front of each of n answers.", ERR_RANGE);
}

static enum err read_stop(struct member_reader *r, struct json_value v)
{
    if (v.kind != JSON_STRING && v.kind != JSON_ARRAY)
        return prompt_refuse(r->fault, "stop must be a string or a list of strings", ERR_FORMAT);
    r->p->list.setting[SETTING_STOP] = v.text;
    return ERR_NONE;
}

/* In the order in which they are read. */
static const struct member_rule rules[] = {
    MEMBERS_ROUTING,
    {.name = "prompt", .read = read_prompt},
    {.name = "suffix", .read = read_suffix},
    {.name = "stream", .read = read_stream},
    {.name = "stream_options", .read = read_stream_options},
    {.name = "max_tokens", .read = read_max_tokens},
    {.name = "n", .read = read_n},
    {.name = "best_of", .read = read_best_of},
    {.name = "logprobs", .read = read_logprobs},
    {.name = "echo", .read = read_echo},
    {.name = "user", .read = member_user},
    {.name = "stop", .read = read_stop},
    {.name = "temperature", .kind = JSON_NUMBER, .setting = SETTING_TEMPERATURE},
    {.name = "top_p", .kind = JSON_NUMBER, .setting = SETTING_TOP_P},
    {.name = "top_k", .kind = JSON_NUMBER, .setting = SETTING_TOP_K},
    {.name = "min_p", .kind = JSON_NUMBER, .setting = SETTING_MIN_P},
    {.name = "top_a", .kind = JSON_NUMBER, .setting = SETTING_TOP_A},
    {.name = "frequency_penalty", .kind = JSON_NUMBER, .setting = SETTING_FREQUENCY_PENALTY},
    {.name = "presence_penalty", .kind = JSON_NUMBER, .setting = SETTING_PRESENCE_PENALTY},
    {.name = "repetition_penalty", .kind = JSON_NUMBER, .setting = SETTING_REPETITION_PENALTY},
    {.name = "seed", .kind = JSON_NUMBER, .setting = SETTING_SEED},
    {.name = "logit_bias", .kind = JSON_OBJECT, .setting = SETTING_LOGIT_BIAS},
    MEMBERS_LABELS,
    {.name = "transforms", .read = member_label},
};

static enum err completions_read(struct view body, struct prompt *out, struct prompt_fault *fault)
{
    enum err e;

    *out = (struct prompt){.n_choices = 1};
    prompt_list_init(&out->list);
    e = members_read(body, rules, sizeof rules / sizeof rules[0], NULL, out, fault);
    if (e == ERR_NONE) {
        fault->param = out->list.n_items == 0 ? "prompt" : "model";
        if (out->list.n_items == 0 || (out->model[0] == '\0' && out->models.text.len == 0))
            return prompt_refuse(fault, "This member is required.", ERR_FORMAT);
        out->prompt_bound = out->body.len + CHAT_TEMPLATE_TOKENS;
        fault->param = NULL;
    }
    return e;
}

/* --- the answer */

struct choice {
    struct buf text; /* of a whole answer */
    bool begun;
    enum usage_finish finish;
};
struct completion {
    uint32_t n; /* choices that were asked for */
    struct buf echo; /* the prompt, where the client wants it in front of each answer */
    struct buf head; /* of each document, up to its list of choices */
    struct choice choice[CHAT_N_MAX];
};
enum { COMPLETION_HEAD_MAX = 4 << 10 }; /* bytes: an id and two names of the catalog */

static bool wants_echo(const struct prompt *p)
{
    struct json_value echo;

    return json_get((struct json_value){JSON_OBJECT, p->body}, "echo", &echo) && echo.kind == JSON_TRUE;
}

static void completions_close(struct answer *a)
{
    struct completion *c = a->state;

    if (c == NULL)
        return;
    buf_free(&c->echo);
    buf_free(&c->head);
    for (size_t i = 0; i < CHAT_N_MAX; i++)
        buf_free(&c->choice[i].text);
    free(c);
    a->state = NULL;
}

/* The same for each chunk: written once. */
static enum err write_head(const struct answer *a)
{
    struct completion *c = a->state;
    struct pen pen = {.out = &c->head}, *p = &pen;

    pen_text(p, "{\"id\":\"cmpl-");
    pen_text(p, a->id + 4); /* behind "gen-" */
    pen_text(p, "\",\"object\":\"text_completion\",\"created\":");
    pen_number(p, a->created);
    pen_text(p, ",\"model\":");
    pen_string(p, a->model);
    if (a->openrouter) {
        pen_text(p, ",\"provider\":");
        pen_string(p, a->provider);
    }
    pen_text(p, ",\"choices\":[");
    return pen.e;
}

static enum err completions_start(struct answer *a)
{
    struct completion *c = calloc(1, sizeof *c);
    enum err e;

    a->state = c;
    if (c == NULL)
        return ERR_MEMORY;
    c->n = a->prompt->n_choices;
    buf_init_charged(&c->echo, LIMIT_BODY_BYTES, a->budget);
    for (size_t i = 0; i < CHAT_N_MAX; i++)
        buf_init_charged(&c->choice[i].text, LIMIT_RESPONSE_BYTES, a->budget);
    buf_init_charged(&c->head, COMPLETION_HEAD_MAX, a->budget);
    e = write_head(a);
    if (e == ERR_NONE && wants_echo(a->prompt))
        e = buf_append(&c->echo, a->prompt->list.item[1].text.bytes);
    return e;
}

static const char *finish_word(enum usage_finish f)
{
    return f == FINISH_LENGTH ? "length" : f == FINISH_CONTENT_FILTER ? "content_filter" : "stop";
}

static void put_choice(struct pen *p, size_t index, struct view echo, struct view text, const char *finish)
{
    pen_put(p, VIEW_LIT("{\"text\":\""));
    pen_put(p, echo);
    pen_put(p, text);
    pen_put(p, VIEW_LIT("\",\"index\":"));
    pen_number(p, index);
    if (finish == NULL) {
        pen_put(p, VIEW_LIT(",\"logprobs\":null,\"finish_reason\":null}"));
        return;
    }
    pen_put(p, VIEW_LIT(",\"logprobs\":null,\"finish_reason\":\""));
    pen_text(p, finish);
    pen_put(p, VIEW_LIT("\"}"));
}

static void put_usage(const struct answer *a, const struct token_usage *u, struct pen *p)
{
    pen_text(p, ",\"usage\":{");
    pen_figures(p, u);
    if (a->openrouter)
        pen_cost(p, a->cost_nusd, u, "prompt", "completions");
    pen_text(p, "}");
}

static enum err completions_begin(struct answer *a, struct buf *out)
{
    (void)a, (void)out;
    return ERR_NONE; /* nothing is said before there is text */
}

/* cut: why we ended the choice, "" when the provider did. */
static void put_chunk(struct answer *a, size_t index, struct view text, const char *finish, const char *cut,
                      struct pen *p)
{
    struct completion *c = a->state;

    pen_put(p, VIEW_LIT("data: "));
    pen_put(p, buf_view(&c->head));
    put_choice(p, index, c->choice[index].begun ? VIEW_EMPTY : buf_view(&c->echo), text, finish);
    pen_put(p, VIEW_LIT("]"));
    if (cut[0] != '\0') {
        pen_text(p, ",\"x_tr_end_reason\":");
        pen_string(p, view_str(cut));
    }
    pen_put(p, VIEW_LIT("}\n\n"));
    c->choice[index].begun = true;
}

/* Thoughts and calls have no place in this API. */
static enum err completions_event(struct answer *a, const struct event *e, struct buf *out)
{
    struct completion *c = a->state;
    struct choice *choice = &c->choice[e->choice % CHAT_N_MAX];
    struct pen p = {.out = out};

    if (e->kind != EVENT_TEXT && e->kind != EVENT_REFUSAL && e->kind != EVENT_FINISH)
        return ERR_NONE;
    if (e->kind == EVENT_FINISH)
        choice->finish = e->finish;
    if (out != NULL) {
        put_chunk(a, (size_t)(choice - c->choice), e->text,
                  e->kind == EVENT_FINISH ? finish_word(e->finish) : NULL, "", &p);
        return p.e;
    }
    choice->begun = true;
    return buf_append(&choice->text, e->text);
}

static enum err completions_end(struct answer *a, const struct token_usage *usage, const char *cut,
                                struct buf *out)
{
    struct completion *c = a->state;
    struct pen p = {.out = out};

    for (size_t i = 0; *cut != '\0' && i < c->n; i++)
        if (c->choice[i].finish == FINISH_NONE)
            put_chunk(a, i, VIEW_EMPTY, finish_word(FINISH_LENGTH), cut, &p);
    if (a->include_usage || a->openrouter) {
        pen_text(&p, "data: ");
        pen_put(&p, buf_view(&c->head));
        pen_text(&p, "]");
        put_usage(a, usage, &p);
        pen_text(&p, "}\n\n");
    }
    pen_text(&p, "data: [DONE]\n\n");
    return p.e;
}

static enum err completions_fail(struct answer *a, const struct api_failure *f, struct buf *out)
{
    enum err e = buf_append(out, VIEW_LIT("data: "));

    if (e == ERR_NONE)
        e = a->openrouter ? error_openrouter_body(f, out) : error_body(f, out);
    return e == ERR_NONE ? buf_append(out, VIEW_LIT("\n\n")) : e;
}

static enum err completions_whole(struct answer *a, const struct token_usage *usage, struct buf *out)
{
    struct completion *c = a->state;
    struct pen p = {.out = out};
    bool first = true;

    pen_put(&p, buf_view(&c->head));
    for (size_t i = 0; i < CHAT_N_MAX; i++) {
        if (!c->choice[i].begun)
            continue;
        if (!first)
            pen_text(&p, ",");
        put_choice(&p, i, buf_view(&c->echo), buf_view(&c->choice[i].text),
                   finish_word(c->choice[i].finish));
        first = false;
    }
    pen_text(&p, "]");
    put_usage(a, usage, &p);
    pen_text(&p, "}");
    return p.e;
}

static enum err completions_failure(const struct api_failure *f, const struct id *request, bool openrouter,
                                    struct buf *out)
{
    (void)request;
    return openrouter ? error_openrouter_body(f, out) : error_body(f, out);
}

const struct dialect completions_dialect = {
    .name = "completions",
    .read = completions_read,
    .start = completions_start,
    .close = completions_close,
    .begin = completions_begin,
    .event = completions_event,
    .end = completions_end,
    .fail = completions_fail,
    .keep_alive = VIEW_LIT(": keep-alive\n\n"),
    .whole = completions_whole,
    .failure = completions_failure,
};
