/* libcurl's multi interface over libuv: a uv_poll for each socket, one timer for its deadlines. */
#include "outcall.h"
#include "buf.h"
#include "secret.h"

#include <assert.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct outcall {
    struct outcall *next;
    struct outcalls *all;
    CURL *easy;
    struct curl_slist *headers, *to;
    char note[64]; /* a header line to look for, and whether it came */
    bool noted;
    struct buf body, mail;
    size_t mail_sent;
    bool large;
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

/* --- what has ended --- */

static void outcall_free(struct outcall *q)
{
    for (struct curl_slist *h = q->headers; h != NULL; h = h->next)
        secret_wipe(h->data, strlen(h->data)); /* one of them may be a key */
    curl_slist_free_all(q->headers);
    curl_slist_free_all(q->to);
    curl_easy_cleanup(q->easy);
    buf_free(&q->body);
    buf_free(&q->mail);
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
    const struct outcall_answer a = {e == ERR_NONE ? (unsigned)status : 0, q->noted,
                                     e == ERR_NONE ? buf_view(&q->body) : VIEW_EMPTY};
    q->cb(q->cookie, e, &a);
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
    struct view note = view_str(q->note);

    if (note.len > 0 && size * n >= note.len && view_eq_nocase(view_of(bytes, note.len), note))
        q->noted = true;
    return size * n;
}

static size_t mail_cb(char *out, size_t size, size_t n, void *cookie)
{
    struct outcall *q = cookie;
    struct view rest = view_from(buf_view(&q->mail), q->mail_sent);
    size_t len = size * n < rest.len ? size * n : rest.len;

    if (len > 0)
        memcpy(out, rest.ptr, len);
    q->mail_sent += len;
    return len;
}

static bool add_line(struct curl_slist **list, const char *line)
{
    struct curl_slist *more = curl_slist_append(*list, line);

    if (more == NULL)
        return false;
    *list = more;
    return true;
}

static bool set_http(struct outcall *q, const struct outcall_request *r)
{
    CURL *e = q->easy;
    bool good = add_line(&q->headers, "Expect:");

    for (size_t i = 0; i < OUTCALL_HEADERS_MAX && r->headers[i] != NULL && good; i++)
        good = add_line(&q->headers, r->headers[i]);
    good = good && curl_easy_setopt(e, CURLOPT_HTTPHEADER, q->headers) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "https,http") == CURLE_OK;
    if (good && r->post)
        good = curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE, (long)r->form.len) == CURLE_OK &&
               curl_easy_setopt(e, CURLOPT_COPYPOSTFIELDS, r->form.len == 0 ? "" : (const char *)r->form.ptr) ==
                   CURLE_OK;
    return good;
}

/* Plain text goes to this machine only: elsewhere the server has to start TLS. */
static bool set_mail(struct outcall *q, const struct outcall_mail *m, const char *url)
{
    CURL *e = q->easy;
    bool here = view_starts(view_str(url), VIEW_LIT("smtp://127.0.0.1:"));
    bool good = add_line(&q->to, m->to) && buf_append(&q->mail, m->text) == ERR_NONE &&
                curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "smtps,smtp") == CURLE_OK &&
                curl_easy_setopt(e, CURLOPT_USE_SSL, (long)(here ? CURLUSESSL_TRY : CURLUSESSL_ALL)) == CURLE_OK &&
                curl_easy_setopt(e, CURLOPT_MAIL_FROM, m->from) == CURLE_OK &&
                curl_easy_setopt(e, CURLOPT_MAIL_RCPT, q->to) == CURLE_OK &&
                curl_easy_setopt(e, CURLOPT_UPLOAD, 1L) == CURLE_OK &&
                curl_easy_setopt(e, CURLOPT_READFUNCTION, mail_cb) == CURLE_OK &&
                curl_easy_setopt(e, CURLOPT_READDATA, q) == CURLE_OK;

    if (good && m->user[0] != '\0')
        good = curl_easy_setopt(e, CURLOPT_USERNAME, m->user) == CURLE_OK &&
               curl_easy_setopt(e, CURLOPT_PASSWORD, m->password) == CURLE_OK;
    return good;
}

static bool set_options(struct outcall *q, const struct outcall_request *r)
{
    const struct outcalls_config *c = &q->all->config;
    long timeout_ms = r->timeout_ms == 0 ? OUTCALL_TIMEOUT_MS : (long)r->timeout_ms;
    CURL *e = q->easy;
    bool good;

    good = curl_easy_setopt(e, CURLOPT_URL, r->url) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_PROXY, "") == CURLE_OK && /* whatever the environment says */
           curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, timeout_ms) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)OUTCALL_CONNECT_MS) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, body_cb) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_WRITEDATA, q) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, header_cb) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_HEADERDATA, q) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_PRIVATE, q) == CURLE_OK;
    if (good && c->ca != NULL && c->ca[0] != '\0')
        good = curl_easy_setopt(e, CURLOPT_CAINFO, c->ca) == CURLE_OK;
    return good && (r->mail != NULL ? set_mail(q, r->mail, r->url) : set_http(q, r));
}

enum err outcall_start(struct outcalls *o, const struct outcall_request *r, outcall_cb *cb, void *cookie)
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
    buf_init(&q->body, r->answer_max == 0 ? OUTCALL_ANSWER_MAX : r->answer_max);
    buf_init(&q->mail, OUTCALL_ANSWER_MAX);
    snprintf(q->note, sizeof q->note, "%s", r->noted == NULL ? "" : r->noted);
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
    struct outcalls *o = calloc(1, sizeof *o);

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
    const struct outcall_answer none = {0};

    if (o == NULL)
        return;
    o->freed = true;
    while (o->running != NULL) {
        struct outcall *q = o->running;

        unlink_call(q);
        q->cb(q->cookie, ERR_CANCELLED, &none);
        outcall_free(q);
    }
    curl_multi_cleanup(o->multi); /* closes idle connections: set_socket() drops their watches */
    uv_timer_stop(&o->timer);
    uv_close((uv_handle_t *)&o->timer, timer_closed_cb);
}
