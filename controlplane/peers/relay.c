/* Questions of clients about their accounts, which a data plane hands on: answered by the REST API's own
 * handlers (api_relay()), in pieces that the data plane asks for one by one, so that no answer fills the
 * connection. */
#include "peer.h"

#include "api.h"
#include "clock.h"
#include "log.h"

#include <assert.h>
#include <stdlib.h>

enum {
    RELAY_PER_S = 200, /* questions of one data plane; it has a rate for each of its clients */
    RELAY_BURST = 400,
    RELAY_UNIT = 1000,               /* so that a millisecond adds a whole number */
    RELAY_HELD_BYTES = 32 << 20,     /* of answers, for all data planes */
    RELAY_BUSY_RETRY_MS = 1000,
};

/* One question. */
struct relay {
    struct relay *next;  /* in the peer's list, until the connection closes */
    struct peers *owner;
    struct peer *peer;
    uint64_t call, asked_ms;
    bool answered;
    int status;
    uint32_t retry_ms;
    struct buf body;
    size_t sent;
};

static void relay_free(struct relay *r)
{
    r->owner->relay_bytes -= r->body.len;
    buf_free(&r->body);
    free(r);
}

static struct relay **relay_find(struct peer *p, uint64_t call)
{
    struct relay **at = &p->relays;

    while (*at != NULL && (*at)->call != call)
        at = &(*at)->next;
    return at;
}

static void relay_end(struct peer *p, struct relay **at)
{
    struct relay *r = *at;

    *at = r->next;
    p->n_relays--;
    relay_free(r);
}

/* --- answers --- */

static void relay_send(struct peer *p, const struct msg_relay_answer *m)
{
    struct buf out;

    buf_init(&out, LIMIT_RELAY_PIECE_BYTES + 64);
    if (msg_relay_answer_encode(m, &out) == ERR_NONE)
        peer_send(p, buf_view(&out));
    buf_free(&out);
}

/* The next piece; with the last one the question is over. */
static void relay_send_piece(struct peer *p, struct relay **at)
{
    struct relay *r = *at;
    struct view left = view_from(buf_view(&r->body), r->sent);
    size_t n = left.len < LIMIT_RELAY_PIECE_BYTES ? left.len : LIMIT_RELAY_PIECE_BYTES;
    const struct msg_relay_answer m = {
        .call = r->call,
        .status = (uint16_t)r->status,
        .retry_ms = r->retry_ms,
        .last = n == left.len,
        .body = view_of(left.ptr, n),
    };

    r->sent += n;
    relay_send(p, &m);
    if (m.last)
        relay_end(p, at);
}

/* What is answered without asking anybody. The data plane words it. */
static void relay_refuse(struct peer *p, uint64_t call, int status, uint32_t retry_ms)
{
    relay_send(p, &(struct msg_relay_answer){.call = call,
                                             .status = (uint16_t)status,
                                             .retry_ms = retry_ms,
                                             .last = 1});
}

/* An answer that is too large for the link, or for now, is not kept. */
static void relay_keep(struct relay *r, const struct api_answer *a)
{
    r->answered = true;
    r->status = a->status;
    r->retry_ms = a->retry_ms;
    if (a->body.len > LIMIT_RELAY_ANSWER_BYTES) {
        r->status = 502;
    } else if (r->owner->relay_bytes + a->body.len > RELAY_HELD_BYTES ||
               buf_append(&r->body, a->body) != ERR_NONE) {
        r->status = 503;
        r->retry_ms = RELAY_BUSY_RETRY_MS;
    }
    r->owner->relay_bytes += r->body.len;
}

static void relay_answer_cb(void *cookie, const struct api_answer *answer)
{
    struct relay *r = cookie;
    struct peer *p = r->peer;

    if (!peer_call_done(p)) { /* relay_closed() has let go of it */
        relay_free(r);
        return;
    }
    relay_keep(r, answer);
    relay_send_piece(p, relay_find(p, r->call));
}

/* --- questions --- */

/* 0: there is room within the rate; otherwise when there will be. */
static uint32_t relay_wait_ms(struct relay_rate *rate, uint64_t now_ms)
{
    uint64_t full = (uint64_t)RELAY_BURST * RELAY_UNIT, gone_ms = now_ms - rate->filled_ms;

    if (rate->filled_ms == 0 || gone_ms >= full / RELAY_PER_S)
        rate->units = full;
    else
        rate->units = rate->units + gone_ms * RELAY_PER_S < full ? rate->units + gone_ms * RELAY_PER_S
                                                                 : full;
    rate->filled_ms = now_ms;
    if (rate->units < RELAY_UNIT)
        return (uint32_t)((RELAY_UNIT - rate->units + RELAY_PER_S - 1) / RELAY_PER_S);
    rate->units -= RELAY_UNIT;
    return 0;
}

static void relay_begin(struct peer *p, const struct msg_relay_ask *m, uint64_t now_ms)
{
    struct relay *r = calloc(1, sizeof *r);

    assert(r != NULL);
    r->owner = p->owner;
    r->peer = p;
    r->call = m->call;
    r->asked_ms = now_ms;
    buf_init(&r->body, LIMIT_RELAY_ANSWER_BYTES);
    r->next = p->relays;
    p->relays = r;
    p->n_relays++;
    p->calls++;
    api_relay(p->owner->config.api, m, p->address, relay_answer_cb, r);
}

bool relay_asked(struct peer *p, struct view payload)
{
    uint64_t now_ms = clock_mono_ms();
    struct msg_relay_ask m;
    uint32_t wait_ms;

    if (msg_relay_ask_decode(payload, &m) != ERR_NONE || *relay_find(p, m.call) != NULL)
        return false;
    if (p->owner->config.api == NULL || p->n_relays == LIMIT_RELAY_CALLS)
        relay_refuse(p, m.call, 503, RELAY_BUSY_RETRY_MS);
    else if ((wait_ms = relay_wait_ms(&p->relay_rate, now_ms)) != 0)
        relay_refuse(p, m.call, 429, wait_ms);
    else
        relay_begin(p, &m, now_ms);
    return true;
}

/* One that is over, because nobody asked for more of it in time, is not known here any more. */
bool relay_wanted(struct peer *p, struct view payload)
{
    struct msg_relay_next m;
    struct relay **at;

    if (msg_relay_next_decode(payload, &m) != ERR_NONE)
        return false;
    at = relay_find(p, m.call);
    if (*at == NULL)
        return true;
    if (!(*at)->answered)
        return false;
    if (m.more)
        relay_send_piece(p, at);
    else
        relay_end(p, at);
    return true;
}

void relay_tick(struct peer *p, uint64_t now_ms)
{
    struct relay **at = &p->relays;

    while (*at != NULL) {
        if ((*at)->answered && now_ms - (*at)->asked_ms > LIMIT_RELAY_MS)
            relay_end(p, at);
        else
            at = &(*at)->next;
    }
}

void relay_closed(struct peer *p)
{
    struct relay *next;

    for (struct relay *r = p->relays; r != NULL; r = next) {
        next = r->next;
        if (r->answered)
            relay_free(r);
    }
    p->relays = NULL;
    p->n_relays = 0;
}
