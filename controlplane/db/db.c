#include "db.h"
#include "conninfo.h"
#include "db_conn.h"
#include "log.h"

#include <assert.h>
#include <postgresql/libpq-fe.h>
#include <stdlib.h>

enum { PARAMS_MAX = 64 }; /* usage_ingest has one for each field of a record */

/* PQresultStatus and friends take PGresult *; a db_result is one under another name, so that no
 * header of ours needs libpq's. */
static const PGresult *pg(const struct db_result *r)
{
    return (const PGresult *)r;
}

/* --- results --- */

size_t db_rows(const struct db_result *r)
{
    return (size_t)PQntuples(pg(r));
}

static struct view cell(const struct db_result *r, size_t row, unsigned col)
{
    assert(row < db_rows(r) && col < (unsigned)PQnfields(pg(r)));
    return view_of(PQgetvalue(pg(r), (int)row, (int)col),
                   (size_t)PQgetlength(pg(r), (int)row, (int)col));
}

bool db_is_null(const struct db_result *r, size_t row, unsigned col)
{
    assert(row < db_rows(r) && col < (unsigned)PQnfields(pg(r)));
    return PQgetisnull(pg(r), (int)row, (int)col) != 0;
}

int64_t db_get_i64(const struct db_result *r, size_t row, unsigned col)
{
    struct view v = cell(r, row, col);
    uint64_t n = 0;

    if (db_is_null(r, row, col))
        return 0;
    assert(v.len == 2 || v.len == 4 || v.len == 8);
    for (size_t i = 0; i < v.len; i++)
        n = n << 8 | v.ptr[i];
    if (v.len == 2)
        return (int16_t)n;
    return v.len == 4 ? (int32_t)n : (int64_t)n;
}

bool db_get_bool(const struct db_result *r, size_t row, unsigned col)
{
    struct view v = cell(r, row, col);

    assert(v.len <= 1);
    return v.len == 1 && v.ptr[0] != 0;
}

struct view db_get_text(const struct db_result *r, size_t row, unsigned col)
{
    return cell(r, row, col);
}

struct id db_get_id(const struct db_result *r, size_t row, unsigned col)
{
    struct view v = cell(r, row, col);
    struct id id = {{0}};

    assert(v.len == sizeof id.b || db_is_null(r, row, col));
    if (v.len == sizeof id.b)
        memcpy(id.b, v.ptr, sizeof id.b);
    return id;
}

/* What the server said, as one of ours. Classes 22 (data exception) and 23 (integrity constraint) and an
 * error that a function or trigger raised (P0001) are about the values: the same statement will fail
 * again. Everything else is the database's trouble, which passes. */
static enum err result_err(const PGresult *r)
{
    ExecStatusType status = PQresultStatus(r);
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);

    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
        return ERR_NONE;
    if (state == NULL)
        return ERR_DB;
    if (strcmp(state, "23505") == 0)
        return ERR_CONFLICT;
    if (strcmp(state, "TR001") == 0) /* sql/025 */
        return ERR_LAST_KEY;
    if (strncmp(state, "22", 2) == 0 || strncmp(state, "23", 2) == 0 || strcmp(state, "P0001") == 0)
        return ERR_RANGE;
    return ERR_DB;
}

/* The five characters of an SQLSTATE, read as a number in base 36: text may not be logged, numbers
 * may. 23505 (a unique constraint) becomes 3505685, 40P01 (a deadlock) 6750865. */
static uint64_t sqlstate_number(const PGresult *r)
{
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    uint64_t n = 0;

    for (; state != NULL && *state != '\0'; state++)
        n = n * 36 + (uint64_t)(*state <= '9' ? *state - '0' : *state - 'A' + 10);
    return n;
}

struct bound {
    const char *values[PARAMS_MAX];
    int lengths[PARAMS_MAX], formats[PARAMS_MAX];
};

static void bind_params(struct bound *b, const struct db_param *params, size_t n)
{
    assert(n <= PARAMS_MAX);
    for (size_t i = 0; i < n; i++) {
        const struct db_param *p = &params[i];
        const void *at = p->kind == DB_PARAM_SMALL ? (const void *)p->small : p->bytes.ptr;

        /* NULL is how libpq spells SQL NULL; an empty value needs an address. */
        if (at == NULL)
            at = "";
        b->values[i] = p->kind == DB_PARAM_NULL ? NULL : at;
        b->lengths[i] = (int)p->bytes.len;
        b->formats[i] = 1;
    }
}

/* --- one connection --- */

enum conn_state {
    CONN_CONNECTING, /* PQconnectPoll is in progress */
    CONN_PREPARING,  /* the statements were sent, their sync is pending */
    CONN_READY,      /* `pending` syncs of queries are pending */
    CONN_DOWN        /* the down event fires from `later` or has fired */
};

struct db_conn {
    uv_loop_t *loop;
    uv_poll_t *poll;   /* of the present socket; lives until its close callback */
    uv_timer_t *later; /* carries news out of calls that must not fire events themselves */
    PGconn *pg;
    enum conn_state state;
    bool listener;
    unsigned pending;  /* pipeline syncs that were sent and not yet seen */
    bool named[DB_PIPELINE_DEPTH]; /* of each, from `first` on: statements go before and behind the query */
    unsigned first;
    unsigned results;  /* that came since the last sync */
    PGresult *current; /* the query's rows, or the first error: of what ends with the next sync */
    struct db_conn_events events;
};

static void closed_cb(uv_handle_t *h)
{
    free(h);
}

static void conn_unwatch(struct db_conn *c)
{
    if (c->poll != NULL)
        uv_close((uv_handle_t *)c->poll, closed_cb);
    c->poll = NULL;
}

static void conn_poll_cb(uv_poll_t *h, int status, int events);

/* Watch libpq's socket. libpq may have replaced it by one with the same number, so the handle is
 * made anew whenever that could have happened. */
static enum err conn_watch(struct db_conn *c, int events)
{
    uv_poll_t *poll;

    conn_unwatch(c);
    poll = calloc(1, sizeof *poll);
    if (poll == NULL)
        return ERR_MEMORY;
    if (PQsocket(c->pg) < 0 || uv_poll_init(c->loop, poll, PQsocket(c->pg)) != 0) {
        free(poll);
        return ERR_DB;
    }
    poll->data = c;
    c->poll = poll;
    return uv_poll_start(poll, events, conn_poll_cb) == 0 ? ERR_NONE : ERR_DB;
}

static void conn_down(struct db_conn *c)
{
    if (c->state == CONN_DOWN)
        return;
    c->state = CONN_DOWN;
    conn_unwatch(c);
    c->events.down(c->events.cookie);
}

static void conn_later_cb(uv_timer_t *t)
{
    conn_down(t->data);
}

/* Hand what libpq has buffered to the kernel and ask to be called for the rest. */
static enum err conn_flush(struct db_conn *c)
{
    int left = PQflush(c->pg);

    if (left < 0)
        return ERR_DB;
    return uv_poll_start(c->poll, UV_READABLE | (left > 0 ? UV_WRITABLE : 0), conn_poll_cb) == 0
               ? ERR_NONE
               : ERR_DB;
}

/* Prepare every statement in one pipeline; a listener prepares its ping and subscribes. */
static enum err conn_prepare(struct db_conn *c)
{
    /* The server gives up a little before the pool does, so that what the pool calls lost is not
     * committed a minute later. It compiles no plan: over partitions that takes seconds, for
     * statements that run for milliseconds. */
    static const char *const first[] = {"SET statement_timeout = '4500ms'",
                                        "SET jit = off",
                                        "LISTEN tr_key",
                                        "LISTEN tr_catalog",
                                        "LISTEN tr_fleet",
                                        "LISTEN tr_usage"};

    if (PQsetnonblocking(c->pg, 1) != 0 || PQenterPipelineMode(c->pg) != 1)
        return ERR_DB;
    for (unsigned i = 0; i < (c->listener ? sizeof first / sizeof first[0] : 2); i++)
        if (PQsendQueryParams(c->pg, first[i], 0, NULL, NULL, NULL, NULL, 1) != 1)
            return ERR_DB;
    for (enum stmt s = 0; s < STMT_COUNT; s++)
        if (stmt_pooled(s) && (!c->listener || s == STMT_PING) &&
            PQsendPrepare(c->pg, stmt_name(s), stmt_sql(s), 0, NULL) != 1)
            return ERR_DB;
    if (PQpipelineSync(c->pg) != 1)
        return ERR_DB;
    c->state = CONN_PREPARING;
    c->pending = 1;
    return conn_watch(c, UV_READABLE | UV_WRITABLE);
}

static enum err conn_connect_step(struct db_conn *c)
{
    switch (PQconnectPoll(c->pg)) {
    case PGRES_POLLING_READING:
        return conn_watch(c, UV_READABLE);
    case PGRES_POLLING_WRITING:
        return conn_watch(c, UV_WRITABLE);
    case PGRES_POLLING_OK:
        return conn_prepare(c);
    case PGRES_POLLING_FAILED:
    case PGRES_POLLING_ACTIVE:
        break;
    }
    return ERR_DB;
}

/* A sync arrived: the transaction before it is committed, or c->current says why it is not. */
static void conn_synced(struct db_conn *c)
{
    PGresult *r = c->current;
    enum err e = r == NULL ? ERR_DB : result_err(r);

    c->current = NULL;
    c->results = 0;
    c->pending--;
    c->first = (c->first + 1) % DB_PIPELINE_DEPTH;
    if (c->state == CONN_PREPARING) {
        c->state = e == ERR_NONE ? CONN_READY : c->state;
        if (e == ERR_NONE)
            c->events.ready(c->events.cookie);
        else
            conn_down(c);
    } else {
        c->events.answer(c->events.cookie, e, e == ERR_NONE ? (struct db_result *)r : NULL);
    }
    PQclear(r);
}

/* A server that takes no writes is not, or no longer, the one to be connected to: the next attempt finds the other. */
static bool is_read_only(const PGresult *r)
{
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);

    return state != NULL && strcmp(state, "25006") == 0;
}

/* One result of what ends with the next sync. The query's own is the first, or the second behind the statement that
 * says in whose name; the first error counts more, also one that comes after the rows, from a constraint checked at
 * commit. */
static void conn_result(struct db_conn *c, PGresult *r)
{
    enum err e = result_err(r);
    bool own = c->results == (c->named[c->first] ? 1 : 0);

    c->results++;
    if (PQresultStatus(r) == PGRES_FATAL_ERROR)
        LOG("db_error", KV("sqlstate_base36", sqlstate_number(r)),
            KV("preparing", c->state == CONN_PREPARING));
    if (is_read_only(r))
        uv_timer_start(c->later, conn_later_cb, 0, 0);
    if ((c->current != NULL && result_err(c->current) != ERR_NONE) || (e == ERR_NONE && !own)) {
        PQclear(r);
    } else {
        PQclear(c->current);
        c->current = r;
    }
}

/* Take what arrived. */
static void conn_results(struct db_conn *c)
{
    while (c->state != CONN_DOWN && c->pending > 0 && !PQisBusy(c->pg)) {
        PGresult *r = PQgetResult(c->pg);

        if (r == NULL) {
            if (PQstatus(c->pg) != CONNECTION_OK)
                conn_down(c);
            continue;
        }
        if (PQresultStatus(r) == PGRES_PIPELINE_SYNC) {
            PQclear(r);
            conn_synced(c);
            continue;
        }
        conn_result(c, r);
    }
}

static void conn_notifications(struct db_conn *c)
{
    PGnotify *n;

    while (c->state == CONN_READY && (n = PQnotifies(c->pg)) != NULL) {
        c->events.notified(c->events.cookie, view_str(n->relname), view_str(n->extra));
        PQfreemem(n);
    }
}

static void conn_poll_cb(uv_poll_t *h, int status, int events)
{
    struct db_conn *c = h->data;

    if (c->state == CONN_CONNECTING) {
        if (status < 0 || conn_connect_step(c) != ERR_NONE)
            conn_down(c);
        return;
    }
    if (status < 0 || ((events & UV_READABLE) != 0 && PQconsumeInput(c->pg) != 1)) {
        conn_down(c);
        return;
    }
    conn_results(c);
    conn_notifications(c);
    if (c->state != CONN_DOWN && conn_flush(c) != ERR_NONE)
        conn_down(c);
}

static void ignore_notice(void *cookie, const PGresult *r)
{
    (void)cookie;
    (void)r;
}

enum err db_conn_open(uv_loop_t *loop, const char *url, unsigned turn, bool listener,
                      const struct db_conn_events *events, struct db_conn **out)
{
    struct db_conn *c = calloc(1, sizeof *c);
    uv_timer_t *later = calloc(1, sizeof *later);

    if (c == NULL || later == NULL || uv_timer_init(loop, later) != 0) {
        free(c);
        free(later);
        return ERR_MEMORY;
    }
    *c = (struct db_conn){.loop = loop, .listener = listener, .events = *events, .later = later};
    later->data = c;
    c->pg = (PGconn *)conninfo_connect(url, turn, true);
    if (c->pg == NULL) {
        db_conn_free(c);
        return ERR_MEMORY;
    }
    /* libpq would print the server's notices to stderr, which is our log. */
    PQsetNoticeReceiver(c->pg, ignore_notice, NULL);
    if (PQstatus(c->pg) == CONNECTION_BAD || conn_watch(c, UV_WRITABLE) != ERR_NONE)
        uv_timer_start(later, conn_later_cb, 0, 0);
    *out = c;
    return ERR_NONE;
}

void db_conn_free(struct db_conn *c)
{
    if (c == NULL)
        return;
    conn_unwatch(c);
    uv_close((uv_handle_t *)c->later, closed_cb);
    PQclear(c->current);
    PQfinish(c->pg);
    free(c);
}

static bool conn_send_one(struct db_conn *c, enum stmt s, const struct db_param *params, size_t n)
{
    struct bound b;

    assert(n == stmt_params(s));
    bind_params(&b, params, n);
    return PQsendQueryPrepared(c->pg, stmt_name(s), (int)n, b.values, b.lengths, b.formats, 1) == 1;
}

/* What stands between two syncs is one transaction. */
static bool conn_send_all(struct db_conn *c, enum stmt s, const struct db_param *params, size_t n,
                          const struct db_who *who)
{
    char request[ID_TEXT_LEN + 1];

    if (who == NULL)
        return conn_send_one(c, s, params, n) && PQpipelineSync(c->pg) == 1;
    id_text(&who->request, request);
    const struct db_param name[] = {db_bytes(view_str(who->actor)), db_bytes(view_str(request))};
    const struct db_param claim[] = {db_id(&who->account), db_id(&who->claim)};

    return conn_send_one(c, STMT_CALL_NAMED, name, 2) && conn_send_one(c, s, params, n) &&
           (!who->claimed || conn_send_one(c, STMT_REST_RAN, claim, 2)) &&
           PQpipelineSync(c->pg) == 1;
}

enum err db_conn_send(struct db_conn *c, enum stmt s, const struct db_param *params, size_t n,
                      const struct db_who *who)
{
    assert(c->state == CONN_READY && c->pending < DB_PIPELINE_DEPTH);
    if (!conn_send_all(c, s, params, n, who)) {
        uv_timer_start(c->later, conn_later_cb, 0, 0);
        return ERR_DB;
    }
    c->named[(c->first + c->pending) % DB_PIPELINE_DEPTH] = who != NULL;
    c->pending++;
    if (conn_flush(c) != ERR_NONE) {
        /* It counts as sent: `down` will end it with the others. */
        uv_timer_start(c->later, conn_later_cb, 0, 0);
    }
    return ERR_NONE;
}

/* --- synchronous sessions --- */

static enum err say(struct buf *why, const char *text)
{
    size_t n = strcspn(text, "\n");

    if (buf_append(why, view_of(text, n)) != ERR_NONE)
        return ERR_MEMORY;
    return ERR_DB;
}

static PGconn *session_pg(struct session *s)
{
    return (PGconn *)s;
}

enum err session_open(const char *url, struct session **out, struct buf *why)
{
    PGconn *c = (PGconn *)conninfo_connect(url, 0, false);

    if (c == NULL)
        return ERR_MEMORY;
    PQsetNoticeReceiver(c, ignore_notice, NULL);
    if (PQstatus(c) != CONNECTION_OK) {
        enum err e = say(why, PQerrorMessage(c));

        PQfinish(c);
        return e;
    }
    *out = (struct session *)c;
    return ERR_NONE;
}

void session_close(struct session *s)
{
    PQfinish(session_pg(s));
}

static enum err session_end(PGresult *r, struct session *s, struct buf *why)
{
    enum err e = r == NULL ? ERR_DB : result_err(r);
    const char *text = r == NULL ? NULL : PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);

    const char *state = r == NULL ? NULL : PQresultErrorField(r, PG_DIAG_SQLSTATE);

    if (e == ERR_NONE)
        return ERR_NONE;
    if (state != NULL && strcmp(state, "55P03") == 0)
        return ERR_OVERLOAD;
    return say(why, text != NULL ? text : PQerrorMessage(session_pg(s))) == ERR_MEMORY ? ERR_MEMORY
                                                                                       : e;
}

enum err session_run(struct session *s, const char *sql, struct buf *why)
{
    PGresult *r = PQexec(session_pg(s), sql);
    enum err e = session_end(r, s, why);

    PQclear(r);
    return e;
}

enum err session_query(struct session *s, enum stmt stmt, const struct db_param *params, size_t n,
                       struct db_result **out, struct buf *why)
{
    struct bound b;
    PGresult *r;
    enum err e;

    assert(n == stmt_params(stmt));
    bind_params(&b, params, n);
    r = PQexecParams(session_pg(s), stmt_sql(stmt), (int)n, NULL, b.values, b.lengths, b.formats,
                     1);
    e = session_end(r, s, why);
    if (e == ERR_NONE && out != NULL)
        *out = (struct db_result *)r;
    else
        PQclear(r);
    return e;
}

void result_free(struct db_result *r)
{
    PQclear((PGresult *)r);
}
