/* The live feed of usage: event streams (SSE) that tell an account what was rolled up, as it is, whichever control plane
 * rolled it up (NOTIFY tr_usage, sql/036). Bounded: so many streams here, of an account and of an organisation, so much
 * waiting for a slow reader, whose stream ends then, and so long. At every beat the credential is judged again: a stream whose
 * key was revoked, or whose member was removed, ends. */
#ifndef TR_CONTROLPLANE_API_FEED_H
#define TR_CONTROLPLANE_API_FEED_H

#include "db.h"
#include "err.h"
#include "id.h"
#include "view.h"

#include <uv.h>

struct call;
struct feed;

enum {
    FEED_STREAMS_MAX = 64,
    FEED_RESERVE = 16, /* of those, for organisations that have none */
    FEED_ACCOUNT_STREAMS_MAX = 4,
    FEED_ORGANISATION_STREAMS_MAX = 8,
    FEED_WAITING_MAX = 64 << 10, /* bytes for a slow reader: some 30 events of 20 models */
    FEED_LIFE_MS = 300000,
    FEED_BEAT_MS = 10000, /* a line when nothing happens, and the database hears that somebody looks */
    FEED_WATCH_MS = 30000,
};

must_check enum err feed_new(uv_loop_t *loop, struct db *db, struct feed **out);
/* Every stream ends. The feed is gone when their last bytes are and the loop has run. */
void feed_stop(struct feed *f);
/* An event of this account: one line of JSON of ours. */
void feed_tell(struct feed *f, const struct id *account, struct view json);
/* The call becomes a stream; or is refused: 429. */
void feed_open(struct feed *f, struct call *c);

#endif
