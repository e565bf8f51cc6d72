/* The facts of a request whose money has moved, for its receipt. */
#ifndef TR_DATAPLANE_CORE_FACTS_H
#define TR_DATAPLANE_CORE_FACTS_H

#include "part.h"

/* Everything but what was returned: RECEIPT_RETURNED, RECEIPT_COMPLETE, returned and returned_bytes
 * are the content side's to add. r is SETTLING. */
void facts_of_request(const struct request *r, struct receipt_facts *out);
/* Of a whole's own attempt, which has just become this line (part.h): r->rates, r->billed and r->digests are still of it. */
void facts_of_final(const struct request *r, const struct part_line *line, struct receipt_facts *out);

#endif
