/* /analytics, /activity.csv, /activity/live, /retention: usage by what the client groups it by, as a table, and what was removed of it. */
#include "feed.h"
#include "handlers.h"
#include "page.h"
#include "range.h"
#include "usage_filter.h"

#include <stdio.h>

enum {
    ANALYTICS_DAYS = 30,
    ANALYTICS_HOURS_DAYS = 31, /* of hours at once; they are kept 90 days */
    ANALYTICS_ROWS = 5000,
    CSV_ROWS = 10000, /* about 1.5 MB in one answer */
    RETENTION_DAYS_MAX = 730,
};

/* --- /analytics */

static const char *const groups[] = {"model", "provider", "key", "region", "day", "hour"};

static void analytics_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (e != ERR_NONE)
        call_fail_db(c, e);
    else
        call_reply_data(c, 200, db_get_text(r, 0, 0));
}

static bool is_group(struct view v)
{
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
        if (view_eq(v, view_str(groups[i])))
            return true;
    return false;
}

/* "model,day" as an array for the statement. False: something else is in it. */
static bool read_groups(struct view v, struct buf *out, bool *hours)
{
    struct view names[sizeof groups / sizeof groups[0]];
    size_t n = 0;
    enum err e;

    while (v.len > 0) {
        const uint8_t *comma = memchr(v.ptr, ',', v.len);
        struct view name = view_of(v.ptr, comma == NULL ? v.len : (size_t)(comma - v.ptr));

        if (n == sizeof names / sizeof names[0] || !is_group(name))
            return false;
        *hours = *hours || view_eq(name, VIEW_LIT("hour"));
        names[n++] = name;
        v = view_from(v, name.len + 1);
    }
    e = db_array_begin(out, DB_ELEMENT_TEXT, n);
    for (size_t i = 0; e == ERR_NONE && i < n; i++)
        e = db_array_put(out, names[i]);
    return e == ERR_NONE;
}

void handle_analytics(struct call *c)
{
    struct view by = VIEW_LIT("model");
    struct usage_filter filter;
    struct range range;
    struct buf names;
    bool hours = false;

    buf_init(&names, 256);
    if (!usage_filter_read(c, &filter))
        goto done;
    (void)call_query(c, "group_by", &by);
    if (!read_groups(by, &names, &hours)) {
        call_fail(c, 400, "invalid_parameter", "These are model, provider, key, region, day and hour, by commas.",
                  "group_by");
        goto done;
    }
    if (!range_read(c, hours ? 1 : ANALYTICS_DAYS, &range))
        goto done;
    hours = hours || range.hours;
    if (hours && range.to_ms - range.from_ms > (int64_t)ANALYTICS_HOURS_DAYS * RANGE_DAY_MS) {
        call_fail(c, 400, "invalid_parameter", "By the hour a range has at most 31 days.", "from");
        goto done;
    }
    const struct db_param p[] = {db_id(&c->account), db_i64(range.from_ms), db_i64(range.to_ms),
                                 db_bytes(buf_view(&names)), db_bool(hours), db_i64(ANALYTICS_ROWS),
                                 filter.key, filter.model, filter.provider};
    db_query(call_db(c), STMT_ANALYTICS, p, sizeof p / sizeof p[0], 0, analytics_cb, c);
done:
    usage_filter_free(&filter);
    buf_free(&names);
}

/* --- /activity.csv */

static void csv_cb(void *cookie, enum err e, const struct db_result *r)
{
    static const struct view head =
        VIEW_LIT("date,key_name,key_hash,model,provider,region,requests,errors,usage,byok_usage_inference,prompt_tokens,"
                 "completion_tokens,reasoning_tokens,cached_tokens\r\n");
    struct call *c = cookie;
    char next[24];
    const char *cursor = NULL;

    if (e != ERR_NONE) {
        call_fail_db(c, e);
        return;
    }
    if (db_get_i64(r, 0, 1) == CSV_ROWS) {
        snprintf(next, sizeof next, "%lld", (long long)(c->amount_nusd + CSV_ROWS));
        cursor = next;
    }
    call_reply_csv(c, "attachment; filename=\"activity.csv\"", head, db_get_text(r, 0, 0), cursor);
}

void handle_activity_csv(struct call *c)
{
    struct range range;
    struct view cursor;
    uint64_t skip = 0;

    if (call_query(c, "cursor", &cursor) && (!view_u64(cursor, &skip) || skip > INT32_MAX)) {
        call_fail(c, 400, "invalid_parameter", "This is no cursor of this list.", "cursor");
        return;
    }
    if (!range_read(c, ANALYTICS_DAYS, &range))
        return;
    c->amount_nusd = (int64_t)skip; /* how many lines came before */
    const struct db_param p[] = {db_id(&c->account), db_i64(range.from_ms), db_i64(range.to_ms - 1),
                                 db_i64((int64_t)skip), db_i64(CSV_ROWS)};
    db_query(call_db(c), STMT_ACTIVITY_CSV, p, sizeof p / sizeof p[0], 0, csv_cb, c);
}

/* --- /activity/live */

void handle_activity_live(struct call *c)
{
    if (view_eq(c->method, VIEW_LIT("HEAD")))
        call_reply_as(c, 200, VIEW_LIT("text/event-stream"), NULL, 0, VIEW_EMPTY);
    else if (call_feed(c) == NULL)
        call_fail(c, 503, "shutting_down", "This control plane is shutting down.", NULL);
    else
        feed_open(call_feed(c), c);
}

/* --- /retention */

static void retention_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    struct buf out;

    if (e != ERR_NONE) {
        call_fail_db(c, e);
        return;
    }
    char cursor[PAGE_CURSOR_LEN + 1];
    bool more = db_get_bool(r, 0, 1);

    page_cursor(c, db_get_i64(r, 0, 2), NULL, cursor);
    buf_init(&out, db_get_text(r, 0, 0).len + 256);
    e = buf_appendf(&out, "{\"retention_days\":%lld,\"data\":", (long long)db_get_i64(r, 0, 3));
    if (e == ERR_NONE)
        e = buf_append(&out, db_get_text(r, 0, 0));
    if (e == ERR_NONE)
        e = buf_appendf(&out, ",\"next_cursor\":%s%s%s}", more ? "\"" : "", more ? cursor : "null", more ? "\"" : "");
    if (e == ERR_NONE)
        call_reply(c, 200, buf_view(&out));
    else
        call_fail(c, 500, "internal_error", "Out of memory.", NULL);
    buf_free(&out);
}

void handle_retention(struct call *c)
{
    struct page page;

    if (!call_page(c, &page))
        return;
    const struct db_param p[] = {db_id(&c->account), page_at(&page), db_i64(page.limit)};
    db_query(call_db(c), STMT_RETENTION_LIST, p, 3, 0, retention_cb, c);
}

static void retention_set_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    char json[64];

    if (e != ERR_NONE) {
        call_fail_db(c, e);
        return;
    }
    snprintf(json, sizeof json, "{\"retention_days\":%lld}", (long long)db_get_i64(r, 0, 0));
    call_reply_data(c, 200, view_str(json));
}

void handle_retention_set(struct call *c)
{
    static const struct field fields[] = {
        {.name = "retention_days", .type = FIELD_COUNT, .required = true, .max = RETENTION_DAYS_MAX},
    };
    struct value v[1];

    if (!call_body(c, fields, 1, v))
        return;
    if (v[0].number < 1) {
        call_fail(c, 400, "invalid_parameter", "This must be 1 to 730 days.", "retention_days");
        return;
    }
    const struct db_param p[] = {db_id(&c->account), db_i64(v[0].number)};
    db_query(call_db(c), STMT_RETENTION_SET, p, 2, 0, retention_set_cb, c);
}
