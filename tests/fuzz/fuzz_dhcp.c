/* A DHCP server's answer: any bytes are refused, or give a lease whose addresses a host can have. The input begins behind
 * transaction number, MAC and cookie, which are made right, so that the fuzzer gets to the options. */
#include "dhcp_message.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { AT_XID = 4, AT_MAC = 28, AT_COOKIE = 236, FIXED = 240 };

static void check_answer(const struct dhcp_answer *a, const uint8_t mac[static 6])
{
    uint8_t out[DHCP_REQUEST_BYTES];

    if (a->server.s_addr == 0)
        abort();
    if (a->type != DHCP_NAK && (net_address_check(&a->net) != ERR_NONE || a->net.n_dns > HOST_DNS_MAX ||
                                a->seconds < DHCP_LEASE_MIN_S))
        abort();
    dhcp_write(DHCP_REQUEST, 7, mac, a, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t mac[6] = {1, 2, 3, 4, 5, 6}, head[3] = {2, 1, 6}, cookie[4] = {99, 130, 83, 99};
    const uint32_t xid = 7;
    uint8_t *copy = malloc(size != 0 ? size : 1);
    struct dhcp_answer a;

    if (size != 0)
        memcpy(copy, data, size);
    if (size >= FIXED) {
        memcpy(copy, head, sizeof head);
        memcpy(copy + AT_XID, &xid, sizeof xid);
        memcpy(copy + AT_MAC, mac, sizeof mac);
        memcpy(copy + AT_COOKIE, cookie, sizeof cookie);
    }
    if (dhcp_read(view_of(copy, size), xid, mac, &a) == ERR_NONE)
        check_answer(&a, mac);
    free(copy);
    return 0;
}
