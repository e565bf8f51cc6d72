/* The list of ports comes from our own measured program, and all the same a line that is not understood opens nothing:
 * the boot ends. */
#include "egress.c"

#include "check.h"

static const struct row {
    const char *text;
    enum err want;
} rows[] = {
    {"", ERR_NONE},
    {"tcp 443\n", ERR_NONE},
    {"tcp 443\ntcp 443\ntcp 65535\nlisten tcp 80\nlisten tcp 443\n", ERR_NONE},
    {"tcp 443", ERR_FORMAT},
    {"tcp 0\n", ERR_RANGE},
    {"tcp 53\n", ERR_RANGE}, /* the resolvers' alone */
    {"tcp 65536\n", ERR_FORMAT},
    {"tcp 123456\n", ERR_FORMAT},
    {"tcp -1\n", ERR_FORMAT},
    {"tcp  443\n", ERR_FORMAT},
    {"tcp 443 \n", ERR_FORMAT},
    {"tcp\n", ERR_FORMAT},
    {"udp 443\n", ERR_FORMAT},
    {"listen 443\n", ERR_FORMAT},
    {"listen tcp 0\n", ERR_RANGE},
    {"\n", ERR_FORMAT},
    {"tcp 443\n\n", ERR_FORMAT},
    {"listen tcp 1\nlisten tcp 2\nlisten tcp 3\nlisten tcp 4\n", ERR_NONE},
    {"listen tcp 1\nlisten tcp 2\nlisten tcp 3\nlisten tcp 4\nlisten tcp 5\n", ERR_LIMIT},
    {"tcp 443\ndataplane.conf: nonsense\n", ERR_FORMAT},
};

static void lines(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fence_plan plan = {.dhcp = false};
        enum err e = egress_parse(view_str(rows[i].text), &plan);

        if (e != rows[i].want)
            printf("# row %zu: %s\n", i, err_name(e));
        CHECK_INT(e, rows[i].want);
    }
}

static void plan_of_it(void)
{
    struct fence_plan plan = {.dhcp = true};

    CHECK_INT(egress_parse(VIEW_LIT("tcp 443\ntcp 4443\nlisten tcp 8443\n"), &plan), ERR_NONE);
    CHECK(plan.n_egress == 2 && plan.egress[0] == 443 && plan.egress[1] == 4443);
    CHECK(plan.n_listen == 1 && plan.listen[0] == 8443 && plan.dhcp && plan.n_resolvers == 0);
}

/* What it says when it fails is repeated if the console may show it. */
static void refusals(void)
{
    static const struct {
        const char *text, *why;
    } of[] = {
        {"/usr/bin/tr-dataplane: host.conf: x\nmore\n", "/usr/bin/tr-dataplane: host.conf: x"},
        {"/usr/bin/tr-dataplane-sim: no newline", "/usr/bin/tr-dataplane-sim: no newline"},
        {"tcp 443\n/usr/bin/tr-dataplane: x\n", ""},
        {"malloc(): corrupted\n", ""},
        {"/usr/bin/tr-dataplane: \x1b[2J\n", ""},
        {"", ""},
    };
    struct buf why;

    buf_init(&why, 512);
    for (size_t i = 0; i < sizeof of / sizeof of[0]; i++) {
        CHECK_INT(refused(view_str(of[i].text), &why), ERR_CONFIG);
        CHECK_BYTES(why.ptr, why.len, of[i].why, strlen(of[i].why));
    }
    buf_free(&why);
}

static const struct check_case cases[] = {
    {"egress_lines", lines},
    {"egress_plan", plan_of_it},
    {"egress_refusals", refusals},
};
CHECK_MAIN(cases)
