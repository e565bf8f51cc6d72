/* /activity, /generation, /generation/content: what was used, as numbers. Nothing that anybody
 * wrote is stored, so there is nothing to show of it. */
#include "history.h"

#include "clock.h"
#include "handlers.h"
#include "range.h"

#include <stdio.h>

enum { ACTIVITY_DAYS = 30, DAY_MS = RANGE_DAY_MS };

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
    int64_t ms, now = (int64_t)clock_unix_ms();

    return range_day(date, &ms) && ms <= now && ms > (now / DAY_MS - ACTIVITY_DAYS) * DAY_MS;
}

/* The last 30 days as OpenRouter has them, or from..to. */
void handle_activity(struct call *c)
{
    struct view date, hash;
    struct digest32 digest;
    struct range range;
    struct db_param p[5] = {db_id(&c->account), db_null(), db_null(), db_null(), db_null()};
    char from[RANGE_DAY_LEN + 1], to[RANGE_DAY_LEN + 1];

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
    if (!range_read(c, ACTIVITY_DAYS, &range))
        return;
    if (range.given) {
        range_day_text(range.from_ms, from);
        range_day_text(range.to_ms - 1, to);
        p[3] = db_bytes(view_str(from));
        p[4] = db_bytes(view_str(to));
    }
    db_query(call_db(c), STMT_ACTIVITY, p, 5, 0, rows_cb, c);
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

enum err history_error_names(struct buf *out)
{
    enum err e = db_array_begin(out, DB_ELEMENT_TEXT, ERR_COUNT);

    for (unsigned i = 0; e == ERR_NONE && i < ERR_COUNT; i++)
        e = db_array_put(out, view_str(err_name((enum err)i)));
    return e;
}

/* id: "gen-" and the request's id, or the id alone. A management key sees every request of its
 * account, an inference key its own: a user who was given one key of many learns nothing about the
 * others. */
void handle_generation(struct call *c)
{
    struct view v;
    struct id id;
    struct buf names;

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
    buf_init(&names, HISTORY_NAMES_MAX);
    if (history_error_names(&names) != ERR_NONE) {
        call_fail(c, 500, "internal_error", "Out of memory.", NULL);
        goto done;
    }
    const struct db_param p[] = {db_id(&c->account), db_id(&id),
                                 role_may(c->role, PERM_USAGE_READ) ? db_null() : db_id(&c->key),
                                 db_bytes(buf_view(&names))};
    db_query(call_db(c), STMT_GENERATION, p, 4, 0, generation_cb, c);
done:
    buf_free(&names);
}

void handle_generation_content(struct call *c)
{
    call_fail(c, 404, "content_not_stored",
              "Prompts and completions are never stored: there is nothing to return.", NULL);
}
