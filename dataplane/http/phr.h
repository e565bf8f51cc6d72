/* picohttpparser as libh2o exports it. Its header is not installed with libh2o-dev; these are the
 * prototypes of the version inside 0.13 (h2o 2.2.5). */
#ifndef TR_DATAPLANE_HTTP_PHR_H
#define TR_DATAPLANE_HTTP_PHR_H

#include <stddef.h>
#include <sys/types.h>

struct phr_header {
    const char *name; /* NULL: continuation of the header before */
    size_t name_len;
    const char *value;
    size_t value_len;
};
/* Bytes of the head; -1 malformed, -2 incomplete. last_len: bytes already seen by an earlier call.
 */
int phr_parse_response(const char *buf, size_t len, int *minor_version, int *status,
                       const char **msg, size_t *msg_len, struct phr_header *headers,
                       size_t *num_headers, size_t last_len);

struct phr_chunked_decoder {
    size_t bytes_left_in_chunk;
    char consume_trailer;
    char _hex_count;
    char _state;
};
/* Decodes in place; *bufsz becomes the number of decoded bytes. -1 malformed, -2 not the end yet,
 * else the number of bytes behind the end. */
ssize_t phr_decode_chunked(struct phr_chunked_decoder *decoder, char *buf, size_t *bufsz);

#endif
