/* HTTPS by libcurl, with the caller's key in a header and nothing else of it anywhere. */
#include "ask.h"

#include "id.h"
#include "options.h"
#include "secret.h"
#include "version.h"

#include <curl/curl.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

enum { TRIES = 4, CONNECT_S = 10, SILENCE_S = 120, RETRY_AFTER_MAX_S = 10, FIRST_PAUSE_MS = 250 };

void answer_init(struct answer *a)
{
    memset(a, 0, sizeof *a);
    buf_init(&a->body, ANSWER_MAX);
}

void answer_free(struct answer *a)
{
    buf_free(&a->body);
}

/* --- what comes --- */

struct coming {
    struct answer *out;
    bool quiet, failed;
};

static void text_take(const char *value, size_t n, char *out, size_t size)
{
    while (n > 0 && (*value == ' ' || *value == '\t'))
        value++, n--;
    while (n > 0 && (value[n - 1] == '\r' || value[n - 1] == '\n' || value[n - 1] == ' '))
        n--;
    if (n >= size)
        n = size - 1;
    memcpy(out, value, n);
    out[n] = '\0';
}

static bool header_is(const char *line, size_t n, const char *name, char *out, size_t size)
{
    size_t len = strlen(name);

    if (n <= len || strncasecmp(line, name, len) != 0 || line[len] != ':')
        return false;
    text_take(line + len + 1, n - len - 1, out, size);
    return true;
}

static size_t header_cb(char *line, size_t one, size_t n, void *cookie)
{
    struct coming *in = cookie;
    char text[80];
    uint64_t s;

    (void)one;
    if (header_is(line, n, "x-request-id", text, sizeof text))
        memcpy(in->out->request_id, text, sizeof text);
    else if (header_is(line, n, "content-type", text, sizeof text))
        in->out->json = strncmp(text, "application/json", 16) == 0;
    else if (header_is(line, n, "retry-after", text, sizeof text) && view_u64(view_str(text), &s))
        in->out->retry_after_s = s > RETRY_AFTER_MAX_S ? RETRY_AFTER_MAX_S : (unsigned)s;
    return n;
}

static size_t body_cb(char *bytes, size_t one, size_t n, void *cookie)
{
    struct coming *in = cookie;

    (void)one;
    if (in->out->json || in->quiet)
        in->failed = buf_append(&in->out->body, view_of(bytes, n)) != ERR_NONE;
    else
        in->failed = fwrite(bytes, 1, n, stdout) != n || fflush(stdout) != 0;
    return in->failed ? 0 : n;
}

/* --- what is sent --- */

static bool url_write(const struct profile *p, const struct question *q, struct buf *out)
{
    const char *base = q->plane == PLANE_DATA ? p->base_url : p->control_url;
    struct view v = view_str(base);

    if (v.len == 0) {
        complain("the profile %s has no %s: trctl login, with --base-url", p->name,
                 q->plane == PLANE_DATA ? "base_url" : "control_url");
        return false;
    }
    while (v.len > 0 && v.ptr[v.len - 1] == '/')
        v.len--;
    if (v.len > 3 && memcmp(v.ptr + v.len - 3, "/v1", 3) == 0)
        v.len -= 3;
    return buf_append(out, v) == ERR_NONE && (q->bare || buf_append(out, VIEW_LIT("/v1")) == ERR_NONE) &&
           buf_append(out, view_str(q->target)) == ERR_NONE && buf_append_byte(out, '\0') == ERR_NONE;
}

static void headers_free(struct curl_slist *list)
{
    for (struct curl_slist *l = list; l != NULL; l = l->next)
        secret_wipe(l->data, strlen(l->data));
    curl_slist_free_all(list);
}

static bool header_add(struct curl_slist **list, const char *name, const char *value)
{
    char line[SECRET_TEXT_MAX + 512];
    struct curl_slist *longer;

    if (value == NULL || value[0] == '\0')
        return true;
    for (const char *v = value; *v != '\0'; v++)
        if ((unsigned char)*v < ' ' || strlen(value) > SECRET_TEXT_MAX + 16) {
            complain("%s has a character that no header may have, or is too long", name);
            return false;
        }
    snprintf(line, sizeof line, "%s: %s", name, value);
    longer = curl_slist_append(*list, line);
    secret_wipe(line, sizeof line);
    if (longer != NULL)
        *list = longer;
    return longer != NULL;
}

static struct curl_slist *headers_make(const struct profile *p, const struct question *q, const char *idempotency)
{
    struct curl_slist *list = NULL;
    char bearer[SECRET_TEXT_MAX + 16] = "";
    bool ok;

    if (p->key[0] != '\0')
        snprintf(bearer, sizeof bearer, "Bearer %s", p->key);
    ok = header_add(&list, "Authorization", bearer) && header_add(&list, "Accept", "application/json, */*") &&
         header_add(&list, "Content-Type", q->body != NULL ? q->type : NULL) &&
         header_add(&list, "Idempotency-Key", idempotency) &&
         header_add(&list, "x-trustedrouter-workspace", q->workspace != NULL ? q->workspace : p->workspace);
    secret_wipe(bearer, sizeof bearer);
    if (ok)
        return list;
    headers_free(list);
    return NULL;
}

static CURLcode once(const struct profile *p, const struct question *q, const char *url, struct curl_slist *headers,
                     struct coming *in, char why[static CURL_ERROR_SIZE])
{
    CURL *c = curl_easy_init();
    CURLcode e = CURLE_OUT_OF_MEMORY;

    if (c == NULL)
        return e;
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, q->method);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "trctl/" TR_VERSION);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https");
    curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_3);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)SILENCE_S);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, why);
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, header_cb);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, in);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, body_cb);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, in);
    if (p->ca[0] != '\0')
        curl_easy_setopt(c, CURLOPT_CAINFO, p->ca);
    if (q->body != NULL) {
        curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body->len);
        curl_easy_setopt(c, CURLOPT_POSTFIELDS, q->body->len == 0 ? "" : (const char *)q->body->ptr);
    }
    e = curl_easy_perform(c);
    if (e == CURLE_OK)
        curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &in->out->status);
    curl_easy_cleanup(c);
    return e;
}

/* --- once more? --- */

static bool nothing_was_sent(CURLcode e)
{
    return e == CURLE_COULDNT_CONNECT || e == CURLE_COULDNT_RESOLVE_HOST;
}

static bool repeats(const struct question *q)
{
    return strcmp(q->method, "GET") == 0 || strcmp(q->method, "PUT") == 0 || strcmp(q->method, "POST") == 0;
}

static bool once_more(const struct question *q, CURLcode e, const struct coming *in)
{
    long s = in->out->status;

    if (in->failed)
        return false;
    if (e != CURLE_OK)
        return nothing_was_sent(e) ||
               (repeats(q) && (e == CURLE_RECV_ERROR || e == CURLE_SEND_ERROR || e == CURLE_GOT_NOTHING ||
                               e == CURLE_PARTIAL_FILE));
    return s == 429 || (repeats(q) && (s == 502 || s == 503 || s == 504));
}

static void pause_ms(unsigned ms)
{
    struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};

    nanosleep(&t, NULL);
}

/* 250 ms, doubled each time, and up to half as much again, so that many do not come back at once. */
static void wait_before(unsigned attempt, const struct answer *a)
{
    unsigned ms = (unsigned)FIRST_PAUSE_MS << attempt;
    uint8_t r;

    secret_random(&r, 1);
    ms += ms * r / 512;
    if (a->retry_after_s * 1000 > ms)
        ms = a->retry_after_s * 1000;
    pause_ms(ms);
}

/* --- what went wrong --- */

static const char *text_of(struct json_object *o, const char *name)
{
    struct json_object *v = NULL;

    return o != NULL && json_object_object_get_ex(o, name, &v) && json_object_is_type(v, json_type_string)
               ? json_object_get_string(v)
               : NULL;
}

static void printable(char *text)
{
    for (char *p = text; *p != '\0'; p++)
        if ((unsigned char)*p < ' ' || *p == 127 || ((unsigned char)p[0] == 0xc2 && (unsigned char)p[1] < 0xa0))
            *p = '?';
}

/* What is wrong with a catalog: a line for each fault of it. */
static void findings_say(struct json_object *o)
{
    struct json_object *list = NULL, *line = NULL;
    char shown[400];

    if (!json_object_object_get_ex(o, "findings", &list) || !json_object_is_type(list, json_type_array))
        return;
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *one = json_object_array_get_idx(list, i);
        const char *message = text_of(one, "message");

        if (message == NULL)
            continue;
        snprintf(shown, sizeof shown, "%s", message);
        printable(shown);
        if (json_object_object_get_ex(one, "line", &line) && json_object_get_int(line) > 0)
            complain("line %d: %s", json_object_get_int(line), shown);
        else
            complain("%s", shown);
    }
}

/* The API's own sentence; what is not ours to print is left out. */
static void error_say(const struct answer *a)
{
    struct json_tokener *t = json_tokener_new();
    struct json_object *o = NULL, *error = NULL;
    const char *message, *code, *param;
    char shown[600];

    if (t != NULL && a->json && a->body.len < INT32_MAX)
        o = json_tokener_parse_ex(t, (const char *)a->body.ptr, (int)a->body.len);
    if (o != NULL)
        json_object_object_get_ex(o, "error", &error);
    message = text_of(error, "message");
    code = text_of(error, "code");
    param = text_of(error, "param");
    snprintf(shown, sizeof shown, "%s%s%s%s", param != NULL ? param : "", param != NULL ? ": " : "",
             message != NULL ? message : "the server gives no reason", "");
    printable(shown);
    complain("%s (%ld%s%s; request %s)", shown, a->status, code != NULL ? " " : "", code != NULL ? code : "",
             a->request_id[0] != '\0' ? a->request_id : "unknown");
    if (o != NULL)
        findings_say(o);
    json_object_put(o);
    if (t != NULL)
        json_tokener_free(t);
}

static enum trctl_exit exit_of(long status)
{
    if (status < 400)
        return TRCTL_DONE;
    if (status == 401 || status == 403)
        return TRCTL_DENIED;
    if (status == 404)
        return TRCTL_NOT_FOUND;
    if (status == 429)
        return TRCTL_TOO_MANY;
    return status >= 500 ? TRCTL_SERVER : TRCTL_REFUSED;
}

static enum trctl_exit result(CURLcode e, const struct coming *in, const char *why)
{
    enum trctl_exit x;

    if (in->failed) {
        complain("the answer is too large, or cannot be written");
        return TRCTL_FAILED;
    }
    if (e != CURLE_OK) {
        complain("no answer: %s%s", why[0] != '\0' ? why : curl_easy_strerror(e),
                 e == CURLE_PEER_FAILED_VERIFICATION ? " (trctl login --ca FILE names who vouches: ca.pem of state_dir)" : "");
        return TRCTL_UNREACHABLE;
    }
    x = exit_of(in->out->status);
    if (x != TRCTL_DONE)
        error_say(in->out);
    return x;
}

static void answer_reset(struct answer *a)
{
    buf_reset(&a->body);
    a->status = 0;
    a->json = false;
    a->request_id[0] = '\0';
    a->retry_after_s = 0;
}

enum trctl_exit ask(const struct profile *p, const struct question *q, struct answer *out)
{
    char made[ID_TEXT_LEN + 1] = "", why[CURL_ERROR_SIZE] = "";
    const char *idempotency = q->idempotency_key;
    struct coming in = {.out = out, .quiet = q->quiet};
    struct curl_slist *headers = NULL;
    struct buf url;
    CURLcode e = CURLE_OK;
    enum trctl_exit x = TRCTL_FAILED;

    buf_init(&url, TARGET_MAX + URL_TEXT_MAX + 8);
    if (idempotency == NULL && strcmp(q->method, "POST") == 0) {
        struct id id = id_new();

        id_text(&id, made);
        idempotency = made; /* the same for every try */
    }
    if (!url_write(p, q, &url))
        goto done;
    headers = headers_make(p, q, idempotency);
    for (unsigned i = 0; headers != NULL && i < TRIES; i++) {
        if (i > 0)
            wait_before(i - 1, out);
        answer_reset(out);
        e = once(p, q, (const char *)url.ptr, headers, &in, why);
        if (!once_more(q, e, &in))
            break;
    }
    x = headers == NULL ? TRCTL_FAILED : result(e, &in, why);
done:
    headers_free(headers);
    buf_free(&url);
    return x;
}
