/* /auth/user, /auth/recent-keys: the user's name; keys that were made in the user's name lately, and their end. */
#include "handlers.h"

static void answer_cb(void *cookie, enum err e, const struct db_result *r)
{
    call_reply_found(cookie, e, r, "There is no such user.");
}

/* One member that may be null, and must be said. false: the call has been answered. */
static bool take_one(struct call *c, const struct field *f, struct value *v)
{
    if (!call_body(c, f, 1, v))
        return false;
    if (v->state == VALUE_ABSENT)
        call_fail(c, 400, "missing_parameter", "This is needed.", f->name);
    return v->state != VALUE_ABSENT;
}

void handle_user_patch(struct call *c)
{
    static const struct field field = {"name", FIELD_TEXT, false, true, 128, NULL};
    struct value v;

    if (!take_one(c, &field, &v))
        return;
    const struct db_param p[] = {db_id(&c->user), v.state == VALUE_SET ? db_bytes(view_str(v.text)) : db_null()};
    db_query(call_db(c), STMT_USER_NAME, p, 2, 0, answer_cb, c);
}

void handle_recent_keys(struct call *c)
{
    const struct db_param p[] = {db_id(&c->user)};

    db_query(call_db(c), STMT_RECENT_KEYS, p, 1, 0, answer_cb, c);
}

static void disabled_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (e != ERR_NONE)
        call_fail_db(c, e);
    else if (c->target_ok && db_get_bool(r, 0, 1))
        call_fail(c, 404, "not_found", "No key of that hash was made, rotated or enabled by you lately, or it is disabled already.", "hash");
    else
        call_reply_data(c, 200, db_get_text(r, 0, 0));
}

/* A key that a person made of a session that was not theirs outlives the session: one step takes all of them back. */
void handle_recent_keys_disable(struct call *c)
{
    static const struct field field = {"hash", FIELD_PLAIN, false, true, 64, NULL};
    struct value v;

    if (!take_one(c, &field, &v))
        return;
    c->target_ok = v.state == VALUE_SET; /* otherwise all of them */
    if (c->target_ok && hex_decode(v.plain, c->target.b, sizeof c->target.b) != ERR_NONE) {
        call_fail(c, 400, "invalid_parameter", "This must be the hash of a key, or null for all of them.", "hash");
        return;
    }
    const struct db_param p[] = {db_id(&c->user), c->target_ok ? db_bytes(view_of(c->target.b, sizeof c->target.b)) : db_null()};
    db_query(call_db(c), STMT_RECENT_KEYS_DISABLE, p, 2, 0, disabled_cb, c);
}
