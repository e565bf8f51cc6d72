/* host.conf comes from a hostile host: what is wrong in it is named by field, and nothing in it can be what
 * the guest must not have. Each accepted value has a refused twin. */
#include "host_config.h"

#include "check.h"

#include <arpa/inet.h>

#define CONTROL "control_host = control.example.com\n"
#define STATIC "address = 10.0.2.15/24\ngateway = 10.0.2.2\ndns = 10.0.2.3\n" CONTROL

static enum err parse(struct view text, struct host_config *c, char *why, size_t n)
{
    struct buf w;
    enum err e;

    buf_init(&w, 512);
    e = host_config_parse(text, c, &w);
    snprintf(why, n, "%.*s", (int)w.len, w.len != 0 ? (const char *)w.ptr : "");
    buf_free(&w);
    return e;
}

static void test_good(void)
{
    static const char *const good[] = {
        STATIC,
        "address = dhcp\n" CONTROL,
        "address = dhcp\ndns = 8.8.8.8, 1.1.1.1 9.9.9.9\nmtu = 1500\nplace = vm-1\n" CONTROL,
        "address = 10.0.2.13/30\ngateway = 10.0.2.14\n" CONTROL,
        "address = 10.0.2.15/24\ndns = 169.254.169.253\n" CONTROL, /* the name server of AWS */
        "address = 10.0.2.15/24\nmtu = 9216\n" CONTROL,
        "address = 10.0.2.15/24\nmtu = 1280\n" CONTROL,
    };
    struct host_config c;
    char why[256];

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        CHECK_INT(parse(view_str(good[i]), &c, why, sizeof why), ERR_NONE);
        if (why[0] != '\0')
            printf("# case %zu says: %s\n", i, why);
    }
    CHECK_INT(parse(view_str(STATIC), &c, why, sizeof why), ERR_NONE);
    CHECK(!c.dhcp);
    CHECK_INT(ntohl(c.net.address.s_addr), 0x0a00020f);
    CHECK_INT(ntohl(c.net.gateway.s_addr), 0x0a000202);
    CHECK_INT(c.net.prefix, 24);
    CHECK_INT(c.net.n_dns, 1);
    CHECK(strcmp(c.control_host, "control.example.com") == 0);
}

static void test_bad(void)
{
    static const struct {
        const char *text, *names;
    } bad[] = {
        {"", "address"},
        {CONTROL, "address"},
        {"address = dhcp\n", "control_host"},
        {"address = dhcp\ngateway = 10.0.2.2\n" CONTROL, "gateway"},
        {"address = DHCP\n" CONTROL, "address"},
        {"address = 10.0.2.15\n" CONTROL, "address"},
        {"address = 10.0.2.15/0\n" CONTROL, "address"},
        {"address = 10.0.2.15/31\n" CONTROL, "address"},
        {"address = 10.0.2.15/24x\n" CONTROL, "address"},
        {"address = 10.0.2.15/-1\n" CONTROL, "address"},
        {"address = 10.0.2/24\n" CONTROL, "address"},
        {"address = 127.0.0.1/8\n" CONTROL, "address"},
        {"address = 0.0.0.0/8\n" CONTROL, "address"},
        {"address = 224.0.0.1/24\n" CONTROL, "address"},
        {"address = 255.255.255.255/24\n" CONTROL, "address"},
        {"address = 169.254.1.1/16\n" CONTROL, "address"},
        {"address = 10.0.2.0/24\n" CONTROL, "address"},   /* the network itself */
        {"address = 10.0.2.255/24\n" CONTROL, "address"}, /* its broadcast address */
        {"address = fd00::1/64\n" CONTROL, "address"},
        {"address = 10.0.2.15/24\ngateway = 10.0.3.1\n" CONTROL, "gateway"},
        {"address = 10.0.2.15/24\ngateway = 10.0.2.15\n" CONTROL, "gateway"},
        {"address = 10.0.2.15/24\ngateway = 10.0.2.255\n" CONTROL, "gateway"},
        {"address = 10.0.2.15/24\ngateway = x\n" CONTROL, "gateway"},
        {"address = 10.0.2.15/24\ndns = 10.0.2.15\n" CONTROL, "dns"}, /* itself */
        {"address = 10.0.2.15/24\ndns = 127.0.0.53\n" CONTROL, "dns"},
        {"address = 10.0.2.15/24\ndns = 239.1.1.1\n" CONTROL, "dns"},
        {"address = 10.0.2.15/24\ndns = a\n" CONTROL, "dns"},
        {"address = 10.0.2.15/24\ndns = 1.1.1.1 2.2.2.2 3.3.3.3 4.4.4.4\n" CONTROL, "dns"},
        {"address = dhcp\nmtu = 0\n" CONTROL, "mtu"},
        {"address = dhcp\nmtu = 68\n" CONTROL, "mtu"},
        {"address = dhcp\nmtu = 1279\n" CONTROL, "mtu"},
        {"address = dhcp\nmtu = 9217\n" CONTROL, "mtu"},
        {"address = dhcp\nmtu = 65535\n" CONTROL, "mtu"},
        {"address = dhcp\nmtu = -1\n" CONTROL, "mtu"},
        {"address = dhcp\naddress = dhcp\n" CONTROL, "address"}, /* twice */
        {"address = dhcp\naudience = evil.example\n" CONTROL, "audience"},
        {"address = dhcp\nproviders = /x\n" CONTROL, "providers"},
        {"address = dhcp\ncontrol_port = 1\n" CONTROL, "control_port"},
        {"address = dhcp\n" CONTROL "[provider x]\nhost = evil.example\n", "section"},
    };
    struct host_config c;
    char why[256];

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_INT(parse(view_str(bad[i].text), &c, why, sizeof why), ERR_CONFIG);
        CHECK(strstr(why, bad[i].names) != NULL);
        if (strstr(why, bad[i].names) == NULL)
            printf("# case %zu says: %s\n", i, why);
    }
}

static void test_bytes(void)
{
    static char large[HOST_CONFIG_MAX + 1];
    const char nul[] = "address = dhcp\0\n" CONTROL;
    struct host_config c;
    char why[256];

    memset(large, '#', sizeof large);
    CHECK_INT(parse(view_of(large, sizeof large), &c, why, sizeof why), ERR_CONFIG);
    CHECK(strstr(why, "16 KiB") != NULL);
    CHECK_INT(parse(view_of(nul, sizeof nul - 1), &c, why, sizeof why), ERR_CONFIG);
    CHECK(strstr(why, "NUL") != NULL);
}

/* What tr-init writes for tr-dataplane has its two fields and no other line. */
static void test_handed_on(void)
{
    struct host_config c;
    struct buf out;
    char why[256];

    buf_init(&out, 4096);
    CHECK_INT(parse(view_str("address = dhcp\nplace = vm-1\n" CONTROL), &c, why, sizeof why), ERR_NONE);
    CHECK_INT(host_config_for_dataplane(&c, &out), ERR_NONE);
    CHECK_BYTES(out.ptr, out.len, "control_host = control.example.com\nplace = vm-1\n", 48);
    buf_reset(&out);
    c.place[0] = '\0';
    CHECK_INT(host_config_for_dataplane(&c, &out), ERR_NONE);
    CHECK_BYTES(out.ptr, out.len, "control_host = control.example.com\n", 35);
    buf_free(&out);
}

static const struct check_case cases[] = {
    {"host_config_good", test_good},
    {"host_config_bad", test_bad},
    {"host_config_bytes", test_bytes},
    {"host_config_handed_on", test_handed_on},
};
CHECK_MAIN(cases)
