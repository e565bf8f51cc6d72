/* What the control plane pushes to every accepted data plane: its certificate, provider keys sealed
 * to it, the catalog, revocations. */
#include "peer.h"

#include "clock.h"
#include "log.h"
#include "secret.h"
#include "tls.h"

#include <sodium.h>

enum { CERT_DER_MAX = 4096 };

static enum err cert_encode(const struct peer *p, struct buf *out)
{
    const struct peers_config *c = &p->owner->config;
    uint8_t leaf_der[CERT_DER_MAX], ca_der[CERT_DER_MAX];
    size_t leaf_len, ca_len;
    X509 *leaf = NULL;
    struct msg_cert m;
    enum err e = tls_ca_sign(c->ca_key, c->ca_cert, p->tls_key, c->dataplane_names,
                             PEER_CERT_MINUTES, &leaf);

    if (e != ERR_NONE)
        return e;
    e = tls_cert_der(leaf, leaf_der, sizeof leaf_der, &leaf_len);
    X509_free(leaf);
    if (e == ERR_NONE)
        e = tls_cert_der(c->ca_cert, ca_der, sizeof ca_der, &ca_len);
    if (e != ERR_NONE)
        return e;
    m = (struct msg_cert){view_of(leaf_der, leaf_len), view_of(ca_der, ca_len)};
    return msg_cert_encode(&m, out);
}

void publish_cert(struct peer *p)
{
    struct buf out;
    enum err e;

    buf_init(&out, 3 * CERT_DER_MAX);
    e = cert_encode(p, &out);
    if (e == ERR_NONE)
        peer_send(p, buf_view(&out));
    else
        LOG("certificate_failed", KV("error", log_err(e)));
    buf_free(&out);
    /* Renewed at half-life; tried again in a minute if it failed. */
    p->cert_renew_ms =
        clock_mono_ms() + (e == ERR_NONE ? (uint64_t)PEER_CERT_MINUTES * 30000 : 60000);
}

/* A proof that does not fit the link is our fault and costs the data plane only its staple. */
void publish_log_proof(struct peer *p, struct view statement, struct view proof)
{
    struct msg_log_proof m = {statement, proof};
    struct buf out;

    buf_init(&out, LIMIT_LOG_STATEMENT_BYTES + LIMIT_LOG_PROOF_BYTES + 64);
    if (msg_log_proof_encode(&m, &out) == ERR_NONE)
        peer_send(p, buf_view(&out));
    else
        LOG("log_proof_failed", KV("session", p->session));
    buf_free(&out);
}

/* Sealed to the attested key: a control plane instance in the middle could not read it either. */
static void secret_send(struct peer *p, uint16_t provider_no, size_t index, size_t total, struct view key)
{
    uint8_t sealed[LIMIT_SECRET_BYTES];
    struct msg_secret m;
    struct buf out;

    if (key.len == 0 || key.len > sizeof sealed - crypto_box_SEALBYTES) {
        LOG("secret_refused", KV("provider", provider_no));
        return;
    }
    if (crypto_box_seal(sealed, key.ptr, key.len, p->identity.hpke_x25519) != 0)
        return;
    m = (struct msg_secret){provider_no, (uint8_t)index, (uint8_t)total, view_of(sealed, key.len + crypto_box_SEALBYTES)};
    buf_init(&out, LIMIT_SECRET_BYTES + 64);
    if (msg_secret_encode(&m, &out) == ERR_NONE)
        peer_send(p, buf_view(&out));
    buf_free(&out);
}

void publish_catalog(struct peer *p)
{
    const struct peers *s = p->owner;
    const struct buf *frames = &s->catalog;

    if (p->reads && s->catalog_all.len != 0)
        frames = &s->catalog_all;
    else if ((p->reads || p->tells) && s->catalog_own.len != 0)
        frames = &s->catalog_own;
    if (frames->len != 0 && p->state == PEER_ACCEPTED && p->heard)
        peer_send(p, buf_view(frames));
}

void publish_health(struct peer *p)
{
    struct msg_health m = {.troubles = p->owner->troubles};
    struct buf out;

    buf_init(&out, 64);
    if (msg_health_encode(&m, &out) == ERR_NONE)
        peer_send(p, buf_view(&out));
    buf_free(&out);
}

void publish_secrets(struct peer *p)
{
    const struct peers_config *c = &p->owner->config;

    for (size_t i = 0; i < c->providers->n; i++) {
        uint16_t no = c->providers->list[i].no;
        size_t total = c->provider_keys(c->cookie, no);
        struct view key;

        for (size_t k = 0; k < total; k++)
            if (c->provider_key(c->cookie, no, k, &key))
                secret_send(p, no, k, total, key);
    }
}

void publish_welcome(struct peer *p)
{
    publish_cert(p);
    publish_secrets(p);
    publish_catalog(p);
    if (p->owner->troubles != 0) /* a data plane takes a new connection for a healthy one */
        publish_health(p);
}

/* A provider that wants a key and has none of the operator's answers an operator's requests with refusals: its endpoints
 * are off for these. Returns how many. */
static size_t catalog_keyless(const struct peers_config *c, struct catalog *catalog, bool told)
{
    size_t n = 0;

    for (size_t i = 0; i < catalog->n_endpoints; i++) {
        struct catalog_endpoint *e = &catalog->endpoints[i];
        bool keyless = e->own_only || (e->weight != 0 && e->provider_no < c->providers->n &&
                                       c->providers->list[e->provider_no].auth != AUTH_NONE &&
                                       c->provider_keys(c->cookie, e->provider_no) == 0);

        if (!keyless)
            continue;
        e->weight = 0;
        e->own_only = told;
        n++;
    }
    return n;
}

static bool is_synth(const struct catalog *c, uint32_t no)
{
    for (size_t i = 0; i < c->n_synths; i++)
        if (c->synths[i].model_no == no)
            return true;
    return false;
}

/* Leaves what a data plane of the former release can read. */
static void drop_synths(struct catalog *c)
{
    size_t n = 0;

    for (size_t i = 0; i < c->n_aliases; i++) /* one of an orchestration names nothing else */
        if (!is_synth(c, c->aliases[i].model[0]))
            c->aliases[n++] = c->aliases[i];
    c->n_aliases = n;
    n = 0;
    for (size_t i = 0; i < c->n_models; i++)
        if (c->models[i].kind != KIND_SYNTH)
            c->models[n++] = c->models[i];
    c->n_models = n;
    c->n_synths = 0;
}

/* The catalog for each kind of reader. */
struct catalog_kinds {
    struct buf plain, own, all;
};

static void kinds_free(struct catalog_kinds *k)
{
    buf_free(&k->plain);
    buf_free(&k->own);
    buf_free(&k->all);
}

static enum err kinds_make(struct peers *s, struct catalog *c, struct catalog_kinds *k)
{
    bool keyless = catalog_keyless(&s->config, c, true) != 0;
    enum err e = ERR_NONE;

    buf_init(&k->plain, CATALOG_FRAMES_MAX);
    buf_init(&k->own, CATALOG_FRAMES_MAX);
    buf_init(&k->all, CATALOG_FRAMES_MAX);
    if (c->n_synths != 0) {
        e = catalog_encode(c, &k->all);
        drop_synths(c);
    }
    if (e == ERR_NONE && keyless)
        e = catalog_encode(c, &k->own);
    (void)catalog_keyless(&s->config, c, false);
    return e == ERR_NONE ? catalog_encode(c, &k->plain) : e;
}

static void catalog_cb(void *cookie, enum err e, struct catalog *c)
{
    struct peers *s = cookie;
    struct catalog_kinds fresh;
    size_t n_models;

    s->catalog_loading = false;
    if (e == ERR_NONE && s->stopping) {
        catalog_free(c);
        return;
    }
    if (e != ERR_NONE) {
        LOG("catalog_not_loaded", KV("error", log_err(e)));
        s->catalog_stale = true; /* the timer tries again */
        return;
    }
    n_models = c->n_models;
    e = kinds_make(s, c, &fresh);
    LOG("catalog_loaded", KV("version", c->version), KV("models", (uint64_t)n_models),
        KV("endpoints", (uint64_t)c->n_endpoints), KV("error", log_err(e)));
    catalog_free(c);
    if (e != ERR_NONE) { /* too large to push: the last good one stays */
        kinds_free(&fresh);
        return;
    }
    buf_free(&s->catalog);
    buf_free(&s->catalog_own);
    buf_free(&s->catalog_all);
    s->catalog = fresh.plain;
    s->catalog_own = fresh.own;
    s->catalog_all = fresh.all;
    for (struct peer *p = s->list, *next; p != NULL; p = next) {
        next = p->next;
        publish_catalog(p);
    }
}

void publish_catalog_load(struct peers *s)
{
    if (s->stopping)
        return;
    if (s->catalog_loading) {
        s->catalog_stale = true;
        return;
    }
    s->catalog_loading = true;
    s->catalog_stale = false;
    ledger_catalog(s->config.ledger, catalog_cb, s);
}

void publish_catalog_changed(void *cookie)
{
    publish_catalog_load(cookie);
}

void publish_fleet_changed(void *cookie)
{
    struct peers *s = cookie;

    if (s->config.fleet != NULL && !s->stopping)
        s->config.fleet->changed(s->config.fleet->cookie);
}

void publish_revoked(void *cookie, const struct msg_revoke *revoke)
{
    struct peers *s = cookie;
    struct buf out;

    buf_init(&out, 64);
    if (msg_revoke_encode(revoke, &out) == ERR_NONE) {
        for (struct peer *p = s->list, *next; p != NULL; p = next) {
            next = p->next;
            if (p->state != PEER_ACCEPTED)
                continue;
            known_heard(&p->known, &revoke->key_digest, revoke->version);
            peer_send(p, buf_view(&out));
        }
    }
    buf_free(&out);
}

void publish_recalled(void *cookie, const struct id *boot, const struct msg_recall *recall)
{
    struct peers *s = cookie;
    struct buf out;

    buf_init(&out, 64);
    if (msg_recall_encode(recall, &out) == ERR_NONE) {
        for (struct peer *p = s->list, *next; p != NULL; p = next) {
            next = p->next;
            if (p->state == PEER_ACCEPTED && id_eq(&p->identity.boot, boot))
                peer_send(p, buf_view(&out));
        }
    }
    buf_free(&out);
}

void publish_parts(void *cookie, const struct msg_key_parts *parts)
{
    struct peers *s = cookie;
    struct buf out;

    buf_init(&out, 64);
    if (msg_key_parts_encode(parts, &out) == ERR_NONE) {
        for (struct peer *p = s->list, *next; p != NULL; p = next) {
            next = p->next;
            if (p->state == PEER_ACCEPTED && p->obeys)
                peer_send(p, buf_view(&out));
        }
    }
    buf_free(&out);
}

void publish_resync(void *cookie)
{
    struct peers *s = cookie;

    publish_catalog_load(s);
    publish_fleet_changed(s);
    for (struct peer *p = s->list, *next; p != NULL; p = next) {
        next = p->next;
        peer_resync(p);
    }
}
