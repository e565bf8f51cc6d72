/* Time, in milliseconds and microseconds, replaceable by tests. */
#ifndef TR_COMMON_CLOCK_H
#define TR_COMMON_CLOCK_H

#include <stdint.h>

/* Never goes backwards, and goes on while the machine sleeps: what was lent for a minute is over a
 * minute later. Zero point unspecified. vDSO, no system call. */
uint64_t clock_mono_ms(void);
uint64_t clock_mono_us(void);
/* Unix time. */
uint64_t clock_unix_ms(void);

/* Tests: freeze all three at these values; clock_thaw() returns to real time. */
void clock_freeze(uint64_t mono_us, uint64_t unix_ms);
void clock_thaw(void);

#endif
