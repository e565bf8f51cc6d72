/* The range of time that a page about usage is asked for: ?from=&to=, each a day (UTC) or a time. */
#ifndef TR_CONTROLPLANE_API_RANGE_H
#define TR_CONTROLPLANE_API_RANGE_H

#include "call.h"

enum { RANGE_DAY_MS = 86400000, RANGE_HOUR_MS = 3600000, RANGE_DAYS_MAX = 366, RANGE_DAY_LEN = 10 };
#define RANGE_END_MS 253402300800000 /* the year 10000: behind every time that can be written */

struct range {
    int64_t from_ms, to_ms; /* unix; to is not part of it. A day as `to` is: all of it. Cut to hours */
    bool given;             /* one of the two was */
    bool hours;             /* one of them is no midnight */
};

/* From the query, whose route takes "from to". Without `from`: so many days with the last; without `to`: until now.
 * false: the call has been answered (400): no time, an empty range, more than RANGE_DAYS_MAX days. */
must_check bool range_read(struct call *c, int64_t days, struct range *out);
/* The same to the millisecond, without bounds where none is given, and of any length. */
must_check bool range_read_exact(struct call *c, struct range *out);
/* "YYYY-MM-DD". */
must_check bool range_day(struct view v, int64_t *out_ms);
void range_day_text(int64_t ms, char out[static RANGE_DAY_LEN + 1]);

#endif
