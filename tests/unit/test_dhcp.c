/* A DHCP server is the host's: an answer gives an address that a host can have, or nothing. Each byte of a right
 * answer is changed, each length is cut. */
#include "dhcp_message.h"

#include "check.h"

#include <arpa/inet.h>
#include <stdlib.h>

enum { XID = 0x01020304 };
static const uint8_t mac[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};

/* An answer with these options behind the type and the server. */
static size_t answer(uint8_t type, const void *options, size_t n, uint8_t *out)
{
    static const uint8_t head[] = {99, 130, 83, 99, 54, 4, 10, 0, 2, 2, 53, 1};
    const uint32_t xid = XID;

    memset(out, 0, 240);
    out[0] = 2;
    out[1] = 1;
    out[2] = 6;
    memcpy(out + 4, &xid, 4);
    memcpy(out + 16, (const uint8_t[]){10, 0, 2, 15}, 4);
    memcpy(out + 28, mac, 6);
    memcpy(out + 236, head, sizeof head);
    out[248] = type;
    memcpy(out + 249, options, n);
    out[249 + n] = 255;
    return 250 + n;
}

#define MASK_24 1, 4, 255, 255, 255, 0
#define LEASE_HOUR 51, 4, 0, 0, 14, 16
#define ROUTER_2 3, 4, 10, 0, 2, 2
#define DNS_3 6, 4, 10, 0, 2, 3
#define OPTIONS(...) ((const uint8_t[]){__VA_ARGS__}), sizeof((const uint8_t[]){__VA_ARGS__})

static enum err read_options(uint8_t type, const uint8_t *options, size_t n, struct dhcp_answer *out)
{
    uint8_t m[DHCP_ANSWER_MAX];

    return dhcp_read(view_of(m, answer(type, options, n, m)), XID, mac, out);
}

static void test_good(void)
{
    struct dhcp_answer a;

    CHECK_INT(read_options(5, OPTIONS(MASK_24, 0, 0, LEASE_HOUR, 12, 2, 'h', 'i', ROUTER_2, DNS_3), &a), ERR_NONE);
    CHECK_INT(a.type, DHCP_ACK);
    CHECK_INT(ntohl(a.net.address.s_addr), 0x0a00020f);
    CHECK_INT(ntohl(a.net.gateway.s_addr), 0x0a000202);
    CHECK_INT(a.net.prefix, 24);
    CHECK_INT(a.net.n_dns, 1);
    CHECK_INT(a.seconds, 3600);
    CHECK_INT(read_options(2, OPTIONS(MASK_24, LEASE_HOUR), &a), ERR_NONE);
    CHECK(a.type == DHCP_OFFER && a.net.n_dns == 0 && a.net.gateway.s_addr == 0);
    CHECK_INT(read_options(6, OPTIONS(0), &a), ERR_NONE);
    CHECK_INT(a.type, DHCP_NAK);
    /* name servers that cannot be one, and the fourth, are left out */
    CHECK_INT(read_options(5,
                           OPTIONS(MASK_24, LEASE_HOUR, 6, 24, 127, 0, 0, 1, 8, 8, 8, 8, 10, 0, 2, 15, 224, 0, 0, 1, 9, 9,
                                   9, 9, 1, 1, 1, 1),
                           &a),
              ERR_NONE);
    CHECK_INT(a.net.n_dns, 3);
    CHECK_INT(ntohl(a.net.dns[0].s_addr), 0x08080808);
}

static void test_bad(void)
{
    struct dhcp_answer a;

    CHECK_INT(read_options(5, OPTIONS(MASK_24), &a), ERR_RANGE);                                   /* no lease */
    CHECK_INT(read_options(5, OPTIONS(MASK_24, 51, 4, 0, 0, 0, 59), &a), ERR_RANGE);               /* too short */
    CHECK_INT(read_options(5, OPTIONS(MASK_24, 51, 3, 0, 0, 59), &a), ERR_FORMAT);                 /* cut */
    CHECK_INT(read_options(5, OPTIONS(LEASE_HOUR), &a), ERR_RANGE);                                /* no mask */
    CHECK_INT(read_options(5, OPTIONS(1, 4, 255, 0, 255, 0, LEASE_HOUR), &a), ERR_RANGE);          /* no mask */
    CHECK_INT(read_options(5, OPTIONS(1, 4, 255, 255, 255, 255, LEASE_HOUR), &a), ERR_RANGE);      /* /32 */
    CHECK_INT(read_options(5, OPTIONS(1, 4, 0, 0, 0, 0, LEASE_HOUR), &a), ERR_RANGE);              /* /0 */
    CHECK_INT(read_options(5, OPTIONS(MASK_24, LEASE_HOUR, 3, 4, 127, 0, 0, 1), &a), ERR_RANGE);   /* router */
    CHECK_INT(read_options(5, OPTIONS(MASK_24, LEASE_HOUR, 3, 4, 10, 0, 3, 1), &a), ERR_RANGE);    /* elsewhere */
    CHECK_INT(read_options(5, OPTIONS(MASK_24, LEASE_HOUR, 3, 4, 10, 0, 2, 15), &a), ERR_RANGE);   /* itself */
    CHECK_INT(read_options(5, OPTIONS(MASK_24, LEASE_HOUR, 6, 3, 8, 8, 8), &a), ERR_FORMAT);
    CHECK_INT(read_options(5, OPTIONS(MASK_24, LEASE_HOUR, 6, 0), &a), ERR_FORMAT);
    CHECK_INT(read_options(5, OPTIONS(MASK_24, LEASE_HOUR, 12, 200, 'x'), &a), ERR_FORMAT);        /* past the end */
    CHECK_INT(read_options(1, OPTIONS(MASK_24, LEASE_HOUR), &a), ERR_FORMAT);                      /* of a client */
    CHECK_INT(read_options(5, OPTIONS(MASK_24, LEASE_HOUR, 54, 4, 0, 0, 0, 0), &a), ERR_FORMAT);   /* no server */
}

/* Someone else's answer is none of ours; nothing that is read lies outside of the message. */
static void test_others(void)
{
    uint8_t m[DHCP_ANSWER_MAX];
    size_t n = answer(5, OPTIONS(MASK_24, LEASE_HOUR, ROUTER_2, DNS_3), m);
    static const uint8_t heads[] = {0, 1, 2, 4, 5, 6, 7, 28, 33, 236, 239};
    struct dhcp_answer a;

    CHECK_INT(dhcp_read(view_of(m, n), XID, mac, &a), ERR_NONE);
    for (size_t i = 0; i < sizeof heads; i++) {
        m[heads[i]] ^= 1;
        CHECK_INT(dhcp_read(view_of(m, n), XID, mac, &a), ERR_FORMAT);
        m[heads[i]] ^= 1;
    }
    for (size_t cut = 0; cut < n; cut++) {
        uint8_t *copy = malloc(cut + 1); /* so that the sanitizer sees a byte too far */

        memcpy(copy, m, cut);
        if (dhcp_read(view_of(copy, cut), XID, mac, &a) == ERR_NONE)
            CHECK_INT(net_address_check(&a.net), ERR_NONE);
        free(copy);
    }
}

/* What we write is what RFC 2131 has a server read. */
static void test_written(void)
{
    static const uint8_t discover[] = {99, 130, 83, 99, 53, 1, 1, 55, 4, 1, 3, 6, 51, 255};
    static const uint8_t request[] = {50, 4, 10, 0, 2, 15, 54, 4, 10, 0, 2, 2, 255};
    uint8_t m[DHCP_REQUEST_BYTES];
    struct dhcp_answer offer;

    CHECK_INT(read_options(2, OPTIONS(MASK_24, LEASE_HOUR), &offer), ERR_NONE);
    dhcp_write(DHCP_DISCOVER, XID, mac, NULL, m);
    CHECK(m[0] == 1 && m[1] == 1 && m[2] == 6 && m[10] == 0x80);
    CHECK_BYTES(m + 28, 6, mac, 6);
    CHECK_BYTES(m + 236, sizeof discover, discover, sizeof discover);
    dhcp_write(DHCP_REQUEST, XID, mac, &offer, m);
    CHECK_INT(m[242], 3);
    CHECK_BYTES(m + 249, sizeof request, request, sizeof request);
}

static const struct check_case cases[] = {
    {"dhcp_good", test_good},
    {"dhcp_bad", test_bad},
    {"dhcp_others", test_others},
    {"dhcp_written", test_written},
};
CHECK_MAIN(cases)
