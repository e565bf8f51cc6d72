/* The operator's keys for providers: from the environment or a file into guarded memory, wiped
 * where they came from, and handed only to the link, which seals them to an attested data plane. */
#ifndef TR_CONTROLPLANE_PROVIDER_KEYS_H
#define TR_CONTROLPLANE_PROVIDER_KEYS_H

#include "config.h"

struct provider_keys;

enum {
    PROVIDER_KEY_MAX = 512,
    PROVIDER_KEYS_TEXT_MAX = PROVIDER_KEYS_MAX * (PROVIDER_KEY_MAX + 1), /* separated by spaces or commas */
};

/* ERR_CONFIG with a sentence: a section names no provider, a file is readable by others, a key is too
 * long or has bytes no header can carry, a provider has more than PROVIDER_KEYS_MAX. A variable that is not set leaves its provider without a key. */
must_check enum err provider_keys_load(const struct controlplane_config *c,
                                       const struct providers *providers,
                                       struct provider_keys **out, struct buf *why);
void provider_keys_free(struct provider_keys *k);
/* How many keys the operator gave for it. */
size_t provider_keys_of(const struct provider_keys *k, uint16_t provider_no);
/* false: there are not so many. Borrowed until provider_keys_free. */
bool provider_keys_get(const struct provider_keys *k, uint16_t provider_no, size_t index, struct view *key);
/* Providers with a key. */
size_t provider_keys_count(const struct provider_keys *k);

#endif
