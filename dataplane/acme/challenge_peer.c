/* Challenges of other data planes, which come over the control plane: answered only when a boot signed them whose
 * evidence this one has found good. */
#include "challenge.h"

#include "challenge_internal.h"
#include "evidence.h"

#include <sodium.h>

const char *challenge_verdict_name(enum challenge_verdict v)
{
    static const char *const names[CHALLENGE_VERDICT_COUNT] = {
        [CHALLENGE_GOOD] = "good", [CHALLENGE_UNKNOWN] = "unknown_peer", [CHALLENGE_SIGNATURE] = "signature",
        [CHALLENGE_NAME] = "name", [CHALLENGE_TIME] = "time",            [CHALLENGE_OLD] = "old",
        [CHALLENGE_FULL] = "full",
    };

    return names[v];
}

static struct challenge_peer *peer_of(struct challenges *c, const struct id *boot)
{
    for (size_t i = 0; i < CHALLENGE_PEERS_MAX; i++)
        if (c->peers[i].not_after_s != 0 && id_eq(&c->peers[i].boot, boot))
            return &c->peers[i];
    return NULL;
}

void challenges_know(struct challenges *c, const struct identity *who)
{
    struct challenge_peer *p;

    pthread_mutex_lock(&c->lock);
    p = peer_of(c, &who->boot);
    if (p == NULL)
        p = &c->peers[c->next_peer++ % CHALLENGE_PEERS_MAX];
    p->boot = who->boot;
    p->not_after_s = who->not_after_s;
    memcpy(p->ed25519, who->receipt_ed25519, sizeof p->ed25519);
    pthread_mutex_unlock(&c->lock);
}

static bool is_signed(const struct challenge_peer *by, const struct msg_acme_challenge *m)
{
    struct buf text;
    bool ok;

    buf_init(&text, 1024);
    ok = msg_acme_challenge_text(m, &text) == ERR_NONE &&
         crypto_sign_verify_detached(m->signature, text.ptr, text.len, by->ed25519) == 0;
    buf_free(&text);
    return ok;
}

/* A withdrawal counts as long as what it withdraws might. */
static bool is_current(const struct msg_acme_challenge *m, uint64_t now_ms)
{
    uint64_t s = m->lifetime_s != 0 ? m->lifetime_s : LIMIT_ACME_CHALLENGE_S;

    return m->created_ms <= now_ms + CHALLENGE_EARLY_MS && now_ms < m->created_ms + s * 1000;
}

static enum challenge_verdict judge(struct challenges *c, const struct msg_acme_challenge *m, uint64_t now_ms)
{
    const struct challenge_peer *by = peer_of(c, &m->boot);
    struct challenge *p;

    if (by == NULL || now_ms / 1000 >= by->not_after_s)
        return CHALLENGE_UNKNOWN;
    if (!is_signed(by, m))
        return CHALLENGE_SIGNATURE;
    if (!acme_names_have(c->names, m->name))
        return CHALLENGE_NAME;
    if (!is_current(m, now_ms))
        return CHALLENGE_TIME;
    p = challenge_place(c, &m->boot, m->name, m->method, now_ms);
    if (p == NULL)
        return CHALLENGE_FULL;
    if (p->until_ms != 0 && (m->created_ms < p->created_ms || (m->created_ms == p->created_ms && p->over)))
        return CHALLENGE_OLD;
    challenge_set(p, m);
    return CHALLENGE_GOOD;
}

enum challenge_verdict challenges_take(struct challenges *c, const struct msg_acme_challenge *m, uint64_t now_ms)
{
    enum challenge_verdict v;

    pthread_mutex_lock(&c->lock);
    v = judge(c, m, now_ms);
    pthread_mutex_unlock(&c->lock);
    return v;
}
