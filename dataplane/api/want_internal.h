/* What the readers of routing preferences share. Private to want.c and want_provider.c. */
#ifndef TR_DATAPLANE_API_WANT_INTERNAL_H
#define TR_DATAPLANE_API_WANT_INTERNAL_H

#include "want.h"

struct want_context {
    struct prompt *prompt; /* its list is filled in for the first candidate that reads one */
    const struct providers *providers;
    struct route_want *want;
    struct api_failure *failure;
    bool listed;                    /* that was tried: with what result, and what was wrong */
    enum err list_outcome;
    struct prompt_fault list_fault;
};

static inline enum err want_bad(struct want_context *x, const char *param, const char *message)
{
    x->failure->error = API_BAD_REQUEST;
    x->failure->param = param;
    x->failure->message = message;
    return ERR_FORMAT;
}

static inline enum err want_unsupported(struct want_context *x, const char *param,
                                        const char *message)
{
    x->failure->error = API_UNSUPPORTED_PARAMETER;
    x->failure->param = param;
    x->failure->message = message;
    return ERR_UNSUPPORTED;
}

/* Reads "provider" into *x->want. */
must_check enum err want_provider(struct want_context *x);

#endif
