/* The [synth ID] sections of catalog.conf: models that are made of others (docs/synth.md). */
#ifndef TR_CONTROLPLANE_CATALOG_SYNTHS_H
#define TR_CONTROLPLANE_CATALOG_SYNTHS_H

#include "catalog_sections.h"

/* The words of `preset`, ending with NULL. */
extern const char *const catalog_preset_names[];

/* Makes the rows of c->synths, which it allocates. c has its models, those of the sections behind all others and in their
 * order, and its aliases. ERR_CONFIG with one sentence in why. */
must_check enum err catalog_synths_take(const struct catalog_sections *s, const char *file_name, struct catalog *c,
                                        struct buf *why);

#endif
