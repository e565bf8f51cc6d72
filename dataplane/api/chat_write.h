/* (G) Chat completions written from events, for answers that are not one attempt's alone (exchange_synth.h): with the
 * members of those that the adapters make. */
#ifndef TR_DATAPLANE_API_CHAT_WRITE_H
#define TR_DATAPLANE_API_CHAT_WRITE_H

#include "dialect.h"

/* The row of such an answer; it reads nothing. Its requests have one choice. */
extern const struct dialect chat_written;

/* A chunk without choices that has this member "trustedrouter", a JSON object. Needs no state. */
must_check enum err chat_write_notice(const struct answer *a, struct view member, struct buf *out);

#endif
