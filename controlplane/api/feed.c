#include "feed.h"

#include "call.h"
#include "caller.h"
#include "clock.h"

#include <assert.h>
#include <stdlib.h>

struct stream {
    struct stream *next;
    struct feed *feed;
    struct web_request *web;
    struct id account, organisation;
    /* whose credential it was opened with */
    struct api *api;
    const struct route *route;
    struct digest32 digest;
    struct id user, picked, workspace;
    bool picks_account, picks_workspace;
    uint8_t address[16];
    struct call *judging; /* NULL: nothing is asked about it */
    uint64_t opened_ms;
    struct buf out;     /* being written */
    struct buf waiting; /* behind it */
};

struct feed {
    struct db *db;
    uv_timer_t beat;
    struct stream *list;
    unsigned streams; /* in the list, and ended ones whose last bytes have not left */
    unsigned queries; /* that have no answer yet */
    bool stopped, closed;
};

static void feed_release(struct feed *f)
{
    if (f->closed && f->streams == 0 && f->queries == 0)
        free(f);
}

static void stream_free(struct stream *s)
{
    struct feed *f = s->feed;

    buf_free(&s->out);
    buf_free(&s->waiting);
    secret_wipe(&s->digest, sizeof s->digest);
    free(s);
    f->streams--;
    feed_release(f);
}

static void stream_unlink(struct stream *s)
{
    struct stream **at = &s->feed->list;

    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    if (s->judging != NULL)
        s->judging->from = NULL; /* it answers nobody */
    s->judging = NULL;
}

static void stream_gone_cb(void *cookie)
{
    struct stream *s = cookie;

    stream_unlink(s);
    stream_free(s);
}

static void stream_released_cb(void *cookie)
{
    stream_free(cookie);
}

static void stream_end(struct stream *s)
{
    stream_unlink(s);
    web_stream_end(s->web, VIEW_LIT(": end\n\n"), stream_released_cb, s);
}

/* What waits is written when nothing is. */
static void stream_step(struct stream *s)
{
    struct buf empty = s->out;

    if (web_stream_busy(s->web) || s->waiting.len == 0)
        return;
    s->out = s->waiting;
    s->waiting = empty;
    buf_reset(&s->waiting);
    web_stream_write(s->web, buf_view(&s->out));
}

static void stream_writable_cb(void *cookie)
{
    stream_step(cookie);
}

/* A reader that is too slow for what happens is told by the end of its stream. */
static void stream_say(struct stream *s, struct view before, struct view text, struct view after)
{
    enum err e = buf_append(&s->waiting, before);

    if (e == ERR_NONE)
        e = buf_append(&s->waiting, text);
    if (e == ERR_NONE)
        e = buf_append(&s->waiting, after);
    if (e == ERR_NONE)
        stream_step(s);
    else
        stream_end(s);
}

/* --- that who looks still may */

static bool again_header(const struct call *c, struct view name, struct view *out)
{
    (void)c;
    (void)name;
    (void)out;
    return false;
}

/* 100: the caller still may. A database that does not answer decides nothing: it brings no events either. */
static void again_respond(struct call *c, int status, const struct web_header *headers, size_t n, struct view body)
{
    struct stream *s = c->from;

    (void)headers;
    (void)n;
    (void)body;
    s->judging = NULL;
    if (status >= 400 && status < 500)
        stream_end(s);
}

static void again_known(struct call *c)
{
    const struct stream *s = c->from;

    if (id_eq(&c->account, &s->account))
        call_reply(c, 100, VIEW_EMPTY);
    else
        call_fail(c, 404, "account_not_found", "There is no such account.", NULL);
}

static void judge(struct stream *s)
{
    static const struct origin again = {false, again_header, again_respond};
    struct call *c;

    if (s->judging != NULL)
        return;
    c = s->judging = call_new(s->api, &again, s);
    c->route = s->route;
    c->digest = s->digest;
    c->user = s->user;
    c->picks_account = s->picks_account;
    c->picks_workspace = s->picks_workspace;
    c->picked = s->picked;
    c->workspace = s->workspace;
    memcpy(c->address, s->address, sizeof c->address);
    caller_find_again(c, again_known);
}

/* --- that somebody looks */

static void watched_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct feed *f = cookie;

    (void)e; /* the pool has logged it; the next beat says it again */
    (void)r;
    f->queries--;
    feed_release(f);
}

static void watch(struct feed *f, const struct id *account)
{
    const struct db_param p[] = {db_id(account), db_i64(FEED_WATCH_MS)};

    f->queries++;
    db_query(f->db, STMT_USAGE_WATCH, p, 2, 0, watched_cb, f);
}

/* Is a stream of the same account before this one in the list? */
static bool said_before(const struct feed *f, const struct stream *s)
{
    for (const struct stream *x = f->list; x != s; x = x->next)
        if (id_eq(&x->account, &s->account))
            return true;
    return false;
}

static void beat_cb(uv_timer_t *t)
{
    struct feed *f = t->data;
    uint64_t now_ms = clock_mono_ms();

    for (struct stream *s = f->list, *next; s != NULL; s = next) {
        next = s->next;
        if (now_ms - s->opened_ms >= FEED_LIFE_MS) {
            stream_end(s);
            continue;
        }
        if (!said_before(f, s))
            watch(f, &s->account);
        judge(s);
        stream_say(s, VIEW_LIT(": "), VIEW_LIT("alive"), VIEW_LIT("\n\n"));
    }
}

/* --- the feed */

enum err feed_new(uv_loop_t *loop, struct db *db, struct feed **out)
{
    struct feed *f = calloc(1, sizeof *f);

    if (f == NULL)
        return ERR_MEMORY;
    f->db = db;
    f->beat.data = f;
    uv_timer_init(loop, &f->beat);
    uv_timer_start(&f->beat, beat_cb, FEED_BEAT_MS, FEED_BEAT_MS);
    *out = f;
    return ERR_NONE;
}

static void beat_closed_cb(uv_handle_t *h)
{
    struct feed *f = h->data;

    f->closed = true;
    feed_release(f);
}

void feed_stop(struct feed *f)
{
    if (f == NULL || f->stopped)
        return;
    f->stopped = true;
    while (f->list != NULL)
        stream_end(f->list);
    uv_close((uv_handle_t *)&f->beat, beat_closed_cb);
}

void feed_tell(struct feed *f, const struct id *account, struct view json)
{
    for (struct stream *s = f->list, *next; s != NULL; s = next) {
        next = s->next;
        if (id_eq(&s->account, account))
            stream_say(s, VIEW_LIT("event: usage\ndata: "), json, VIEW_LIT("\n\n"));
    }
}

/* The last places are for organisations that have none, so that a few cannot take all. */
static bool has_room(const struct feed *f, const struct id *account, const struct id *organisation)
{
    unsigned of_account = 0, of_organisation = 0;

    for (const struct stream *s = f->list; s != NULL; s = s->next) {
        of_account += id_eq(&s->account, account);
        of_organisation += id_eq(&s->organisation, organisation);
    }
    return f->streams < FEED_STREAMS_MAX - (of_organisation == 0 ? 0 : FEED_RESERVE) &&
           of_account < FEED_ACCOUNT_STREAMS_MAX && of_organisation < FEED_ORGANISATION_STREAMS_MAX;
}

void feed_open(struct feed *f, struct call *c)
{
    struct stream *s;

    if (f->stopped || !has_room(f, &c->account, &c->organisation)) {
        c->retry_ms = FEED_BEAT_MS;
        call_fail(c, 429, "too_many_streams", "Too many live feeds are open.", NULL);
        return;
    }
    s = calloc(1, sizeof *s);
    if (s == NULL) {
        call_fail(c, 500, "internal_error", "Out of memory.", NULL);
        return;
    }
    *s = (struct stream){.next = f->list,
                         .feed = f,
                         .account = c->account,
                         .organisation = c->organisation,
                         .api = c->api,
                         .route = c->route,
                         .digest = c->digest,
                         .user = c->user,
                         .picked = c->picked,
                         .workspace = c->workspace,
                         .picks_account = c->picks_account,
                         .picks_workspace = c->picks_workspace,
                         .opened_ms = clock_mono_ms()};
    memcpy(s->address, c->address, sizeof s->address);
    buf_init(&s->out, FEED_WAITING_MAX);
    buf_init(&s->waiting, FEED_WAITING_MAX);
    f->list = s;
    f->streams++;
    watch(f, &s->account);
    s->web = call_stream(c, VIEW_LIT("text/event-stream"), stream_gone_cb, stream_writable_cb, s);
    stream_say(s, VIEW_LIT("retry: "), VIEW_LIT("2000"), VIEW_LIT("\n\n"));
}
