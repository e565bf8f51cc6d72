/* A chat completion between a fake client and a fake provider, with the real request machine, reader and canoniser:
 * for tests that say what comes from the one and look at what reaches the other, the bill and the receipt. One worker,
 * one model at two providers; reset() makes all of it new. Included once, by the test itself. */
#ifndef TR_TESTS_CHAT_SIDES_H
#define TR_TESTS_CHAT_SIDES_H

#include "chat_dialect.h"
#include "check.h"
#include "clock.h"
#include "content_view.h"
#include "exchange_internal.h"
#include "health.h"
#include "share.h"

#include <stdio.h>

/* --- a fake client */

struct web_request {
    struct view body;
    const char *path; /* NULL: /v1/chat/completions */
    struct web_header in[4];
    size_t n_in;
    int status;
    char headers[4096];
    char out[1 << 19];
    size_t out_len;
    struct digest_stream taken; /* digest of all bytes ever, and how many they are */
    uint64_t n_taken;
    unsigned writes;
    bool started, busy, ended, aborted, responded;
    bool stuck; /* takes nothing: writes stay in flight */
    bool old;   /* speaks HTTP/1.0 */
    void (*writable)(void *);
    void *cookie;
    void (*gone)(void *);
    void *gone_cookie;
    void (*released)(void *);
    void *released_cookie;
    void (*fill)(void *, struct buf *);
    void *fill_cookie;
    char trailer[16384];
};

static struct web_request client;

struct view web_path(const struct web_request *r)
{
    return r->path == NULL ? VIEW_LIT("/v1/chat/completions") : view_str(r->path);
}

struct view web_body(const struct web_request *r)
{
    return r->body;
}
bool web_header(const struct web_request *r, struct view name, struct view *out)
{
    for (size_t i = 0; i < r->n_in; i++)
        if (view_eq(r->in[i].name, name)) {
            *out = r->in[i].value;
            return true;
        }
    return false;
}
void web_set_gone(struct web_request *r, void (*gone)(void *), void *cookie)
{
    r->gone = gone;
    r->gone_cookie = cookie;
}
static void client_head(struct web_request *r, int status, const struct web_header *h, size_t n)
{
    size_t at = 0;

    CHECK(r->status == 0); /* an answer begins once */
    r->status = status;
    for (size_t i = 0; i < n; i++)
        at += (size_t)snprintf(r->headers + at, sizeof r->headers - at, "%.*s: %.*s\n",
                               (int)h[i].name.len, (const char *)h[i].name.ptr,
                               (int)h[i].value.len, (const char *)h[i].value.ptr);
}
static void client_take(struct web_request *r, struct view bytes)
{
    CHECK(r->out_len + bytes.len < sizeof r->out);
    if (bytes.len != 0)
        memcpy(r->out + r->out_len, bytes.ptr, bytes.len);
    r->out_len += bytes.len;
    r->out[r->out_len] = '\0';
    digest_stream_add(&r->taken, bytes);
    r->n_taken += bytes.len;
}
void web_respond(struct web_request *r, int status, const struct web_header *h, size_t n,
                 struct view body)
{
    client_head(r, status, h, n);
    client_take(r, body);
    r->responded = true;
}
void web_respond_taking(struct web_request *r, int status, const struct web_header *h, size_t n,
                        struct buf *body)
{
    web_respond(r, status, h, n, buf_view(body));
    buf_free(body);
}
void web_stream_start(struct web_request *r, int status, const struct web_header *h, size_t n,
                      void (*writable)(void *), void *cookie)
{
    client_head(r, status, h, n);
    r->started = true;
    r->writable = writable;
    r->cookie = cookie;
}
void web_stream_write(struct web_request *r, struct view bytes)
{
    CHECK(r->started && !r->busy && !r->ended && bytes.len != 0);
    client_take(r, bytes);
    r->busy = true;
    r->writes++;
}
bool web_stream_busy(const struct web_request *r)
{
    return r->busy;
}
bool web_may_trail(const struct web_request *r)
{
    return !r->old;
}
bool web_stream_trailer(struct web_request *r, void (*fill)(void *, struct buf *), void *cookie)
{
    CHECK(r->started && !r->ended);
    r->fill = fill;
    r->fill_cookie = cookie;
    return true;
}
static void client_end(struct web_request *r, struct view bytes, void (*released)(void *),
                       void *cookie)
{
    CHECK(r->started && !r->ended);
    client_take(r, bytes);
    r->ended = true;
    r->released = released;
    r->released_cookie = cookie;
}
void web_stream_end(struct web_request *r, struct view bytes, void (*released)(void *),
                    void *cookie)
{
    client_end(r, bytes, released, cookie);
}
void web_stream_abort(struct web_request *r, struct view bytes, void (*released)(void *),
                      void *cookie)
{
    r->aborted = true;
    client_end(r, bytes, released, cookie);
}
/* The kernel takes what was written. */
static void client_reads(void)
{
    while (client.busy && !client.stuck && !client.ended) {
        client.busy = false;
        client.writable(client.cookie);
    }
    if (client.ended && !client.aborted && client.fill != NULL) {
        struct buf lines;

        buf_init(&lines, sizeof client.trailer - 1);
        client.fill(client.fill_cookie, &lines);
        memcpy(client.trailer, lines.ptr, lines.len);
        client.fill = NULL;
        buf_free(&lines);
    }
    if (client.ended && client.released != NULL) {
        void (*released)(void *) = client.released;

        client.released = NULL;
        released(client.released_cookie);
    }
}

/* --- a fake provider */

#ifndef SENT_MAX
#define SENT_MAX 4096 /* bytes of a rendered request, with a 0 behind it */
#endif

struct fetch {
    bool live, paused;
    uint64_t progressed; /* bytes of content it was told of */
    uint32_t within;     /* its rest must end in so many ms; 0: not said */
    const struct fetch_events *events;
    void *cookie;
};

static struct {
    struct fetch fetch[8];
    unsigned started, cancelled, pauses, resumes;
    bool sending; /* the kernel does not have all of the request yet */
    char sent[8][SENT_MAX];
    char provider[8][32];
    enum err start;
    bool unsent; /* no connection is made */
} up;

enum err fetch_start(struct upstreams *u, const struct fetch_request *r,
                     const struct fetch_events *events, void *cookie, struct fetch **out)
{
    struct fetch *f = &up.fetch[up.started];

    (void)u;
    if (up.start != ERR_NONE)
        return up.start;
    CHECK(r->body.len < sizeof up.sent[0]);
    memcpy(up.sent[up.started], r->body.ptr, r->body.len);
    strcpy(up.provider[up.started], r->provider->id);
    *f = (struct fetch){.live = true, .events = events, .cookie = cookie};
    up.started++;
    *out = f;
    return ERR_NONE;
}
bool fetch_body_let(struct fetch *f)
{
    CHECK(f->live);
    return f != &up.fetch[1]; /* the second attempt's provider is slow to read */
}
bool fetch_forwarded(const struct fetch *f)
{
    CHECK(f->live);
    return !up.sending && !up.unsent;
}
void fetch_cancel(struct fetch *f)
{
    CHECK(f->live);
    f->live = false;
    up.cancelled++;
}
bool fetch_sent(const struct fetch *f)
{
    (void)f;
    return !up.unsent;
}
const struct digest32 *fetch_peer_key(const struct fetch *f)
{
    (void)f;
    return NULL; /* plain text */
}
void fetch_progressed(struct fetch *f, uint64_t bytes)
{
    CHECK(f->live && bytes != 0);
    f->progressed += bytes;
}
void fetch_within(struct fetch *f, uint32_t ms)
{
    CHECK(f->live && ms != 0);
    f->within = ms;
}
void fetch_pause(struct fetch *f)
{
    CHECK(f->live && !f->paused);
    f->paused = true;
    up.pauses++;
}
void fetch_resume(struct fetch *f)
{
    CHECK(f->live && f->paused);
    f->paused = false;
    up.resumes++;
}
static struct fetch *current(void)
{
    return &up.fetch[up.started - 1];
}
static void up_head(int status)
{
    struct fetch_head h = {.status = status, .retry_after_ms = -1};
    struct fetch *f = current();

    if (f->live)
        f->events->head(f->cookie, &h);
}
static void up_bytes(struct view bytes, size_t step)
{
    struct fetch *f = current();

    for (size_t at = 0; at < bytes.len && f->live; at += step)
        f->events->body(f->cookie,
                        view_of(bytes.ptr + at, bytes.len - at < step ? bytes.len - at : step));
}
static void up_done(enum err e)
{
    struct fetch *f = current();

    if (!f->live)
        return;
    f->live = false;
    f->events->done(f->cookie, e);
}

/* --- fakes of what admission needs */

struct key {
    int refs;
};
static struct key the_key;
static int64_t balance;
static int64_t lease; /* what it holds; 0: enough */
static enum err grow; /* what enlarging a reservation comes to */
static unsigned records;
static struct usage_record last_record;

static struct key_rates limits; /* per minute, and what they leave */
static bool stranger; /* the key is not known here */
static uint64_t own_version; /* of the account's own provider keys */

enum err keyring_find(struct keyring *k, const struct digest32 *d, uint64_t ms, struct key **out)
{
    (void)k, (void)d, (void)ms;
    if (stranger)
        return ERR_NOT_FOUND;
    the_key.refs++;
    *out = &the_key;
    return ERR_NONE;
}
uint64_t key_rules_generation(const struct key *k)
{
    (void)k;
    return 0;
}
bool key_rules(const struct keyring *k, const struct key *s, struct key_rules *out, uint64_t *generation)
{
    (void)k, (void)s;
    *out = (struct key_rules){0};
    *generation = 0;
    return true;
}
void key_forgo(struct key *k)
{
    (void)k;
}
void key_release(struct key *k)
{
    k->refs--;
}
struct id key_id(const struct key *k)
{
    (void)k;
    return (struct id){{1}};
}
struct id key_account(const struct key *k)
{
    (void)k;
    return (struct id){{2}};
}
uint64_t key_own_version(const struct key *k)
{
    (void)k;
    return own_version;
}
enum err key_reserve(struct key *k, int64_t amount, uint64_t ms, struct id *id, uint32_t *retry)
{
    (void)k, (void)ms, (void)id;
    if (limits.requests.limit != 0 && limits.requests.remaining == 0) {
        *retry = limits.requests.reset_ms;
        return ERR_RATE;
    }
    limits.requests.remaining -= limits.requests.limit != 0;
    if (lease != 0 && amount > lease)
        return ERR_CREDIT;
    balance -= amount;
    return ERR_NONE;
}
enum err key_grow(struct key *k, const struct id *id, int64_t more, uint64_t ms)
{
    (void)k, (void)id, (void)ms;
    if (grow == ERR_NONE)
        balance -= more;
    return grow;
}
void key_settle(struct key *k, const struct id *id, int64_t amount, int64_t cost)
{
    (void)k, (void)id;
    balance += amount - cost;
}
int64_t key_available(const struct key *k)
{
    (void)k;
    return lease;
}
bool key_wants_more(struct key *k, uint64_t ms)
{
    (void)k, (void)ms;
    return false;
}
void key_count_tokens(struct key *k, uint64_t tokens, uint64_t ms)
{
    (void)k, (void)ms;
    limits.tokens.remaining -= limits.tokens.limit != 0 ? (uint32_t)tokens : 0;
}
void key_rates(const struct key *k, uint64_t ms, struct key_rates *out)
{
    (void)k, (void)ms;
    *out = limits;
}
bool meter_reserve(struct meter *m, unsigned w)
{
    (void)m, (void)w;
    return true;
}
void meter_unreserve(struct meter *m, unsigned w)
{
    (void)m, (void)w;
}
static struct meter_attempt failed_attempts[LIMIT_CANDIDATES];
static size_t n_failed_attempts;

void meter_attempts(struct meter *m, unsigned worker, const struct meter_attempt *a, size_t n)
{
    (void)m, (void)worker;
    for (size_t i = 0; i < n; i++)
        failed_attempts[n_failed_attempts++ % LIMIT_CANDIDATES] = a[i];
}
bool meter_reserve_parts(struct meter *m, unsigned w)
{
    (void)m, (void)w;
    return true;
}
void meter_unreserve_parts(struct meter *m, unsigned w)
{
    (void)m, (void)w;
}
static struct meter_part told_parts[METER_PARTS_EACH];
static size_t n_told_parts;

void meter_parts(struct meter *m, unsigned worker, const struct meter_part *p, size_t n)
{
    (void)m, (void)worker;
    for (size_t i = 0; i < n; i++)
        told_parts[i] = p[i];
    n_told_parts = n;
}
void meter_push(struct meter *m, unsigned w, const struct usage_record *r)
{
    (void)m, (void)w;
    last_record = *r;
    records++;
}
enum err uplink_trust(const struct uplink *u)
{
    (void)u;
    return ERR_NONE;
}
static uplink_ask_cb *lease_cb;
static void *lease_cookie;

enum err uplink_ask(struct uplink_port *p, const struct digest32 *d, int64_t amount,
                    uplink_ask_cb *cb, void *cookie, struct ask **out)
{
    (void)p, (void)d, (void)amount;
    if (lease == 0)
        return ERR_CONTROL_PLANE;
    lease_cb = cb;
    lease_cookie = cookie;
    *out = (struct ask *)&lease;
    return ERR_NONE;
}
enum err uplink_ask_more(struct uplink_port *p, struct key *k, const struct id *id, int64_t more,
                         uplink_ask_cb *cb, void *cookie, struct ask **out)
{
    (void)p, (void)k, (void)id, (void)more, (void)cb, (void)cookie, (void)out;
    return ERR_CONTROL_PLANE;
}
void uplink_hint_lease(struct uplink_port *p, struct key *k)
{
    (void)p, (void)k;
}
void ask_cancel(struct ask *a)
{
    (void)a;
}
static struct providers providers = {
    .n = 2, .list = {{.no = 0, .id = "demo-a", .name = "Demo A"},
                     {.no = 1, .id = "demo-b", .name = "Demo B"}}};

/* --- receipts */

static struct {
    unsigned n;
    struct receipt_facts facts; /* of the last */
    struct digest32 received;   /* what was really received last */
} receipt;

static void receipt_observed(void *cookie, unsigned w, const struct receipt_facts *f)
{
    (void)cookie;
    CHECK_INT(w, 0);
    receipt.n++;
    receipt.facts = *f;
}

/* --- one worker, one model at two providers */

static struct exchange_context chats;
static struct receipt_signer signer;
static struct shares shares;
static struct budget *content; /* of which they are */
static struct health *health;
static struct stats stats;
static const uint8_t user_key[16];

static size_t content_max = 128 << 20; /* bytes of the budget that reset() makes */
static uint16_t capabilities; /* of the model that reset() makes: enum catalog_capability bits */
static uint32_t context_length = 1000; /* tokens, of the model that reset() makes */
static struct model_gates gates;       /* of the same */

static void reset(void)
{
    struct catalog c = {.version = 1, .n_models = 1, .n_endpoints = 2};
    struct receipts *receipts = chats.receipts;

    exchange_spares_free(&chats);
    catalog_store_free(chats.catalogs);
    health_free(health);
    memset(&client, 0, sizeof client);
    memset(&up, 0, sizeof up);
    memset(&stats, 0, sizeof stats);
    memset(&receipt, 0, sizeof receipt);
    digest_stream_begin(&client.taken);
    if (receipts == NULL) {
        CHECK_INT(receipts_new(1, 64, &receipts), ERR_NONE);
        receipts_observe(receipts, receipt_observed, NULL);
    }
    balance = 0;
    grow = ERR_NONE;
    records = 0;
    the_key.refs = 0;
    for (size_t i = 0; i < SHARES; i++)
        budget_free(shares.budget[i]); /* which asserts that all of it came back */
    budget_free(content);
    CHECK_INT(budget_new(content_max, &content), ERR_NONE);
    CHECK_INT(shares_init(&shares, content, NULL), ERR_NONE);
    CHECK_INT(health_new(&health), ERR_NONE);
    chats = (struct exchange_context){
        .request = {.health = health, .stats = &stats, .receipts = receipts},
        .providers = &providers,
        .credentials = chats.credentials,
        .receipts = receipts,
        .signer = &signer,
        .shares = &shares,
        .user_key = user_key,
        .image_tokens = 300,
        .reference_tokens = 320,
        .output_default_tokens = 4096,
    };
    CHECK_INT(catalog_store_new(&providers, health, 1, &chats.catalogs), ERR_NONE);
    c.models = calloc(1, sizeof *c.models);
    c.endpoints = calloc(2, sizeof *c.endpoints);
    c.models[0] = (struct catalog_model){
        .capabilities = capabilities, .gates = gates,
        .no = 1, .id = "demo/echo", .context_length = context_length, .max_output = 100000};
    for (uint32_t i = 0; i < 2; i++) {
        c.endpoints[i] = (struct catalog_endpoint){.no = i + 1, .model_no = 1,
                                                   .provider_no = (uint16_t)i, .weight = 1,
                                                   .upstream_model = "up-echo",
                                                   .price.prompt_pusd = 1000 + i,
                                                   .price.completion_pusd = 1000};
        price_follow(&c.endpoints[i].price, 1 << PRICE_CLASS_prompt | 1 << PRICE_CLASS_completion |
                                                1 << PRICE_CLASS_cached | 1 << PRICE_CLASS_cache_write);
    }
    CHECK_INT(catalog_store_publish(chats.catalogs, &c), ERR_NONE);
}

#define ASK                                                                                        \
    "{\"model\":\"demo/echo\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],"             \
    "\"provider\":{\"sort\":\"price\"}"

/* What the client speaks. */
static const struct dialect *spoken = &chat_dialect;
static enum receipt_endpoint spoken_at = RECEIPT_CHAT_V1;

void web_peer(const struct web_request *r, uint8_t out[static 16])
{
    (void)r;
    memset(out, 0, 16);
}

static void ask(const char *body)
{
    static const struct digest32 who;

    client.body = view_str(body);
    digest_sha256(view_str(body), &receipt.received);
    exchange_begin(&chats, &client, &who, spoken, spoken_at);
}

#endif
