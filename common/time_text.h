/* Points in time as people write them: RFC 3339 in UTC. */
#ifndef TR_COMMON_TIME_TEXT_H
#define TR_COMMON_TIME_TEXT_H

#include <stdbool.h>
#include <stdint.h>

/* "2026-11-21", or RFC 3339: "2026-11-21T04:05:06Z", with an offset "+01:00", with a fraction
 * (which is dropped), t and z in either case: unix seconds. False for any other form, for a day
 * that does not exist, for a leap second, and for years outside 1970-9999. */
bool time_parse(const char *text, uint64_t *unix_s);
/* "2026-11-21T04:05:06Z". */
enum { TIME_TEXT_BYTES = 24 };
void time_format(uint64_t unix_s, char out[static TIME_TEXT_BYTES]);

#endif
