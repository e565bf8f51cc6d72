/* host.conf, from a hostile host: any bytes are refused with one printable sentence, or give addresses that a host can
 * have and a file that holds two lines at most. */
#include "host_config.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_accepted(const struct host_config *c)
{
    struct buf out;
    size_t lines = 0;

    if (!c->dhcp && net_address_check(&c->net) != ERR_NONE)
        abort();
    if (c->net.n_dns > HOST_DNS_MAX || (c->mtu != 0 && (c->mtu < 1280 || c->mtu > 9216)) || c->control_host[0] == '\0')
        abort();
    buf_init(&out, HOST_CONFIG_MAX);
    if (host_config_for_dataplane(c, &out) != ERR_NONE)
        abort();
    for (size_t i = 0; i < out.len; i++)
        lines += out.ptr[i] == '\n';
    if (lines != 1 + (size_t)(c->place[0] != '\0'))
        abort();
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size != 0 ? size : 1);
    struct host_config c;
    struct buf why;
    enum err e;

    if (size != 0)
        memcpy(copy, data, size);
    buf_init(&why, 256);
    e = host_config_parse(view_of(copy, size), &c, &why);
    if ((e != ERR_NONE && e != ERR_CONFIG) || (e == ERR_NONE) != (why.len == 0))
        abort();
    for (size_t i = 0; i < why.len; i++)
        if (why.ptr[i] < 0x20 || why.ptr[i] > 0x7e)
            abort();
    if (e == ERR_NONE)
        check_accepted(&c);
    buf_free(&why);
    free(copy);
    return 0;
}
