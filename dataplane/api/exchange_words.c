/* (G) An exchange's answer in the words of its client's dialect. */
#include "exchange_internal.h"

#include "content_view.h"
#include "id.h"
#include "route_metadata.h"

#include <assert.h>

const char *exchange_cut_name(enum request_cut cut)
{
    static const char *const names[] = {
        [CUT_NONE] = "",
        [CUT_CREDIT] = "credit",
        [CUT_CONTROL_PLANE] = "control_plane",
        [CUT_LIMIT] = "max_tokens",
    };

    return names[cut];
}

/* --- the answer of one attempt */

enum err exchange_open(struct exchange *x)
{
    const struct request *r = &x->request;
    struct answer *a = &x->answer;
    enum err e;

    exchange_close(x);
    memcpy(a->id, "gen-", 4);
    _Static_assert(sizeof a->id > 4 + ID_TEXT_LEN, "gen- and the id");
    id_text(&r->id, a->id + 4);
    a->created = r->received_unix_ms / 1000;
    a->model = view_str(r->attempts.candidate.model->info->id);
    a->provider = view_str(r->attempts.candidate.endpoint->provider->name);
    a->own_key = r->attempts.candidate.own != 0;
    a->prompt = &x->prompt;
    a->budget = x->budget;
    a->stream = r->stream;
    a->include_usage = x->prompt.include_usage;
    if (exchange_is_raw(x))
        return ERR_NONE;
    e = x->dialect->start(a);
    x->opened = e == ERR_NONE;
    return e;
}

void exchange_close(struct exchange *x)
{
    if (x->opened)
        x->dialect->close(&x->answer);
    x->answer.state = NULL;
    x->opened = x->begun = false;
    content_free(x->whole);
    x->whole = NULL;
}

/* --- a stream */

enum err exchange_words_begin(struct exchange *x)
{
    size_t mark = x->out.filling.len;
    enum err e;

    if (x->begun)
        return ERR_NONE;
    assert(x->opened);
    e = x->dialect->begin(&x->answer, &x->out.filling);
    x->begun = e == ERR_NONE;
    if (e != ERR_NONE)
        sse_out_abandon(&x->out, mark);
    return e;
}

/* Most events come to less, so that a chunk takes one allocation and not one per doubling. */
enum { EVENT_ROOM = 256 }; /* bytes beside its text */

enum err exchange_event(struct exchange *x, const struct event *event)
{
    size_t mark;
    enum err e;

    assert(x->opened);
    if (!x->request.stream)
        return x->dialect->event(&x->answer, event, NULL);
    e = exchange_words_begin(x);
    if (e != ERR_NONE)
        return e;
    mark = x->out.filling.len;
    e = buf_reserve(&x->out.filling, event->text.len + EVENT_ROOM);
    if (e == ERR_NONE)
        e = x->dialect->event(&x->answer, event, &x->out.filling);
    if (e != ERR_NONE)
        sse_out_abandon(&x->out, mark);
    return e;
}

enum { WORDS_ROUTE_MAX = 16 << 10 }; /* bytes; each of LIMIT_CANDIDATES takes some 200 */

/* What is known once the answer is over. The route goes into `route`, which is the caller's; where there is no
 * room for it the client is not told. */
static void tell_the_end(struct exchange *x, struct buf *route)
{
    buf_init(route, WORDS_ROUTE_MAX);
    x->answer.cost_nusd = x->request.cost_nusd;
    if (x->metadata && route_metadata_object(&x->request, x->context->region, route) == ERR_NONE)
        x->answer.metadata = buf_view(route);
}

static void forget_route(struct exchange *x, struct buf *route)
{
    x->answer.metadata = VIEW_EMPTY;
    buf_free(route);
}

enum err exchange_words_end(struct exchange *x)
{
    const struct request *r = &x->request;
    struct buf route;
    size_t mark;
    enum err e;

    if (exchange_is_raw(x))
        return exchange_raw_end(x);
    e = exchange_words_begin(x);
    if (e != ERR_NONE)
        return e;
    mark = x->out.filling.len;
    tell_the_end(x, &route);
    e = x->dialect->end(&x->answer, &r->account.usage, exchange_cut_name(r->cut), &x->out.filling);
    forget_route(x, &route);
    if (e != ERR_NONE)
        sse_out_abandon(&x->out, mark);
    return e;
}

enum err exchange_words_fail(struct exchange *x, const struct api_failure *f)
{
    size_t mark = x->out.filling.len;
    enum err e = exchange_is_raw(x) ? exchange_raw_fail(x, f)
                                    : x->dialect->fail(&x->answer, f, &x->out.filling);

    if (e != ERR_NONE)
        sse_out_abandon(&x->out, mark);
    return e;
}

/* --- a whole answer */

/* What the events came to, in bytes, and their dialect's members around them; more is made when it is needed. */
enum { WHOLE_ROOM = 16 << 10 };

enum err exchange_words_room(struct exchange *x)
{
    assert(x->opened && x->whole == NULL);
    x->whole = content_new(LIMIT_RESPONSE_BYTES, x->budget);
    if (x->whole == NULL)
        return ERR_MEMORY;
    return buf_reserve(content_buf(x->whole), attempt_delivered(&x->attempt) + WHOLE_ROOM);
}

enum err exchange_words_whole(struct exchange *x)
{
    struct buf route;
    enum err e;

    tell_the_end(x, &route);
    e = x->dialect->whole(&x->answer, &x->request.account.usage, content_buf(x->whole));
    forget_route(x, &route);
    return e;
}
