/* The terms of a key as lease_grant() and lease_renew() of sql/030 tell them, in the form of the link. */
#ifndef TR_CONTROLPLANE_MONEY_TERMS_H
#define TR_CONTROLPLANE_MONEY_TERMS_H

#include "db.h"
#include "key_rules.h"

/* The nine columns of key_terms that begin at `column` of the first row. *out is filled in when the result is true; false:
 * the key has neither rules nor limits per minute. A rule that cannot be read, which the database should not hold,
 * allows nothing. providers: whose numbers the rules have; one that is not among them allows nothing; NULL: none is. */
must_check bool terms_read(const struct db_result *r, unsigned column, const struct providers *providers,
                           struct key_terms *out);

#endif
