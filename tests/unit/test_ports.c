/* --print-egress decides what the guest's fence lets out: each measured port once, in order, and no other. */
#include "ports.h"

#include "check.h"

#include <stdlib.h>

#define CONF                                                                                                           \
    "listen_port = 8443\ncontrol_host = 10.0.2.2\ncontrol_port = 9000\naudience = demo\nproviders = /p\n"               \
    "control_spki = 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n"
#define ROW(name, more) "[provider " name "]\nname = X\nhost = " name ".example\njurisdiction = us\ntrains = off\n" more

static const struct row {
    const char *conf, *providers, *want;
} rows[] = {
    {CONF, ROW("a", ""), "tcp 443\ntcp 9000\nlisten tcp 8443\n"},
    {CONF, ROW("a", "port = 4443\n") ROW("b", "") ROW("c", "") ROW("d", "port = 65535\n") ROW("e", "port = 1\n"),
     "tcp 1\ntcp 443\ntcp 4443\ntcp 9000\ntcp 65535\nlisten tcp 8443\n"},
    {CONF, ROW("a", "port = 9000\n"), "tcp 9000\nlisten tcp 8443\n"},
    {CONF "metrics_port = 9464\n", ROW("a", ""), "tcp 443\ntcp 9000\nlisten tcp 8443\n"}, /* loopback only */
    {CONF "cert_names = demo.example\nacme_agree_terms = on\nacme_directory = https://ca.example:14000/dir\n", ROW("a", ""),
     "tcp 443\ntcp 9000\ntcp 14000\nlisten tcp 8443\n"},
    {CONF "cert_names = demo.example\nacme_agree_terms = on\nacme_challenge = both\nacme_directory = https://ca.example/dir\n", ROW("a", "port = 8443\n"),
     "tcp 443\ntcp 8443\ntcp 9000\nlisten tcp 8443\nlisten tcp 80\n"},
};

static void lists(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        static struct config config;
        static struct providers providers;
        char *text = NULL;
        size_t len = 0;
        struct buf why;
        FILE *out = open_memstream(&text, &len);

        buf_init(&why, 1024);
        CHECK_INT(config_parse(view_str(rows[i].conf), "dataplane.conf", &config, &why), ERR_NONE);
        memset(&providers, 0, sizeof providers);
        CHECK_INT(providers_parse(view_str(rows[i].providers), &providers, &why), ERR_NONE);
        if (why.len != 0)
            printf("# row %zu: %.*s\n", i, (int)why.len, (const char *)why.ptr);
        ports_print(&config, &providers, out);
        fclose(out);
        CHECK_BYTES(text, len, rows[i].want, strlen(rows[i].want));
        free(text);
        buf_free(&why);
    }
}

static const struct check_case cases[] = {
    {"ports_lists", lists},
};
CHECK_MAIN(cases)
