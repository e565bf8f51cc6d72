#include "audit.h"

#include "audit_queue.h"
#include "clock.h"
#include "identity.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <uv.h>

enum {
    CHAIN_AT_ONCE = 32, /* samples chained under one hold of the lock: 0.2 ms */
    REVEAL_AFTER = 2,   /* an epoch's secret is shown when this many have begun and ended since its
                           beginning: a request of its last minute has an hour to end */
};

struct entry {
    struct digest32 owner;
    struct digest32 leaf;
    struct digest32 after; /* chain[seq + 1] */
    struct audit_opening opening;
};

struct audit {
    struct audit_queue *queue;
    struct digest32 *secrets; /* s[0] .. s[AUDIT_EPOCHS]; never written once made */
    const struct identity_keys *keys;
    const struct secret32 *salts;
    size_t keep;
    uint64_t since_mono_ms;

    uv_mutex_t lock;        /* of what follows */
    struct audit_head head; /* always true, but for the signature and its time */
    uint64_t signed_mono_ms;
    bool stale;             /* changed since it was signed */
    uint64_t unchained;     /* taken from a queue, but there was no memory for them */
    struct digest32 oldest; /* chain[head.first_kept] */
    struct entry *entries;  /* seq n lies in n % keep */
};

static struct entry *entry_of(const struct audit *a, uint64_t seq)
{
    return &a->entries[seq % a->keep];
}

/* --- start and end */

/* All secrets from the last one back, so that showing one shows those before it and none after. */
static enum err secrets_new(struct digest32 **out)
{
    struct digest32 *s = sodium_malloc((AUDIT_EPOCHS + 1) * sizeof *s);

    if (s == NULL)
        return ERR_MEMORY;
    secret_random(s[AUDIT_EPOCHS].b, sizeof s[0].b);
    for (size_t k = AUDIT_EPOCHS; k > 0; k--)
        audit_hash_back(&s[k], &s[k - 1]);
    *out = s;
    return sodium_mprotect_readonly(s) == 0 ? ERR_NONE : ERR_CRYPTO;
}

enum err audit_new(const struct audit_config *c, struct audit **out)
{
    struct audit *a = calloc(1, sizeof *a);
    uint8_t key[32];
    enum err e;

    assert(c->keep > 0 && c->keep <= AUDIT_KEEP_MAX && c->rate_ppm <= AUDIT_PPM);
    if (a == NULL)
        return ERR_MEMORY;
    if (uv_mutex_init(&a->lock) != 0) {
        free(a);
        return ERR_MEMORY;
    }
    a->keys = c->keys;
    a->salts = c->salts;
    a->keep = c->keep;
    a->since_mono_ms = clock_mono_ms();
    a->head = (struct audit_head){.boot = identity_boot(c->keys),
                                  .epoch_ms = AUDIT_EPOCH_MS,
                                  .rate_ppm = c->rate_ppm,
                                  .simulated = c->simulated,
                                  .since_ms = clock_unix_ms()};
    a->stale = true;
    if ((e = secrets_new(&a->secrets)) != ERR_NONE ||
        (e = audit_queue_new(c->workers, c->rate_ppm, a->head.since_ms, a->secrets, &a->queue)) !=
            ERR_NONE)
        goto done;
    a->entries = calloc(c->keep, sizeof *a->entries); /* touched as it fills */
    if (a->entries == NULL) {
        e = ERR_MEMORY;
        goto done;
    }
    a->head.pick_anchor = a->head.revealed = a->secrets[0];
    identity_receipt_key(c->keys, key);
    audit_hash_genesis(&a->head.boot, key, &a->head.pick_anchor, &a->head.head);
    a->oldest = a->head.head;
    *out = a;
    a = NULL;
done:
    audit_free(a);
    return e;
}

void audit_free(struct audit *a)
{
    if (a == NULL)
        return;
    audit_queue_free(a->queue);
    sodium_free(a->secrets);
    if (a->entries != NULL)
        secret_wipe(a->entries, (a->head.count < a->keep ? (size_t)a->head.count : a->keep) *
                                    sizeof *a->entries);
    free(a->entries);
    uv_mutex_destroy(&a->lock);
    free(a);
}

/* --- writing */

void audit_offer(void *a, unsigned worker, const struct receipt_facts *f)
{
    (void)audit_queue_offer(((struct audit *)a)->queue, worker, f);
}

static void opening_make(const struct audit *a, const struct audit_picked *p,
                         struct audit_opening *o)
{
    struct receipt_facts f = {.id = p->request,
                              .received = p->received,
                              .returned = p->returned,
                              .flags = RECEIPT_RETURNED};
    struct receipt_commitment request, response;

    receipt_commit(a->salts, &f, RECEIPT_REQUEST, &request);
    receipt_commit(a->salts, &f, RECEIPT_RESPONSE, &response);
    *o = (struct audit_opening){
        .request_sha256 = p->received,
        .response_sha256 = p->returned,
        .sample = {.answered_ms = p->answered_ms,
                   .complete = p->complete,
                   .request_commitment = request.value,
                   .request = p->request,
                   .response_commitment = response.value,
                   .seq = a->head.count,
                   .status = p->status},
    };
    memcpy(o->request_salt, request.salt, sizeof o->request_salt);
    memcpy(o->response_salt, response.salt, sizeof o->response_salt);
    secret_wipe(&request, sizeof request);
    secret_wipe(&response, sizeof response);
}

/* Under the lock. What no longer has a place is forgotten; its link stays in every later one. */
static enum err chain_append(struct audit *a, const struct audit_picked *p)
{
    struct entry *slot = entry_of(a, a->head.count), fresh = {.owner = p->owner};
    enum err e;

    opening_make(a, p, &fresh.opening);
    e = audit_text_leaf(&fresh.opening.sample, &fresh.leaf);
    if (e == ERR_NONE) {
        audit_hash_link(&a->head.head, &fresh.leaf, &fresh.after);
        if (a->head.count - a->head.first_kept == a->keep) {
            a->oldest = slot->after;
            a->head.first_kept++;
        }
        *slot = fresh;
        a->head.head = fresh.after;
        a->head.count++;
        a->stale = true;
    }
    secret_wipe(&fresh, sizeof fresh);
    return e;
}

/* Under the lock. Whichever clock says that less time has passed is believed: a jump of the wall
 * clock must not show a secret that still decides. */
static void epochs_reveal(struct audit *a)
{
    uint64_t mono = clock_mono_ms() - a->since_mono_ms, now = clock_unix_ms();
    uint64_t wall = now > a->head.since_ms ? now - a->head.since_ms : 0;
    uint64_t begun = (mono < wall ? mono : wall) / AUDIT_EPOCH_MS, over;

    over = begun < REVEAL_AFTER ? 0 : begun - (REVEAL_AFTER - 1);
    if (over >= AUDIT_EPOCHS) /* the last one's secret decides for ever */
        over = AUDIT_EPOCHS - 1;
    if (over > a->head.revealed_epochs) {
        a->head.revealed_epochs = over;
        a->head.revealed = a->secrets[over];
        a->stale = true;
    }
}

void audit_advance(struct audit *a)
{
    struct audit_picked some[CHAIN_AT_ONCE];
    uint64_t missed;
    size_t n;

    do {
        uv_mutex_lock(&a->lock);
        n = audit_queue_take(a->queue, some, CHAIN_AT_ONCE);
        for (size_t i = 0; i < n; i++)
            if (chain_append(a, &some[i]) != ERR_NONE)
                a->unchained++;
        missed = audit_queue_missed(a->queue) + a->unchained;
        a->stale = a->stale || missed != a->head.missed;
        a->head.missed = missed;
        epochs_reveal(a);
        uv_mutex_unlock(&a->lock);
        secret_wipe(some, n * sizeof some[0]);
    } while (n == CHAIN_AT_ONCE);
}

/* --- reading */

/* Under the lock: 30 us, at most once for each change that audit_advance() makes, and once a
 * second. */
static enum err head_sign(struct audit *a)
{
    uint64_t now_ms = clock_mono_ms();
    struct buf text;
    enum err e;

    if (!a->stale && now_ms - a->signed_mono_ms < AUDIT_FRESH_MS)
        return ERR_NONE;
    a->head.signed_at_ms = clock_unix_ms();
    buf_init(&text, AUDIT_HEAD_BYTES);
    e = audit_text_head(&a->head, true, &text);
    if (e == ERR_NONE)
        e = identity_sign_text(a->keys, buf_view(&text), a->head.signature);
    if (e == ERR_NONE) {
        a->signed_mono_ms = now_ms;
        a->stale = false;
    } else {
        a->stale = true; /* its time has changed and its signature has not */
    }
    buf_free(&text);
    return e;
}

enum err audit_head(struct audit *a, struct buf *out)
{
    enum err e;

    uv_mutex_lock(&a->lock);
    e = head_sign(a);
    if (e == ERR_NONE)
        e = audit_text_head(&a->head, false, out);
    uv_mutex_unlock(&a->lock);
    return e;
}

static bool is_owner(const struct entry *x, const struct digest32 *owner)
{
    return secret_equal(x->owner.b, owner->b, sizeof owner->b);
}

/* Under the lock: which part of the chain answers the question. */
static enum err window_choose(const struct audit *a, const struct audit_question *q,
                              struct audit_window *w)
{
    const struct audit_head *h = &a->head;
    size_t own = 0;

    if (q->has_from && q->from > h->count)
        return ERR_RANGE;
    w->from = q->has_from && q->from > h->first_kept ? q->from : h->first_kept;
    while (!q->has_from && w->from < h->count && !is_owner(entry_of(a, w->from), &q->owner))
        w->from++;
    for (w->to = w->from;
         w->to < h->count && w->to - w->from < q->entries && own < AUDIT_OPENINGS_MAX; w->to++)
        own += is_owner(entry_of(a, w->to), &q->owner);
    w->boot = h->boot;
    w->before = w->from == h->first_kept ? a->oldest : entry_of(a, w->from - 1)->after;
    w->after = w->to == h->first_kept ? a->oldest : entry_of(a, w->to - 1)->after;
    return ERR_NONE;
}

static enum err leaves_append(const struct audit *a, const struct audit_window *w, struct buf *out)
{
    enum err e = buf_append(out, VIEW_LIT(",\"leaves\":["));
    char hex[2 * 32 + 1];

    for (uint64_t seq = w->from; e == ERR_NONE && seq < w->to; seq++) {
        hex_encode(entry_of(a, seq)->leaf.b, 32, hex);
        e = buf_appendf(out, "%s\"%s\"", seq == w->from ? "" : ",", hex);
    }
    return e == ERR_NONE ? buf_append_byte(out, ']') : e;
}

static enum err openings_append(const struct audit *a, const struct audit_window *w,
                                const struct digest32 *owner, struct buf *out)
{
    enum err e = buf_append(out, VIEW_LIT(",\"purpose\":\"tr.audit.samples.v1\",\"samples\":["));
    bool first = true;

    for (uint64_t seq = w->from; e == ERR_NONE && seq < w->to; seq++) {
        const struct entry *x = entry_of(a, seq);

        if (!is_owner(x, owner))
            continue;
        if (!first)
            e = buf_append_byte(out, ',');
        if (e == ERR_NONE)
            e = audit_text_opening(&x->opening, out);
        first = false;
    }
    return e == ERR_NONE ? buf_append_byte(out, ']') : e;
}

/* Without the lock: the window is a copy. */
static enum err window_append(const struct audit *a, struct audit_window *w, struct buf *out)
{
    struct buf text;
    enum err e;

    buf_init(&text, AUDIT_HEAD_BYTES);
    e = audit_text_window(w, true, &text);
    if (e == ERR_NONE)
        e = identity_sign_text(a->keys, buf_view(&text), w->signature);
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT(",\"window\":"));
    if (e == ERR_NONE)
        e = audit_text_window(w, false, out);
    buf_free(&text);
    return e == ERR_NONE ? buf_append_byte(out, '}') : e;
}

enum err audit_samples(struct audit *a, const struct audit_question *q, struct buf *out)
{
    struct audit_window w = {.from = 0};
    enum err e;

    assert(q->entries > 0 && q->entries <= AUDIT_WINDOW_MAX);
    uv_mutex_lock(&a->lock);
    e = window_choose(a, q, &w);
    if (e == ERR_NONE)
        e = head_sign(a);
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT("{\"head\":"));
    if (e == ERR_NONE)
        e = audit_text_head(&a->head, false, out);
    if (e == ERR_NONE)
        e = leaves_append(a, &w, out);
    if (e == ERR_NONE)
        e = openings_append(a, &w, &q->owner, out);
    uv_mutex_unlock(&a->lock);
    return e == ERR_NONE ? window_append(a, &w, out) : e;
}

struct audit_counters audit_counters(struct audit *a)
{
    struct audit_counters c;

    uv_mutex_lock(&a->lock);
    c = (struct audit_counters){.sampled = a->head.count, .missed = a->head.missed};
    uv_mutex_unlock(&a->lock);
    return c;
}
