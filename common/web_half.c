/* A client that has closed its side of the connection while its request runs. TCP says the same for one that reads
 * on, which RFC 9112 9.6 allows, and for one whose program is gone. They differ when something is sent to them: the
 * kernel of the second one answers with a reset. So they are asked with something that TLS alone sees, a KeyUpdate. */
#include "web_inside.h"
#include "web_tcp.h"

enum {
    WEB_HALF_FIRST_MS = 1000,   /* asked again after this, and then after twice as long each time */
    WEB_HALF_ASKS = 12,         /* over an hour; some TLS libraries take 16 in a row for an attack */
    WEB_HALF_SILENT_MS = 10000, /* a peer that acknowledges nothing for so long is gone */
};

/* The record goes to the kernel past h2o, which has nothing on its way. False: it did not leave whole. */
static bool web_half_send(struct web_conn *c)
{
    BIO *h2o = SSL_get_wbio(c->ssl), *own = BIO_new(BIO_s_mem());
    bool sent = false;
    uv_buf_t bytes;
    char *at;

    if (own == NULL)
        return false;
    BIO_up_ref(h2o);
    SSL_set0_wbio(c->ssl, own);
    if (SSL_key_update(c->ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1 && SSL_do_handshake(c->ssl) == 1) {
        bytes.len = (size_t)BIO_get_mem_data(own, &at);
        bytes.base = at;
        sent = uv_try_write((uv_stream_t *)&c->tcp, &bytes, 1) == (int)bytes.len;
    }
    SSL_set0_wbio(c->ssl, h2o); /* which frees the other */
    return sent;
}

/* Bytes on their way to the client ask by themselves; so do those of the last question. */
static bool web_half_must_ask(const struct web_conn *c, uint64_t now_ms)
{
    if (c->request.state == WEB_WRITING || c->request.state == WEB_LAST || c->sock->_cb.write != NULL)
        return false;
    return c->half_asks == 0 || (c->half_asks < WEB_HALF_ASKS &&
                                 now_ms - c->half_ms >= (uint64_t)WEB_HALF_FIRST_MS << (c->half_asks - 1));
}

bool web_half_reads(struct web_conn *c, int fd, uint64_t *acked_bytes)
{
    uint64_t now_ms = uv_now(c->server->config.loop);

    if (c->ssl == NULL)
        return false; /* nothing can be sent that its program does not see */
    if (c->half_asks != 0 && *acked_bytes == c->half_acked)
        return now_ms - c->half_ms < WEB_HALF_SILENT_MS;
    if (!web_half_must_ask(c, now_ms))
        return true;
    c->half_asks++;
    c->half_ms = now_ms;
    c->half_acked = *acked_bytes;
    /* On this machine the answer is here already. */
    return web_half_send(c) && web_tcp_look(fd, acked_bytes) == WEB_TCP_HALF;
}
