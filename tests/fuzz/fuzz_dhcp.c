/* An answer of a DHCP server, which is the host's: what is taken is a lease that can be used. The xid and the address of the
 * interface are taken from the message itself, so that the fuzzer need not guess them. */
#include "dhcp_message.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dhcp_answer a;
    uint32_t xid;

    if (size < 34)
        return 0;
    memcpy(&xid, data + 4, 4);
    if (dhcp_read(view_of(data, size), xid, data + 28, &a) != ERR_NONE)
        return 0;
    assert(a.server.s_addr != 0);
    if (a.type == DHCP_NAK)
        return 0;
    assert(a.type == DHCP_OFFER || a.type == DHCP_ACK);
    assert(a.seconds >= DHCP_LEASE_MIN_S && net_address_check(&a.net) == ERR_NONE);
    return 0;
}
