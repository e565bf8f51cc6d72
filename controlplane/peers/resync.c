/* What a data plane may have missed, and how it hears of it: after a lost LISTEN every key it holds is asked
 * about again, in portions of one statement each, and so is every key that it names after a lost link. A
 * portion that fails is asked about again until it is answered. */
#include "peer.h"

#include "clock.h"
#include "log.h"

#include <stdlib.h>

static void resync_step(struct peer *p);

static void resync_tell(struct peer *p, const struct msg_revoke *changes, size_t n)
{
    struct buf out;

    buf_init(&out, 64 * LEDGER_KEYS_MAX);
    for (size_t i = 0; i < n; i++) {
        known_heard(&p->known, &changes[i].key_digest, changes[i].version);
        if (changes[i].reason != NO_KEY_CHANGED)
            known_forget(&p->known, &changes[i].key_digest);
        if (msg_revoke_encode(&changes[i], &out) != ERR_NONE)
            break;
    }
    if (out.len != 0)
        peer_send(p, buf_view(&out));
    buf_free(&out);
}

static void resync_cb(void *cookie, enum err e, const struct msg_revoke *changes, size_t n)
{
    struct peer *p = cookie;

    if (!peer_call_done(p))
        return;
    if (e == ERR_NONE) {
        known_checked(&p->known, p->checking, p->n_checking, p->checking_epoch);
        resync_tell(p, changes, n);
    } else {
        LOG("check_failed", KV("error", log_err(e)), KV("keys", (uint64_t)p->n_checking));
        p->check_ms = clock_mono_ms() + PEER_RETRY_MS;
    }
    free(p->checking);
    p->checking = NULL;
    resync_step(p);
}

static void resync_step(struct peer *p)
{
    if (!p->known.stale || p->state != PEER_ACCEPTED || p->checking != NULL ||
        clock_mono_ms() < p->check_ms)
        return;
    p->checking = malloc(LEDGER_KEYS_MAX * sizeof *p->checking);
    if (p->checking == NULL)
        return; /* the tick comes again */
    p->n_checking = known_stale(&p->known, p->checking, LEDGER_KEYS_MAX);
    if (p->n_checking == 0) {
        free(p->checking);
        p->checking = NULL;
        return;
    }
    p->checking_epoch = p->known.epoch;
    p->calls++;
    ledger_changes(p->owner->config.ledger, p->checking, p->n_checking, resync_cb, p);
}

void peer_resync(struct peer *p)
{
    known_resync(&p->known);
    resync_step(p);
}

void peer_resync_tick(struct peer *p)
{
    resync_step(p);
}

bool peer_keys(struct peer *p, struct view payload)
{
    struct digest32 digest;
    struct msg_keys m;
    uint64_t version;

    if (msg_keys_decode(payload, &m) != ERR_NONE)
        return false;
    while (msg_keys_take(&m, &digest, &version) == ERR_NONE)
        known_put(&p->known, &digest, version, p->known.epoch - 1);
    resync_step(p);
    return true;
}
