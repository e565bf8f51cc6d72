/* What a request's connection proves about itself. */
#include "tls.h"
#include "web_inside.h"

bool web_exporter(const struct web_request *r, uint8_t out[static 32])
{
    SSL *ssl = web_request_conn(r)->ssl;

    return ssl != NULL && tls_exporter(ssl, out) == ERR_NONE;
}

void web_peer(const struct web_request *r, uint8_t out[static 16])
{
    memcpy(out, web_request_conn(r)->address, 16);
}
