/* /auth/identities: in which ways a user signs in. */
#include "handlers.h"

static void listed_cb(void *cookie, enum err e, const struct db_result *r)
{
    call_reply_found(cookie, e, r, "There is no such user.");
}

void handle_identity_list(struct call *c)
{
    const struct db_param p[] = {db_id(&c->user)};

    db_query(call_db(c), STMT_IDENTITY_LIST, p, 1, 0, listed_cb, c);
}

static void removed_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (e != ERR_NONE)
        call_fail_db(c, e);
    else if (view_eq(db_get_text(r, 0, 0), VIEW_LIT("unknown")))
        call_fail(c, 404, "not_found", "There is no such way to sign in.", NULL);
    else if (view_eq(db_get_text(r, 0, 0), VIEW_LIT("last")))
        call_fail(c, 409, "last_sign_in", "This is the last way to sign in: add another one first.", NULL);
    else
        call_reply(c, 200, VIEW_LIT("{\"deleted\":true}"));
}

void handle_identity_delete(struct call *c)
{
    struct id which;

    if (!call_segment_id(c, &which, "There is no such way to sign in."))
        return;
    const struct db_param p[] = {db_id(&c->user), db_id(&which)};
    db_query(call_db(c), STMT_IDENTITY_REMOVE, p, 2, 0, removed_cb, c);
}
