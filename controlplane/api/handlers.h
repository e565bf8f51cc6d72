/* The handlers of the route table, one file per subject. */
#ifndef TR_CONTROLPLANE_API_HANDLERS_H
#define TR_CONTROLPLANE_API_HANDLERS_H

#include "call.h"

/* keys.c */
void handle_key_self(struct call *c);
void handle_key_list(struct call *c);
void handle_key_create(struct call *c);
void handle_key_get(struct call *c);
void handle_key_patch(struct call *c);
void handle_key_delete(struct call *c);
void handle_key_rotate(struct call *c);
/* byok.c */
void handle_byok_list(struct call *c);
void handle_byok_create(struct call *c);
void handle_byok_get(struct call *c);
void handle_byok_patch(struct call *c);
void handle_byok_delete(struct call *c);
/* credits.c */
void handle_credits(struct call *c);
void handle_topup(struct call *c);
void handle_account_create(struct call *c);
/* history.c */
void handle_activity(struct call *c);
void handle_generation(struct call *c);
void handle_generation_content(struct call *c);
/* health.c: for anyone */
void handle_health(struct call *c);
void handle_ready(struct call *c);
void handle_alive(struct call *c);
/* transparency.c, tiles.c: the log, for anyone */
void handle_log_list(struct call *c);
void handle_log_head(struct call *c);
void handle_log_consistency(struct call *c);
void handle_log_entry(struct call *c);
void handle_log_release(struct call *c);
void handle_checkpoint(struct call *c);
void handle_tile(struct call *c);

#endif
