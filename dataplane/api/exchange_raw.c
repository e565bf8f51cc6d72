/* (G) An exchange's answer in a dialect that the adapters make: canonical bytes leave as they are, and what we
 * end, or what OpenRouter's clients read at the end, is said in one more of them. */
#include "exchange_internal.h"

#include "content_view.h"
#include "error_body.h"
#include "route_metadata.h"

enum { RAW_ERROR_MAX = 64 << 10 }; /* bytes of an error object; a provider's sentence may be long */

static enum err close_chunk(struct exchange *x, size_t mark, enum err e)
{
    if (e == ERR_NONE)
        e = sse_out_commit(&x->out);
    if (e != ERR_NONE)
        sse_out_abandon(&x->out, mark);
    return e;
}

static enum err put_cut(struct exchange *x)
{
    size_t mark = 0;
    enum err e = sse_out_begin(&x->out, &mark);

    if (e == ERR_NONE)
        e = attempt_put_cut(&x->attempt, exchange_cut_name(x->request.cut), &x->out.filling);
    return close_chunk(x, mark, e);
}

/* Where there is no room for it the client is not told: the answer is complete all the same. */
static void add_metadata(struct exchange *x, struct buf *object)
{
    if (route_metadata_add(&x->request, x->context->region, object) != ERR_NONE)
        x->metadata = false;
}

/* Of a stream that we have ended: the provider's figures did not come. Under /api/v1 of every stream. */
static enum err put_usage(struct exchange *x)
{
    const struct request *r = &x->request;
    size_t mark = 0;
    enum err e = sse_out_begin(&x->out, &mark);

    if (e == ERR_NONE)
        e = attempt_put_usage(&x->attempt, &r->account.usage, r->cost_nusd, &x->out.filling);
    if (e == ERR_NONE && x->metadata && x->answer.openrouter)
        add_metadata(x, &x->out.filling);
    return close_chunk(x, mark, e);
}

/* A chunk without choices that says how the request was routed. */
static enum err put_metadata(struct exchange *x)
{
    struct answer *a = &x->answer;
    struct buf *out = &x->out.filling;
    size_t mark = 0;
    enum err e = sse_out_begin(&x->out, &mark);

    if (e == ERR_NONE)
        e = buf_appendf(out, "{\"id\":\"%s\",\"object\":\"chat.completion.chunk\",\"created\":%llu,"
                        "\"model\":", a->id, (unsigned long long)a->created);
    if (e == ERR_NONE)
        e = buf_append_json_string(out, a->model);
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT(",\"choices\":[]}"));
    if (e == ERR_NONE)
        e = route_metadata_add(&x->request, x->context->region, out);
    return close_chunk(x, mark, e);
}

enum err exchange_raw_end(struct exchange *x)
{
    const bool cut = x->request.cut != CUT_NONE;
    enum err e = cut ? put_cut(x) : ERR_NONE;

    if (e == ERR_NONE && (x->answer.openrouter || (cut && x->answer.include_usage)))
        e = put_usage(x);
    if (e == ERR_NONE && x->metadata && !x->answer.openrouter && put_metadata(x) != ERR_NONE)
        x->metadata = false;
    return e == ERR_NONE ? sse_out_done(&x->out) : e;
}

enum err exchange_raw_fail(struct exchange *x, const struct api_failure *f)
{
    size_t mark = 0;
    struct buf object;
    enum err e;

    if (!x->answer.openrouter)
        return x->dialect->fail(&x->answer, f, &x->out.filling);
    buf_init(&object, RAW_ERROR_MAX);
    e = sse_out_begin(&x->out, &mark);
    if (e == ERR_NONE)
        e = error_openrouter_object(f, &object);
    if (e == ERR_NONE)
        e = attempt_put_failed(&x->attempt, buf_view(&object), &x->out.filling);
    e = close_chunk(x, mark, e);
    buf_free(&object);
    return e;
}

struct buf *exchange_raw_whole(struct exchange *x)
{
    const struct request *r = &x->request;
    struct buf *body = attempt_answer(&x->attempt);

    if (attempt_answer_type(&x->attempt) != BODY_TYPE_JSON)
        return body; /* there is no place for figures in it */
    x->answer.cost_nusd = r->cost_nusd;
    /* Without room for the figures the answer is sent without them. */
    (void)(x->dialect->figures(&x->answer, &r->account.usage, body) == ERR_NONE);
    if (x->metadata)
        add_metadata(x, body);
    return body;
}
