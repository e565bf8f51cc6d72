/* Is this data plane alive, can it serve prompts now, and what is wrong with it or with the control
 * plane behind it: /health for anyone; /healthz, /readyz and the figures of /metrics on the private
 * listener. */
#ifndef TR_DATAPLANE_API_STATUS_H
#define TR_DATAPLANE_API_STATUS_H

#include "acme.h"
#include "catalog_store.h"
#include "meter.h"
#include "uplink.h"
#include "web.h"

/* What the answers are about. Read-only, any thread. */
struct status_context {
    struct uplink *uplink;
    struct catalog_store *catalogs;
    struct meter *meter;
    bool simulated, memory_locked;
    struct served *served; /* which certificate clients are shown */
    struct acme *acme;     /* who asks for a public one; NULL: nobody */
    unsigned n_workers;
    uint64_t started_unix_ms;
};

enum {
    /* A record is acknowledged within a second when all is well. */
    STATUS_USAGE_LATE_MS = 10000,
};

enum status_word {
    STATUS_OK,       /* serves, and nothing is known to be wrong */
    STATUS_DEGRADED, /* serves, but something needs attention */
    STATUS_FAILING   /* serves no prompt */
};
enum status_word status_now(const struct status_context *x);
const char *status_word_name(enum status_word w);
/* Evidence is accepted, a catalog has arrived, and there is a place for a record. */
bool status_ready(const struct status_context *x);
/* How long the oldest record waits that the control plane has not acknowledged; 0: none does. */
uint64_t status_usage_age_ms(const struct status_context *x);

/* /health and /readyz: 200 when ready, 503 when not, and the reasons; returns the status. */
int status_answer(const struct status_context *x, struct web_request *r);
/* /healthz: 200, because this process answers. */
void status_answer_alive(struct web_request *r);

#endif
