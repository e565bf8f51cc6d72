/* (G) An exchange that several models answer: its request, and what core/request.c wants of its parts. */
#include "exchange_synth.h"

#include "chat_list.h"
#include "chat_request.h"
#include "content_view.h"
#include "synth_read.h"

#include <assert.h>

/* --- the request */

/* A chat client's bytes cannot be spliced for models that are asked something else, too. */
static enum err synth_list(struct exchange *x, struct api_failure *f)
{
    struct prompt *p = &x->prompt;
    struct prompt_fault fault = {0};
    enum err e;

    if (p->chat == NULL)
        return ERR_NONE;
    assert(p->chat->n_extras == 0); /* the list has no place for them */
    e = chat_list_make(p, &fault);
    if (e != ERR_NONE) {
        *f = (struct api_failure){.error = errors_of(e), .param = fault.param, .member = fault.member,
                                  .message = fault.message};
        return e;
    }
    x->answer.functions = p->chat->member[CHAT_KEY_FUNCTIONS].present && p->list.n_tools != 0 &&
                          !p->chat->member[CHAT_KEY_TOOLS].present;
    chat_request_free(p->chat);
    p->chat = NULL;
    return ERR_NONE;
}

static enum err synth_begin(struct exchange *x, const struct synth_plan *plan, struct api_failure *f)
{
    struct prompt *p = &x->prompt;
    const struct route_model *m = snapshot_number(x->request.catalog, plan->row->model_no);
    enum err e;

    assert(m != NULL && plan->final_tokens != 0 && p->n_choices == 1);
    x->synth = calloc(1, sizeof *x->synth);
    if (x->synth == NULL) {
        f->error = API_OVERLOAD;
        return ERR_MEMORY;
    }
    x->synth->plan = *plan;
    x->synth->parts.model = m->info;
    x->synth->parts.given = synth_strategy_gives(plan->strategy);
    collect_init(&x->synth->final, x->budget, LIMIT_RESPONSE_BYTES);
    buf_init_charged(&x->synth->held, EXCHANGE_SYNTH_HELD_MAX, x->budget);
    e = synth_list(x, f);
    if (e != ERR_NONE)
        return e;
    if (p->max_tokens == 0 || p->max_tokens > plan->final_tokens)
        p->max_tokens = plan->final_tokens;
    if (exchange_is_raw(x))
        x->dialect = x->dialect->by_events;
    x->answer.model = view_str(m->info->id);
    return ERR_NONE;
}

enum err exchange_synth_read(struct exchange *x, struct api_failure *f)
{
    struct synth_plan plan;
    bool is = false;
    enum err e;

    if (!x->dialect->synth || x->request.local)
        return ERR_NONE;
    e = synth_read(&x->prompt, x->request.catalog, &plan, &is, f);
    return e == ERR_NONE && is ? synth_begin(x, &plan, f) : e;
}

/* --- whom it may be sent to */

/* The client's preferences, for other models than it named itself. */
static enum err synth_want(struct exchange *x, const struct prompt *p, struct view model, struct json_value models,
                           struct route_want *out, struct api_failure *f)
{
    const struct want_given given = exchange_given(x);
    struct want_notes unknown; /* the catalog's names, of models that this deployment may not have */
    struct prompt q = *p;
    enum err e;

    assert(q.chat == NULL);
    memset(q.model, 0, sizeof q.model);
    if (model.len >= sizeof q.model) {
        *f = (struct api_failure){.error = API_NO_MODEL};
        return ERR_NOT_FOUND;
    }
    if (model.len != 0)
        memcpy(q.model, model.ptr, model.len);
    q.models = models;
    q.route = (struct json_value){JSON_NULL, VIEW_EMPTY};
    q.provider = x->prompt.provider;
    e = want_read(&q, x->request.catalog, x->context->providers, &given, out, &unknown, f);
    if (e == ERR_NONE)
        want_constrain(out, x->synth->plan.wants);
    return e;
}

static bool synth_want_cb(void *cookie, struct prompt *part, struct view id, struct route_want *out,
                          struct api_failure *f)
{
    const struct json_value none = {JSON_NULL, VIEW_EMPTY};

    return synth_want(cookie, part, id, none, out, f) == ERR_NONE;
}

/* The finals as clients write several models. */
static enum err name_finals(const struct synth_list *finals, struct buf *out)
{
    enum err e = buf_append_byte(out, '[');

    for (size_t i = 0; e == ERR_NONE && i < finals->n; i++) {
        if (i != 0)
            e = buf_append_byte(out, ',');
        if (e == ERR_NONE)
            e = buf_append_json_string(out, finals->id[i]);
    }
    return e == ERR_NONE ? buf_append_byte(out, ']') : e;
}

enum err exchange_synth_want(struct exchange *x, struct api_failure *f)
{
    struct json_value models = {JSON_ARRAY, VIEW_EMPTY};
    struct buf text;
    enum err e;

    buf_init_charged(&text, LIMIT_BODY_BYTES, x->budget);
    e = name_finals(&x->synth->plan.finals, &text);
    models.text = buf_view(&text);
    if (e != ERR_NONE)
        *f = (struct api_failure){.error = errors_of(e)};
    else
        e = synth_want(x, &x->prompt, VIEW_EMPTY, models, &x->request.want, f);
    if (e == ERR_NOT_FOUND)
        f->param = "final_models";
    buf_free(&text);
    return e;
}

/* --- the orchestration */

enum err exchange_synth_new(struct exchange *x, struct api_failure *f)
{
    struct exchange_synth *s = x->synth;
    struct request *r = &x->request;
    const struct synth_task task = {
        .whole = r,
        .prompt = &x->prompt,
        .plan = &s->plan,
        .upstreams = x->context->upstreams,
        .credentials = x->context->credentials,
        .budget = x->budget,
        .image_tokens = x->context->image_tokens,
        .reference_tokens = x->context->reference_tokens,
        .id = x->answer.id,
        .want = synth_want_cb,
        .event = exchange_synth_event,
        .cookie = x,
    };
    const uint64_t more = synth_prompt_bound(&s->plan);
    enum err e;

    exchange_name(x);
    r->parts = &s->parts;
    r->prompt_bound = r->prompt_bound > UINT64_MAX - more ? UINT64_MAX : r->prompt_bound + more;
    e = synth_new(&task, &s->run);
    if (e != ERR_NONE)
        *f = (struct api_failure){.error = API_OVERLOAD};
    return e;
}

void exchange_synth_free(struct exchange *x)
{
    struct exchange_synth *s = x->synth;

    if (s == NULL)
        return;
    synth_free(s->run);
    collect_free(&s->final);
    buf_free(&s->held);
    x->synth = NULL;
    explicit_bzero(s, sizeof *s);
    free(s);
}

bool exchange_synth_plan(struct request *r, int64_t *amount_nusd, struct api_failure *f)
{
    return synth_reserve(exchange_of(r)->synth->run, amount_nusd, f);
}

/* A client that wants to be told how it goes on gets the head now: what fails later is told inside the stream. */
void exchange_synth_prepare(struct request *r)
{
    struct exchange *x = exchange_of(r);

    if (r->stream && x->synth->plan.events && !r->committed) {
        r->committed = true;
        exchange_commit(r);
    }
    synth_start(x->synth->run);
}

bool exchange_synth_stop(struct request *r)
{
    return synth_stop(exchange_of(r)->synth->run);
}

/* Of a stream nothing can be taken back, so only what has said nothing is no answer. */
bool exchange_synth_accepts(struct request *r)
{
    const struct exchange_synth *s = exchange_of(r)->synth;

    return r->stream ? s->useful : synth_accepts(s->run, &s->final);
}

bool exchange_synth_rescue(struct request *r)
{
    struct exchange_synth *s = exchange_of(r)->synth;

    s->given = synth_answer(s->run) != NULL;
    return s->given;
}
