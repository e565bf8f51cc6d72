/* (G) An exchange's answer in the words of its client's dialect. */
#include "exchange_internal.h"

#include "content_view.h"
#include "exchange_synth.h"
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

void exchange_name(struct exchange *x)
{
    const struct request *r = &x->request;
    struct answer *a = &x->answer;

    memcpy(a->id, "gen-", 4);
    _Static_assert(sizeof a->id > 4 + ID_TEXT_LEN, "gen- and the id");
    id_text(&r->id, a->id + 4);
    a->created = r->received_unix_ms / 1000;
    a->prompt = &x->prompt;
    a->budget = x->budget;
    a->stream = r->stream;
    a->include_usage = x->prompt.include_usage;
}

enum err exchange_open_as(struct exchange *x, struct view provider)
{
    enum err e;

    exchange_close(x);
    exchange_name(x);
    x->answer.provider = provider;
    if (exchange_is_raw(x))
        return ERR_NONE;
    e = x->dialect->start(&x->answer);
    x->opened = e == ERR_NONE;
    if (e != ERR_NONE)
        x->dialect->close(&x->answer); /* what it has allocated by then */
    return e;
}

enum err exchange_open(struct exchange *x)
{
    const struct candidate *c = &x->request.attempts.candidate;

    if (x->synth == NULL) { /* else its name and its bill are those of all */
        x->answer.model = view_str(c->model->info->id);
        x->answer.own_key = c->own != 0;
    }
    return exchange_open_as(x, view_str(c->endpoint->provider->name));
}

void exchange_close(struct exchange *x)
{
    if (x->opened)
        x->dialect->close(&x->answer);
    if (x->synth != NULL)
        exchange_synth_forget(x);
    x->answer.state = NULL;
    x->opened = x->begun = false;
    content_free(x->whole);
    x->whole = NULL;
}

/* --- a stream */

void exchange_take_back(struct buf *b, size_t mark)
{
    assert(mark <= b->len);
    if (mark != b->len)
        explicit_bzero(b->ptr + mark, b->len - mark);
    b->len = mark;
}

/* Where the events go: at once to the client, or to what is held while another model may still answer. */
static struct buf *words_out(struct exchange *x)
{
    return x->synth != NULL && !x->synth->useful ? &x->synth->held : &x->out.filling;
}

enum err exchange_words_begin(struct exchange *x)
{
    struct buf *out = words_out(x);
    size_t mark = out->len;
    enum err e;

    if (x->begun)
        return ERR_NONE;
    assert(x->opened);
    e = x->dialect->begin(&x->answer, out);
    x->begun = e == ERR_NONE;
    if (e != ERR_NONE)
        exchange_take_back(out, mark);
    return e;
}

/* Most events come to less, so that a chunk takes one allocation and not one per doubling. */
enum { EVENT_ROOM = 256 }; /* bytes beside its text */

static enum err stream_event(struct exchange *x, const struct event *event)
{
    struct buf *out = words_out(x);
    size_t mark;
    enum err e = exchange_words_begin(x);

    if (e != ERR_NONE)
        return e;
    mark = out->len;
    e = buf_reserve(out, event->text.len + EVENT_ROOM);
    if (e == ERR_NONE)
        e = x->dialect->event(&x->answer, event, out);
    if (e != ERR_NONE)
        exchange_take_back(out, mark);
    return e;
}

enum err exchange_event(struct exchange *x, const struct event *event)
{
    enum err e = x->synth != NULL ? exchange_synth_note(x, event) : ERR_NONE;

    assert(x->opened);
    if (e != ERR_NONE)
        return e;
    return x->request.stream ? stream_event(x, event) : x->dialect->event(&x->answer, event, NULL);
}

enum { WORDS_ROUTE_MAX = 16 << 10 }; /* bytes; each of LIMIT_CANDIDATES takes some 200 */

/* What is known once the answer is over. */
struct ways {
    struct buf route, parts;
};

/* It goes into `w`, which is the caller's; where there is no room for it the client is not told. */
static void tell_the_end(struct exchange *x, struct ways *w)
{
    buf_init(&w->route, WORDS_ROUTE_MAX);
    buf_init(&w->parts, EXCHANGE_SYNTH_METADATA_MAX);
    x->answer.cost_nusd = x->request.cost_nusd;
    if (x->metadata && x->request.attempts.made != 0 &&
        route_metadata_object(&x->request, x->context->region, &w->route) == ERR_NONE)
        x->answer.metadata = buf_view(&w->route);
    if (x->synth != NULL && exchange_synth_metadata(x, &w->parts) == ERR_NONE)
        x->answer.router = buf_view(&w->parts);
}

static void forget_ways(struct exchange *x, struct ways *w)
{
    x->answer.metadata = x->answer.router = VIEW_EMPTY;
    buf_free(&w->route);
    buf_free(&w->parts);
}

enum err exchange_words_end(struct exchange *x)
{
    const struct request *r = &x->request;
    struct ways ways;
    size_t mark;
    enum err e;

    if (exchange_is_raw(x))
        return exchange_raw_end(x);
    e = x->synth != NULL ? exchange_synth_let_go(x) : ERR_NONE;
    if (e == ERR_NONE)
        e = exchange_words_begin(x);
    if (e != ERR_NONE)
        return e;
    mark = x->out.filling.len;
    tell_the_end(x, &ways);
    e = x->dialect->end(&x->answer, &r->account.usage, exchange_cut_name(r->cut), &x->out.filling);
    forget_ways(x, &ways);
    if (e != ERR_NONE)
        sse_out_abandon(&x->out, mark);
    return e;
}

enum err exchange_words_fail(struct exchange *x, const struct api_failure *f)
{
    size_t mark = x->out.filling.len;
    enum err e = x->synth != NULL ? exchange_synth_failing(x) : ERR_NONE;

    if (e == ERR_NONE)
        e = exchange_is_raw(x) ? exchange_raw_fail(x, f) : x->dialect->fail(&x->answer, f, &x->out.filling);

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
    struct ways ways;
    enum err e;

    tell_the_end(x, &ways);
    e = x->dialect->whole(&x->answer, &x->request.account.usage, content_buf(x->whole));
    forget_ways(x, &ways);
    return e;
}
