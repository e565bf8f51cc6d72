/* (G) What a request says about routing: "models" and "provider", read into numbers. */
#ifndef TR_DATAPLANE_API_WANT_H
#define TR_DATAPLANE_API_WANT_H

#include "catalog_store.h"
#include "errors.h"
#include "prompt.h"
#include "route_decide.h"

/* What is said beside the body. */
struct want_given {
    const char *region;      /* where this data plane runs; "": not known */
    const char *eu_base_url; /* where one in the EU is; "": nowhere */
    bool model_fallbacks;    /* a header lets another model answer */
};

/* What the client is told of its own words. */
enum { WANT_SKIPPED_MAX = 256 };
struct want_notes {
    char skipped[WANT_SKIPPED_MAX]; /* ids of "models" that nobody knows, with commas between; they are the
                                       client's, printable ASCII */
};

/* Fills *want from a parsed request. Of a chat client also q->list, when a candidate's adapter reads from it. On failure *f says what to answer: a model that does not
 * exist, a member of the wrong type, or a constraint that cannot be honoured. A constraint is never
 * dropped silently. */
must_check enum err want_read(struct prompt *q, const struct snapshot *catalog,
                              const struct providers *providers, const struct want_given *given,
                              struct route_want *want, struct want_notes *notes,
                              struct api_failure *f);

/* A model by the id that clients write: its exact id, with a suffix of OpenRouter's that is a sort order (*sort
 * is set then, and untouched else), without its author, or with a date behind it. NULL: there is none. */
const struct route_model *want_find(const struct snapshot *catalog, struct view id,
                                    enum route_sort *sort);

/* What an id names, a model or an alias of models, and the sort order that it says. */
struct want_name {
    const struct route_model *model;   /* NULL: it is an alias, or nothing */
    const struct catalog_alias *alias; /* NULL: it is none */
    uint8_t sort;                      /* enum route_sort; ROUTE_BALANCE: nothing is said */
};
struct want_name want_named(const struct snapshot *catalog, struct view id);
/* What aliases demand (enum alias_want), but for where this data plane runs. */
void want_constrain(struct route_want *w, uint8_t wants);
/* A model of the kind synth, by its id or an alias of it alone. NULL: the id names something else, or nothing. */
const struct route_model *want_synth(const struct snapshot *catalog, struct view id, uint8_t *sort);

#endif
