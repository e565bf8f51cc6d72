/* (G) Does a request ask for an orchestration, several models under one id, and which? By the id of a model of the kind
 * synth, by the tool trustedrouter:synth, or by the plugin synth. docs/synth.md has the parameters. */
#ifndef TR_DATAPLANE_API_SYNTH_READ_H
#define TR_DATAPLANE_API_SYNTH_READ_H

#include "catalog_store.h"
#include "errors.h"
#include "plan.h"
#include "prompt.h"

/* Reads it of a request that its dialect has read. *is false: an ordinary request, of which nothing has been changed. Else *out is the
 * plan: its views lie in the body, in p->model and in the catalog, and p->synth.sort is set. Only a chat client's prompt
 * may lack its list (p->chat is not NULL).
 * ERR_FORMAT, ERR_RANGE, ERR_UNSUPPORTED, ERR_DUPLICATE a parameter, or a member of the request that an orchestration
 * cannot honour; ERR_NOT_FOUND a model that this catalog does not have. *f names it. ERR_MEMORY. */
must_check enum err synth_read(struct prompt *p, const struct snapshot *catalog, struct synth_plan *out, bool *is,
                               struct api_failure *f);

#endif
