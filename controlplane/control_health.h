/* What the control plane knows about itself: whether PostgreSQL answers, whether the transparency
 * log can go on, what usage waits. Asked once a second, whether or not anybody is served meanwhile,
 * so that a database that is stopped without a word is noticed within seconds. */
#ifndef TR_CONTROLPLANE_CONTROL_HEALTH_H
#define TR_CONTROLPLANE_CONTROL_HEALTH_H

#include "db.h"
#include "peers.h"
#include "translog.h"
#include "trouble.h"

#include <stdbool.h>

enum {
    CONTROL_HEALTH_SILENT_MS = 2000, /* a database that is silent for so long is away */
    CONTROL_HEALTH_LATE_MS = 5000,   /* so long a batch of usage may wait to be booked */
};

struct control_health;
struct control_health_config {
    struct db *db;
    struct translog *log;
    uint64_t catalog_refused; /* endpoints of catalog.conf whose provider is not in providers.conf */
    /* The troubles are others than before: enum trouble bits. */
    void (*changed)(void *cookie, uint8_t troubles);
    void *cookie;
};
/* Borrows all of it. */
must_check enum err control_health_start(const struct control_health_config *c,
                                         struct control_health **out);
/* Whose batches count, once there are any. Borrowed until control_health_stop. */
void control_health_watch(struct control_health *h, const struct peers *peers);
/* The process was told to end: it still answers, and is not ready any more. */
void control_health_drain(struct control_health *h);
/* No further questions. */
void control_health_stop(struct control_health *h);
/* When the database is closed and so every callback has come. NULL is fine. */
void control_health_free(struct control_health *h);

enum control_status {
    CONTROL_OK,
    CONTROL_DEGRADED, /* serves, but somebody has to look at something */
    CONTROL_FAILING   /* cannot serve: no database */
};
/* What is not in the ledger, as last read (every 5 s). */
struct control_booking {
    uint64_t set_aside;         /* records that PostgreSQL or the ledger refused */
    uint64_t locked, locked_ms; /* records that wait for a locked account, the oldest for so long */
    uint64_t gaps, lost;        /* records that nobody has any more, in so many gaps, ever */
    uint64_t lost_nusd;         /* what they can have been worth at most */
    bool lost_lately;           /* some within the last day */
    uint64_t violations;        /* of the ledger's invariants, as --check-ledger found last */
};
struct control_figures {
    enum control_status status;
    uint8_t troubles; /* enum trouble bits */
    bool draining;
    uint64_t database_silent_ms; /* how long a question waits for its answer; 0: none does */
    struct control_booking booking;
    uint64_t catalog_refused;    /* as configured */
    uint64_t log_size;           /* entries under the last checkpoint that this instance signed */
    struct peers_waiting waiting;
    struct peers_counters peers;
};
void control_health_read(const struct control_health *h, struct control_figures *out);
const char *control_status_name(enum control_status s);
/* Ready to serve now: what /readyz answers. */
bool control_figures_ready(const struct control_figures *f);

#endif
