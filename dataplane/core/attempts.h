/* The attempts of one request at the candidates of its route, one after the other: which is the next, what each
 * failure means for its endpoint's health and for the next, and what is told when nobody answers. A part of a
 * request that asks on its own has its own struct. Numbers only; who makes an attempt is the caller. */
#ifndef TR_DATAPLANE_CORE_ATTEMPTS_H
#define TR_DATAPLANE_CORE_ATTEMPTS_H

#include "attempt_result.h"
#include "bounds.h"
#include "errors.h"
#include "health.h"
#include "catalog_store.h"
#include "own_keys.h"
#include "route_decide.h"
#include "route_inputs.h"
#include "stats.h"

struct attempts {
    /* set by attempts_begin() */
    struct health *health;
    struct stats *stats;
    bool stream;
    bool measures; /* the route's order depends on percentiles */
    uint64_t seed; /* of the route's draw */
    struct route route;
    /* What the route was decided on, in canonical form (route_inputs.h); 0: it does not fit. */
    uint8_t inputs[ROUTE_INPUTS_MAX];
    uint16_t inputs_len;
    /* whose request it is to the health of endpoints: health_who() */
    uint32_t who;

    /* --- to read */
    struct candidate candidate; /* of the pending (or last) attempt */
    struct candidate first;     /* the one tried first */
    uint8_t made;               /* attempts so far */
    uint8_t place;              /* the candidate's, in the route */
    uint64_t begun_us;          /* when the pending attempt began */
    uint8_t tried[LIMIT_CANDIDATES], failed[LIMIT_CANDIDATES]; /* by place; failed: enum err */
    uint32_t took_ms[LIMIT_CANDIDATES]; /* by place: until it failed, or until its first useful event */
    bool skipped[LIMIT_CANDIDATES]; /* by place: not to be asked: attempts_next_model() */
    const struct own_keys *own; /* what candidate.own counts in; NULL: nothing */
    uint8_t own_trouble, own_trouble_at; /* enum own_key_state: why an own key left no candidate; its place */
    uint16_t statuses[LIMIT_CANDIDATES]; /* by place: HTTP's, of attempts that failed; 0: none came */

    /* --- private */
    size_t next;
    enum err last;       /* how the last failed */
    uint32_t retry_ms;   /* the least Retry-After of failed attempts; 0 none */
    uint16_t failed_rate, failed_overload, failed_timeout, failed_credentials; /* attempts */
    uint16_t failed_own;    /* attempts on own keys that the provider refused: */
    uint8_t failed_own_at;  /* the last one's place among own keys, */
    int failed_own_status;  /* and what the provider said */
    uint16_t refused;       /* attempts that blamed the request */
    bool refused_by_status; /* one of them did so with an HTTP status */
    bool refused_for_all;   /* and for what no provider could serve */
    enum api_error refusal; /* what the first of them said; API_OK: there was none */
    const struct content *refusal_message;
};

/* Decides the route. health and stats are borrowed. ROUTE_OK, or why there is no candidate. */
enum route_refusal attempts_begin(struct attempts *a, const struct route_want *want,
                                  struct health *health, struct stats *stats, uint64_t seed,
                                  uint32_t who, bool stream);
/* Health of endpoints as this request's account sees it. Valid as long as a. */
void attempts_health(const struct attempts *a, struct route_health *out);
/* The next candidate becomes a->candidate, of a new attempt. False: there is none. */
bool attempts_next(struct attempts *a);
/* The model of the pending (or last) attempt has said what it says: its other candidates are not asked. */
void attempts_next_model(struct attempts *a);
/* Nobody else is asked. */
void attempts_none(struct attempts *a);
/* No other candidate is left behind the pending attempt. */
bool attempts_is_last(const struct attempts *a);

/* The pending attempt has brought something useful. */
void attempts_good(struct attempts *a);
/* It failed before that: remember how. Another candidate may be asked. */
void attempts_failed(struct attempts *a, const struct attempt_result *x);
/* It failed behind that: nobody else is asked, only its endpoint's health hears of it. */
void attempts_broke(struct attempts *a, const struct attempt_result *x);
/* It was complete: so many tokens were written in so long. */
void attempts_written(struct attempts *a, uint64_t tokens, uint64_t us);
/* It was complete, but past the limit that it was given. */
void attempts_overran(struct attempts *a);

/* The provider has done the work, so that asking another candidate would buy the answer twice: a whole
 * answer that is over a limit of ours or did not arrive in its time. */
bool attempts_final(const struct attempts *a, const struct attempt_result *x);
/* The request is wrong for whoever is asked: its provider says 400 invalid_request_error, for no limit or lack of its own,
 * to the bytes that the client wrote. What has been translated may be wrong by our doing, and a 400 without that
 * type may be about anything: then the next one is asked. */
bool attempts_blamed(const struct attempt_result *x);
/* Trouble of our own (memory, the budget): it says nothing about the endpoint, and the next one would meet
 * it too. */
bool attempts_ours(enum err e);

#endif
