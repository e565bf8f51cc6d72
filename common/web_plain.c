/* A client that sends plain HTTP to a listener that speaks TLS is told so in plain HTTP, because that is
 * all it can read. OpenSSL recognises the first bytes of GET, HEAD, POST and PUT, and writes no alert. */
#include "web_inside.h"

#include <assert.h>
#include <stdio.h>

#include <openssl/err.h>

#define PLAIN_BODY                                                                                  \
    "{\"error\":{\"message\":\"This port speaks HTTPS only: write https:// in place of http:// in "   \
    "the base URL.\",\"type\":\"invalid_request_error\",\"param\":null,\"code\":\"https_required\"}}\n"

static const char plain_head[] = "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n"
                                 "Connection: close\r\nContent-Length: ";

void web_plain_answer(struct web_conn *c)
{
    char length[16];
    uv_buf_t bufs[] = {
        {(char *)plain_head, sizeof plain_head - 1},
        {length, 0},
        {(char *)PLAIN_BODY, sizeof PLAIN_BODY - 1},
    };
    int n = snprintf(length, sizeof length, "%zu\r\n\r\n", sizeof PLAIN_BODY - 1);

    assert(n > 0 && (size_t)n < sizeof length);
    bufs[1].len = (size_t)n;
    if (ERR_GET_REASON(ERR_peek_last_error()) != SSL_R_HTTP_REQUEST)
        return;
    /* 300 bytes into an empty send buffer: the kernel takes all of it, or the peer has gone. */
    if (uv_try_write((uv_stream_t *)&c->tcp, bufs, sizeof bufs / sizeof bufs[0]) > 0)
        c->refused = true; /* what it still sends is read, or a reset would take the answer away */
}
