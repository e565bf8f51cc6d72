/* What the readers of routing preferences share. Private to want*.c. */
#ifndef TR_DATAPLANE_API_WANT_INTERNAL_H
#define TR_DATAPLANE_API_WANT_INTERNAL_H

#include "want.h"

struct want_context {
    struct prompt *prompt; /* its list is filled in for the first candidate that reads one */
    const struct snapshot *catalog;
    const struct providers *providers;
    const struct want_given *given;
    struct route_want *want;
    struct want_notes *notes;
    struct api_failure *failure;
    uint32_t matched;   /* bit per model of *want: the client did not name it, so it must have all that the
                           request needs */
    bool require_parameters; /* endpoints that would get the request without one of them are out */
    bool model_fallbacks; /* the client lets another model answer */
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

/* No provider may keep prompts; by: the first who asked is told. */
static inline void want_no_retention(struct route_want *w, enum route_privacy by)
{
    if (!w->no_retention)
        w->privacy_by = (uint8_t)by;
    w->no_retention = true;
}

/* want_models.c */
/* "model", "models" and "route" into *x->want. */
must_check enum err want_models(struct want_context *x);
/* The catalog's fallbacks of the one model that the client named, behind it, where it lets another one answer. */
void want_fallbacks(struct want_context *x);

/* want_sets.c: the members order, only and ignore of "provider" */
must_check enum err want_order(struct want_context *x, struct json_value v);
must_check enum err want_only(struct want_context *x, struct json_value v);
must_check enum err want_ignore(struct want_context *x, struct json_value v);

/* want_provider.c */
/* Reads "provider" into *x->want. */
must_check enum err want_provider(struct want_context *x);

#endif
