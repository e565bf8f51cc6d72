/* /key, /keys, /keys/{hash}. A key's text leaves once, in the answer that made it. */
#include "handlers.h"
#include "key_body.h"

#include <assert.h>
#include <stdio.h>

enum { OVERLAP_DEFAULT_S = 3600, OVERLAP_MAX_S = 30 * 86400, CREATOR_TEXT = 37 /* a UUID */ };

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

static bool refuse_create(struct call *c, const struct value *v)
{
    if (!role_grants(c->role, role_named(view_str(key_roles[v[ROLE].number])))) {
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

/* The new text's digest is c->target. One row, which says how it went. */
static void made_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    const struct db_param p[] = {db_id(&c->account), digest_param(&c->target)};

    if (!answer_missing(c, e, r) && !key_body_refused(c, db_get_text(r, 0, 0)))
        db_query(call_db(c), STMT_KEY_GET, p, 2, 0, created_object_cb, c);
}

static struct db_param number_or_null(const struct value *v)
{
    return v->state == VALUE_SET ? db_i64(v->number) : db_null();
}

/* A user who says nothing of it is the creator, as GET /auth/session and /members name them. */
static void take_creator(const struct call *c, struct value *creator, char text[static CREATOR_TEXT])
{
    char id[ID_TEXT_LEN + 1];

    if (creator->state != VALUE_ABSENT || id_is_zero(&c->user))
        return;
    id_text(&c->user, id);
    snprintf(text, CREATOR_TEXT, "%.8s-%.4s-%.4s-%.4s-%.12s", id, id + 8, id + 12, id + 16, id + 20);
    *creator = (struct value){.state = VALUE_SET, .plain = view_str(text)};
}

void handle_key_create(struct call *c)
{
    struct value v[KEY_CREATE_FIELDS];
    char creator[CREATOR_TEXT];
    struct buf rules;

    if (!call_body(c, key_create_fields, KEY_CREATE_FIELDS, v) || refuse_create(c, v))
        return;
    take_creator(c, &v[CREATOR], creator);
    if (!key_body_rules(c, v, true, &rules))
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
        db_bytes(view_str(key_roles[v[ROLE].number])),
        number_or_null(&v[LIMIT]),
        db_bytes(view_str(key_resets[v[RESET].number])),
        number_or_null(&v[EXPIRES]),
        db_i64(v[REQUESTS].number),
        db_i64(v[TOKENS].number),
        db_bytes(buf_view(&rules)),
    };
    db_query(call_db(c), STMT_KEY_CREATE, p, sizeof p / sizeof p[0], 0, made_cb, c);
    buf_free(&rules);
}

/* --- change, delete --- */

/* The kinds of key that the caller may make, as an array to bind: nobody touches a key that may do more than they may.
 * 128 bytes are more than all of them take. The caller frees *out. */
static struct db_param grantable(const struct call *c, struct buf *out)
{
    size_t n = 0;
    enum err e;

    for (unsigned i = 0; key_roles[i] != NULL; i++)
        n += role_grants(c->role, role_named(view_str(key_roles[i])));
    buf_init(out, 128);
    e = db_array_begin(out, DB_ELEMENT_TEXT, n);
    for (unsigned i = 0; key_roles[i] != NULL && e == ERR_NONE; i++)
        if (role_grants(c->role, role_named(view_str(key_roles[i]))))
            e = db_array_put(out, view_str(key_roles[i]));
    assert(e == ERR_NONE);
    return db_bytes(buf_view(out));
}

/* Of a user there is none. */
static struct db_param calling_key(const struct call *c)
{
    return id_is_zero(&c->key) ? db_null() : db_id(&c->key);
}

static void patched_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (!answer_missing(c, e, r) && !key_body_refused(c, db_get_text(r, 0, 0)))
        get_target(c);
}

void handle_key_patch(struct call *c)
{
    struct value v[KEY_PATCH_FIELDS];
    struct buf rules, roles;

    if (refuse_target(c) || !call_body(c, key_patch_fields, KEY_PATCH_FIELDS, v) ||
        !key_body_rules(c, v, false, &rules))
        return;
    const struct db_param p[] = {
        db_id(&c->account),
        digest_param(&c->target),
        v[TITLE].state == VALUE_SET ? db_bytes(view_str(v[TITLE].text)) : db_null(),
        v[DISABLED].state == VALUE_SET ? db_bool(v[DISABLED].number != 0) : db_null(),
        db_bool(v[LIMIT].state != VALUE_ABSENT),
        number_or_null(&v[LIMIT]),
        v[RESET].state != VALUE_ABSENT ? db_bytes(view_str(key_resets[v[RESET].number])) : db_null(),
        db_bool(v[EXPIRES].state != VALUE_ABSENT),
        number_or_null(&v[EXPIRES]),
        number_or_null(&v[REQUESTS]),
        number_or_null(&v[TOKENS]),
        grantable(c, &roles),
        calling_key(c),
        db_bytes(buf_view(&rules)),
    };
    db_query(call_db(c), STMT_KEY_PATCH, p, sizeof p / sizeof p[0], 0, patched_cb, c);
    buf_free(&roles);
    buf_free(&rules);
}

static void deleted_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (!answer_missing(c, e, r) && !key_body_refused(c, db_get_text(r, 0, 0)))
        call_reply(c, 200, VIEW_LIT("{\"deleted\":true}"));
}

void handle_key_delete(struct call *c)
{
    struct buf roles;

    if (refuse_target(c))
        return;
    const struct db_param p[] = {db_id(&c->account), digest_param(&c->target), grantable(c, &roles), calling_key(c)};
    db_query(call_db(c), STMT_KEY_DELETE, p, 4, 0, deleted_cb, c);
    buf_free(&roles);
}

/* --- another text for the same key --- */

static const struct field rotate_fields[] = {{"overlap_seconds", FIELD_COUNT, false, false, OVERLAP_MAX_S, NULL}};

static void rotate_role_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    struct digest32 fresh;
    struct buf roles;

    if (answer_missing(c, e, r))
        return;
    api_new_key(!view_eq(db_get_text(r, 0, 0), view_str(key_roles[0])), &c->made);
    memcpy(fresh.b, c->made.digest, sizeof fresh.b);
    const struct db_param p[] = {
        db_id(&c->account),
        digest_param(&c->target),
        digest_param(&fresh),
        db_bytes(view_str(c->made.label)),
        db_i64(c->count),
        grantable(c, &roles), /* the new text is as good as a new key */
    };
    db_query(call_db(c), STMT_KEY_ROTATE, p, sizeof p / sizeof p[0], 0, made_cb, c);
    buf_free(&roles);
    c->target = fresh; /* what is shown then */
}

/* A key may rotate itself: the answer has the new text, and the old one is good for the overlap. */
void handle_key_rotate(struct call *c)
{
    const struct db_param p[] = {db_id(&c->account), digest_param(&c->target)};
    struct value overlap;

    if (refuse_target(c) || !call_body(c, rotate_fields, 1, &overlap))
        return;
    c->count = overlap.state == VALUE_SET ? (unsigned)overlap.number : OVERLAP_DEFAULT_S;
    db_query(call_db(c), STMT_KEY_ROLE, p, 2, 0, rotate_role_cb, c);
}
