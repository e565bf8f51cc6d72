#include "audit_document.h"

#include "canonical.h"

#include <assert.h>

const char *audit_verdict_code(enum audit_verdict v)
{
#define AUDIT_VERDICT_CODE(symbol, code, text) code,
    static const char *const codes[] = {AUDIT_VERDICT_LIST(AUDIT_VERDICT_CODE)};

    return v < AUDIT_VERDICTS ? codes[v] : "UNKNOWN";
}

const char *audit_verdict_text(enum audit_verdict v)
{
#define AUDIT_VERDICT_TEXT(symbol, code, text) text,
    static const char *const texts[] = {AUDIT_VERDICT_LIST(AUDIT_VERDICT_TEXT)};

    return v < AUDIT_VERDICTS ? texts[v] : "unknown";
}

/* --- parse */

/* Elements between commas, up to the closing bracket. */
static bool take_next(struct view *v, bool first, bool *end)
{
    *end = canonical_take_literal(v, VIEW_LIT("]"));
    return *end || first || canonical_take_literal(v, VIEW_LIT(","));
}

static bool take_leaves(struct view *v, struct audit_document *d)
{
    bool end;

    for (d->n_leaves = 0;; d->n_leaves++) {
        if (!take_next(v, d->n_leaves == 0, &end) || (!end && d->n_leaves == AUDIT_WINDOW_MAX))
            return false;
        if (end)
            return true;
        if (!canonical_take_literal(v, VIEW_LIT("\"")) ||
            !canonical_take_hex(v, d->leaves[d->n_leaves].b, 32) ||
            !canonical_take_literal(v, VIEW_LIT("\"")))
            return false;
    }
}

static bool take_samples(struct view *v, struct audit_document *d)
{
    bool end;

    for (d->n_samples = 0;; d->n_samples++) {
        if (!take_next(v, d->n_samples == 0, &end) || (!end && d->n_samples == AUDIT_OPENINGS_MAX))
            return false;
        if (end)
            return true;
        if (!audit_text_take_opening(v, &d->samples[d->n_samples]))
            return false;
    }
}

enum err audit_document_parse(struct view text, struct audit_document *out)
{
    struct view v = text;

    if (text.len > AUDIT_DOCUMENT_BYTES)
        return ERR_FORMAT;
    out->has_window = canonical_take_literal(&v, VIEW_LIT("{\"head\":"));
    out->n_leaves = out->n_samples = 0;
    if (!audit_text_take_head(&v, &out->head))
        return ERR_FORMAT;
    if (out->has_window &&
        (!canonical_take_literal(&v, VIEW_LIT(",\"leaves\":[")) || !take_leaves(&v, out) ||
         !canonical_take_literal(&v,
                                 VIEW_LIT(",\"purpose\":\"tr.audit.samples.v1\",\"samples\":[")) ||
         !take_samples(&v, out) || !canonical_take_literal(&v, VIEW_LIT(",\"window\":")) ||
         !audit_text_take_window(&v, &out->window) || !canonical_take_literal(&v, VIEW_LIT("}"))))
        return ERR_FORMAT;
    return v.len == 0 ? ERR_NONE : ERR_FORMAT;
}

/* --- judge */

static enum audit_verdict check_head(struct audit_document *d, const uint8_t key[static 32])
{
    const struct audit_head *h = &d->head;
    struct digest32 genesis;
    size_t shown = (size_t)h->revealed_epochs;

    if (!audit_text_head_signed(h, key))
        return AUDIT_SIGNATURE;
    if (h->epoch_ms != AUDIT_EPOCH_MS || h->rate_ppm > AUDIT_PPM || h->first_kept > h->count ||
        h->revealed_epochs > AUDIT_EPOCHS)
        return AUDIT_NUMBERS;
    d->secrets[shown] = h->revealed;
    for (size_t k = shown; k > 0; k--)
        audit_hash_back(&d->secrets[k], &d->secrets[k - 1]);
    if (!secret_equal(d->secrets[0].b, h->pick_anchor.b, 32))
        return AUDIT_REVEAL;
    audit_hash_genesis(&h->boot, key, &h->pick_anchor, &genesis);
    if (h->count == 0 && !secret_equal(h->head.b, genesis.b, 32))
        return AUDIT_CHAIN;
    return AUDIT_ACCEPT;
}

/* From before over every leaf to after; and both ends where something else says what they are. */
static enum audit_verdict check_chain(const struct audit_document *d, const uint8_t key[static 32])
{
    const struct audit_window *w = &d->window;
    struct digest32 chain = w->before, next, genesis;

    audit_hash_genesis(&d->head.boot, key, &d->head.pick_anchor, &genesis);
    if (w->from == 0 && !secret_equal(chain.b, genesis.b, 32))
        return AUDIT_CHAIN;
    for (size_t i = 0; i < d->n_leaves; i++) {
        audit_hash_link(&chain, &d->leaves[i], &next);
        chain = next;
    }
    if (!secret_equal(chain.b, w->after.b, 32) ||
        (w->to == d->head.count && !secret_equal(chain.b, d->head.head.b, 32)))
        return AUDIT_CHAIN;
    return AUDIT_ACCEPT;
}

enum audit_expected audit_document_expects(const struct audit_document *d, const struct id *request)
{
    uint64_t epoch = audit_hash_epoch(request, d->head.since_ms);

    if (epoch >= d->head.revealed_epochs)
        return AUDIT_NOT_YET;
    return audit_hash_pick(&d->secrets[epoch + 1], request, d->head.rate_ppm) ? AUDIT_PICKED
                                                                              : AUDIT_NOT_PICKED;
}

static enum audit_verdict check_sample(const struct audit_document *d,
                                       const struct audit_opening *o)
{
    const struct audit_sample *s = &o->sample;
    struct digest32 leaf, request, response;

    if (audit_text_leaf(s, &leaf) != ERR_NONE ||
        !secret_equal(leaf.b, d->leaves[s->seq - d->window.from].b, 32))
        return AUDIT_SAMPLE;
    audit_hash_commit(AUDIT_REQUEST, o->request_salt, &o->request_sha256, &request);
    audit_hash_commit(AUDIT_RESPONSE, o->response_salt, &o->response_sha256, &response);
    if (!secret_equal(request.b, s->request_commitment.b, 32) ||
        !secret_equal(response.b, s->response_commitment.b, 32))
        return AUDIT_COMMITMENT;
    return audit_document_expects(d, &s->request) == AUDIT_NOT_PICKED ? AUDIT_PICK : AUDIT_ACCEPT;
}

static enum audit_verdict check_window(const struct audit_document *d, const uint8_t key[static 32])
{
    const struct audit_window *w = &d->window;
    enum audit_verdict v;
    uint64_t next = w->from;

    if (!audit_text_window_signed(w, key))
        return AUDIT_SIGNATURE;
    if (!id_eq(&w->boot, &d->head.boot) || w->from > w->to || w->to > d->head.count ||
        w->from < d->head.first_kept || w->to - w->from != d->n_leaves)
        return AUDIT_NUMBERS;
    v = check_chain(d, key);
    for (size_t i = 0; v == AUDIT_ACCEPT && i < d->n_samples; i++) {
        uint64_t seq = d->samples[i].sample.seq;

        if (seq < next || seq >= w->to) /* in order, each once */
            return AUDIT_NUMBERS;
        next = seq + 1;
        v = check_sample(d, &d->samples[i]);
    }
    return v;
}

enum audit_verdict audit_document_check(struct audit_document *d, const uint8_t key[static 32])
{
    enum audit_verdict v = check_head(d, key);

    return v == AUDIT_ACCEPT && d->has_window ? check_window(d, key) : v;
}

/* --- questions to what was accepted */

/* chain[count], where this document shows it. */
static bool chain_at(const struct audit_document *d, uint64_t count, struct digest32 *out)
{
    const struct audit_window *w = &d->window;
    struct digest32 next;

    *out = d->head.head;
    if (count == d->head.count)
        return true;
    if (!d->has_window || count < w->from || count > w->to)
        return false;
    *out = w->before;
    for (size_t i = 0; i < count - w->from; i++) {
        audit_hash_link(out, &d->leaves[i], &next);
        *out = next;
    }
    return true;
}

enum audit_verdict audit_document_follows(const struct audit_document *d,
                                          const struct audit_head *earlier,
                                          const uint8_t key[static 32])
{
    const struct audit_head *h = &d->head;
    struct digest32 chain;

    if (!audit_text_head_signed(earlier, key))
        return AUDIT_SIGNATURE;
    if (!id_eq(&earlier->boot, &h->boot) || earlier->since_ms != h->since_ms ||
        earlier->rate_ppm != h->rate_ppm || earlier->simulated != h->simulated ||
        !secret_equal(earlier->pick_anchor.b, h->pick_anchor.b, 32) || earlier->count > h->count ||
        earlier->missed > h->missed || earlier->first_kept > h->first_kept ||
        earlier->revealed_epochs > h->revealed_epochs ||
        !secret_equal(earlier->revealed.b, d->secrets[earlier->revealed_epochs].b, 32))
        return AUDIT_REWOUND;
    if (!chain_at(d, earlier->count, &chain))
        return AUDIT_APART;
    return secret_equal(chain.b, earlier->head.b, 32) ? AUDIT_ACCEPT : AUDIT_REWOUND;
}

size_t audit_document_find(const struct audit_document *d, const struct id *request,
                           const struct digest32 *request_body,
                           const struct digest32 *response_body)
{
    for (size_t i = 0; i < d->n_samples; i++) {
        const struct audit_opening *o = &d->samples[i];

        if ((request == NULL || id_eq(request, &o->sample.request)) &&
            (request_body == NULL || secret_equal(request_body->b, o->request_sha256.b, 32)) &&
            (response_body == NULL || secret_equal(response_body->b, o->response_sha256.b, 32)))
            return i;
    }
    return d->n_samples;
}

bool audit_document_whole(const struct audit_document *d)
{
    return d->has_window && d->window.from == 0 && d->window.to == d->head.count &&
           d->head.missed == 0;
}
