/* libcurl's multi interface over libuv: a uv_poll for each socket, one timer for its deadlines. */
#include "outcall.h"
#include "secret.h"

#include <assert.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

#define API_VERSION "Stripe-Version: 2024-06-20"

struct outcall {
    struct outcall *next;
    struct outcalls *all;
    CURL *easy;
    struct curl_slist *headers;
    char authorization[512];
    struct buf body;
    bool large, replayed;
    outcall_cb *cb;
    void *cookie;
};

struct outcalls {
    struct outcalls_config config;
    CURLM *multi;
    uv_timer_t timer;
    struct outcall *running;
    unsigned n;
    bool freed;
};

/* One socket of libcurl's. */
struct watch {
    uv_poll_t poll;
    struct outcalls *all;
    curl_socket_t socket;
};

bool outcalls_base_valid(const char *base)
{
    struct view v = view_str(base);

    if (v.len == 0 || v.len > 200 || v.ptr[v.len - 1] == '/')
        return false;
    return view_starts(v, VIEW_LIT("https://")) || view_starts(v, VIEW_LIT("http://127.0.0.1:"));
}

/* --- what has ended --- */

static void outcall_free(struct outcall *q)
{
    for (struct curl_slist *h = q->headers; h != NULL; h = h->next)
        secret_wipe(h->data, strlen(h->data)); /* one of them is the key */
    curl_slist_free_all(q->headers);
    curl_easy_cleanup(q->easy);
    buf_free(&q->body);
    secret_wipe(q->authorization, sizeof q->authorization);
    free(q);
}

static void unlink_call(struct outcall *q)
{
    struct outcall **at = &q->all->running;

    while (*at != q)
        at = &(*at)->next;
    *at = q->next;
    q->all->n--;
    curl_multi_remove_handle(q->all->multi, q->easy);
}

static enum err err_of(const struct outcall *q, CURLcode code)
{
    if (q->large)
        return ERR_PROVIDER_LARGE;
    switch ((int)code) {
    case CURLE_OK:
        return ERR_NONE;
    case CURLE_OPERATION_TIMEDOUT:
        return ERR_TOTAL_TIMEOUT;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
        return ERR_CONNECT;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        return ERR_TLS;
    default:
        return ERR_IO;
    }
}

static void end_call(struct outcall *q, CURLcode code)
{
    enum err e = err_of(q, code);
    long status = 0;

    curl_easy_getinfo(q->easy, CURLINFO_RESPONSE_CODE, &status);
    unlink_call(q);
    q->cb(q->cookie, e, e == ERR_NONE ? (unsigned)status : 0, q->replayed,
          e == ERR_NONE ? buf_view(&q->body) : VIEW_EMPTY);
    outcall_free(q);
}

static void reap(struct outcalls *o)
{
    CURLMsg *m;
    int left;

    while (!o->freed && (m = curl_multi_info_read(o->multi, &left)) != NULL) {
        struct outcall *q = NULL;
        CURLcode code = m->data.result;

        if (m->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&q);
        end_call(q, code);
    }
}

/* --- the loop --- */

static void timer_cb(uv_timer_t *t)
{
    struct outcalls *o = t->data;
    int running;

    curl_multi_socket_action(o->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    reap(o);
}

static int set_timer(CURLM *multi, long ms, void *cookie)
{
    struct outcalls *o = cookie;

    (void)multi;
    if (ms < 0)
        uv_timer_stop(&o->timer);
    else
        uv_timer_start(&o->timer, timer_cb, (uint64_t)ms, 0);
    return 0;
}

static void poll_cb(uv_poll_t *p, int status, int events)
{
    struct watch *w = p->data;
    struct outcalls *o = w->all;
    int flags = status < 0 ? CURL_CSELECT_ERR : 0, running;

    if ((events & UV_READABLE) != 0)
        flags |= CURL_CSELECT_IN;
    if ((events & UV_WRITABLE) != 0)
        flags |= CURL_CSELECT_OUT;
    curl_multi_socket_action(o->multi, w->socket, flags, &running);
    reap(o);
}

static void watch_closed_cb(uv_handle_t *h)
{
    free(h->data);
}

static int set_socket(CURL *easy, curl_socket_t socket, int what, void *cookie, void *known)
{
    struct outcalls *o = cookie;
    struct watch *w = known;

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (w != NULL) {
            curl_multi_assign(o->multi, socket, NULL);
            uv_poll_stop(&w->poll);
            uv_close((uv_handle_t *)&w->poll, watch_closed_cb);
        }
        return 0;
    }
    if (w == NULL) {
        w = calloc(1, sizeof *w);
        if (w == NULL)
            return -1;
        if (uv_poll_init_socket(o->config.loop, &w->poll, socket) != 0) {
            free(w);
            return -1;
        }
        w->all = o;
        w->socket = socket;
        w->poll.data = w;
        curl_multi_assign(o->multi, socket, w);
    }
    return uv_poll_start(&w->poll,
                         (what != CURL_POLL_OUT ? UV_READABLE : 0) | (what != CURL_POLL_IN ? UV_WRITABLE : 0),
                         poll_cb) == 0
               ? 0
               : -1;
}

/* --- one request --- */

static size_t body_cb(char *bytes, size_t size, size_t n, void *cookie)
{
    struct outcall *q = cookie;

    if (buf_append(&q->body, view_of(bytes, size * n)) == ERR_NONE)
        return size * n;
    q->large = true;
    return 0;
}

static size_t header_cb(char *bytes, size_t size, size_t n, void *cookie)
{
    struct outcall *q = cookie;
    static const char name[] = "idempotent-replayed: true";

    if (size * n >= sizeof name - 1 && view_eq_nocase(view_of(bytes, sizeof name - 1), VIEW_LIT("idempotent-replayed: true")))
        q->replayed = true;
    return size * n;
}

static bool add_header(struct outcall *q, const char *line)
{
    struct curl_slist *more = curl_slist_append(q->headers, line);

    if (more == NULL)
        return false;
    q->headers = more;
    return true;
}

static bool set_headers(struct outcall *q, const struct rail_request *r)
{
    const struct view key = q->all->config.key;
    char idempotency[sizeof "Idempotency-Key: " + RAIL_KEY_MAX];

    snprintf(q->authorization, sizeof q->authorization, "Authorization: Bearer %.*s", (int)key.len,
             (const char *)key.ptr);
    snprintf(idempotency, sizeof idempotency, "Idempotency-Key: %s", r->key);
    return add_header(q, q->authorization) && add_header(q, API_VERSION) && add_header(q, "Expect:") &&
           (r->key[0] == '\0' || add_header(q, idempotency)) &&
           curl_easy_setopt(q->easy, CURLOPT_HTTPHEADER, q->headers) == CURLE_OK;
}

static bool set_options(struct outcall *q, const struct rail_request *r)
{
    const struct outcalls_config *c = &q->all->config;
    char url[256 + RAIL_PATH_MAX];
    CURL *e = q->easy;
    bool good;

    snprintf(url, sizeof url, "%s%s", c->base, r->path);
    good = set_headers(q, r) && curl_easy_setopt(e, CURLOPT_URL, url) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "https,http") == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_PROXY, "") == CURLE_OK && /* whatever the environment says */
           curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)OUTCALL_TIMEOUT_MS) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)OUTCALL_CONNECT_MS) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, body_cb) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_WRITEDATA, q) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, header_cb) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_HEADERDATA, q) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_PRIVATE, q) == CURLE_OK;
    if (good && c->ca[0] != '\0')
        good = curl_easy_setopt(e, CURLOPT_CAINFO, c->ca) == CURLE_OK;
    if (good && r->post)
        good = curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE, (long)r->form.len) == CURLE_OK &&
               curl_easy_setopt(e, CURLOPT_COPYPOSTFIELDS, r->form.len == 0 ? "" : (const char *)r->form.ptr) ==
                   CURLE_OK;
    return good;
}

enum err outcall_start(struct outcalls *o, const struct rail_request *r, outcall_cb *cb, void *cookie)
{
    struct outcall *q;

    assert(!o->freed);
    if (o->n == OUTCALLS_MAX)
        return ERR_OVERLOAD;
    q = calloc(1, sizeof *q);
    if (q == NULL)
        return ERR_MEMORY;
    q->all = o;
    q->cb = cb;
    q->cookie = cookie;
    buf_init(&q->body, OUTCALL_ANSWER_MAX);
    q->easy = curl_easy_init();
    if (q->easy == NULL || !set_options(q, r) || curl_multi_add_handle(o->multi, q->easy) != CURLM_OK) {
        outcall_free(q);
        return ERR_MEMORY;
    }
    q->next = o->running;
    o->running = q;
    o->n++;
    return ERR_NONE;
}

/* --- life --- */

enum err outcalls_new(const struct outcalls_config *c, struct outcalls **out)
{
    struct outcalls *o;

    if (!outcalls_base_valid(c->base))
        return ERR_CONFIG;
    o = calloc(1, sizeof *o);
    if (o == NULL)
        return ERR_MEMORY;
    o->config = *c;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || (o->multi = curl_multi_init()) == NULL ||
        uv_timer_init(c->loop, &o->timer) != 0) {
        curl_multi_cleanup(o->multi);
        free(o);
        return ERR_MEMORY;
    }
    o->timer.data = o;
    curl_multi_setopt(o->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
    curl_multi_setopt(o->multi, CURLMOPT_SOCKETDATA, o);
    curl_multi_setopt(o->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(o->multi, CURLMOPT_TIMERDATA, o);
    *out = o;
    return ERR_NONE;
}

static void timer_closed_cb(uv_handle_t *h)
{
    free(h->data);
}

void outcalls_free(struct outcalls *o)
{
    if (o == NULL)
        return;
    o->freed = true;
    while (o->running != NULL) {
        struct outcall *q = o->running;

        unlink_call(q);
        q->cb(q->cookie, ERR_CANCELLED, 0, false, VIEW_EMPTY);
        outcall_free(q);
    }
    curl_multi_cleanup(o->multi); /* closes idle connections: set_socket() drops their watches */
    uv_timer_stop(&o->timer);
    uv_close((uv_handle_t *)&o->timer, timer_closed_cb);
}
