/* GET /v1/status: how models, providers and regions have been doing, for anybody. Metadata only: outcomes and times that
 * health.c counts of all accounts together, never whose they are. The page is made at most once in
 * STATUS_PAGE_MS, whoever asks how often, and shared by all workers. */
#ifndef TR_DATAPLANE_API_STATUS_PAGE_H
#define TR_DATAPLANE_API_STATUS_PAGE_H

#include "models.h"

enum {
    STATUS_PAGE_MS = 10000,
    STATUS_PAGE_MAX = 4 << 20, /* bytes: 4,096 endpoints of about 600, and 1,024 models */
};

struct status_page;

/* region: where this data plane runs; "": not known. Borrowed. ERR_MEMORY. */
must_check enum err status_page_new(const char *region, struct status_page **out);
/* No worker may use it any more. */
void status_page_free(struct status_page *p);
/* Any worker's thread. Returns the HTTP status. */
int status_page_answer(struct status_page *p, const struct models_context *x, struct web_request *r);

#endif
