/* The claim before the handler, the answer kept behind it. */
#include "idempotent.h"
#include "caller.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>

enum {
    SEAL_NONCE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
    SEAL_TAG = crypto_aead_xchacha20poly1305_ietf_ABYTES,
    ANSWER_MAX = (1 << 20) - SEAL_NONCE - SEAL_TAG, /* of the table */
    BUSY_RETRY_MS = 1000,
};

struct once {
    void (*run)(struct call *c);
    bool held; /* the claim is ours: an answer or its release is owed */
    struct secret32 seal;
    struct digest32 key, request;
    struct buf answer; /* while it is being kept */
    int status;
};

void idempotent_free(struct once *o)
{
    if (o == NULL)
        return;
    buf_free(&o->answer);
    secret_wipe(o, sizeof *o);
    free(o);
}

/* --- the key that came along --- */

static bool key_valid(struct view key)
{
    for (size_t i = 0; i < key.len; i++)
        if (key.ptr[i] <= ' ' || key.ptr[i] > '~')
            return false;
    return key.len > 0 && key.len <= IDEMPOTENT_KEY_MAX;
}

/* What proves who calls, as it was sent: of a cookie its value alone. */
static struct view credential(const struct call *c)
{
    struct view v;

    if (c->origin->header(c, VIEW_LIT("authorization"), &v) || caller_cookie(c, &v))
        return v;
    return VIEW_EMPTY;
}

static void update(crypto_generichash_state *s, struct view v)
{
    uint64_t len = v.len; /* in front, so that no two lists of parts are the same bytes */

    crypto_generichash_update(s, (const uint8_t *)&len, sizeof len);
    crypto_generichash_update(s, v.ptr, v.len);
}

static void seal_key(const struct call *c, struct view key, struct secret32 *out)
{
    crypto_generichash_state s;

    crypto_generichash_init(&s, NULL, 0, sizeof out->b);
    update(&s, VIEW_LIT("tr-rest-answer/1"));
    update(&s, credential(c));
    update(&s, key);
    crypto_generichash_final(&s, out->b, sizeof out->b);
    secret_wipe(&s, sizeof s);
}

/* Keyed by what the database does not have: a body with something secret in it cannot be guessed from it. */
static void request_mac(const struct call *c, const struct secret32 *seal, struct digest32 *out)
{
    crypto_generichash_state s;
    struct secret32 key;

    crypto_generichash(key.b, sizeof key.b, (const uint8_t *)"tr-rest-request/1", 17, seal->b, sizeof seal->b);
    crypto_generichash_init(&s, key.b, sizeof key.b, sizeof out->b);
    update(&s, c->method);
    update(&s, c->path);
    update(&s, c->query);
    update(&s, buf_view(&c->body));
    crypto_generichash_final(&s, out->b, sizeof out->b);
    secret_wipe(&key, sizeof key);
    secret_wipe(&s, sizeof s);
}

static struct once *once_new(const struct call *c, struct view key, void (*run)(struct call *c))
{
    struct once *o = calloc(1, sizeof *o);

    assert(o != NULL);
    o->run = run;
    buf_init(&o->answer, ANSWER_MAX + SEAL_NONCE + SEAL_TAG);
    digest_sha256(key, &o->key);
    seal_key(c, key, &o->seal);
    request_mac(c, &o->seal, &o->request);
    return o;
}

/* --- the claim --- */

/* The first answer, in the open. ERR_CRYPTO: another credential sealed it. */
static enum err answer_open(const struct once *o, struct view sealed, struct buf *out)
{
    unsigned long long len = 0;

    if (sealed.len < SEAL_NONCE + SEAL_TAG)
        return ERR_CRYPTO;
    buf_init(out, sealed.len);
    if (buf_reserve(out, sealed.len) != ERR_NONE)
        return ERR_MEMORY;
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(
            out->ptr, &len, NULL, sealed.ptr + SEAL_NONCE, sealed.len - SEAL_NONCE, o->request.b,
            sizeof o->request.b, sealed.ptr, o->seal.b) != 0)
        return ERR_CRYPTO;
    out->len = (size_t)len;
    return ERR_NONE;
}

static void refuse_lost(struct call *c)
{
    call_fail(c, 409, "idempotency_answer_lost",
              "A request with this key has been carried out, and its answer cannot be shown: look "
              "what it did before you send it again with another key.",
              "idempotency-key");
}

static void replay(struct call *c, const struct db_result *r)
{
    struct buf text;

    buf_init(&text, 0);
    if (answer_open(c->once, db_get_text(r, 0, 2), &text) != ERR_NONE) {
        refuse_lost(c);
    } else {
        c->replayed = true;
        call_reply(c, (int)db_get_i64(r, 0, 1), buf_view(&text));
    }
    buf_free(&text);
}

static void claim_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    struct view outcome;

    if (e != ERR_NONE) {
        call_fail_db(c, e);
        return;
    }
    outcome = db_get_text(r, 0, 0);
    c->once->held = view_eq(outcome, VIEW_LIT("granted"));
    if (c->once->held && c->from == NULL) {
        call_fail(c, 499, "client_gone", "The client is gone.", NULL);
    } else if (c->once->held) {
        c->once->run(c);
    } else if (view_eq(outcome, VIEW_LIT("replay"))) {
        replay(c, r);
    } else if (view_eq(outcome, VIEW_LIT("reused"))) {
        call_fail(c, 409, "idempotency_key_reused", "This key came with another request before.",
                  "idempotency-key");
    } else if (view_eq(outcome, VIEW_LIT("lost"))) {
        refuse_lost(c);
    } else {
        c->retry_ms = BUSY_RETRY_MS;
        call_fail(c, 409, "idempotency_in_progress", "A request with this key is under way.",
                  "idempotency-key");
    }
}

/* Passwords and sessions: nothing of them is kept. */
static bool of_sign_in(const struct route *r)
{
    return strncmp(r->path, "/auth/", 6) == 0;
}

void idempotent_begin(struct call *c, void (*run)(struct call *c))
{
    struct view key;

    if (c->origin->relayed || c->route->permission == PERM_PUBLIC || of_sign_in(c->route) ||
        (c->route->flags & R_OWN_IDEMPOTENCY) != 0 || strcmp(c->route->method, "POST") != 0 ||
        !c->origin->header(c, VIEW_LIT("idempotency-key"), &key)) {
        run(c);
        return;
    }
    if (!key_valid(key)) {
        call_fail(c, 400, "invalid_parameter", "This must be 1 to 255 visible characters.",
                  "idempotency-key");
        return;
    }
    c->once = once_new(c, key, run);
    const struct db_param p[] = {
        db_id(&c->account),
        db_id(call_caller(c)),
        db_bytes(view_of(c->once->key.b, sizeof c->once->key.b)),
        db_bytes(view_of(c->once->request.b, sizeof c->once->request.b)),
        db_id(&c->request),
        db_i64(IDEMPOTENT_CLAIM_MS),
        db_i64((int64_t)call_idempotency_ms(c)),
    };
    db_query(call_pool(c), STMT_REST_CLAIM, p, sizeof p / sizeof p[0], 0, claim_cb, c);
}

void idempotent_name(const struct call *c, struct db_who *who)
{
    if (c->once == NULL)
        return;
    who->claimed = true;
    who->account = c->account;
    who->claim = c->request;
}

/* --- the answer --- */

static enum err answer_seal(struct once *o, struct view json)
{
    uint8_t nonce[SEAL_NONCE];
    unsigned long long len = 0;
    enum err e;

    if (json.len > ANSWER_MAX)
        return ERR_LIMIT;
    secret_random(nonce, sizeof nonce);
    e = buf_append(&o->answer, view_of(nonce, sizeof nonce));
    if (e == ERR_NONE)
        e = buf_reserve(&o->answer, json.len + SEAL_TAG);
    if (e != ERR_NONE)
        return e;
    crypto_aead_xchacha20poly1305_ietf_encrypt(o->answer.ptr + SEAL_NONCE, &len, json.ptr, json.len,
                                               o->request.b, sizeof o->request.b, NULL, nonce,
                                               o->seal.b);
    o->answer.len += (size_t)len;
    return ERR_NONE;
}

static void released_cb(void *cookie, enum err e, const struct db_result *r)
{
    (void)cookie;
    (void)e; /* then the claim gets old */
    (void)r;
}

/* The answer, which waits in the buffer. */
static void kept_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    (void)r;
    (void)e; /* it was carried out and is answered all the same; a client that repeats it reads that it is lost */
    call_reply(c, c->once->status, buf_view(&c->once->answer));
}

bool idempotent_keep(struct call *c, int status, struct view json)
{
    struct once *o = c->once;
    const struct db_param p[] = {db_id(&c->account), db_id(&c->request)};
    struct buf sealed;

    if (!o->held)
        return false;
    o->held = false;
    o->status = status;
    if (status >= 500 || status == 429 || status == 499 || answer_seal(o, json) != ERR_NONE) {
        db_query(call_pool(c), STMT_REST_RELEASE, p, 2, 0, released_cb, NULL);
        return false;
    }
    sealed = o->answer;
    buf_init(&o->answer, json.len);
    if (buf_append(&o->answer, json) != ERR_NONE) {
        buf_free(&sealed);
        return false;
    }
    const struct db_param kept[] = {p[0], p[1], db_i64(status), db_bytes(buf_view(&sealed))};

    db_query(call_pool(c), STMT_REST_ANSWER, kept, 4, 0, kept_cb, c);
    buf_free(&sealed);
    return true;
}
