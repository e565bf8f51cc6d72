/* /auth/passkey, /auth/passkeys: signing in with a passkey, and the passkeys of a user. */
#include "passkey.h"
#include "base64.h"
#include "ceremony.h"

#include <stdlib.h>

enum { CLIENT_TEXT_MAX = PASSKEY_CLIENT_DATA_MAX / 3 * 4 + 4, DATA_TEXT_MAX = PASSKEY_DATA_MAX / 3 * 4 + 4 };
static const char no_passkey[] = "There is no such passkey.";

static void fail_memory(struct call *c)
{
    call_fail(c, 500, "internal_error", "Out of memory.", NULL);
}

/* --- what the browser is asked for: PublicKeyCredential.parseCreationOptionsFromJSON(), parseRequestOptionsFromJSON() */

/* A challenge to be remembered until its digest is kept. false: the call has been answered. */
static bool new_challenge(struct call *c)
{
    c->own = calloc(1, c->own_len = CHALLENGE_TEXT + 1);
    if (c->own == NULL) {
        fail_memory(c);
        return false;
    }
    ceremony_challenge(c->own);
    return true;
}

static enum err word_common(const struct call *c, const char *id_name, struct buf *out)
{
    const struct site *site = call_site(c);

    return buf_appendf(out, "{\"publicKey\":{\"challenge\":\"%s\",\"timeout\":%d,%s\"%.*s\"", (const char *)c->own,
                       CHALLENGE_S * 1000, id_name, (int)site->host.len, (const char *)site->host.ptr);
}

static void reply_options(struct call *c, enum err e, struct buf *out)
{
    if (e == ERR_NONE)
        call_reply_data(c, 200, buf_view(out));
    else
        fail_memory(c);
    buf_free(out);
}

static void request_kept_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    struct buf out;

    if (e != ERR_NONE) {
        call_fail_db(c, e);
        return;
    }
    if (sign_in_throttled(c, r))
        return;
    buf_init(&out, 2048);
    e = word_common(c, "\"rpId\":", &out);
    if (e == ERR_NONE) /* no list of passkeys: the authenticator shows those that it has for this site */
        e = buf_append(&out, VIEW_LIT(",\"userVerification\":\"required\",\"allowCredentials\":[]}}"));
    reply_options(c, e, &out);
}

void handle_passkey_options(struct call *c)
{
    if (!sign_in_forged(c) && ceremony_passkey_site(c) != NULL && new_challenge(c))
        ceremony_keep(c, "passkey", view_str(c->own), request_kept_cb);
}

static enum err word_algorithms(struct buf *out)
{
#define MEMBER(number) ",{\"type\":\"public-key\",\"alg\":" #number "}"
    struct view list = VIEW_LIT(PASSKEY_ALGORITHMS(MEMBER));
#undef MEMBER

    return buf_append(out, view_from(list, 1));
}

static enum err word_creation(const struct call *c, const struct db_result *r, struct buf *out)
{
    enum err e = word_common(c, "\"rp\":{\"name\":\"TrustedRouter\",\"id\":", out);

    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT("},\"user\":"));
    if (e == ERR_NONE)
        e = buf_append(out, db_get_text(r, 0, 2));
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT(",\"excludeCredentials\":"));
    if (e == ERR_NONE)
        e = buf_append(out, db_get_text(r, 0, 3));
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT(",\"pubKeyCredParams\":["));
    if (e == ERR_NONE)
        e = word_algorithms(out);
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT("],\"attestation\":\"none\",\"authenticatorSelection\":{\"residentKey\":\"required\","
                                     "\"requireResidentKey\":true,\"userVerification\":\"required\"}}}"));
    return e;
}

static void creation_kept_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    struct buf out;

    if (e != ERR_NONE) {
        call_fail_db(c, e);
        return;
    }
    if (sign_in_throttled(c, r) || ceremony_refused(c, db_get_text(r, 0, 1)))
        return;
    buf_init(&out, 128 << 10); /* 32 ids of at most 1364 characters */
    reply_options(c, word_creation(c, r, &out), &out);
}

void handle_passkey_add_options(struct call *c)
{
    struct digest32 digest;

    if (ceremony_passkey_site(c) == NULL || !new_challenge(c))
        return;
    digest_sha256(view_str(c->own), &digest);
    const struct db_param p[] = {db_bytes(view_of(digest.b, sizeof digest.b)), db_id(&c->user), db_id(&c->session),
                                 sign_in_address(c), db_i64(CHALLENGE_S * INT64_C(1000))};
    db_query(call_db(c), STMT_PASSKEY_ADD_BEGIN, p, sizeof p / sizeof p[0], 0, creation_kept_cb, c);
}

/* --- what the browser answers */

/* Bytes in base64url. false: the call has been answered. The caller frees *out in both cases. */
static bool take_bytes(struct call *c, const struct field *f, const struct value *v, size_t max, struct buf *out)
{
    buf_init(out, max + 3);
    if (base64url_decode(v->plain, out) == ERR_NONE && out->len > 0 && out->len <= max)
        return true;
    call_fail(c, 400, "invalid_parameter", "This must be base64url without padding.", f->name);
    return false;
}

static void fail_challenge(struct call *c)
{
    ceremony_fail(c, "invalid_challenge", "The challenge was not given out here, was used, or is older than ten minutes.", NULL);
}

/* The page, the act, the challenge. false: the call has been answered. */
static bool take_client_data(struct call *c, struct view json, enum passkey_act act, struct digest32 *challenge)
{
    enum err e = passkey_client_data(json, act, call_site(c), challenge);

    if (e == ERR_FORMAT)
        call_fail(c, 400, "invalid_parameter", "This is not the client data of a passkey.", "client_data_json");
    else if (e != ERR_NONE)
        ceremony_fail(c, "invalid_passkey", "This was done on another page, or for another purpose.", "client_data_json");
    return e == ERR_NONE;
}

/* --- a new one */

enum { MADE_NAME, MADE_CLIENT, MADE_DATA, MADE_FIELDS };
static const struct field made_fields[MADE_FIELDS] = {
    [MADE_NAME] = {"name", FIELD_TEXT, true, false, 128, NULL},
    [MADE_CLIENT] = {"client_data_json", FIELD_PLAIN, true, false, CLIENT_TEXT_MAX, NULL},
    [MADE_DATA] = {"authenticator_data", FIELD_PLAIN, true, false, DATA_TEXT_MAX, NULL},
};

static void added_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (e != ERR_NONE)
        call_fail_db(c, e);
    else if (view_eq(db_get_text(r, 0, 0), VIEW_LIT("challenge")))
        fail_challenge(c);
    else if (!ceremony_refused(c, db_get_text(r, 0, 0)))
        call_reply_data(c, 201, db_get_text(r, 0, 1));
}

static void add(struct call *c, const char *name, const struct digest32 *challenge, const struct passkey *made)
{
    struct buf subject;

    buf_init(&subject, PASSKEY_ID_MAX / 3 * 4 + 8);
    if (base64url_append(view_of(made->id, made->id_len), &subject) != ERR_NONE) {
        fail_memory(c);
    } else {
        const struct db_param p[] = {
            db_bytes(view_of(challenge->b, sizeof challenge->b)), db_id(&c->user), db_id(&c->session), db_bytes(buf_view(&subject)),
            db_bytes(view_str(name)), db_i64(made->algorithm), db_bytes(view_of(made->key, made->key_len)), db_i64(made->count),
            db_bool(made->synced),
        };
        db_query(call_db(c), STMT_PASSKEY_ADD, p, sizeof p / sizeof p[0], 0, added_cb, c);
    }
    buf_free(&subject);
}

static void read_made(struct call *c, const char *name, struct view client_data, struct view data)
{
    struct digest32 challenge;
    struct passkey made;
    enum err e;

    if (!take_client_data(c, client_data, PASSKEY_CREATE, &challenge))
        return;
    e = passkey_made(data, call_site(c), &made);
    if (e == ERR_NONE)
        add(c, name, &challenge, &made);
    else if (e == ERR_AUTH)
        ceremony_fail(c, "invalid_passkey", "The passkey is for another site, or its user was not verified.", "authenticator_data");
    else
        call_fail(c, 400, "invalid_parameter", "This is not the data of a new passkey with ES256, EdDSA or RS256.",
                  "authenticator_data");
}

void handle_passkey_add(struct call *c)
{
    struct value v[MADE_FIELDS];
    struct buf client, data;

    if (ceremony_passkey_site(c) == NULL || !call_body(c, made_fields, MADE_FIELDS, v))
        return;
    buf_init(&data, 0);
    if (take_bytes(c, &made_fields[MADE_CLIENT], &v[MADE_CLIENT], PASSKEY_CLIENT_DATA_MAX, &client) &&
        take_bytes(c, &made_fields[MADE_DATA], &v[MADE_DATA], PASSKEY_DATA_MAX, &data))
        read_made(c, v[MADE_NAME].text, buf_view(&client), buf_view(&data));
    buf_free(&client);
    buf_free(&data);
}

/* --- signing in */

enum { ID, CLIENT, DATA, SIGNATURE, HANDLE, SIGNED_PARTS, TOKEN = SIGNED_PARTS, SIGNED_FIELDS };
static const struct field signed_fields[SIGNED_FIELDS] = {
    [ID] = {"id", FIELD_PLAIN, true, false, PASSKEY_ID_MAX / 3 * 4 + 4, NULL},
    [CLIENT] = {"client_data_json", FIELD_PLAIN, true, false, CLIENT_TEXT_MAX, NULL},
    [DATA] = {"authenticator_data", FIELD_PLAIN, true, false, DATA_TEXT_MAX, NULL},
    [SIGNATURE] = {"signature", FIELD_PLAIN, true, false, PASSKEY_SIGNATURE_MAX / 3 * 4 + 4, NULL},
    [HANDLE] = {"user_handle", FIELD_PLAIN, true, false, 24, NULL},
    [TOKEN] = {"token", FIELD_BOOL, false, false, 0, NULL},
};
static const size_t part_max[SIGNED_PARTS] = {
    [ID] = PASSKEY_ID_MAX, [CLIENT] = PASSKEY_CLIENT_DATA_MAX, [DATA] = PASSKEY_DATA_MAX, [SIGNATURE] = PASSKEY_SIGNATURE_MAX,
    [HANDLE] = sizeof(struct id),
};

/* What is remembered until the database has said whose passkey it is; c->own. session_reply() reads the first. */
struct signing {
    struct sign_in start;
    struct passkey kept;
    uint8_t client[PASSKEY_CLIENT_DATA_MAX], data[PASSKEY_DATA_MAX], signature[PASSKEY_SIGNATURE_MAX];
    size_t client_len, data_len, signature_len;
    uint8_t handle[sizeof(struct id)];
    uint32_t count;
};

static void fail_passkey(struct call *c)
{
    ceremony_fail(c, "invalid_passkey", "No user signs in with this passkey, or its signature is wrong.", NULL);
}

static void signed_in_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (e != ERR_NONE) {
        call_fail_db(c, e);
    } else if (view_eq(db_get_text(r, 0, 0), VIEW_LIT("counter"))) {
        LOG("passkey_counter_back", KV("request", c->request));
        ceremony_fail(c, "passkey_copied", "The passkey's counter went backwards: there may be a copy of it. Sign in otherwise, and remove it.",
                  NULL);
    } else if (!view_eq(db_get_text(r, 0, 0), VIEW_LIT("ok"))) {
        fail_passkey(c);
    } else {
        session_reply(c, 200);
    }
}

static enum err verify(const struct call *c, struct signing *s, const struct db_result *r)
{
    struct view key = db_get_text(r, 0, 5);

    s->start.user = db_get_id(r, 0, 2);
    if (memcmp(s->handle, s->start.user.b, sizeof s->handle) != 0 || key.len > sizeof s->kept.key)
        return ERR_AUTH;
    s->kept.algorithm = (int)db_get_i64(r, 0, 4);
    memcpy(s->kept.key, key.ptr, s->kept.key_len = key.len);
    return passkey_signed(&s->kept, view_of(s->client, s->client_len), view_of(s->data, s->data_len),
                          view_of(s->signature, s->signature_len), call_site(c), &s->count);
}

static void begun_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    struct signing *s = c->own;
    struct id identity;

    if (e != ERR_NONE) {
        call_fail_db(c, e);
        return;
    }
    if (sign_in_throttled(c, r))
        return;
    if (view_eq(db_get_text(r, 0, 1), VIEW_LIT("challenge"))) {
        fail_challenge(c);
        return;
    }
    if (!view_eq(db_get_text(r, 0, 1), VIEW_LIT("ok")) || verify(c, s, r) != ERR_NONE) {
        fail_passkey(c);
        return;
    }
    session_make(c);
    identity = db_get_id(r, 0, 3);
    const struct db_param p[] = {
        db_id(&identity), db_id(&s->start.user), db_i64(s->count), db_bool(passkey_is_synced(view_of(s->data, s->data_len))),
        db_id(&c->made_id), db_bytes(view_of(c->made.digest, sizeof c->made.digest)), db_i64(SESSION_S * INT64_C(1000)),
        db_i64(SESSION_IDLE_S * INT64_C(1000)),
    };
    db_query(call_db(c), STMT_PASSKEY_SIGN_IN, p, sizeof p / sizeof p[0], 0, signed_in_cb, c);
}

static void keep(struct view from, uint8_t *to, size_t *len)
{
    memcpy(to, from.ptr, *len = from.len);
}

static void sign_in(struct call *c, struct view id_text, bool token, const struct buf *parts)
{
    struct digest32 challenge;
    struct signing *s;

    if (parts[HANDLE].len != sizeof(struct id)) {
        fail_passkey(c);
        return;
    }
    if (!take_client_data(c, buf_view(&parts[CLIENT]), PASSKEY_GET, &challenge))
        return;
    c->own = s = calloc(1, c->own_len = sizeof *s);
    if (s == NULL) {
        fail_memory(c);
        return;
    }
    s->start.token = token;
    keep(buf_view(&parts[CLIENT]), s->client, &s->client_len);
    keep(buf_view(&parts[DATA]), s->data, &s->data_len);
    keep(buf_view(&parts[SIGNATURE]), s->signature, &s->signature_len);
    memcpy(s->handle, parts[HANDLE].ptr, sizeof s->handle);
    const struct db_param p[] = {db_bytes(view_of(challenge.b, sizeof challenge.b)), db_bytes(id_text), sign_in_address(c)};
    db_query(call_db(c), STMT_PASSKEY_BEGIN, p, 3, 0, begun_cb, c);
}

void handle_passkey(struct call *c)
{
    struct value v[SIGNED_FIELDS];
    struct buf parts[SIGNED_PARTS];
    bool ok = true;

    if (sign_in_forged(c) || ceremony_passkey_site(c) == NULL || !call_body(c, signed_fields, SIGNED_FIELDS, v))
        return;
    for (size_t i = 0; i < SIGNED_PARTS; i++)
        if (ok)
            ok = take_bytes(c, &signed_fields[i], &v[i], part_max[i], &parts[i]);
        else
            buf_init(&parts[i], 0);
    if (ok) /* what decodes has one spelling, so the id's text is the one that is kept */
        sign_in(c, v[ID].plain, v[TOKEN].number != 0, parts);
    for (size_t i = 0; i < SIGNED_PARTS; i++)
        buf_free(&parts[i]);
}

/* --- the user's */

static void list_cb(void *cookie, enum err e, const struct db_result *r)
{
    call_reply_found(cookie, e, r, no_passkey);
}

void handle_passkey_list(struct call *c)
{
    const struct db_param p[] = {db_id(&c->user)};

    db_query(call_db(c), STMT_PASSKEY_LIST, p, 1, 0, list_cb, c);
}

void handle_passkey_patch(struct call *c)
{
    struct value v[1];
    struct id which;

    if (!call_segment_id(c, &which, no_passkey) || !call_body(c, made_fields, 1, v))
        return;
    const struct db_param p[] = {db_id(&c->user), db_id(&which), db_bytes(view_str(v[0].text))};
    db_query(call_db(c), STMT_PASSKEY_RENAME, p, 3, 0, list_cb, c);
}
