/* Which ports the data plane may use, by its own word: tr-dataplane --print-egress reads the measured
 * files, so that they have one reader. */
#ifndef TR_DATAPLANE_GUEST_EGRESS_H
#define TR_DATAPLANE_GUEST_EGRESS_H

#include "buf.h"
#include "fence.h"
#include "view.h"

/* Lines "tcp PORT" and "listen tcp PORT", added to the plan. ERR_FORMAT: another line; ERR_RANGE, ERR_LIMIT:
 * fence_add_*(). */
must_check enum err egress_parse(struct view text, struct fence_plan *plan);
/* Run the program with --print-egress, as the data plane's user. ERR_CONFIG: it ended with a failure, and why gets
 * what it said if that is a sentence that the console shows (console.h). ERR_IO. */
must_check enum err egress_ask(const char *program, const char *config, const char *host, struct fence_plan *plan,
                               struct buf *why);

#endif
