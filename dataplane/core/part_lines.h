/* The lines of a whole and their sums, and what core's files do with parts beyond part.h. */
#ifndef TR_DATAPLANE_CORE_PART_LINES_H
#define TR_DATAPLANE_CORE_PART_LINES_H

#include "part.h"

/* One more line; the sums grow with it. There is a place (asserted): of each role and place there is one line. */
void parts_add(struct parts *p, const struct part_line *line);
/* At most INT64_MAX: what was paid is far from it, because it was reserved; what own keys would have cost is not. */
int64_t parts_add_money(int64_t a, int64_t b);
/* What lines of one role cost. */
int64_t parts_cost(const struct parts *p, enum part_role role);
/* The line that the client was given; else the last that asked somebody; else NULL. */
const struct part_line *parts_answer(const struct parts *p);
/* USAGE_ESTIMATED, USAGE_CLAMPED and USAGE_BYOK, where any line has them. */
uint16_t parts_flags(const struct parts *p);

/* A running part is billed now, by what is known. */
void part_end(struct request *part);
/* The same of all that run. */
void parts_end(struct request *whole);
/* The part's bill is made: it becomes a line. */
void part_billed(struct request *part);
/* The whole's own attempt, whose bill is in r->account, r->flags and r->cost_nusd, becomes a line. */
void part_own_line(struct request *r, enum err outcome, bool refused, bool chosen);

#endif
