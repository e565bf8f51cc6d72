/* /activity, /generation, /generation/content: what was used, as numbers. Nothing that anybody
 * wrote is stored, so there is nothing to show of it. */
#include "clock.h"
#include "handlers.h"

#include <stdio.h>

enum { ACTIVITY_DAYS = 30, DAY_MS = 86400000 };

static void rows_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (e != ERR_NONE)
        call_fail_db(c, e);
    else
        call_reply_data(c, 200, db_get_text(r, 0, 0));
}

/* "YYYY-MM-DD" of the last 30 days (UTC). */
static bool date_ok(struct view date)
{
    char text[32];
    int64_t ms, now = (int64_t)clock_unix_ms();

    if (date.len != 10)
        return false;
    snprintf(text, sizeof text, "%.10sT00:00:00Z", (const char *)date.ptr);
    return call_parse_time(view_str(text), &ms) == ERR_NONE && ms <= now &&
           ms > (now / DAY_MS - ACTIVITY_DAYS) * DAY_MS;
}

void handle_activity(struct call *c)
{
    struct view date, hash;
    struct digest32 digest;
    struct db_param p[3] = {db_id(&c->account), db_null(), db_null()};

    if (call_query(c, "date", &date)) {
        if (!date_ok(date)) {
            call_fail(c, 400, "invalid_parameter", "This must be a day (UTC) of the last 30.",
                      "date");
            return;
        }
        p[1] = db_bytes(date);
    }
    if (call_query(c, "api_key_hash", &hash)) {
        if (hex_decode(hash, digest.b, sizeof digest.b) != ERR_NONE) {
            call_fail(c, 400, "invalid_parameter", "This must be a key's hash.", "api_key_hash");
            return;
        }
        p[2] = db_bytes(view_of(digest.b, sizeof digest.b));
    }
    db_query(call_db(c), STMT_ACTIVITY, p, 3, 0, rows_cb, c);
}

/* --- one request --- */

static void generation_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (e == ERR_NONE && db_rows(r) == 0)
        call_fail(c, 404, "not_found", "There is no such generation, or not yet.", "id");
    else
        rows_cb(c, e, r);
}

/* id: "gen-" and the request's id, or the id alone. A management key sees every request of its
 * account, an inference key its own: a user who was given one key of many learns nothing about the
 * others. */
void handle_generation(struct call *c)
{
    struct view v;
    struct id id;

    if (!call_query(c, "id", &v)) {
        call_fail(c, 400, "missing_parameter", "This is needed.", "id");
        return;
    }
    if (view_starts(v, VIEW_LIT("gen-")))
        v = view_from(v, 4);
    if (id_parse(v, &id) != ERR_NONE) {
        call_fail(c, 404, "not_found", "There is no such generation.", "id");
        return;
    }
    const struct db_param p[] = {db_id(&c->account), db_id(&id),
                                 role_may(c->role, PERM_USAGE_READ) ? db_null() : db_id(&c->key)};
    db_query(call_db(c), STMT_GENERATION, p, 3, 0, generation_cb, c);
}

void handle_generation_content(struct call *c)
{
    call_fail(c, 404, "content_not_stored",
              "Prompts and completions are never stored: there is nothing to return.", NULL);
}
