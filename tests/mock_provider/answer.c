#include "answer.h"

#include "models.h"
#include "wire.h"

#include <math.h>

enum { BURST_BYTES = 64 << 10 };

void answer_end(struct conn *c, enum outcome o)
{
    if (!c->recorded)
        return;
    c->recorded = false;
    counters_end(c->number, o);
}

/* Deterministic: the n-th request always waits as long. */
static uint64_t lognormal_us(uint64_t seed, uint32_t median_us, uint32_t sigma_hundredths)
{
    double u[2];

    for (int i = 0; i < 2; i++) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        u[i] = ((double)(seed >> 11) + 1.0) / 9007199254740994.0;
    }
    double z = sqrt(-2.0 * log(u[0])) * cos(6.283185307179586 * u[1]);
    return (uint64_t)(median_us * exp(z * sigma_hundredths / 100.0));
}

static void answer_body(struct conn *c, unsigned status, const char *type)
{
    struct spec *s = &c->job.spec;

    conn_head(c, status, type);
    if (s->has_retry_after)
        bytes_printf(&c->out, "Retry-After: %u\r\n", s->retry_after);
    if (s->has_retry_after_ms)
        bytes_printf(&c->out, "Retry-After-Ms: %u\r\n", s->retry_after_ms);
    c->state = CONN_DRAINING;
    if (s->frame == FRAME_EOF || s->connection_close || s->drop_after)
        c->after = AFTER_CLOSE;
    if (s->frame == FRAME_LENGTH || (s->frame == FRAME_CHUNKED && !c->job.stream)) {
        BYTES_LIT(&c->out, "Content-Length: ");
        bytes_u64(&c->out, c->event.len);
        BYTES_LIT(&c->out, "\r\n\r\n");
        bytes_put(&c->out, c->event.ptr, c->event.len);
    } else if (s->frame == FRAME_CHUNKED) {
        BYTES_LIT(&c->out, "Transfer-Encoding: chunked\r\n\r\n");
        bytes_hex(&c->out, c->event.len);
        BYTES_LIT(&c->out, "\r\n");
        bytes_put(&c->out, c->event.ptr, c->event.len);
        BYTES_LIT(&c->out, "\r\n0\r\n\r\n");
    } else {
        BYTES_LIT(&c->out, "\r\n");
        bytes_put(&c->out, c->event.ptr, c->event.len);
    }
}

static void answer_error(struct conn *c, unsigned status)
{
    c->event.len = 0;
    job_error(&c->job, status, false, &c->event);
    answer_body(c, status, "application/json");
}

static const char html[] = "<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 "
                           "Bad Gateway</h1></center><hr><center>nginx</center></body></html>";

/* The ways to answer that are no answer. */
static void answer_fail(struct conn *c, enum spec_fail fail)
{
    struct bytes *out = &c->out;

    c->faulted = true;
    c->state = CONN_DRAINING;
    c->after = AFTER_CLOSE;
    switch (fail) {
    case FAIL_STATUS:
        c->after = AFTER_KEEP;
        counters_record(c->number)->status = c->job.spec.status;
        answer_error(c, c->job.spec.status);
        return;
    case FAIL_HTML:
        counters_record(c->number)->status = 502;
        conn_whole(c, 502, "text/html", html, sizeof html - 1);
        return;
    case FAIL_TRUNCATED:
        counters_record(c->number)->status = 200;
        BYTES_LIT(out, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                       "Content-Length: 4000\r\n\r\n{\"id\":\"chatcmpl-mock\",\"choices\":[{");
        return;
    case FAIL_BAD_JSON:
        counters_record(c->number)->status = 200;
        conn_whole(c, 200, "application/json", "{\"id\":\"chatcmpl-mock\",,]", 24);
        return;
    case FAIL_RESET:
        c->after = AFTER_RESET;
        return;
    case FAIL_STALL:
        c->after = AFTER_STALL;
        c->faulted = false; /* only the caller can end it: an abort */
        return;
    case FAIL_BODY:
        c->after = AFTER_KEEP;
        counters_record(c->number)->status = 200;
        answer_error(c, 200);
        return;
    case FAIL_FIRST:
        c->after = AFTER_KEEP;
        counters_record(c->number)->status = 200;
        c->event.len = 0;
        job_error(&c->job, 503, true, &c->event);
        conn_whole(c, 200, "text/event-stream", c->event.ptr, c->event.len);
        return;
    case FAIL_BAD_TE:
        BYTES_LIT(out, "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc");
        return;
    case FAIL_BAD_CL:
        BYTES_LIT(out, "HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\nabc");
        return;
    case FAIL_BIG_HEAD:
        BYTES_LIT(out, "HTTP/1.1 200 OK\r\n");
        for (int i = 0; i < 2000; i++)
            bytes_printf(out, "X-Pad-%d: %090d\r\n", i, 0);
        BYTES_LIT(out, "\r\n");
        return;
    case FAIL_GARBAGE:
        BYTES_LIT(out, "SSH-2.0-OpenSSH_9.2p1\r\n");
        return;
    case FAIL_CLOSE:
    case FAIL_NO:
        return;
    }
}

static void answer_stream_head(struct conn *c)
{
    const struct spec *s = &c->job.spec;

    conn_head(c, 200, "text/event-stream; charset=utf-8");
    BYTES_LIT(&c->out, "Cache-Control: no-cache\r\n");
    if (s->frame == FRAME_CHUNKED)
        BYTES_LIT(&c->out, "Transfer-Encoding: chunked\r\n");
    if (s->frame == FRAME_EOF && !s->connection_close)
        BYTES_LIT(&c->out, "Connection: close\r\n");
    if (s->frame != FRAME_LENGTH)
        BYTES_LIT(&c->out, "\r\n");
    if (s->frame == FRAME_EOF || s->connection_close || s->drop_after)
        c->after = AFTER_CLOSE;
}

static void answer_misbehave(struct conn *c)
{
    struct bytes *out = &c->out;

    c->faulted = true;
    c->state = CONN_DRAINING;
    switch (c->job.spec.end) {
    case END_RESET:
        c->after = AFTER_RESET;
        break;
    case END_STALL:
        c->after = AFTER_STALL;
        c->faulted = false;
        break;
    case END_CUT: /* HTTP says complete, the stream is not */
        if (c->job.spec.frame == FRAME_CHUNKED)
            BYTES_LIT(out, "0\r\n\r\n");
        else
            c->after = AFTER_CLOSE;
        break;
    case END_ERROR:
        c->event.len = 0;
        job_error(&c->job, 500, true, &c->event);
        if (c->job.spec.frame == FRAME_CHUNKED) {
            bytes_hex(out, c->event.len);
            BYTES_LIT(out, "\r\n");
            bytes_put(out, c->event.ptr, c->event.len);
            BYTES_LIT(out, "\r\n0\r\n\r\n");
        } else {
            bytes_put(out, c->event.ptr, c->event.len);
            c->after = AFTER_CLOSE;
        }
        break;
    case END_CLOSE:
    case END_CLEAN:
        c->after = AFTER_CLOSE;
        break;
    }
}

/* Up to `coalesce` events as one chunk. False when there are no more. */
static bool answer_group(struct conn *c)
{
    struct record *r = counters_record(c->number);
    const struct spec *s = &c->job.spec;
    uint32_t tokens;

    c->event.len = 0;
    for (unsigned k = 0; k < s->coalesce; k++) {
        if (s->end != END_CLEAN && c->events_sent == s->end_at)
            break;
        if (!job_event(&c->job, &c->event, &tokens))
            break;
        c->events_sent++;
        r->completion += tokens;
    }
    if (c->event.len == 0)
        return false;
    if (s->frame == FRAME_CHUNKED) {
        bytes_hex(&c->out, c->event.len);
        BYTES_LIT(&c->out, "\r\n");
    }
    bytes_put(&c->out, c->event.ptr, c->event.len);
    if (s->frame == FRAME_CHUNKED)
        BYTES_LIT(&c->out, "\r\n");
    return true;
}

static void answer_last(struct conn *c)
{
    if (c->job.spec.end != END_CLEAN) {
        answer_misbehave(c);
        return;
    }
    counters_record(c->number)->completion = c->job.completion;
    if (c->job.spec.frame == FRAME_CHUNKED)
        BYTES_LIT(&c->out, "0\r\n\r\n");
    c->state = CONN_DRAINING;
}

bool answer_next(struct conn *c)
{
    uint64_t cadence = (uint64_t)c->job.spec.cadence_us * 1000;

    if (cadence != 0 && c->timer.place != 0)
        return false; /* not due yet */
    do {
        if (!answer_group(c)) {
            answer_last(c);
            break;
        }
    } while (cadence == 0 && c->out.len < BURST_BYTES);
    if (cadence != 0 && c->state == CONN_PLAYING) {
        uint64_t due = c->timer.at_ns + cadence, now = loop_now_ns();
        loop_timer_set(&c->timer, due > now ? due : now + cadence);
    }
    c->limit = c->out.len;
    return true;
}

/* Everything is rendered at once, then leaves in the pieces that were asked for. */
static void answer_stream_at_once(struct conn *c)
{
    const struct spec *s = &c->job.spec;
    struct bytes whole = {0};
    size_t head = c->out.len;

    while (answer_group(c)) {
    }
    answer_last(c);
    if (s->frame == FRAME_LENGTH) {
        bytes_put(&whole, c->out.ptr + head, c->out.len - head);
        c->out.len = head;
        bytes_printf(&c->out, "Content-Length: %zu\r\n\r\n", whole.len);
        head = c->out.len;
        bytes_put(&c->out, whole.ptr, whole.len);
        bytes_free(&whole);
    }
    c->limit = c->out.len;
    if (s->split != 0)
        c->limit = head + s->split - 1;
    else if (s->step != 0)
        c->limit = head + s->step;
}

static void answer_stream(struct conn *c)
{
    const struct spec *s = &c->job.spec;
    size_t head;

    counters_record(c->number)->status = 200;
    answer_stream_head(c);
    head = c->out.len;
    c->limit = head;
    c->state = CONN_PLAYING;
    if (s->frame == FRAME_LENGTH || s->split != 0 || s->step != 0) {
        answer_stream_at_once(c);
    } else if (s->first_us != 0 || s->cadence_us != 0) {
        loop_timer_set(&c->timer, loop_now_ns() + (uint64_t)s->first_us * 1000);
        c->limit = head;
    } else {
        answer_next(c); /* head and first events in one write */
    }
}

static void answer_whole(struct conn *c)
{
    struct record *r = counters_record(c->number);
    const struct spec *s = &c->job.spec;
    size_t head;

    r->status = 200;
    r->completion = c->job.completion;
    c->event.len = 0;
    job_whole(&c->job, &c->event);
    head = c->out.len;
    answer_body(c, 200, c->job.wire->type != NULL ? c->job.wire->type(&c->job) : "application/json");
    c->limit = c->out.len;
    if (s->split != 0)
        c->limit = head + s->split - 1;
    else if (s->step != 0)
        c->limit = head + s->step;
}

void answer_begin(struct conn *c)
{
    struct spec *s = &c->job.spec;

    c->out.len = c->sent = 0;
    if (s->fail != FAIL_NO) {
        answer_fail(c, s->fail);
        c->limit = c->out.len;
    } else if (c->job.stream) {
        answer_stream(c);
    } else {
        answer_whole(c);
    }
}

static void answer_id(struct conn *c, char out[static 48])
{
    struct view v = conn_header(c, "x-request-id");

    if (c->job.spec.id[0] != '\0') {
        memcpy(out, c->job.spec.id, 48);
        return;
    }
    size_t n = v.len < 47 ? v.len : 47;
    if (n != 0)
        memcpy(out, v.ptr, n);
    out[n] = '\0';
}

void answer_start(struct conn *c, const struct wire *wire)
{
    struct listener *l = c->listener;
    struct spec *s = &c->job.spec;
    uint64_t delay_us;
    char id[48];

    l->last_head.len = l->last_body.len = 0;
    bytes_put(&l->last_head, c->head.ptr, c->head.len);
    bytes_put(&l->last_body, c->body.ptr, c->body.len);
    bool good = job_read(&c->job, wire, c->body, l->name, &l->spec, counters_of(l->no)->requests + 1);
    answer_id(c, id);
    c->number = counters_begin(l->no, id, c->job.stream);
    c->recorded = true;
    struct record *r = counters_record(c->number);
    struct view model = view_of(c->job.payload.ptr + c->job.model.off, c->job.model.len);
    memcpy(r->model, model.ptr, model.len < sizeof r->model ? model.len : sizeof r->model - 1);
    models_remember(model, c->body);
    if (!good) {
        r->status = 400;
        c->faulted = true;
        c->event.len = 0;
        job_error(&c->job, 400, false, &c->event);
        conn_whole(c, 400, "application/json", c->event.ptr, c->event.len);
        return;
    }
    r->prompt = c->job.prompt;
    if (s->times != 0 && counters_seen(id) > s->times) {
        s->fail = FAIL_NO;
        s->end = END_CLEAN;
    }
    if (s->stamp)
        c->job.arrived_ns = loop_clock_ns();
    delay_us = s->delay_us;
    if (s->median_us != 0)
        delay_us += lognormal_us(c->number + 1, s->median_us, s->sigma);
    if (delay_us == 0) {
        answer_begin(c);
        return;
    }
    c->state = CONN_DELAY;
    loop_timer_set(&c->timer, loop_now_ns() + delay_us * 1000);
}
