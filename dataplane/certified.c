/* acme/, the link, the listeners and the opening of the public port, joined. */
#include "certified.h"

#include "clock.h"
#include "http01.h"
#include "identity.h"
#include "log.h"
#include "tls.h"

enum { HTTP01_CONNECTIONS_MAX = 256 };

static bool asks(const struct certified *c)
{
    return c->config->acme_directory[0] != '\0';
}

enum err certified_init(struct certified *c, const struct config *config, const struct identity_keys *keys,
                        SSL_CTX *tls, struct opening *opening)
{
    enum err e;

    *c = (struct certified){.config = config, .tls_key = identity_tls_key(keys), .tls = tls, .opening = opening};
    e = served_new(tls, c->tls_key, &c->served);
    if (e == ERR_NONE && asks(c))
        e = challenges_new(keys, &config->acme_names, &c->challenges);
    if (e != ERR_NONE || !asks(c))
        return e;
    if (config->acme_tls_alpn)
        tls_ctx_set_challenges(tls, (struct tls_challenges){challenges_answer, c->challenges});
    opening_await_public(opening, tls, config->acme_tls_alpn);
    return ERR_NONE;
}

/* --- from the link */

enum err certified_control(struct certified *c, struct view leaf_der, struct view ca_der)
{
    X509 *leaf = NULL, *ca = NULL;
    enum err e = tls_cert_from_der(leaf_der, &leaf);

    if (e == ERR_NONE)
        e = tls_cert_from_der(ca_der, &ca);
    if (e == ERR_NONE)
        e = served_control(c->served, leaf, ca);
    X509_free(leaf);
    X509_free(ca);
    return e;
}

/* It may have come while our challenges are open. */
void certified_peer(struct certified *c, const struct identity *who)
{
    struct buf frames;

    if (c->challenges == NULL)
        return;
    challenges_know(c->challenges, who);
    buf_init(&frames, LIMIT_ACME_CHALLENGES * 1024);
    if (challenges_retell(c->challenges, clock_unix_ms(), &frames) == ERR_NONE && frames.len != 0)
        (void)uplink_tell(c->uplink, buf_view(&frames)); /* when it fails the link is down, and the peer comes anew */
    buf_free(&frames);
}

void certified_challenge(struct certified *c, const struct msg_acme_challenge *m)
{
    enum challenge_verdict v;

    if (c->challenges == NULL)
        return;
    v = challenges_take(c->challenges, m, clock_unix_ms());
    LOG("acme_challenge", KV("boot", m->boot), KV("open", m->lifetime_s != 0),
        KV("verdict", ((struct static_name){challenge_verdict_name(v)})));
}

/* --- for the thread */

static bool certified_connected(void *cookie)
{
    const struct certified *c = cookie;

    return uplink_connected(c->uplink);
}

static void certified_tell(void *cookie, struct view frame)
{
    struct certified *c = cookie;

    if (!uplink_tell(c->uplink, frame))
        LOG("acme_challenge_untold", KV("bytes", (uint64_t)frame.len)); /* the others cannot answer it */
}

static void certified_tried(void *cookie)
{
    struct certified *c = cookie;

    opening_public(c->opening);
}

/* --- start and end */

enum err certified_listen(struct certified *c, uv_loop_t *loop)
{
    const struct web_config web = {
        .loop = loop,
        .host = c->config->listen_host,
        .port = (uint16_t)c->config->acme_http_port,
        .limits = {.body_max = 1024,
                   .connections_max = HTTP01_CONNECTIONS_MAX,
                   .request_timeout_ms = 10000,
                   .write_stall_ms = 10000,
                   .sweep_ms = 1000},
        .handler = http01_handle,
        .error = http01_error,
        .cookie = c->challenges,
    };

    return asks(c) && c->config->acme_http ? web_start(&web, &c->http) : ERR_NONE;
}

enum err certified_start(struct certified *c)
{
    const struct acme_config acme = {
        .directory = c->config->acme_directory,
        .contact = c->config->acme_contact,
        .ca = c->config->acme_ca,
        .tls_alpn = c->config->acme_tls_alpn,
        .http = c->config->acme_http,
        .retry_s = c->config->acme_retry_s,
        .orders_per_hour = (unsigned)c->config->acme_orders_per_hour,
        .tls_key = c->tls_key,
        .names = &c->config->acme_names,
        .challenges = c->challenges,
        .served = c->served,
        .connected = certified_connected,
        .tell = certified_tell,
        .tried = certified_tried,
        .cookie = c,
    };

    return asks(c) ? acme_start(&acme, &c->acme) : ERR_NONE;
}

void certified_stop(struct certified *c)
{
    acme_stop(c->acme);
    c->acme = NULL;
}

void certified_free(struct certified *c)
{
    challenges_free(c->challenges);
    served_free(c->served);
}
