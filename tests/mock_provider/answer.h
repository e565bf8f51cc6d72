/* Plays the answer to one request on a connection. */
#ifndef TR_MOCK_ANSWER_H
#define TR_MOCK_ANSWER_H

#include "conn.h"

void answer_start(struct conn *c, const struct wire *wire); /* a request is complete */
void answer_begin(struct conn *c); /* its delay is over */
/* Render the next group of events into c->out. False when nothing can be rendered now. */
bool answer_next(struct conn *c);
void answer_end(struct conn *c, enum outcome o); /* book it, once */

#endif
