/* What payments.c (life, timer) and job.c (one piece of work at the service) share. */
#ifndef TR_CONTROLPLANE_PAYMENTS_PAYMENTS_INTERNAL_H
#define TR_CONTROLPLANE_PAYMENTS_PAYMENTS_INTERNAL_H

#include "outcall.h"
#include "payments.h"
#include "rate.h"

enum {
    SECRET_TEXT_MAX = 256,
    SECRETS_MAX = 2, /* while one replaces the other */
};

/* In guarded memory. */
struct payments_secrets {
    char key[SECRET_TEXT_MAX];
    char webhook[SECRETS_MAX][SECRET_TEXT_MAX]; /* empty: none */
};

struct payments {
    struct payments_config config;
    const struct rail *rail;
    struct payments_secrets *secrets;
    struct outcalls *outcalls;
    struct rate *events;
    uv_timer_t *timer;
    uint64_t ticks;
    unsigned step;    /* of the tick that runs */
    bool ticking;
    unsigned jobs;    /* that have not ended */
    unsigned pending; /* callbacks of the database, and jobs, that will still come */
    bool freed;
};

void payments_hold(struct payments *p);
void payments_drop(struct payments *p); /* may free p */

/* What a job is about. */
enum job_kind { JOB_CHECKOUT, JOB_SETUP, JOB_CHARGE, JOB_INVOICE, JOB_REFUND, JOB_DETACH };

/* A row that is due, or that was just written. Texts are borrowed; the job copies them. */
struct job_row {
    enum job_kind kind;
    bool claimed;       /* the service may not have been asked */
    struct view object; /* the session, intent, invoice or (of a refund) intent; empty: none is known */
    int64_t age_ms;     /* since the row was written */
};

/* cb may be NULL. o is copied, its texts included. */
void job_start(struct payments *p, const struct rail_order *o, const struct job_row *row, payments_cb *cb,
               void *cookie);

#endif
