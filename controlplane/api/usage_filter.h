/* What pages about usage are filtered by: ?model=&provider=&api_key_hash=. */
#ifndef TR_CONTROLPLANE_API_USAGE_FILTER_H
#define TR_CONTROLPLANE_API_USAGE_FILTER_H

#include "call.h"
#include "db.h"

struct usage_filter {
    struct digest32 digest;
    struct buf model_text, provider_text;
    struct db_param key, model, provider; /* to bind; NULL where nothing was said. They borrow from the others */
};

/* From the query, whose route takes these parameters. false: the call has been answered (400). The caller ends *out with
 * usage_filter_free(), whatever was returned; out does not move. */
must_check bool usage_filter_read(struct call *c, struct usage_filter *out);
void usage_filter_free(struct usage_filter *f);

#endif
