/* A configuration error must be one sentence that names the field, and must never repeat the value,
 * which may be a secret pasted into the wrong line. */
#include "dataplane/config.c"

#include "check.h"

#define SPKI "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define NEEDED                                                                                     \
    "listen_port = 8443\ncontrol_host = 127.0.0.1\ncontrol_port = 9000\ncontrol_spki = " SPKI      \
    "\naudience = demo\nproviders = /etc/providers.conf\n"

static enum err parse(const char *text, struct config *c, char *why, size_t n)
{
    struct buf w;
    enum err e;

    buf_init(&w, 1024);
    e = config_parse(view_str(text), "dataplane.conf", c, &w);
    snprintf(why, n, "%.*s", (int)w.len, w.len != 0 ? (const char *)w.ptr : "");
    buf_free(&w);
    return e;
}

/* What the host of a guest adds: which control plane and which place, and nothing that is measured. */
static enum err parse_hosted(const char *host, struct config *c, char *why, size_t n)
{
    struct buf w;
    enum err e;

    buf_init(&w, 1024);
    e = config_parse_hosted(VIEW_LIT("listen_port = 8443\ncontrol_port = 9000\ncontrol_spki = " SPKI
                                     "\naudience = demo\nproviders = /etc/providers.conf\n"),
                            "dataplane.conf", view_str(host), "host.conf", c, &w);
    snprintf(why, n, "%.*s", (int)w.len, w.len != 0 ? (const char *)w.ptr : "");
    buf_free(&w);
    return e;
}

static void test_hosted(void)
{
    static const char *const refused[] = {
        "audience", "providers", "control_spki", "control_port", "release", "release_key", "region", "cert_names",
        "listen_port", "platform_root", "allow_unlocked_memory", "audit_ppm", "metrics_host", "nonsense",
    };
    struct config c;
    char why[256], text[256];

    CHECK_INT(parse_hosted("control_host = 10.0.2.2\nplace = vm-1\n", &c, why, sizeof why), ERR_NONE);
    CHECK(strcmp(c.control_host, "10.0.2.2") == 0 && strcmp(c.place, "vm-1") == 0);
    CHECK_INT(c.control.list[0].port, 9000);
    CHECK_INT(parse_hosted("control_host = 10.0.2.2:9000, [fd00::1]:9000\n", &c, why, sizeof why), ERR_NONE);
    CHECK_INT(c.control.n, 2);
    CHECK_INT(parse_hosted("control_host = 10.0.2.2, 10.0.2.3:443\n", &c, why, sizeof why), ERR_CONFIG);
    CHECK(strstr(why, "control_host") != NULL);
    CHECK_INT(parse_hosted("place = vm-1\n", &c, why, sizeof why), ERR_CONFIG);
    CHECK_INT(parse_hosted("control_host = 10.0.2.2\nplace = a b\n", &c, why, sizeof why), ERR_CONFIG);
    CHECK_INT(parse_hosted("control_host = 10.0.2.2\n[provider x]\n", &c, why, sizeof why), ERR_CONFIG);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        snprintf(text, sizeof text, "control_host = 10.0.2.2\n%s = 1\n", refused[i]);
        CHECK_INT(parse_hosted(text, &c, why, sizeof why), ERR_CONFIG);
        CHECK(strstr(why, "host.conf") != NULL);
    }
}

static void test_good(void)
{
    struct config c;
    char why[256];

    CHECK_INT(parse(NEEDED, &c, why, sizeof why), ERR_NONE);
    CHECK_INT(c.listen_port, 8443);
    CHECK_INT(c.control.n, 1);
    CHECK_INT(c.control.list[0].port, 9000);
    CHECK_INT(c.workers, 0);
    CHECK_INT(c.control_spki.b[1], 0x11);
    CHECK(strcmp(c.listen_host, "127.0.0.1") == 0 && strcmp(c.audience, "demo") == 0);
    CHECK_INT(parse(NEEDED "metrics_port = 9100\nmetrics_host = 127.0.0.2\nworkers = 3\n", &c, why,
                    sizeof why),
              ERR_NONE);
    CHECK_INT(c.audit_ppm, 50000);
    CHECK(!c.allow_unlocked_memory);
    CHECK_INT(parse(NEEDED "allow_unlocked_memory = on\n", &c, why, sizeof why), ERR_NONE);
    CHECK(c.allow_unlocked_memory);
    CHECK_INT(parse(NEEDED "metrics_port = 9100\nmetrics_host = 127.0.0.2\nworkers = 3\n", &c, why,
                    sizeof why),
              ERR_NONE);
    CHECK_INT(parse(NEEDED "audit_ppm = 1000000\naudit_keep = 65536\nmetrics_port = 9100\n"
                           "workers = 3\n", &c, why, sizeof why),
              ERR_NONE);
    CHECK_INT(c.audit_ppm, 1000000);
    CHECK_INT(c.metrics_port, 9100);
    CHECK_INT(c.workers, 3);
    CHECK(c.place[0] == '\0');
    CHECK_INT(parse(NEEDED "place = rack-7/vm-12\n", &c, why, sizeof why), ERR_NONE);
    CHECK(strcmp(c.place, "rack-7/vm-12") == 0);
}

static void test_bad(void)
{
    static const struct {
        const char *text, *names;
    } cases[] = {
        {"control_host = x\n", "listen_port"},
        {NEEDED "surprise = 1\n", "surprise"},
        {NEEDED "workers = 65\n", "workers"},
        {NEEDED "workers = many-s3cret\n", "workers"},
        {NEEDED "workers = 1\nworkers = 1\n", "workers"},
        {NEEDED "metrics_port = 1\nmetrics_host = 0.0.0.0\n", "metrics_host"},
        {"listen_port = 1\ncontrol_host = a:0\ncontrol_port = 1\ncontrol_spki = " SPKI
         "\naudience = x\nproviders = x\n", "control_host"},
        {NEEDED "audit_ppm = 1000001\n", "audit_ppm"},
        {NEEDED "audit_keep = 0\n", "audit_keep"},
        {NEEDED "audit_keep = 65537\n", "audit_keep"},
        {NEEDED "[section]\n", "section"},
        {NEEDED "place = s3cret place\n", "place"},
        {NEEDED "place = s3cret\xc3\xa9\n", "place"},
        {NEEDED "place = 0123456789012345678901234567890123456789012345678901234567890123+\n",
         "place"},
        {NEEDED "release = /r.json\n", "release_key"},
        {NEEDED "release_key = s3cret\n", "release and"},
        {"listen_port = 1\ncontrol_host = h\ncontrol_port = 0\n", "control_port"},
        {"control_spki = abcd-s3cret\n", "control_spki"},
    };
    struct config c;
    char why[256];

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_INT(parse(cases[i].text, &c, why, sizeof why), ERR_CONFIG);
        CHECK(strstr(why, cases[i].names) != NULL);
        CHECK(strstr(why, "s3cret") == NULL);
        if (strstr(why, cases[i].names) == NULL)
            printf("# case %zu says: %s\n", i, why);
    }
}

static const struct check_case cases[] = {
    {"config_good", test_good},
    {"config_bad", test_bad},
    {"config_hosted", test_hosted},
};
CHECK_MAIN(cases)
