/* PostgreSQL, asynchronously, in pipeline mode: the only room that includes libpq-fe.h (db.c).
 * Statements have names and live in stmt.c; values are always bound (text or binary). */
#ifndef TR_CONTROLPLANE_DB_DB_H
#define TR_CONTROLPLANE_DB_DB_H

#include "err.h"
#include "id.h"
#include "view.h"

#include <stdbool.h>
#include <uv.h>

struct db;
struct db_result; /* valid during the callback only */

struct db_config {
    uv_loop_t *loop;
    const char *url;     /* libpq conninfo or URI */
    unsigned connections; /* 8 */
};
/* Connects in the background and reconnects for ever with backoff; queries queue (bounded) while
 * there is no connection and fail with ERR_DB after query_timeout (5 s). */
must_check enum err db_open(const struct db_config *c, struct db **out);
void db_close(struct db *d, void (*closed)(void *cookie), void *cookie);
bool db_ready(const struct db *d); /* at least one live connection */

/* Apply sql/NNN_*.sql in order, synchronously, before db_open, under an advisory lock. Twice is
 * harmless. why: one printable sentence. */
must_check enum err db_migrate(const char *url, const char *dir, struct buf *why);

#endif
