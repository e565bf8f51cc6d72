/* What the lists of models say of one that is made of several, the kind synth: it has no endpoint, so its facts are those
 * that its members have in common, and its price is known by bounds only. Members are those of its own rows, or of
 * the preset that it stands for unless a request names another. */
#ifndef TR_DATAPLANE_API_CATALOG_SYNTH_H
#define TR_DATAPLANE_API_CATALOG_SYNTH_H

#include "catalog_store.h"

/* Is the model in the lists: does an enabled endpoint serve it, or, of the kind synth, at least one member of its panel and
 * one of its finals? */
bool catalog_listed(const struct snapshot *s, const struct route_model *m);

/* Of a model of the kind synth: is it true of one member of its panel and of one of its finals that are served, so that a
 * request that demands it has somebody to ask? */
bool catalog_synth_some(const struct snapshot *s, const struct route_model *m,
                        bool (*is)(const void *cookie, const struct route_model *member), const void *cookie);

/* The row whose lists stand for the orchestration: its own, or of a generic one that of the quality preset. */
const struct catalog_synth *catalog_synth_lists(const struct snapshot *s, const struct catalog_synth *row);

/* The model's facts as of one for chat: *m->info, and of the kind synth the least of its members' known contexts, what all
 * finals can do, what no final refuses, and its final's limit of output. */
void catalog_facts(const struct snapshot *s, const struct route_model *m, struct catalog_model *out);

/* Pico-dollars that one token costs in all calls together, at least and at most: least, every member of the panel, one judge
 * and one final at their cheapest; most, all that may be asked, at their dearest. A token of the prompt is read by each
 * of them; of completion tokens it is one of each. */
struct catalog_synth_price {
    int64_t least_prompt_pusd, most_prompt_pusd;
    int64_t least_completion_pusd, most_completion_pusd;
};
struct catalog_synth_price catalog_synth_price(const struct snapshot *s, const struct route_model *m);

/* "panel":[...],"judges":[...],"finals":[...] and what else docs/catalog.md has of one, as the object
 * {...} of the member trustedrouter.synth. */
must_check enum err catalog_synth_json(const struct snapshot *s, const struct route_model *m, struct buf *out);

#endif
