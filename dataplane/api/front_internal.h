/* What the front files share: a request on its way to its handler, the table of endpoints, refusals. */
#ifndef TR_DATAPLANE_API_FRONT_INTERNAL_H
#define TR_DATAPLANE_API_FRONT_INTERNAL_H

#include "dialect.h"
#include "front.h"
#include "path.h"
#include "uplink.h"

/* One request on its way to its handler. */
struct visit {
    const struct front_context *x;
    struct web_request *web;
    struct view path;    /* without empty segments; of an Azure client, ours that means the same */
    struct view model;   /* the deployment in an Azure client's path; empty: none */
    struct view rest;    /* of the path, where the endpoint takes one */
    struct digest32 who; /* where the endpoint needs a key */
    uint8_t plain[PATH_PLAIN_MAX], azure[PATH_PLAIN_MAX];
};

/* Who may ask. */
enum access {
    ACCESS_PUBLIC,   /* anybody */
    ACCESS_EVIDENCE, /* anybody, at the rate that all evidence is given out */
    ACCESS_KEY,      /* whoever sends an API key: its digest is v->who. Whether the key is known,
                      * and to whom it belongs, is the handler's question */
    ACCESS_RECEIPT,  /* as ACCESS_KEY; what is wrong with the key is told as ACI says it */
    ACCESS_KEY_EVIDENCE, /* as ACCESS_KEY, at the rate of evidence: any text of a key's form will do
                          */
    ACCESS_ACCOUNT,      /* whoever sends a key of either kind: the handler reads it */
    ACCESS_INFERENCE,    /* as ACCESS_KEY, and only while our own evidence is accepted */
};

struct endpoint {
    const char *method; /* GET includes HEAD */
    const char *path;
    bool versioned; /* stands under /v1 and /api/v1 */
    bool prefix;    /* what follows, not empty, is v->rest: an id, for example */
    enum access access;
    void (*handler)(struct visit *v);
    const struct dialect *dialect; /* NULL: none, and its errors are worded by the client's headers */
};

/* --- front_table.c */
extern const struct endpoint front_endpoints[];
extern const size_t front_n_endpoints;
void front_visit(struct visit *v, const struct front_context *x, struct web_request *r);
/* Does the path belong to e? *rest: what of it follows. */
bool front_at(const struct endpoint *e, struct view path, struct view *rest);
/* What a client of this path speaks, by its headers too. */
const struct dialect *front_dialect(const struct web_request *r, struct view path);

/* --- front_refuse.c: stats and extra may be NULL */
struct reply;
void front_answer_failure(struct reply *p, struct web_request *r, const struct api_failure *f);
void front_refuse_for(struct stats *stats, struct web_request *r, const struct api_failure *f,
                      const struct web_header *extra);
void front_refuse(struct stats *stats, struct web_request *r, enum api_error error,
                  const struct web_header *extra);
void front_refuse_untrusted(struct visit *v, enum standing why);
void front_refuse_path(struct visit *v);

#endif
