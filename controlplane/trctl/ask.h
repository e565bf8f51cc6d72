/* One call of the API over HTTPS, repeated where repeating does nothing twice. */
#ifndef TR_CONTROLPLANE_TRCTL_ASK_H
#define TR_CONTROLPLANE_TRCTL_ASK_H

#include "buf.h"
#include "commands.h"
#include "profile.h"

/* Exit statuses of trctl. */
enum trctl_exit {
    TRCTL_DONE = 0,
    TRCTL_FAILED = 1,       /* here: memory, a file, an answer that cannot be read */
    TRCTL_USAGE = 2,        /* the command line */
    TRCTL_REFUSED = 10,     /* 400, 402, 409, ...: the request */
    TRCTL_DENIED = 11,      /* 401, 403 */
    TRCTL_NOT_FOUND = 12,   /* 404 */
    TRCTL_TOO_MANY = 13,    /* 429, still after repeating */
    TRCTL_SERVER = 20,      /* 5xx, still after repeating */
    TRCTL_UNREACHABLE = 40, /* no answer */
};

struct question {
    const char *method;
    const char *target; /* path and query, behind the prefix */
    enum plane plane;
    bool bare; /* no /v1 before the target */
    const char *type; /* of the body */
    const struct buf *body; /* NULL: none */
    const char *workspace;       /* NULL: the profile's */
    const char *idempotency_key; /* NULL: one is made for every POST */
    bool passes_over; /* a list whose pages are asked for by "offset" */
    bool quiet; /* what is not JSON is kept, too, in place of written to standard output as it comes */
};
struct answer {
    long status;
    struct buf body;   /* JSON; empty when it was something else, which went to standard output */
    bool json;
    char request_id[80];
    unsigned retry_after_s;
};
enum { ANSWER_MAX = 64 << 20 };
void answer_init(struct answer *a);
void answer_free(struct answer *a);

/* At most 4 times: anything when nothing was sent or the answer was 429; what may be repeated (GET, PUT, POST with its
 * Idempotency-Key) also after a lost answer, 502, 503 and 504. Says in one sentence what went wrong, errors of the API
 * included. */
enum trctl_exit ask(const struct profile *p, const struct question *q, struct answer *out);

#endif
