/* One PostgreSQL connection in pipeline mode on a libuv loop, and a synchronous session:
 * what db.c makes of libpq for pool.c, for migrate.c and for the repair of the log. */
#ifndef TR_CONTROLPLANE_DB_DB_CONN_H
#define TR_CONTROLPLANE_DB_DB_CONN_H

#include "db.h"

struct db_conn;
struct db_conn_events {
    void (*ready)(void *cookie); /* connected and every statement prepared */
    /* The answer to the oldest db_conn_send that has none; after its commit. */
    void (*answer)(void *cookie, enum err e, const struct db_result *r);
    void (*notified)(void *cookie, struct view channel, struct view payload);
    void (*down)(
        void *cookie); /* over; fires once and last; db_conn_free it later, not from here */
    void *cookie;
};
/* turn: with which of the url's hosts to begin. listener: subscribe to the channels instead of preparing every
 * statement (only STMT_PING). Events fire from the loop, never from inside db_conn_open. */
must_check enum err db_conn_open(uv_loop_t *loop, const char *url, unsigned turn, bool listener,
                                 const struct db_conn_events *events, struct db_conn **out);
void db_conn_free(struct db_conn *c);
/* At most DB_PIPELINE_DEPTH that have no answer yet. who: in whose name, or NULL. ERR_DB: the connection is broken;
 * `down` follows from the loop or db_conn_free ends it. */
must_check enum err db_conn_send(struct db_conn *c, enum stmt s, const struct db_param *params,
                                 size_t n, const struct db_who *who);

struct session;
must_check enum err session_open(const char *url, struct session **out, struct buf *why);
void session_close(struct session *s);
/* Any number of statements, no values. ERR_OVERLOAD, and *why is as it was: a lock was not to be had in lock_timeout. */
must_check enum err session_run(struct session *s, const char *sql, struct buf *why);
/* One statement with bound values; *out may be NULL, else given to the caller (result_free). */
must_check enum err session_query(struct session *s, enum stmt stmt, const struct db_param *params,
                                  size_t n, struct db_result **out, struct buf *why);
void result_free(struct db_result *r);

#endif
