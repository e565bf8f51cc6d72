/* Every SQL statement the control plane sends, by name. Values are bound; nothing is concatenated.
 * The SQL is in stmt/, one row each; what moves money is one SQL function (sql/005, sql/006). */
#ifndef TR_CONTROLPLANE_DB_STMT_H
#define TR_CONTROLPLANE_DB_STMT_H

#include "log.h"

#include <stdbool.h>
#include <stddef.h>

enum stmt {
#define S(NAME, name, params, pooled, sql) STMT_##NAME,
#include "stmt_list.inc"
#undef S
    STMT_COUNT
};

const char *stmt_name(enum stmt s);
const char *stmt_sql(enum stmt s);
size_t stmt_params(enum stmt s);
bool stmt_pooled(enum stmt s);
struct static_name stmt_log_name(enum stmt s);

#endif
