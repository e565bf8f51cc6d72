/* A DHCP server is the host's: each answer is read as if it wanted to crash us, to send our packets back to us, or to
 * give us something that we did not ask for. What we send is read back byte by byte. */
#include "dhcp_message.h"

#include "check.h"

#include <arpa/inet.h>
#include <stdlib.h>

enum { XID = 0x01020304, FIXED = 240 };
static const uint8_t mac[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};

/* --- an answer: the fixed part, then options */

struct message {
    uint8_t b[DHCP_ANSWER_MAX + 1];
    size_t len;
};

static struct message answer(const char *address)
{
    static const uint8_t magic[] = {99, 130, 83, 99};
    struct message m = {.len = FIXED};
    const uint32_t xid = XID;

    m.b[0] = 2;
    m.b[1] = 1;
    m.b[2] = 6;
    memcpy(m.b + 4, &xid, 4);
    CHECK_INT(inet_pton(AF_INET, address, m.b + 16), 1);
    memcpy(m.b + 28, mac, 6);
    memcpy(m.b + 236, magic, 4);
    return m;
}

static void option(struct message *m, uint8_t o, struct view v)
{
    m->b[m->len++] = o;
    m->b[m->len++] = (uint8_t)v.len;
    memcpy(m->b + m->len, v.ptr, v.len);
    m->len += v.len;
}

static void addresses(struct message *m, uint8_t o, const char *list)
{
    char text[256], *rest = text, *word;
    uint8_t bytes[64];
    size_t n = 0;

    snprintf(text, sizeof text, "%s", list);
    while ((word = strtok_r(rest, " ", &rest)) != NULL) {
        CHECK_INT(inet_pton(AF_INET, word, bytes + n), 1);
        n += 4;
    }
    option(m, o, view_of(bytes, n));
}

static void lease(struct message *m, uint32_t seconds)
{
    const uint32_t n = htonl(seconds);

    option(m, 51, view_of(&n, 4));
}

/* What an honest server says, but for one thing; NULL leaves an option out. */
static struct message offer(uint8_t type, const char *address, const char *mask, const char *router, const char *dns,
                            uint32_t seconds)
{
    struct message m = answer(address);

    option(&m, 53, view_of(&type, 1));
    addresses(&m, 54, "10.0.2.2");
    if (mask != NULL)
        addresses(&m, 1, mask);
    if (router != NULL)
        addresses(&m, 3, router);
    if (dns != NULL)
        addresses(&m, 6, dns);
    lease(&m, seconds);
    m.b[m.len++] = 255;
    return m;
}

/* In memory of exactly that size, so that a sanitizer sees a byte too far. */
static enum err read_exactly(const uint8_t *bytes, size_t len, struct dhcp_answer *out)
{
    uint8_t *copy = malloc(len != 0 ? len : 1);
    enum err e;

    memcpy(copy, bytes, len);
    e = dhcp_read(view_of(copy, len), XID, mac, out);
    free(copy);
    return e;
}

static enum err read_message(const struct message *m)
{
    struct dhcp_answer a;

    return read_exactly(m->b, m->len, &a);
}

/* --- cases */

static void honest(void)
{
    struct message m = offer(2, "10.0.2.15", "255.255.255.0", "10.0.2.2 10.0.2.9", "10.0.2.3 8.8.8.8", 86400);
    struct dhcp_answer a;

    CHECK_INT(read_exactly(m.b, m.len, &a), ERR_NONE);
    CHECK_INT(a.type, DHCP_OFFER);
    CHECK_INT(ntohl(a.net.address.s_addr), 0x0a00020f);
    CHECK_INT(ntohl(a.net.gateway.s_addr), 0x0a000202);
    CHECK_INT(ntohl(a.server.s_addr), 0x0a000202);
    CHECK_INT(a.net.prefix, 24);
    CHECK_INT(a.net.n_dns, 2);
    CHECK_INT(a.seconds, 86400);
    m = offer(5, "10.0.2.15", "255.255.254.0", NULL, NULL, 60);
    CHECK_INT(read_exactly(m.b, m.len, &a), ERR_NONE);
    CHECK(a.type == DHCP_ACK && a.net.prefix == 23 && a.net.gateway.s_addr == 0 && a.net.n_dns == 0);
}

static const struct row {
    const char *address, *mask, *router, *dns;
    uint32_t seconds;
    enum err want;
} rows[] = {
    {"10.0.2.15", "255.255.255.0", "10.0.2.2", "10.0.2.3", 3600, ERR_NONE},
    {"10.0.2.15", "255.255.255.0", "10.0.2.2", "10.0.2.3", 59, ERR_RANGE},
    {"10.0.2.15", "255.255.255.0", "10.0.2.2", "10.0.2.3", 0, ERR_RANGE},
    {"10.0.2.15", "255.255.255.0", "10.0.2.2", "10.0.2.3", UINT32_MAX, ERR_NONE},
    {"10.0.2.15", NULL, "10.0.2.2", NULL, 3600, ERR_RANGE},
    {"10.0.2.15", "0.0.0.0", "10.0.2.2", NULL, 3600, ERR_RANGE},
    {"10.0.2.15", "255.255.255.255", NULL, NULL, 3600, ERR_RANGE},
    {"10.0.2.15", "255.255.255.254", NULL, NULL, 3600, ERR_RANGE},
    {"10.0.2.14", "255.255.255.252", NULL, NULL, 3600, ERR_NONE},
    {"10.0.2.15", "255.0.255.0", NULL, NULL, 3600, ERR_RANGE}, /* a hole */
    {"10.0.2.15", "0.0.0.255", NULL, NULL, 3600, ERR_RANGE},
    {"0.0.0.0", "255.255.255.0", NULL, NULL, 3600, ERR_RANGE},
    {"127.0.0.1", "255.0.0.0", NULL, NULL, 3600, ERR_RANGE},
    {"224.0.0.1", "255.255.255.0", NULL, NULL, 3600, ERR_RANGE},
    {"169.254.169.254", "255.255.0.0", NULL, NULL, 3600, ERR_RANGE},
    {"255.255.255.255", "255.255.255.0", NULL, NULL, 3600, ERR_RANGE},
    {"10.0.2.0", "255.255.255.0", NULL, NULL, 3600, ERR_RANGE},
    {"10.0.2.255", "255.255.255.0", NULL, NULL, 3600, ERR_RANGE},
    {"10.0.2.15", "255.255.255.0", "127.0.0.1", NULL, 3600, ERR_RANGE},
    {"10.0.2.15", "255.255.255.0", "10.0.3.1", NULL, 3600, ERR_RANGE},
    {"10.0.2.15", "255.255.255.0", "10.0.2.15", NULL, 3600, ERR_RANGE},
    {"10.0.2.15", "255.255.255.0", "224.0.0.1", NULL, 3600, ERR_RANGE},
};

static void values(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *r = &rows[i];
        struct message m = offer(5, r->address, r->mask, r->router, r->dns, r->seconds);
        enum err e = read_message(&m);

        if (e != r->want)
            printf("# row %zu: %s\n", i, err_name(e));
        CHECK_INT(e, r->want);
    }
}

/* Those that can be one stay, at most HOST_DNS_MAX; the others are as if they were not there. */
static void name_servers(void)
{
    struct message m = offer(5, "10.0.2.15", "255.255.255.0", NULL,
                             "127.0.0.1 10.0.2.15 0.0.0.0 224.0.0.251 169.254.169.253 8.8.8.8 9.9.9.9 1.1.1.1", 3600);
    struct dhcp_answer a;

    CHECK_INT(read_exactly(m.b, m.len, &a), ERR_NONE);
    CHECK_INT(a.net.n_dns, 3);
    CHECK_INT(ntohl(a.net.dns[0].s_addr), 0xa9fea9fd);
    CHECK_INT(ntohl(a.net.dns[2].s_addr), 0x09090909);
}

static void whom_it_is_for(void)
{
    static const size_t places[] = {0, 1, 2, 4, 7, 28, 33, 236, 239};
    struct message good = offer(2, "10.0.2.15", "255.255.255.0", NULL, NULL, 3600), m;
    struct dhcp_answer a;

    CHECK_INT(read_message(&good), ERR_NONE);
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        m = good;
        m.b[places[i]] ^= 1;
        CHECK_INT(read_message(&m), ERR_FORMAT);
    }
    CHECK_INT(dhcp_read(view_of(good.b, good.len), XID + 1, mac, &a), ERR_FORMAT);
}

static void types(void)
{
    for (unsigned t = 0; t < 256; t++) {
        struct message m = offer((uint8_t)t, "10.0.2.15", "255.255.255.0", NULL, NULL, 3600);
        bool known = t == DHCP_OFFER || t == DHCP_ACK || t == DHCP_NAK;

        CHECK_INT(read_message(&m), known ? ERR_NONE : ERR_FORMAT);
    }
}

/* Cut anywhere, it is refused or means less; never a byte beyond the end. */
static void cut(void)
{
    struct message m = offer(5, "10.0.2.15", "255.255.255.0", "10.0.2.2", "10.0.2.3", 3600);
    struct dhcp_answer a;

    for (size_t n = 0; n < m.len - 1; n++)
        CHECK(read_exactly(m.b, n, &a) != ERR_NONE);
    CHECK_INT(read_exactly(m.b, m.len - 1, &a), ERR_NONE); /* without END */
}

static void lengths(void)
{
    static const struct {
        uint8_t o, len;
        bool fine;
    } of[] = {
        {53, 0, false}, {53, 2, false}, {1, 3, false},  {1, 5, false},  {3, 0, false},  {3, 7, false},
        {3, 8, true},   {6, 0, false},  {6, 6, false},  {51, 3, false}, {51, 0, false}, {54, 8, false},
        {77, 0, true},  {77, 99, true}, {121, 8, true}, {43, 255, true}, {0, 0, true}, /* what we did not ask for */
    };
    static const uint8_t bytes[255] = {10, 0, 2, 2, 10, 0, 2, 2};

    for (size_t i = 0; i < sizeof of / sizeof of[0]; i++) {
        struct message m = offer(5, "10.0.2.15", "255.255.255.0", NULL, NULL, 3600);

        m.len--; /* before END */
        option(&m, of[i].o, view_of(bytes, of[i].len));
        m.b[m.len++] = 255;
        CHECK_INT(read_message(&m), of[i].fine ? ERR_NONE : ERR_FORMAT);
    }
}

static void sizes(void)
{
    struct message m = offer(5, "10.0.2.15", "255.255.255.0", NULL, NULL, 3600);

    m.len = DHCP_ANSWER_MAX; /* behind END nothing is read */
    memset(m.b + 300, 0xff, sizeof m.b - 300);
    CHECK_INT(read_message(&m), ERR_NONE);
    m.len++;
    CHECK_INT(read_message(&m), ERR_FORMAT);
    m = offer(5, "10.0.2.15", "255.255.255.0", NULL, NULL, 3600);
    memset(m.b + FIXED + 5, 0, 4); /* the server is 0.0.0.0 */
    CHECK_INT(read_message(&m), ERR_FORMAT);
    m = answer("10.0.2.15"); /* no option at all; no server, no type */
    CHECK_INT(read_message(&m), ERR_FORMAT);
}

/* Byte by byte; what is not said is zero. */
static void what_is_sent(void)
{
    struct message m = offer(2, "10.0.2.15", "255.255.255.0", NULL, NULL, 3600);
    uint8_t out[DHCP_REQUEST_BYTES];
    static const uint8_t first[] = {99, 130, 83, 99, 53, 1, 1, 55, 4, 1, 3, 6, 51, 255};
    static const uint8_t second[] = {99, 130, 83, 99, 53, 1, 3, 55, 4, 1, 3, 6, 51,
                                     50, 4, 10, 0, 2, 15, 54, 4, 10, 0, 2, 2, 255};
    struct dhcp_answer a;

    CHECK_INT(read_exactly(m.b, m.len, &a), ERR_NONE);
    dhcp_write(DHCP_DISCOVER, XID, mac, NULL, out);
    CHECK(out[0] == 1 && out[1] == 1 && out[2] == 6 && out[10] == 0x80);
    CHECK_BYTES(out + 28, 6, mac, 6);
    CHECK_BYTES(out + 236, sizeof first, first, sizeof first);
    dhcp_write(DHCP_REQUEST, XID, mac, &a, out);
    CHECK_BYTES(out + 236, sizeof second, second, sizeof second);
    for (size_t i = 236 + sizeof second; i < sizeof out; i++)
        CHECK_INT(out[i], 0);
    CHECK_INT(dhcp_read(view_of(out, sizeof out), XID, mac, &a), ERR_FORMAT); /* a question is no answer */
}

static const struct check_case cases[] = {
    {"dhcp_honest", honest},     {"dhcp_values", values},   {"dhcp_name_servers", name_servers},
    {"dhcp_whom_it_is_for", whom_it_is_for}, {"dhcp_types", types}, {"dhcp_cut", cut},
    {"dhcp_lengths", lengths},   {"dhcp_sizes", sizes},     {"dhcp_what_is_sent", what_is_sent},
};
CHECK_MAIN(cases)
