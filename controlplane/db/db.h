/* PostgreSQL, asynchronously, in pipeline mode: the only room that includes libpq-fe.h (db.c, conninfo.c).
 * Statements have names and live in stmt/; values are always bound, in binary. */
#ifndef TR_CONTROLPLANE_DB_DB_H
#define TR_CONTROLPLANE_DB_DB_H

#include "buf.h"
#include "err.h"
#include "id.h"
#include "stmt.h"
#include "view.h"

#include <stdbool.h>
#include <uv.h>

struct db;
struct db_result; /* valid during the callback only */

enum {
    DB_QUERY_TIMEOUT_MS = 5000,
    DB_QUEUE_MAX = 4096, /* queries waiting for a connection; further ones fail with ERR_OVERLOAD */
    DB_PIPELINE_DEPTH = 8 /* queries on one connection at once: enough to hide the round trip, few
                             enough that one that waits for a lock does not hold up many */
};

struct db_config {
    uv_loop_t *loop;
    const char *url;      /* libpq conninfo or URI; may name several hosts (conninfo.h) */
    unsigned connections; /* 8 */
};
/* Connects in the background and reconnects for ever with backoff; queries queue (bounded) while
 * there is no connection and fail with ERR_DB after query_timeout (5 s). */
must_check enum err db_open(const struct db_config *c, struct db **out);
/* Queries that have no answer yet end with ERR_CANCELLED; then closed(cookie), once. */
void db_close(struct db *d, void (*closed)(void *cookie), void *cookie);
bool db_ready(const struct db *d); /* at least one live connection */
uv_loop_t *db_loop(const struct db *d);

/* In whose name a statement is sent: its transaction says so to the audit trail (sql/027). With a claim on an
 * idempotency key, what it writes is committed only while the claim holds, together with the note that it
 * was written (sql/028). */
struct db_who {
    char actor[48]; /* "key:UUID": kind and id, NUL-terminated */
    struct id request;
    bool claimed;
    struct id account, claim; /* when claimed */
};
/* The same pool for statements in somebody's name: for db_query() and db_fail(). Given to the caller, who ends it with
 * db_as_free(), while statements may still be under way. */
struct db *db_as(struct db *d, const struct db_who *who);
void db_as_free(struct db *d);

/* A value to bind, made by the functions below. Bytes are borrowed until db_query returns. */
struct db_param {
    enum { DB_PARAM_NULL, DB_PARAM_SMALL, DB_PARAM_BYTES } kind;
    uint8_t small[8];
    struct view bytes; /* for SMALL only the length counts */
};
struct db_param db_null(void);
struct db_param db_i64(int64_t v);          /* bigint */
struct db_param db_bool(bool v);            /* boolean */
struct db_param db_id(const struct id *id); /* uuid */
struct db_param db_bytes(struct view v);    /* bytea, text, json, and arrays (see below) */

/* A one-dimensional array in binary, built into a buf: db_array_begin, n times db_array_put. */
enum db_element { DB_ELEMENT_I64, DB_ELEMENT_ID, DB_ELEMENT_TEXT, DB_ELEMENT_BYTES };
must_check enum err db_array_begin(struct buf *out, enum db_element type, size_t n);
must_check enum err db_array_put(struct buf *out, struct view element);
must_check enum err db_array_put_i64(struct buf *out, int64_t v);

/* One statement, one transaction. cb fires exactly once, never before db_query has returned:
 * ERR_NONE with the rows; ERR_CONFLICT a unique constraint refused; ERR_LAST_KEY the account would be
 * without a key that manages it (sql/025); ERR_RANGE another
 * constraint, a trigger or the type of a value refused (nothing was committed, and nothing will be by
 * trying again); ERR_OVERLOAD the queue is full; ERR_CANCELLED db_close; ERR_DB anything
 * else, and then nobody knows whether it was committed: repeat only what is idempotent.
 * lane: queries with one lane (not 0) run in the order in which they were given. Where there are at least
 * DB_KEPT_MIN connections, lanes made by db_lane_leases() and db_lane_lookups() have connections of their own
 * and a queue of their own: renewals of warm keys do not wait behind look-ups, REST or usage. */
enum { DB_KEPT_LEASES = 2, DB_KEPT_MIN = 4, DB_LOOKUPS_PART = 4 }; /* look-ups have a quarter, at least one */
uint32_t db_lane(uint32_t hash); /* never 0 */
uint32_t db_lane_leases(uint32_t hash);
uint32_t db_lane_lookups(uint32_t hash);
typedef void db_cb(void *cookie, enum err e, const struct db_result *r);
void db_query(struct db *d, enum stmt s, const struct db_param *params, size_t n, uint32_t lane,
              db_cb *cb, void *cookie);

/* For callers that find out by themselves that they cannot ask: cb(cookie, e, NULL) later, once. */
void db_fail(struct db *d, enum stmt s, enum err e, db_cb *cb, void *cookie);

size_t db_rows(const struct db_result *r);
bool db_is_null(const struct db_result *r, size_t row, unsigned col);
int64_t db_get_i64(const struct db_result *r, size_t row,
                   unsigned col); /* any integer type; NULL: 0 */
bool db_get_bool(const struct db_result *r, size_t row, unsigned col);
struct view db_get_text(const struct db_result *r, size_t row,
                        unsigned col); /* text, json, bytea */
struct id db_get_id(const struct db_result *r, size_t row, unsigned col);

/* Notifications on the channels tr_key, tr_catalog and tr_usage, on a connection of its own that is asked
 * every second whether it still lives. listening: (again) connected; what was sent before may have
 * been missed. Once per db, until db_unlisten. */
struct db_watch {
    void (*notified)(void *cookie, struct view channel, struct view payload);
    void (*listening)(void *cookie);
    void *cookie;
};
must_check enum err db_listen(struct db *d, const struct db_watch *w);
void db_unlisten(struct db *d);

/* Apply sql/NNN_*.sql in order, synchronously, before db_open, under an advisory lock. Twice is
 * harmless; a file that changed after it was applied is refused. why: one printable sentence. */
must_check enum err db_migrate(const char *url, const char *dir, struct buf *why);

#endif
