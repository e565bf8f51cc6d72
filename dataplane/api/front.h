/* The front door: which path and method belongs to whom, who may ask, and what everybody gets. */
#ifndef TR_DATAPLANE_API_FRONT_H
#define TR_DATAPLANE_API_FRONT_H

#include "account.h"
#include "arrival.h"
#include "attest.h"
#include "exchange.h"
#include "metrics.h"
#include "models.h"
#include "rate.h"
#include "receipt_answer.h"
#include "sealed_body.h"
#include "status_page.h"
#include "web.h"

/* What the endpoints of one worker work with, each with its own part. */
struct front_context {
    struct arrival_context arrival;
    struct sealed_context sealed;
    struct exchange_context *exchange;
    struct models_context models;
    struct receipt_context receipts;
    struct account_context account;
    struct attest_desk *attest;
    const struct status_context *status;
    struct status_page *status_page;
    struct audit *audit;
    struct rate *evidence_rate; /* how often strangers may ask for evidence */
    struct stats *stats;
    unsigned worker;
};

/* Handlers for web_config of the public listener; cookie is a
 * const struct front_context. */
void front_handle(void *cookie, struct web_request *r);
void front_error(void *cookie, struct web_request *r, int status);

/* What may arrive of a request's body, by its head, and the answer when nothing may (web.h). */
enum web_verdict front_arriving(void *cookie, struct web_request *r, bool more, int *why);
void front_refused(void *cookie, struct web_request *r, int why);

/* The same for the private listener, which serves /metrics, /health, /readyz and /healthz; cookie is a
 * const struct metrics_context. */
void front_private_handle(void *cookie, struct web_request *r);
void front_private_error(void *cookie, struct web_request *r, int status);

#endif
