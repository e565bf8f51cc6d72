/* Whether the evidence this data plane gave still stands, and why not: asked by every request on any
 * thread, answered from a few numbers that the link thread writes. */
#ifndef TR_DATAPLANE_LINK_STANDING_H
#define TR_DATAPLANE_LINK_STANDING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* X(symbol, "name"): the names are codes in /health and in errors. */
#define STANDING_LIST(X)                                                                           \
    X(STANDING_ACCEPTED, "accepted")                                                               \
    X(STANDING_NEVER_ATTESTED, "never_attested")     /* no ACCEPT since the boot */                \
    X(STANDING_REFUSED, "refused")                   /* the last word was REFUSE */                \
    X(STANDING_EVIDENCE_EXPIRED, "evidence_expired") /* nobody asked for new evidence in time */   \
    X(STANDING_CLOCK_JUMPED, "clock_jumped")         /* unix time moved since the ACCEPT */

#define STANDING_ENUM(symbol, name) symbol,
enum standing { STANDING_LIST(STANDING_ENUM) STANDING_COUNT };
#undef STANDING_ENUM

/* Begins as zeros: never attested. */
struct standing_facts {
    _Atomic uint64_t until_ms;       /* clock_mono_ms(); 0: not accepted, or not any more */
    _Atomic int64_t clock_offset_ms; /* unix time less clock_mono_ms() at the ACCEPT */
    _Atomic bool refused;
};

const char *standing_name(enum standing s);

/* Any thread, no lock, no system call. */
enum standing standing_now(const struct standing_facts *f);

/* The link thread's. */
void standing_accepted(struct standing_facts *f, uint32_t for_ms);
void standing_refused(struct standing_facts *f);
/* By how much unix time has moved against the monotonic clock since the ACCEPT; 0: less than
 * LIMIT_CLOCK_SKEW_MS, or never accepted. */
int64_t standing_jump_ms(const struct standing_facts *f);

#endif
