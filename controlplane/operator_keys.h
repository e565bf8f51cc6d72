/* The operator's keys for providers as data planes get them: those of the configuration first, then those of the database,
 * opened into guarded memory. */
#ifndef TR_CONTROLPLANE_OPERATOR_KEYS_H
#define TR_CONTROLPLANE_OPERATOR_KEYS_H

#include "db.h"
#include "provider_keys.h"
#include "vault.h"

struct operator_keys;
struct operator_keys_config {
    struct db *db;
    const struct provider_keys *files;
    const struct vault *vault;
    const struct providers *providers;
    /* They are others than before. */
    void (*changed)(void *cookie);
    void *cookie;
};
must_check enum err operator_keys_new(const struct operator_keys_config *c, struct operator_keys **out);
/* Look at the database; changed() fires when there is a difference. */
void operator_keys_look(struct operator_keys *k);
/* When the database is closed and so every callback has come. NULL is fine. */
void operator_keys_free(struct operator_keys *k);

size_t operator_keys_count(const struct operator_keys *k, uint16_t provider_no);
/* False: there are not so many. Borrowed until the next changed(). */
bool operator_keys_get(const struct operator_keys *k, uint16_t provider_no, size_t index, struct view *key);
/* 1..100. */
uint8_t operator_keys_weight(const struct operator_keys *k, uint16_t provider_no, size_t index);
/* False: that one is not the database's. */
bool operator_keys_id(const struct operator_keys *k, uint16_t provider_no, size_t index, struct id *out);

#endif
