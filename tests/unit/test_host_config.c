/* host.conf comes from a host that wants prompts, not service: every field, every way to get it wrong, addresses
 * that would turn the guest's traffic back to itself, and no way to name what is measured. */
#include "host_config.h"

#include "check.h"

#include "bounds.h"

#include <arpa/inet.h>
#include <stdlib.h>

_Static_assert(sizeof((struct host_config *)0)->place == LIMIT_PLACE_BYTES + 1, "as long as the data plane's");

/* "" when it is accepted, else the sentence. */
static const char *parse(struct view text, struct host_config *out)
{
    static char said[256];
    struct buf why;
    enum err e;

    buf_init(&why, sizeof said - 1);
    e = host_config_parse(text, out, &why);
    CHECK(e == ERR_NONE || e == ERR_CONFIG);
    CHECK((e == ERR_NONE) == (why.len == 0));
    memcpy(said, why.len == 0 ? (const uint8_t *)"" : why.ptr, why.len);
    said[why.len] = '\0';
    buf_free(&why);
    return said;
}

static const char *said_of(const char *text)
{
    struct host_config c;

    return parse(view_str(text), &c);
}

#define STATIC "address = 10.0.2.15/24\ngateway = 10.0.2.2\ndns = 10.0.2.3\n"
#define CONTROL "control_host = cp.example\n"

static void whole(void)
{
    struct host_config c;

    CHECK(*parse(VIEW_LIT("# of the host\n" STATIC CONTROL "mtu = 1400\nplace = rack-7\n"), &c) == '\0');
    CHECK(!c.dhcp);
    CHECK_INT(ntohl(c.net.address.s_addr), 0x0a00020f);
    CHECK_INT(ntohl(c.net.gateway.s_addr), 0x0a000202);
    CHECK_INT(c.net.prefix, 24);
    CHECK_INT(c.net.n_dns, 1);
    CHECK_INT(ntohl(c.net.dns[0].s_addr), 0x0a000203);
    CHECK_INT(c.mtu, 1400);
    CHECK(strcmp(c.place, "rack-7") == 0 && strcmp(c.control_host, "cp.example") == 0);
    CHECK(*parse(VIEW_LIT("address = dhcp\n" CONTROL), &c) == '\0');
    CHECK(c.dhcp && c.net.address.s_addr == 0 && c.net.n_dns == 0 && c.mtu == 0 && c.place[0] == '\0');
}

static const struct row {
    const char *text, *said; /* said: a part of the sentence; NULL: accepted */
} rows[] = {
    {"", "is missing"},
    {STATIC, "control_host is missing"},
    {CONTROL, "address is missing"},
    {STATIC CONTROL, NULL},
    {"[host]\n" STATIC CONTROL, "is missing"},
    {STATIC CONTROL "[host]\nplace = x\n", "section"},
    {STATIC "control_host =\n", "control_host is empty"},
    {STATIC CONTROL CONTROL, "control_host appears twice"},
    {STATIC CONTROL "address = dhcp\n", "address appears twice"},
    {STATIC CONTROL "no sign\n", "expected key = value"},
    /* addresses */
    {"address = 10.0.2.14/30\n" CONTROL, NULL},
    {"address = 10.0.2.15/31\n" CONTROL, "address must be"},
    {"address = 10.0.2.15/0\n" CONTROL, "address must be"},
    {"address = 10.0.2.15/-8\n" CONTROL, "address must be"},
    {"address = 10.0.2.15/+8\n" CONTROL, "address must be"},
    {"address = 10.0.2.15/4294967320\n" CONTROL, "address must be"},
    {"address = 10.0.2.15/24x\n" CONTROL, "address must be"},
    {"address = 10.0.2.15/\n" CONTROL, "address must be"},
    {"address = 10.0.2.15\n" CONTROL, "address must be"},
    {"address = 10.0.2/24\n" CONTROL, "address must be"},
    {"address = 10.0.2.256/24\n" CONTROL, "address must be"},
    {"address = fd00::2/64\n" CONTROL, "address must be"},
    {"address = DHCP\n" CONTROL, "address must be"},
    {"address = 10.0.2.15/24 10.0.2.16/24\n" CONTROL, "address must be"},
    {"address = 10.000000000000000000000000000.2.15/24\n" CONTROL, "address is too long"},
    {"address = 0.0.0.0/24\n" CONTROL, "must be of hosts"},
    {"address = 0.1.2.3/24\n" CONTROL, "must be of hosts"},
    {"address = 127.0.0.1/8\n" CONTROL, "must be of hosts"},
    {"address = 126.0.0.1/8\n" CONTROL, NULL},
    {"address = 169.254.1.1/16\n" CONTROL, "must be of hosts"},
    {"address = 169.253.1.1/16\n" CONTROL, NULL},
    {"address = 224.0.0.1/24\n" CONTROL, "must be of hosts"},
    {"address = 223.0.0.1/24\n" CONTROL, NULL},
    {"address = 240.0.0.1/24\n" CONTROL, "must be of hosts"},
    {"address = 255.255.255.255/24\n" CONTROL, "must be of hosts"},
    {"address = 10.0.2.0/24\n" CONTROL, "must be of hosts"},
    {"address = 10.0.2.255/24\n" CONTROL, "must be of hosts"},
    {"address = 10.0.2.255/23\n" CONTROL, NULL},
    /* the gateway */
    {"address = 10.0.2.15/24\ngateway = 10.0.3.1\n" CONTROL, "must be of hosts"},
    {"address = 10.0.2.15/23\ngateway = 10.0.3.1\n" CONTROL, NULL},
    {"address = 10.0.2.15/24\ngateway = 10.0.2.15\n" CONTROL, "must be of hosts"},
    {"address = 10.0.2.15/24\ngateway = 10.0.2.255\n" CONTROL, "must be of hosts"},
    {"address = 10.0.2.15/24\ngateway = 10.0.2.0\n" CONTROL, "must be of hosts"},
    {"address = 10.0.2.15/24\ngateway = 127.0.0.1\n" CONTROL, "must be of hosts"},
    {"address = 10.0.2.15/1\ngateway = 127.0.0.1\n" CONTROL, "must be of hosts"},
    {"address = 10.0.2.15/24\ngateway = 0.0.0.0\n" CONTROL, "gateway must be"},
    {"address = 10.0.2.15/24\ngateway = none\n" CONTROL, "gateway must be"},
    {"address = dhcp\ngateway = 10.0.2.2\n" CONTROL, "gateway goes with"},
    /* name servers */
    {"address = dhcp\ndns = 10.0.2.3, 10.0.2.4 8.8.8.8\n" CONTROL, NULL},
    {"address = dhcp\ndns = 10.0.2.3, 10.0.2.4 8.8.8.8 9.9.9.9\n" CONTROL, "dns takes up to 3"},
    {"address = dhcp\ndns = 169.254.169.253\n" CONTROL, NULL},
    {"address = dhcp\ndns = 127.0.0.1\n" CONTROL, "dns takes up to 3"},
    {"address = dhcp\ndns = 0.0.0.0\n" CONTROL, "dns takes up to 3"},
    {"address = dhcp\ndns = 224.0.0.251\n" CONTROL, "dns takes up to 3"},
    {"address = dhcp\ndns = fd00::3\n" CONTROL, "dns takes up to 3"},
    {"address = dhcp\ndns = resolver.example\n" CONTROL, "dns takes up to 3"},
    {"address = 10.0.2.15/24\ndns = 10.0.2.15\n" CONTROL, "must be of hosts"},
    {"address = 10.0.2.15/24\ndns = 10.0.2.16\n" CONTROL, NULL},
    /* the MTU */
    {STATIC CONTROL "mtu = 1280\n", NULL},
    {STATIC CONTROL "mtu = 1279\n", "mtu is out of range"},
    {STATIC CONTROL "mtu = 0\n", "mtu is out of range"},
    {STATIC CONTROL "mtu = 68\n", "mtu is out of range"},
    {STATIC CONTROL "mtu = 9216\n", NULL},
    {STATIC CONTROL "mtu = 9217\n", "mtu is out of range"},
    {STATIC CONTROL "mtu = 65535\n", "mtu is out of range"},
    {STATIC CONTROL "mtu = -1\n", "mtu is not a whole number"},
    {STATIC CONTROL "mtu = 18446744073709552896\n", "mtu is not a whole number"},
    {STATIC CONTROL "mtu = big\n", "mtu is not a whole number"},
    /* what is measured, or not the host's to say */
    {STATIC CONTROL "audience = x\n", "audience is not a known key"},
    {STATIC CONTROL "control_spki = 00\n", "control_spki is not a known key"},
    {STATIC CONTROL "control_port = 1\n", "control_port is not a known key"},
    {STATIC CONTROL "release_key = x\n", "release_key is not a known key"},
    {STATIC CONTROL "providers = /run/x\n", "providers is not a known key"},
    {STATIC CONTROL "region = eu-central-1\n", "region is not a known key"},
    {STATIC CONTROL "listen_port = 22\n", "listen_port is not a known key"},
    {STATIC CONTROL "metrics_host = 0.0.0.0\n", "metrics_host is not a known key"},
};

static void fields_one_by_one(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *said = said_of(rows[i].text);
        bool fine = rows[i].said == NULL ? *said == '\0' : strstr(said, rows[i].said) != NULL;

        if (!fine)
            printf("# row %zu says \"%s\", want \"%s\"\n", i, said, rows[i].said == NULL ? "" : rows[i].said);
        CHECK(fine);
    }
}

/* At the limit of size, and one byte more; NUL bytes; bytes that are no text. */
static void sizes_and_bytes(void)
{
    static const char head[] = STATIC CONTROL "#";
    static char text[HOST_CONFIG_MAX + 1];
    struct host_config c;

    memset(text, 'x', sizeof text);
    memcpy(text, head, sizeof head - 1);
    CHECK(*parse(view_of(text, HOST_CONFIG_MAX), &c) == '\0');
    CHECK(strstr(parse(view_of(text, HOST_CONFIG_MAX + 1), &c), "larger than 16 KiB") != NULL);
    text[100] = '\0';
    CHECK(strstr(parse(view_of(text, 200), &c), "NUL byte") != NULL);
    CHECK(strstr(parse(VIEW_LIT(STATIC "control_host = cp\0.example\n"), &c), "NUL byte") != NULL);
    CHECK(strstr(parse(VIEW_EMPTY, &c), "is missing") != NULL);
    CHECK(*said_of("\xff\xfe" STATIC CONTROL) != '\0');
}

/* A host's text goes to the console through the sentence at most: it must not. */
static void sentences_repeat_nothing(void)
{
    static const char *const texts[] = {
        "address = sk-canary\n" CONTROL,
        STATIC CONTROL "mtu = sk-canary\n",
        "address = dhcp\ndns = sk-canary\n" CONTROL,
        "address = 10.0.2.15/24\ngateway = sk-canary\n" CONTROL,
        STATIC CONTROL "place = sk-canary-sk-canary-sk-canary-sk-canary-sk-canary-sk-canary-sk-canary\n",
        STATIC CONTROL "SK-CANARY = 1\n",
        STATIC CONTROL "\x1b[2Jsk-canary = 1\n",
        STATIC CONTROL "[sk-canary]\n",
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const char *said = said_of(texts[i]);

        CHECK(*said != '\0' && strcasestr(said, "sk-canary") == NULL);
        for (const char *p = said; *p != '\0'; p++)
            CHECK(*p >= 0x20 && *p < 0x7f);
    }
}

/* The values go on as they stand, one line each. */
static void what_the_dataplane_gets(void)
{
    static const char want[] = "control_host = cp.example, [fd00::1]:4430\nplace = rack-7\n";
    struct host_config c;
    struct buf out;

    buf_init(&out, 4096);
    CHECK(*parse(VIEW_LIT(STATIC "control_host = cp.example, [fd00::1]:4430\nplace=rack-7\n"), &c) == '\0');
    CHECK_INT(host_config_for_dataplane(&c, &out), ERR_NONE);
    CHECK_BYTES(out.ptr, out.len, want, sizeof want - 1);
    buf_reset(&out);
    CHECK(*parse(VIEW_LIT("address = dhcp\n" CONTROL), &c) == '\0');
    CHECK_INT(host_config_for_dataplane(&c, &out), ERR_NONE);
    CHECK_BYTES(out.ptr, out.len, CONTROL, sizeof CONTROL - 1);
    buf_free(&out);
}

static const struct check_case cases[] = {
    {"host_config_whole", whole},
    {"host_config_fields_one_by_one", fields_one_by_one},
    {"host_config_sizes_and_bytes", sizes_and_bytes},
    {"host_config_sentences_repeat_nothing", sentences_repeat_nothing},
    {"host_config_for_the_data_plane", what_the_dataplane_gets},
};
CHECK_MAIN(cases)
