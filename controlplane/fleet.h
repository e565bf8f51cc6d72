/* What operators see of data planes, and what they want of them: between the database, which every control plane
 * shares, and the data planes that are connected here. */
#ifndef TR_CONTROLPLANE_FLEET_H
#define TR_CONTROLPLANE_FLEET_H

#include "db.h"
#include "operator_keys.h"
#include "peers.h"
#include "rules.h"

struct fleet;
struct fleet_config {
    struct db *db;
    struct rules *rules;
    struct operator_keys *keys;
};
must_check enum err fleet_new(const struct fleet_config *c, struct fleet **out);
/* What peers_config.fleet is. */
const struct peers_fleet *fleet_hooks(const struct fleet *f);
/* Whom orders reach; from now on the database is looked at every few seconds and when it says so. */
void fleet_watch(struct fleet *f, struct peers *peers);
void fleet_stop(struct fleet *f);
/* When the database is closed and so every callback has come. NULL is fine. */
void fleet_free(struct fleet *f);

#endif
