#include "operator.h"

#include <stdio.h>

static bool query_number(struct call *c, const char *name, uint64_t low, uint64_t high, uint64_t *out, bool *given)
{
    struct view v;

    *given = call_query(c, name, &v);
    if (!*given || (view_u64(v, out) && *out >= low && *out <= high))
        return true;
    call_fail(c, 400, "invalid_parameter", "This is not a number that is possible here.", name);
    return false;
}

bool operator_page(struct call *c, struct db_param *cursor, struct db_param *limit)
{
    uint64_t at = 0, n = OPERATOR_PAGE;
    bool given;

    if (!query_number(c, "limit", 1, OPERATOR_PAGE, &n, &given) ||
        !query_number(c, "cursor", 1, INT64_MAX, &at, &given))
        return false;
    *cursor = given ? db_i64((int64_t)at) : db_null();
    *limit = db_i64((int64_t)n);
    return true;
}

bool operator_number(struct call *c, uint64_t *out)
{
    if (view_u64(c->segment, out) && *out <= INT32_MAX)
        return true;
    call_fail(c, 404, "not_found", "There is nothing of this number.", NULL);
    return false;
}

bool operator_base(struct call *c, int64_t *out)
{
    uint64_t n = 0;
    bool given;

    if (!query_number(c, "base", 1, INT32_MAX, &n, &given))
        return false;
    *out = (int64_t)n;
    return true;
}

struct view operator_author(const struct call *c, char out[static OPERATOR_AUTHOR_MAX])
{
    char id[ID_TEXT_LEN + 1];

    id_text(id_is_zero(&c->key) ? &c->user : &c->key, id);
    snprintf(out, OPERATOR_AUTHOR_MAX, "%s %s", id_is_zero(&c->key) ? "user" : "key", id);
    return view_str(out);
}

bool operator_body_empty(const struct call *c)
{
    return view_trim(buf_view(&c->body)).len == 0;
}

/* True: the call has been answered. */
static bool no_document(struct call *c, enum err e, const struct db_result *r)
{
    if (e != ERR_NONE)
        call_fail_db(c, e);
    else if (db_rows(r) == 0 || db_is_null(r, 0, 0))
        call_fail(c, 404, "not_found", "There is no such thing, or it is not kept any more.", NULL);
    else
        return false;
    return true;
}

void operator_object_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (!no_document(c, e, r))
        call_reply_data(c, 200, db_get_text(r, 0, 0));
}

void operator_list_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (!no_document(c, e, r))
        call_reply(c, 200, db_get_text(r, 0, 0));
}
