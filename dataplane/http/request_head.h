/* The head of our request to a provider. Private to this directory. */
#ifndef TR_DATAPLANE_HTTP_REQUEST_HEAD_H
#define TR_DATAPLANE_HTTP_REQUEST_HEAD_H

#include "fetch.h"

enum { REQUEST_HEAD_MAX = 2048 }; /* bytes: 512 of key, 256 of host, 256 of path and to spare */

struct request_head {
    uint8_t bytes[REQUEST_HEAD_MAX];
    size_t len;
    bool full; /* it did not fit; bytes are useless */
};
/* The caller wipes bytes[0..len): the provider key is in there. */
void request_head_make(const struct fetch_request *r, struct request_head *h);

#endif
