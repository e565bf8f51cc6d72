/* The last status document. One per api. */
#ifndef TR_CONTROLPLANE_API_STATUS_CACHE_H
#define TR_CONTROLPLANE_API_STATUS_CACHE_H

struct call;
struct status_cache;

struct status_cache *status_cache_new(void); /* NULL: no memory */
void status_cache_free(struct status_cache *s);
struct status_cache *call_status(const struct call *c);

#endif
