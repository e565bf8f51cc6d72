/* Every SQL statement the control plane sends, by name. Values are bound; nothing is concatenated.
 * The SQL is in stmt.c, one entry each; what moves money is one SQL function (sql/005, sql/006). */
#ifndef TR_CONTROLPLANE_DB_STMT_H
#define TR_CONTROLPLANE_DB_STMT_H

#include "log.h"

#include <stdbool.h>
#include <stddef.h>

enum stmt {
    STMT_PING,
    /* the link */
    STMT_BOOT_LINK,
    STMT_BOOT_UNLINK,
    STMT_BOOT_SETTLED,
    STMT_BOOT_PLACE,
    STMT_LEASE_OPEN,
    STMT_LEASE_EXTEND,
    STMT_LEASE_RETURN,
    STMT_RECLAIM_ROUND,
    STMT_KEY_CHANGES,
    STMT_USAGE_INGEST,
    STMT_USAGE_LOST,
    STMT_USAGE_REBOOK,
    STMT_BOOKING_STATE,
    STMT_IDEMPOTENCY_CLAIM,
    STMT_IDEMPOTENCY_RELEASE,
    STMT_IDEMPOTENCY_CLEAN,
    STMT_CATALOG_READ,
    STMT_CATALOG_APPLY,
    /* the transparency log */
    STMT_LOG_EDGE,
    STMT_LOG_APPEND,
    STMT_LOG_SIGN,
    STMT_LOG_HEAD,
    STMT_LOG_ENTRY,
    STMT_LOG_LIST,
    STMT_LOG_NODES,
    STMT_LOG_TILE,
    STMT_LOG_BUNDLE,
    STMT_LOG_RELEASE,
    /* the REST API */
    STMT_ACCOUNT_CREATE,
    STMT_KEY_AUTH,
    STMT_KEY_CREATE,
    STMT_KEY_LIST,
    STMT_KEY_GET,
    STMT_KEY_PATCH,
    STMT_KEY_DELETE,
    STMT_KEY_SELF,
    STMT_CREDITS,
    STMT_BYOK_LIST,
    STMT_BYOK_GET,
    STMT_BYOK_CREATE,
    STMT_BYOK_PATCH,
    STMT_BYOK_DELETE,
    STMT_BYOK_SEALED,
    STMT_TOPUP,
    STMT_ACTIVITY,
    STMT_GENERATION,
    /* repairing the log: over a session of their own, never prepared by the pool */
    STMT_REBUILD_LOCK,
    STMT_REBUILD_SIZE,
    STMT_REBUILD_READ,
    STMT_REBUILD_ADD,
    STMT_REBUILD_NODES,
    STMT_REBUILD_ROOT,
    /* migrations: sent before the tables exist, so never prepared by the pool */
    STMT_MIGRATE_LOCK,
    STMT_MIGRATE_TABLE,
    STMT_MIGRATE_LIST,
    STMT_MIGRATE_DONE,
    STMT_COUNT
};

const char *stmt_name(enum stmt s);
const char *stmt_sql(enum stmt s);
size_t stmt_params(enum stmt s);
bool stmt_pooled(enum stmt s);
struct static_name stmt_log_name(enum stmt s);

#endif
