/* What Stripe says, as facts: objects, events, lists, errors. Everything is borrowed from what is read, which is
 * hostile until its signature or its TLS connection said otherwise, and then still not trusted to be well formed. */
#ifndef TR_CONTROLPLANE_PAYMENTS_STRIPE_READ_H
#define TR_CONTROLPLANE_PAYMENTS_STRIPE_READ_H

#include "rail.h"

void stripe_read_answer(unsigned status, bool replayed, struct view body, struct rail_answer *a, struct rail_fact *f);
must_check enum err stripe_read_list(struct view body, const struct rail_order *o, struct rail_fact *f, bool *found,
                                     bool *more);
must_check enum err stripe_read_event(struct view body, struct rail_fact *f);

#endif
