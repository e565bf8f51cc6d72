/* /auth/identities, and the end of a passkey: in which ways a user signs in. */
#include "ceremony.h"

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
        call_fail(c, 409, "last_sign_in", "You could not sign in any more: add another way first.", NULL);
    else if (!ceremony_refused(c, db_get_text(r, 0, 0)))
        call_reply(c, 200, VIEW_LIT("{\"deleted\":true}"));
}

/* A person who finds a page open must not take the user's ways away and leave their own. kind NULL: any. */
static void remove_identity(struct call *c, const char *kind)
{
    struct id which;

    if (!call_segment_id(c, &which, "There is no such way to sign in."))
        return;
    const struct db_param p[] = {db_id(&c->user), db_id(&which), db_id(&c->session),
                                 kind == NULL ? db_null() : db_bytes(view_str(kind))};
    db_query(call_db(c), STMT_IDENTITY_REMOVE, p, 4, 0, removed_cb, c);
}

void handle_identity_delete(struct call *c)
{
    remove_identity(c, NULL);
}

void handle_passkey_delete(struct call *c)
{
    remove_identity(c, "passkey");
}
