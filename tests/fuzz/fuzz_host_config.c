/* host.conf is a hostile host's: whatever it holds, what is taken are addresses of hosts and texts of one line, so that what
 * tr-init writes from it for tr-dataplane reads back as the same two fields. */
#include "host_config.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t count_lines(struct view v)
{
    size_t n = 0;

    for (size_t i = 0; i < v.len; i++)
        n += v.ptr[i] == '\n';
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct host_config c;
    struct buf why, out;
    enum err e;

    buf_init(&why, 512);
    buf_init(&out, 4096);
    e = host_config_parse(view_of(data, size), &c, &why);
    assert(e == ERR_NONE || (e == ERR_CONFIG && why.len != 0));
    if (e == ERR_NONE) {
        assert(size <= HOST_CONFIG_MAX && memchr(data, '\0', size) == NULL);
        assert(c.dhcp || net_address_check(&c.net) == ERR_NONE);
        assert(c.mtu == 0 || (c.mtu >= 1280 && c.mtu <= 9216));
        assert(host_config_for_dataplane(&c, &out) == ERR_NONE);
        assert(count_lines(buf_view(&out)) == (c.place[0] == '\0' ? 1u : 2u));
    }
    buf_free(&why);
    buf_free(&out);
    return 0;
}
