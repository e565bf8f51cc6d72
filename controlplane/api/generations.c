/* /generations, /generations.csv: usage records, one row for each request, newest first, with what they are filtered by. */
#include "handlers.h"
#include "history.h"
#include "page.h"
#include "range.h"
#include "usage_filter.h"

enum {
    LOOK_ROWS = 50000, /* records read for one page: some 100 ms when the filter fits none of them */
    LOOK_LINES = 200000,
    CSV_LINES = 10000, /* about 2.5 MB in one answer */
    STATUS_ANY = 999,
};

enum { P_ACCOUNT, P_BEFORE, P_FROM, P_TO, P_KEY, P_MODEL, P_PROVIDER, P_LO, P_HI, P_MAX, P_LOOK, P_NAMES, P_COUNT };

/* What the query filters by: bound by reference, so it lives as long as the parameters. */
struct filter {
    struct usage_filter usage;
    struct buf names;
    struct id before;
    struct db_param p[P_COUNT];
};

/* An outcome, or an HTTP status. */
static bool take_status(struct call *c, struct filter *f)
{
    static const struct {
        struct view name;
        int64_t lo, hi;
    } outcomes[] = {
        {VIEW_LIT("ok"), 0, 399},
        {VIEW_LIT("error"), 400, 599},
        {VIEW_LIT("cancelled"), 499, 499},
    };
    struct view v;
    uint64_t status;

    f->p[P_LO] = db_i64(0);
    f->p[P_HI] = db_i64(STATUS_ANY);
    if (!call_query(c, "status", &v))
        return true;
    for (size_t i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++)
        if (view_eq(v, outcomes[i].name)) {
            f->p[P_LO] = db_i64(outcomes[i].lo);
            f->p[P_HI] = db_i64(outcomes[i].hi);
            return true;
        }
    if (!view_u64(v, &status) || status < 100 || status > 599) {
        call_fail(c, 400, "invalid_parameter", "This is ok, error, cancelled or an HTTP status.", "status");
        return false;
    }
    f->p[P_LO] = f->p[P_HI] = db_i64((int64_t)status);
    return true;
}

/* most: records of the answer; 0: as many as the client says. false: the call has been answered. The caller ends *f with
 * filter_free(), whatever was returned. */
static bool filter_read(struct call *c, int64_t most, int64_t look, struct filter *f)
{
    struct page page;
    struct range range;

    buf_init(&f->names, HISTORY_NAMES_MAX);
    if (!usage_filter_read(c, &f->usage) || !call_page_of_records(c, &page) || !range_read_exact(c, &range) ||
        !take_status(c, f))
        return false;
    if (history_error_names(&f->names) != ERR_NONE) {
        call_fail(c, 500, "internal_error", "Out of memory.", NULL);
        return false;
    }
    f->p[P_ACCOUNT] = db_id(&c->account);
    f->before = page.id;
    f->p[P_BEFORE] = page.after ? db_id(&f->before) : db_null();
    f->p[P_FROM] = db_i64(range.from_ms);
    f->p[P_TO] = db_i64(range.to_ms);
    f->p[P_KEY] = f->usage.key;
    f->p[P_MODEL] = f->usage.model;
    f->p[P_PROVIDER] = f->usage.provider;
    f->p[P_MAX] = db_i64(most == 0 ? page.limit : most);
    f->p[P_LOOK] = db_i64(look);
    f->p[P_NAMES] = db_bytes(buf_view(&f->names));
    return true;
}

static void filter_free(struct filter *f)
{
    usage_filter_free(&f->usage);
    buf_free(&f->names);
}

static void list_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    struct id next;
    bool more;

    if (e != ERR_NONE) {
        call_fail_db(c, e);
        return;
    }
    more = !db_is_null(r, 0, 1);
    next = more ? db_get_id(r, 0, 1) : (struct id){{0}};
    call_reply_page(c, db_get_text(r, 0, 0), more, 0, &next);
}

void handle_generation_list(struct call *c)
{
    struct filter f;

    if (filter_read(c, 0, LOOK_ROWS, &f))
        db_query(call_db(c), STMT_GENERATION_PAGE, f.p, P_COUNT, 0, list_cb, c);
    filter_free(&f);
}

static void csv_cb(void *cookie, enum err e, const struct db_result *r)
{
    static const struct view head =
        VIEW_LIT("created_at,id,model,first_model,provider,key_name,key_hash,outcome,http_status,error,finish_reason,streamed,"
                 "byok,prompt_tokens,completion_tokens,cached_tokens,reasoning_tokens,cost_usd,first_byte_ms,total_ms,"
                 "attempts\r\n");
    struct call *c = cookie;
    char next[PAGE_CURSOR_LEN + 1];
    const char *cursor = NULL;

    if (e != ERR_NONE) {
        call_fail_db(c, e);
        return;
    }
    if (!db_is_null(r, 0, 1)) {
        struct id last = db_get_id(r, 0, 1);

        page_cursor(c, 0, &last, next);
        cursor = next;
    }
    call_reply_csv(c, "attachment; filename=\"generations.csv\"", head, db_get_text(r, 0, 0), cursor);
}

void handle_generation_csv(struct call *c)
{
    struct filter f;

    if (filter_read(c, CSV_LINES, LOOK_LINES, &f))
        db_query(call_db(c), STMT_GENERATION_LINES, f.p, P_COUNT, 0, csv_cb, c);
    filter_free(&f);
}
