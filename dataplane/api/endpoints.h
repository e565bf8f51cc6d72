/* Which providers serve which model, and how they are doing: OpenRouter's pages. */
#ifndef TR_DATAPLANE_API_ENDPOINTS_H
#define TR_DATAPLANE_API_ENDPOINTS_H

#include "models.h"

/* All answer and return the HTTP status. */

/* The enabled endpoints of a model of s. */
int endpoints_of(const struct models_context *x, struct web_request *r, const struct snapshot *s,
                 const struct route_model *m);
/* Those of all models whose provider keeps no data (zdr). */
int endpoints_zdr(const struct models_context *x, struct web_request *r);
/* The providers of enabled endpoints. */
int endpoints_providers(const struct models_context *x, struct web_request *r);

#endif
