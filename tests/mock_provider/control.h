/* The tests' side door: counters, records, the exact bytes of the last request, defaults. */
#ifndef TR_MOCK_CONTROL_H
#define TR_MOCK_CONTROL_H

#include "conn.h"

extern struct listener listeners[NAMES_MAX];
extern char listener_names[NAMES_MAX][32];
extern unsigned n_listeners;

void control_answer(struct conn *c, bool post, struct view path);

#endif
