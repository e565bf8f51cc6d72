/* A circuit breaker in three atomic words: outcomes of two windows, and until when it is open. Private to
 * health.c, which decides what is counted and when it opens. */
#ifndef TR_DATAPLANE_ROUTE_BREAKER_H
#define TR_DATAPLANE_ROUTE_BREAKER_H

#include "health.h"

#include <stdatomic.h>

/* All zero: closed, nothing counted. */
struct breaker {
    _Atomic uint64_t now, before; /* a window each: its number, then good and bad outcomes */
    _Atomic uint64_t open;        /* 0: closed; else until when (ms), and how often a probe failed */
};

struct breaker_counts {
    uint32_t good, bad; /* in this window and the one before it */
};

struct breaker_counts breaker_counts(const struct breaker *b, uint64_t mono_ms);
void breaker_count(struct breaker *b, uint64_t mono_ms, bool good);
/* HEALTH_GOOD (closed), HEALTH_OPEN or HEALTH_PROBE. */
enum health_state breaker_state(const struct breaker *b, uint64_t mono_ms);
/* One that is open already stays so until its own time is over. */
void breaker_open(struct breaker *b, uint64_t mono_ms);
/* May a request pass? One that is closed lets all pass; after its time is over one caller may, and it
 * is open again for twice as long as before (breaker_close() ends that). */
bool breaker_claim(struct breaker *b, uint64_t mono_ms);
/* A success: close it and forget what was counted. False: it was closed, and nothing is forgotten. */
bool breaker_close(struct breaker *b);
/* The same in any case. */
void breaker_reset(struct breaker *b);

#endif
