/* /byok, /byok/{id}: provider keys of an account's own, sealed by their owner. What comes here opens in the data
 * planes only; this program stores it and hands it on. */
#include "handlers.h"

#include "base64.h"
#include "message.h"

/* The first seven may be changed later. */
enum { TITLE, SEALED, SEAL_ID, DISABLED, FALLBACK, ALWAYS, ORDER, RAW, PROVIDER };
enum { SEALED_TEXT_MAX = (LIMIT_OWN_SEALED_BYTES + 2) / 3 * 4 };
/* clang-format off */
#define CHANGEABLE                                                                       \
    [TITLE] = {"name", FIELD_TEXT, false, true, 128, NULL},                                       \
    [SEALED] = {"sealed_key", FIELD_PLAIN, false, false, SEALED_TEXT_MAX, NULL},                \
    [SEAL_ID] = {"sealing_key_id", FIELD_PLAIN, false, false, 16, NULL},                        \
    [DISABLED] = {"disabled", FIELD_BOOL, false, false, 0, NULL},                                  \
    [FALLBACK] = {"is_fallback", FIELD_BOOL, false, false, 0, NULL},                               \
    [ALWAYS] = {"always_use", FIELD_BOOL, false, false, 0, NULL},                                  \
    [ORDER] = {"sort_order", FIELD_COUNT, false, false, 1000000, NULL},                            \
    [RAW] = {"key", FIELD_PLAIN, false, true, CALL_BODY_MAX, NULL}
/* clang-format on */
static const struct field create_fields[] = {
    CHANGEABLE,
    [PROVIDER] = {"provider", FIELD_PLAIN, true, false, 31, NULL},
};
static const struct field patch_fields[] = {CHANGEABLE};
enum {
    N_CREATE = sizeof create_fields / sizeof create_fields[0],
    N_PATCH = sizeof patch_fields / sizeof patch_fields[0],
};

/* What was sealed, read: the parameters of a statement borrow from it. */
struct sealed {
    struct buf bytes;
    uint8_t seal_id[8];
    bool given;
};

static const char missing[] = "There is no such provider key.";

/* --- what they sent --- */

/* True: the call has been answered. */
static bool refuse_members(struct call *c, const struct value *v)
{
    if (v[RAW].state != VALUE_ABSENT) {
        call_fail(c, 400, "unsealed_key",
                  "A provider's key is sealed to the data planes before it is sent (docs/byok.md), as sealed_key. "
                  "Nothing was stored. What was sent in clear should be replaced at its provider.",
                  "key");
        return true;
    }
    if (v[FALLBACK].number != 0 && v[ALWAYS].number != 0) {
        call_fail(c, 400, "invalid_parameter", "A key that is always used is no fallback.", "always_use");
        return true;
    }
    return false;
}

/* False: the call has been answered. s->bytes is the caller's to free in any case. */
static bool take_sealed(struct call *c, const struct value *v, bool required, struct sealed *s)
{
    buf_init(&s->bytes, LIMIT_OWN_SEALED_BYTES);
    s->given = v[SEALED].state == VALUE_SET || v[SEAL_ID].state == VALUE_SET;
    if (!s->given && !required)
        return true;
    if (v[SEALED].state != VALUE_SET || v[SEAL_ID].state != VALUE_SET) {
        call_fail(c, 400, "missing_parameter", "sealed_key and sealing_key_id are needed together.",
                  v[SEALED].state != VALUE_SET ? "sealed_key" : "sealing_key_id");
        return false;
    }
    if (hex_decode(v[SEAL_ID].plain, s->seal_id, sizeof s->seal_id) != ERR_NONE) {
        call_fail(c, 400, "invalid_parameter", "This must be the 16 digits that GET /byok/sealing-key tells.",
                  "sealing_key_id");
        return false;
    }
    if (base64_decode(v[SEALED].plain, &s->bytes) != ERR_NONE || s->bytes.len < OWN_KEY_SEALED_MIN) {
        call_fail(c, 400, "invalid_parameter", "This must be what crypto_box_seal made, in base64.",
                  "sealed_key");
        return false;
    }
    return true;
}

static bool take_target(struct call *c)
{
    if (id_parse(c->segment, &c->made_id) == ERR_NONE)
        return true;
    call_fail(c, 404, "not_found", missing, NULL);
    return false;
}

static struct db_param bool_or_null(const struct value *v)
{
    return v->state == VALUE_SET ? db_bool(v->number != 0) : db_null();
}

/* --- answers --- */

static bool answer_missing(struct call *c, enum err e, const struct db_result *r)
{
    if (e == ERR_CONFLICT)
        call_fail(c, 400, "invalid_parameter", "A key that is always used is no fallback.", "always_use");
    else if (e != ERR_NONE)
        call_fail_db(c, e);
    else if (db_rows(r) == 0)
        call_fail(c, 404, "not_found", missing, NULL);
    else
        return false;
    return true;
}

static void list_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (e != ERR_NONE)
        call_fail_db(c, e);
    else
        call_reply(c, 200, db_get_text(r, 0, 0));
}

static void object_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (!answer_missing(c, e, r))
        call_reply_data(c, (int)c->count, db_get_text(r, 0, 0));
}

/* The object of c->made_id, with this status. */
static void reply_object(struct call *c, unsigned status)
{
    const struct db_param p[] = {db_id(&c->account), db_id(&c->made_id)};

    c->count = status;
    db_query(call_db(c), STMT_BYOK_GET, p, 2, 0, object_cb, c);
}

/* --- handlers --- */

void handle_byok_list(struct call *c)
{
    struct view provider;
    const struct db_param p[] = {db_id(&c->account),
                                 call_query(c, "provider", &provider) ? db_bytes(provider) : db_null()};

    db_query(call_db(c), STMT_BYOK_LIST, p, 2, 0, list_cb, c);
}

void handle_byok_get(struct call *c)
{
    if (take_target(c))
        reply_object(c, 200);
}

static void created_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (e != ERR_NONE)
        call_fail_db(c, e);
    else if (view_eq(db_get_text(r, 0, 0), VIEW_LIT("provider")))
        call_fail(c, 400, "invalid_parameter", "No model of the catalog is at a provider of this id.",
                  "provider");
    else if (view_eq(db_get_text(r, 0, 0), VIEW_LIT("limit")))
        call_fail(c, 409, "too_many", "An account may have 32 provider keys.", NULL);
    else
        reply_object(c, 201);
}

void handle_byok_create(struct call *c)
{
    struct value v[N_CREATE];
    struct sealed s;

    if (!call_body(c, create_fields, N_CREATE, v) || refuse_members(c, v))
        return;
    if (take_sealed(c, v, true, &s)) {
        c->made_id = id_new();
        const struct db_param p[] = {
            db_id(&c->made_id),
            db_id(&c->account),
            db_bytes(v[PROVIDER].plain),
            db_bytes(v[TITLE].state == VALUE_SET ? view_str(v[TITLE].text) : v[PROVIDER].plain),
            db_bytes(buf_view(&s.bytes)),
            db_bytes(view_of(s.seal_id, sizeof s.seal_id)),
            db_bool(v[DISABLED].number != 0),
            db_bool(v[FALLBACK].number != 0),
            db_bool(v[ALWAYS].number != 0),
            db_i64(v[ORDER].number),
        };
        db_query(call_db(c), STMT_BYOK_CREATE, p, sizeof p / sizeof p[0], 0, created_cb, c);
    }
    buf_free(&s.bytes);
}

static void patched_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (!answer_missing(c, e, r))
        reply_object(c, 200);
}

void handle_byok_patch(struct call *c)
{
    struct value v[N_PATCH];
    struct sealed s;

    if (!take_target(c) || !call_body(c, patch_fields, N_PATCH, v) || refuse_members(c, v))
        return;
    if (take_sealed(c, v, false, &s)) {
        const struct db_param p[] = {
            db_id(&c->account),
            db_id(&c->made_id),
            v[TITLE].state == VALUE_SET ? db_bytes(view_str(v[TITLE].text)) : db_null(),
            s.given ? db_bytes(buf_view(&s.bytes)) : db_null(),
            s.given ? db_bytes(view_of(s.seal_id, sizeof s.seal_id)) : db_null(),
            bool_or_null(&v[DISABLED]),
            bool_or_null(&v[FALLBACK]),
            bool_or_null(&v[ALWAYS]),
            v[ORDER].state == VALUE_SET ? db_i64(v[ORDER].number) : db_null(),
        };
        db_query(call_db(c), STMT_BYOK_PATCH, p, sizeof p / sizeof p[0], 0, patched_cb, c);
    }
    buf_free(&s.bytes);
}

static void deleted_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (!answer_missing(c, e, r))
        call_reply(c, 200, VIEW_LIT("{\"deleted\":true}"));
}

void handle_byok_delete(struct call *c)
{
    if (take_target(c)) {
        const struct db_param p[] = {db_id(&c->account), db_id(&c->made_id)};

        db_query(call_db(c), STMT_BYOK_DELETE, p, 2, 0, deleted_cb, c);
    }
}
