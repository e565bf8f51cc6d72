/* Every sweep_ms over the connections: readers that take nothing, clients that left during a request
 * without a notice, requests that arrive too slowly, connections that idle too long. */
#include "web_inside.h"
#include "web_tcp.h"

#include <sys/socket.h>

/* h2o does not read while a request runs, so an end shows in the state of the TCP connection only. */
bool web_sweep_departed(struct web_request *r, uint64_t *acked_bytes)
{
    struct web_conn *c = web_request_conn(r);
    enum web_tcp tcp = WEB_TCP_GONE;
    uv_os_fd_t fd;

    if (uv_fileno((uv_handle_t *)&c->tcp, &fd) == 0)
        tcp = web_tcp_look(fd, acked_bytes);
    return tcp == WEB_TCP_GONE || (tcp == WEB_TCP_HALF && !web_half_reads(c, fd, acked_bytes));
}

/* What n bytes are worth: the time they take at the slowest rate, on top of what is left, up to all of limit_ms from
 * now. A burst is worth no more than that, so a trickle behind it ends as one without it. */
static uint64_t web_sweep_extend(const struct web_server *s, uint64_t until_ms, uint64_t now_ms,
                                 unsigned limit_ms, uint64_t n)
{
    unsigned rate = s->config.limits.slowest_bytes_per_s;
    uint64_t most = now_ms + limit_ms;

    if (rate == 0 || until_ms > most || n > (most - until_ms) * rate / 1000)
        return most;
    return until_ms + n * 1000 / rate;
}

/* A peer that took too little of a write in flight for too long. Its bytes are dropped from
 * the kernel too: SO_LINGER 0 turns the close into a reset. */
static bool web_sweep_stalled(struct web_request *r, uint64_t now_ms, uint64_t acked_bytes)
{
    struct web_server *s = web_request_conn(r)->server;
    struct linger reset = {1, 0};
    uv_os_fd_t fd;

    if (r->state != WEB_WRITING && r->state != WEB_LAST)
        return false;
    if (acked_bytes != r->acked_bytes)
        r->write_until_ms = web_sweep_extend(s, r->write_until_ms, now_ms, s->config.limits.write_stall_ms,
                                             acked_bytes - r->acked_bytes);
    r->acked_bytes = acked_bytes;
    if (now_ms < r->write_until_ms)
        return false;
    s->counters.write_stalls++;
    if (uv_fileno((uv_handle_t *)&web_request_conn(r)->tcp, &fd) == 0)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    return true;
}

/* Must the kernel be asked about this request? A write in flight shows by its acknowledgements whether
 * the peer still reads. Of a connection that libuv polls, the end of the client is reported by the poll
 * (web_conn_stirred). One that is not polled any more, because bytes wait in it, reports nothing. */
static bool web_sweep_must_look(const struct web_request *r)
{
    return r->state == WEB_WRITING || r->state == WEB_LAST ||
           !uv_shim_alert(&web_request_conn(r)->shim);
}

static bool web_sweep_lost(struct web_request *r, uint64_t now_ms)
{
    uint64_t acked = 0;

    if (!web_sweep_must_look(r))
        return false;
    web_request_conn(r)->server->counters.tcp_looks++;
    return web_sweep_departed(r, &acked) || web_sweep_stalled(r, now_ms, acked);
}

/* Callbacks of one request may end another, so the list is walked by moving what was seen to a list
 * of its own, from which every request unlinks itself wherever it ends. */
static void web_sweep_running(struct web_server *s, uint64_t now_ms)
{
    h2o_linklist_t seen;

    h2o_linklist_init_anchor(&seen);
    while (!h2o_linklist_is_empty(&s->running)) {
        h2o_linklist_t *n = s->running.next;
        struct web_request *r = H2O_STRUCT_FROM_MEMBER(struct web_request, link, n);

        h2o_linklist_unlink(n);
        h2o_linklist_insert(&seen, n);
        if (web_sweep_lost(r, now_ms))
            web_stream_cut(r);
    }
    h2o_linklist_insert_list(&s->running, &seen);
}

void web_sweep_begin(struct web_conn *c, uint64_t since_ms)
{
    c->reading_ms = since_ms;
    c->reading_until_ms = since_ms + c->server->config.limits.request_timeout_ms;
    c->reading_bytes = c->sock->input->size;
}

void web_sweep_progress(struct web_conn *c)
{
    const struct web_limits *limits = &c->server->config.limits;
    size_t size = c->sock->input->size;

    if (limits->slowest_bytes_per_s != 0 && size > c->reading_bytes)
        c->reading_until_ms = web_sweep_extend(c->server, c->reading_until_ms, uv_now(c->server->config.loop),
                                               limits->request_timeout_ms, size - c->reading_bytes);
    c->reading_bytes = size;
}

/* Of a request that is arriving: has it stalled, or taken longer than any may? */
static bool web_sweep_late(const struct web_conn *c, uint64_t now_ms)
{
    const struct web_limits *limits = &c->server->config.limits;

    return now_ms >= c->reading_until_ms ||
           (limits->slowest_bytes_per_s != 0 && now_ms - c->reading_ms >= limits->upload_ms);
}

static void web_sweep_conn(struct web_conn *c, uint64_t now_ms)
{
    uint64_t limit = c->server->config.limits.request_timeout_ms;
    h2o_req_t *req;

    if (c->linger_cb != NULL)
        web_linger_check(c, now_ms);
    if (c->sock == NULL || c->request.state != WEB_IDLE)
        return;
    /* Bytes that came with the end of the handshake, or behind the last request. */
    if (c->reading_ms == 0 && c->sock->input->size != 0)
        web_sweep_begin(c, c->idle_ms);
    if (c->reading_ms != 0 && web_sweep_late(c, now_ms)) {
        req = web_conn_request(c);
        if (req != NULL)
            web_request_refuse(c, req, 408);
        else
            web_conn_shutdown(c);
    } else if (c->reading_ms == 0 && now_ms - c->idle_ms >= limit) {
        web_conn_shutdown(c);
    }
}

/* A connection may move to the list of another place while it is looked at, never another one. */
static void web_sweep_arriving(struct web_server *s, uint64_t now_ms)
{
    for (int i = 0; i < WEB_PLACES; i++) {
        h2o_linklist_t *next;

        for (h2o_linklist_t *n = s->conns[i].next; n != &s->conns[i]; n = next) {
            next = n->next;
            web_sweep_conn(H2O_STRUCT_FROM_MEMBER(struct web_conn, link, n), now_ms);
        }
    }
}

void web_sweep_cb(uv_timer_t *t)
{
    struct web_server *s = t->data;
    uint64_t now_ms = uv_now(s->config.loop);

    web_sweep_running(s, now_ms);
    web_sweep_arriving(s, now_ms);
}
