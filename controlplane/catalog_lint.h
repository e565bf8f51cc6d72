/* Judges a catalog beyond what its parser refuses: prices that cannot be meant, facts that are old, names that lead
 * nowhere. */
#ifndef TR_CONTROLPLANE_CATALOG_LINT_H
#define TR_CONTROLPLANE_CATALOG_LINT_H

#include "catalog_file.h"

enum {
    CATALOG_OLD_DAYS = 90,                                 /* facts that were looked up longer ago are old */
    CATALOG_ABSURD_PUSD = 1000 * 1000 * 1000,              /* $1,000 per million tokens, four times the dearest known */
};
#define CATALOG_ABSURD_NUSD (INT64_C(100) * 1000000000) /* $100 per unit */

struct catalog_lint {
    /* One finding: a sentence of ours that begins with what it is about. line 0: of the whole file. */
    void (*found)(void *cookie, bool error, unsigned line, const char *sentence);
    void *cookie;
    uint32_t today; /* days since 1970-01-01 */
    /* what was found */
    size_t errors, warnings;
};
void catalog_lint(const struct catalog_file *f, struct catalog_lint *l);

#endif
