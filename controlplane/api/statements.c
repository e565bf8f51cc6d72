/* /credits/transfers and /statements: what moved a customer's money, and its months, as JSON, CSV or a page to print.
 * Every figure is the ledger's (sql/034); this file words them. */
#include "clock.h"
#include "handlers.h"
#include "page.h"

#include <stdio.h>
#include <time.h>

enum { STATEMENT_MAX = 8 << 20 }; /* bytes of a month: some 50,000 lines */

/* --- movements --- */

static const char *const kinds[] = {"topup", "usage", "refund", "dispute", "promotion", "expiry",
                                    "adjustment", "reversal", "move", "debt"};

static void movement_list_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (e != ERR_NONE)
        call_fail_db(c, e);
    else
        call_reply_page(c, db_get_text(r, 0, 0), db_get_bool(r, 0, 1), db_get_i64(r, 0, 2), NULL);
}

void handle_movement_list(struct call *c)
{
    bool known = false;
    struct page page;
    struct view kind;

    if (!call_page(c, &page))
        return;
    struct db_param p[] = {db_id(&c->account), page_at(&page), db_null(), db_i64(page.limit)};
    if (call_query(c, "kind", &kind)) {
        for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
            known = known || view_eq(kind, view_str(kinds[i]));
        if (!known) {
            call_fail(c, 400, "invalid_parameter", "This is not one of the allowed values.", "kind");
            return;
        }
        p[2] = db_bytes(kind);
    }
    db_query(call_db(c), STMT_MOVEMENT_LIST, p, 4, 0, movement_list_cb, c);
}

/* --- the months --- */

static void json_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (e != ERR_NONE)
        call_fail_db(c, e);
    else
        call_reply_data(c, 200, db_get_text(r, 0, 0));
}

void handle_statement_list(struct call *c)
{
    const struct db_param p[] = {db_id(&c->account)};

    db_query(call_db(c), STMT_STATEMENT_LIST, p, 1, 0, json_cb, c);
}

/* --- one month: how a format words its lines --- */

/* Columns of STMT_STATEMENT_LINES. */
enum { SECTION, AT, KIND, DETAIL, REQUESTS, PROMPT, COMPLETION, AMOUNT, COLUMNS };

struct wording {
    struct view type, disposition;
    /* Between which marks text stands, and how a character of it is written that means something there. */
    const char *before, *after;
    const char *(*escape)(uint8_t byte);
    const char *head[3]; /* with the month between them; NULL ends them */
    const char *row, *row_end, *tail;
};

/* Spreadsheets take what begins with these for a formula; behind an apostrophe it is text. */
static bool begins_formula(struct view v)
{
    return v.len > 0 && memchr("=+-@\t\r", v.ptr[0], 6) != NULL;
}

static const char *csv_escape(uint8_t byte)
{
    return byte == '"' ? "\"\"" : NULL;
}

static const char *html_escape(uint8_t byte)
{
    switch (byte) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    default:
        return NULL;
    }
}

static const struct wording csv = {
    VIEW_LIT("text/csv; charset=utf-8"),
    VIEW_LIT("attachment; filename=\"statement.csv\""),
    "\"",
    "\"",
    csv_escape,
    {"section,date,kind,detail,requests,prompt_tokens,completion_tokens,amount_usd\r\n"},
    "",
    "\r\n",
    "",
};
static const struct wording html = {
    VIEW_LIT("text/html; charset=utf-8"),
    VIEW_LIT("inline"),
    "<td>",
    "</td>",
    html_escape,
    {"<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Statement ", "</title>\n"
    "<style>body{font:14px sans-serif;margin:2em}table{border-collapse:collapse;width:100%}"
    "th,td{border-bottom:1px solid #ccc;padding:4px 8px;text-align:left}"
    "td:nth-child(n+5){text-align:right}@media print{body{margin:0}}</style></head>\n"
    "<body><h1>Statement ", "</h1>\n<p>Amounts are US dollars; days and times are UTC. Opening balance and all amounts"
    " add up to the closing balance.</p>\n<table><thead><tr><th>Section</th><th>Date</th><th>Kind</th><th>Detail</th>"
    "<th>Requests</th><th>Prompt tokens</th><th>Completion tokens</th><th>Amount</th></tr></thead><tbody>\n"},
    "<tr>",
    "</tr>\n",
    "</tbody></table></body></html>\n",
};

static enum err put_text(const struct wording *w, struct view v, struct buf *out)
{
    enum err e = buf_append(out, view_str(w->before));

    if (e == ERR_NONE && w == &csv && begins_formula(v))
        e = buf_append_byte(out, '\'');
    for (size_t i = 0; e == ERR_NONE && i < v.len; i++) {
        const char *written = w->escape(v.ptr[i]);

        e = written != NULL ? buf_append(out, view_str(written)) : buf_append_byte(out, v.ptr[i]);
    }
    return e == ERR_NONE ? buf_append(out, view_str(w->after)) : e;
}

/* Numbers need no escaping, and a negative amount is no formula. */
static enum err put_number(const struct wording *w, struct view v, struct buf *out)
{
    enum err e = buf_append(out, w == &csv ? VIEW_EMPTY : view_str(w->before));

    if (e == ERR_NONE)
        e = buf_append(out, v);
    return e == ERR_NONE ? buf_append(out, w == &csv ? VIEW_EMPTY : view_str(w->after)) : e;
}

static enum err put_count(const struct wording *w, const struct db_result *r, size_t row, unsigned col,
                          struct buf *out)
{
    char text[24] = "";

    if (!db_is_null(r, row, col))
        snprintf(text, sizeof text, "%lld", (long long)db_get_i64(r, row, col));
    return put_number(w, view_str(text), out);
}

static enum err put_line(const struct wording *w, const struct db_result *r, size_t row, struct buf *out)
{
    enum err e = buf_append(out, view_str(w->row));

    for (unsigned col = SECTION; e == ERR_NONE && col < COLUMNS; col++) {
        if (col != SECTION && w == &csv)
            e = buf_append_byte(out, ',');
        if (e != ERR_NONE)
            return e;
        if (col <= DETAIL)
            e = put_text(w, db_get_text(r, row, col), out);
        else if (col == AMOUNT)
            e = put_number(w, db_get_text(r, row, col), out);
        else
            e = put_count(w, r, row, col, out);
    }
    return e == ERR_NONE ? buf_append(out, view_str(w->row_end)) : e;
}

static enum err put_head(const struct wording *w, struct view month, struct buf *out)
{
    enum err e = buf_append(out, view_str(w->head[0]));

    for (size_t i = 1; e == ERR_NONE && i < sizeof w->head / sizeof w->head[0] && w->head[i] != NULL; i++) {
        e = buf_append(out, month);
        if (e == ERR_NONE)
            e = buf_append(out, view_str(w->head[i]));
    }
    return e;
}

static void lines_reply(struct call *c, enum err e, const struct db_result *r, const struct wording *w)
{
    struct web_header disposition = {VIEW_LIT("content-disposition"), w->disposition};
    struct buf out;

    if (e != ERR_NONE) {
        call_fail_db(c, e);
        return;
    }
    buf_init(&out, STATEMENT_MAX);
    e = put_head(w, c->from != NULL ? c->segment : VIEW_EMPTY, &out); /* the request is there as long as its client */
    for (size_t i = 0; e == ERR_NONE && i < db_rows(r); i++)
        e = put_line(w, r, i, &out);
    if (e == ERR_NONE)
        e = buf_append(&out, view_str(w->tail));
    if (e == ERR_NONE)
        call_reply_as(c, 200, w->type, &disposition, 1, buf_view(&out));
    else
        call_fail(c, 500, "internal_error", "The statement is too long.", NULL);
    buf_free(&out);
}

static void csv_cb(void *cookie, enum err e, const struct db_result *r)
{
    lines_reply(cookie, e, r, &csv);
}

static void html_cb(void *cookie, enum err e, const struct db_result *r)
{
    lines_reply(cookie, e, r, &html);
}

/* "2026-03": a month that has begun. out: its first day. */
static bool month_read(struct view v, char out[static 11])
{
    time_t now = (time_t)(clock_unix_ms() / 1000);
    char text[32], this_month[8];
    struct tm t;
    int64_t ms;

    if (v.len != 7 || gmtime_r(&now, &t) == NULL)
        return false;
    snprintf(out, 11, "%.7s-01", (const char *)v.ptr);
    snprintf(text, sizeof text, "%sT00:00:00Z", out);
    strftime(this_month, sizeof this_month, "%Y-%m", &t);
    return call_parse_time(view_str(text), &ms) == ERR_NONE && memcmp(v.ptr, this_month, 7) <= 0;
}

void handle_statement(struct call *c)
{
    struct view format = VIEW_LIT("json");
    char month[11];

    if (!month_read(c->segment, month)) {
        call_fail(c, 404, "statement_not_found", "A statement's name is a month that has begun: YYYY-MM.", NULL);
        return;
    }
    const struct db_param p[] = {db_id(&c->account), db_bytes(view_str(month))};
    (void)call_query(c, "format", &format);
    if (view_eq(format, VIEW_LIT("json")))
        db_query(call_db(c), STMT_STATEMENT_JSON, p, 2, 0, json_cb, c);
    else if (view_eq(format, VIEW_LIT("csv")))
        db_query(call_db(c), STMT_STATEMENT_LINES, p, 2, 0, csv_cb, c);
    else if (view_eq(format, VIEW_LIT("html")))
        db_query(call_db(c), STMT_STATEMENT_LINES, p, 2, 0, html_cb, c);
    else
        call_fail(c, 400, "invalid_parameter", "This must be json, csv or html.", "format");
}
