/* /key, /keys, /keys/{hash}. A key's text leaves once, in the answer that made it. */
#include "handlers.h"

static const char *const resets[] = {"none", "daily", "weekly", "monthly", NULL};
static const char *const roles[] = {"inference", "management", "operator", NULL};

/* The first eight may be changed later. */
enum { TITLE, DISABLED, LIMIT, RESET, EXPIRES, REQUESTS, TOKENS, BYOK, ROLE, WORKSPACE, CREATOR };
/* clang-format off */
#define CHANGEABLE(title_required)                                                                 \
    [TITLE] = {"name", FIELD_TEXT, title_required, false, 128, NULL},                              \
    [DISABLED] = {"disabled", FIELD_BOOL, false, false, 0, NULL},                                  \
    [LIMIT] = {"limit", FIELD_USD, false, true, 0, NULL},                                          \
    [RESET] = {"limit_reset", FIELD_NAME, false, true, 0, resets},                                 \
    [EXPIRES] = {"expires_at", FIELD_FUTURE, false, true, 0, NULL},                                \
    [REQUESTS] = {"requests_per_minute", FIELD_COUNT, false, false, INT32_MAX, NULL},              \
    [TOKENS] = {"tokens_per_minute", FIELD_COUNT, false, false, INT32_MAX, NULL},                  \
    [BYOK] = {"include_byok_in_limit", FIELD_BOOL, false, true, 0, NULL}
/* clang-format on */
static const struct field create_fields[] = {
    CHANGEABLE(true),
    [ROLE] = {"role", FIELD_NAME, false, false, 0, roles},
    [WORKSPACE] = {"workspace_id", FIELD_ID, false, true, 0, NULL},
    [CREATOR] = {"creator_user_id", FIELD_TEXT, false, true, 128, NULL},
};
static const struct field patch_fields[] = {CHANGEABLE(false)};
enum {
    N_CREATE = sizeof create_fields / sizeof create_fields[0],
    N_PATCH = sizeof patch_fields / sizeof patch_fields[0],
};

static struct db_param digest_param(const struct digest32 *d)
{
    return db_bytes(view_of(d->b, sizeof d->b));
}

/* No row for it: there is no such key. true: the call has been answered. */
static bool answer_missing(struct call *c, enum err e, const struct db_result *r)
{
    if (e != ERR_NONE)
        call_fail_db(c, e);
    else if (db_rows(r) == 0)
        call_fail(c, 404, "not_found", "There is no such key.", NULL);
    else
        return false;
    return true;
}

/* One row with one JSON column. */
static void object_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (!answer_missing(c, e, r))
        call_reply_data(c, 200, db_get_text(r, 0, 0));
}

void handle_key_self(struct call *c)
{
    const struct db_param p[] = {db_id(&c->key)};

    db_query(call_db(c), STMT_KEY_SELF, p, 1, 0, object_cb, c);
}

void handle_key_list(struct call *c)
{
    struct view v;
    uint64_t offset = 0;
    bool disabled = call_query(c, "include_disabled", &v) && view_eq(v, VIEW_LIT("true"));
    struct db_param p[3] = {db_id(&c->account), db_bool(disabled)};

    if (call_query(c, "offset", &v) && (!view_u64(v, &offset) || offset > INT32_MAX)) {
        call_fail(c, 400, "invalid_parameter", "This must be a whole number.", "offset");
        return;
    }
    p[2] = db_i64((int64_t)offset);
    db_query(call_db(c), STMT_KEY_LIST, p, 3, 0, object_cb, c);
}

static void get_target(struct call *c)
{
    const struct db_param p[] = {db_id(&c->account), digest_param(&c->target)};

    db_query(call_db(c), STMT_KEY_GET, p, 2, 0, object_cb, c);
}

/* A hash that is none is one that nobody has. true: the call has been answered. */
static bool refuse_target(struct call *c)
{
    if (c->target_ok)
        return false;
    call_fail(c, 404, "not_found", "There is no such key.", NULL);
    return true;
}

void handle_key_get(struct call *c)
{
    if (!refuse_target(c))
        get_target(c);
}

/* --- create --- */

/* What create and patch both refuse. true: the call has been answered. */
static bool refuse_common(struct call *c, const struct value *v)
{
    if (v[BYOK].state == VALUE_SET && v[BYOK].number != 0) {
        call_fail(c, 400, "unsupported_parameter", "Requests on provider keys of your own do not count against a limit.",
                  "include_byok_in_limit");
        return true;
    }
    return false;
}

static bool refuse_create(struct call *c, const struct value *v)
{
    if (refuse_common(c, v))
        return true;
    if (!role_grants(c->role, role_named(view_str(roles[v[ROLE].number])))) {
        call_fail(c, 403, "insufficient_role", "This kind of key may do more than you may.", "role");
        return true;
    }
    if (v[ROLE].number == 2 && !c->operators) {
        call_fail(c, 400, "invalid_parameter", "Operators' keys belong to the operator's account.", "role");
        return true;
    }
    if (v[WORKSPACE].state == VALUE_SET && !id_eq(&v[WORKSPACE].id, &c->account)) {
        call_fail(c, 403, "insufficient_role", "This is not your account.", "workspace_id");
        return true;
    }
    if (v[DISABLED].state == VALUE_SET && v[DISABLED].number != 0) {
        call_fail(c, 400, "unsupported_parameter", "A new key is not disabled.", "disabled");
        return true;
    }
    return false;
}

/* The object, and beside it the key itself. */
static void created_object_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    struct buf out;

    if (e != ERR_NONE || db_rows(r) == 0) {
        call_fail_db(c, e == ERR_NONE ? ERR_DB : e);
        return;
    }
    buf_init(&out, 16 << 10);
    e = buf_append(&out, VIEW_LIT("{\"data\":"));
    if (e == ERR_NONE)
        e = buf_append(&out, db_get_text(r, 0, 0));
    if (e == ERR_NONE)
        e = buf_appendf(&out, ",\"key\":\"%s\"}", c->made.text);
    if (e == ERR_NONE)
        call_reply(c, 201, buf_view(&out));
    else
        call_fail(c, 500, "internal_error", "Out of memory.", NULL);
    buf_free(&out);
}

static void created_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    const struct db_param p[] = {db_id(&c->account), digest_param(&c->target)};

    (void)r;
    if (e != ERR_NONE)
        call_fail_db(c, e);
    else
        db_query(call_db(c), STMT_KEY_GET, p, 2, 0, created_object_cb, c);
}

static struct db_param number_or_null(const struct value *v)
{
    return v->state == VALUE_SET ? db_i64(v->number) : db_null();
}

void handle_key_create(struct call *c)
{
    struct value v[N_CREATE];

    if (!call_body(c, create_fields, N_CREATE, v) || refuse_create(c, v))
        return;
    /* What is absent is 0: role inference, limit_reset none. */
    api_new_key(v[ROLE].number != 0, &c->made);
    memcpy(c->target.b, c->made.digest, sizeof c->target.b);
    c->made_id = id_new();
    const struct db_param p[] = {
        db_id(&c->made_id),
        db_id(&c->account),
        digest_param(&c->target),
        db_bytes(view_str(v[TITLE].text)),
        db_bytes(view_str(c->made.label)),
        db_bytes(view_str(roles[v[ROLE].number])),
        number_or_null(&v[LIMIT]),
        db_bytes(view_str(resets[v[RESET].number])),
        number_or_null(&v[EXPIRES]),
        db_i64(v[REQUESTS].number),
        db_i64(v[TOKENS].number),
    };
    db_query(call_db(c), STMT_KEY_CREATE, p, sizeof p / sizeof p[0], 0, created_cb, c);
}

/* --- change, delete --- */

static bool refuse_own(struct call *c)
{
    if (!secret_equal(c->target.b, c->digest.b, sizeof c->target.b))
        return false;
    call_fail(c, 409, "own_key", "A key cannot change or delete itself: use another one.", NULL);
    return true;
}

static void patched_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (!answer_missing(c, e, r))
        get_target(c);
}

void handle_key_patch(struct call *c)
{
    struct value v[N_PATCH];

    if (refuse_target(c) || !call_body(c, patch_fields, N_PATCH, v) || refuse_common(c, v) ||
        refuse_own(c))
        return;
    const struct db_param p[] = {
        db_id(&c->account),
        digest_param(&c->target),
        v[TITLE].state == VALUE_SET ? db_bytes(view_str(v[TITLE].text)) : db_null(),
        v[DISABLED].state == VALUE_SET ? db_bool(v[DISABLED].number != 0) : db_null(),
        db_bool(v[LIMIT].state != VALUE_ABSENT),
        number_or_null(&v[LIMIT]),
        v[RESET].state != VALUE_ABSENT ? db_bytes(view_str(resets[v[RESET].number])) : db_null(),
        db_bool(v[EXPIRES].state != VALUE_ABSENT),
        number_or_null(&v[EXPIRES]),
        number_or_null(&v[REQUESTS]),
        number_or_null(&v[TOKENS]),
        db_bool(role_grants(c->role, ROLE_OPERATOR)),
    };
    db_query(call_db(c), STMT_KEY_PATCH, p, sizeof p / sizeof p[0], 0, patched_cb, c);
}

static void deleted_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (!answer_missing(c, e, r))
        call_reply(c, 200, VIEW_LIT("{\"deleted\":true}"));
}

void handle_key_delete(struct call *c)
{
    if (refuse_target(c) || refuse_own(c))
        return;
    const struct db_param p[] = {db_id(&c->account), digest_param(&c->target),
                                 db_bool(role_grants(c->role, ROLE_OPERATOR))};
    db_query(call_db(c), STMT_KEY_DELETE, p, 3, 0, deleted_cb, c);
}
