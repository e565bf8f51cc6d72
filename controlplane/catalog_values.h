/* Values of catalog.conf that are more than a number or a name: words, dates, tiers. */
#ifndef TR_CONTROLPLANE_CATALOG_VALUES_H
#define TR_CONTROLPLANE_CATALOG_VALUES_H

#include "message.h"

/* Words separated by spaces or commas: the next one, taken off the front of *v; false at the end. */
bool catalog_word(struct view *v, struct view *word);

/* Each adds the bits of the words; false: one is not known. */
bool catalog_capabilities(struct view v, uint16_t *out); /* tools images json_schema reasoning embeddings */
bool catalog_media(struct view v, uint8_t *out);         /* text image audio video file */
bool catalog_gates(struct view v, uint32_t *out);        /* MODEL_GATES of proto/gates.h */
bool catalog_efforts(struct view v, uint8_t *out);       /* none minimal low medium high xhigh max */
bool catalog_wants(struct view v, uint8_t *out);         /* no_retention confidential eu us free */

/* The words of CONF_NAME fields, each ending with NULL. */
extern const char *const catalog_kind_names[], *const catalog_sort_names[],
    *const catalog_known_names[];

/* "2026-11-20" as days since 1970-01-01; "2026-11" is the last day of that month. False: no such day. */
bool catalog_day(struct view v, uint32_t *out);
/* Unix seconds, or a day as above. */
bool catalog_time(struct view v, uint64_t *out);
/* "min max", tokens; max may be 0: no bound. */
bool catalog_budget(struct view v, uint32_t *min, uint32_t *max);
/* "name of a list 2026-11-20": the day is the last word, and may be left out. */
bool catalog_source(struct view v, char *out, size_t cap, uint32_t *day);

/* "above 272000: prompt 4 completion 15", "16:30-00:30: ...", or both conditions: one line of `tier`. A class that is not
 * said is -1. */
bool catalog_tier(struct view v, struct price_tier *out);

#endif
