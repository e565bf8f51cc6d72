/* Configuration decides where prompts go and what they cost: every type, every way to get it wrong,
 * and never a value (which may be a credential) in an error message. */
#include "check.h"
#include "conf.h"

#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum colour { RED, GREEN };
static const char *const colours[] = {"red", "green", NULL};

struct thing {
    char name[9];
    uint64_t port, any;
    bool on;
    uint8_t key[4];
    int64_t limit_nusd, price_pusd;
    int colour;
};

#define AT(member)                                                                                 \
    .offset = offsetof(struct thing, member), .size = sizeof((struct thing *)NULL)->member
static const struct conf_field thing_fields[] = {
    {.name = "name", .type = CONF_TEXT, AT(name), .required = true},
    {.name = "port", .type = CONF_U64, AT(port), .min = 1, .max = 65535},
    {.name = "any", .type = CONF_U64, AT(any)},
    {.name = "on", .type = CONF_BOOL, AT(on)},
    {.name = "key", .type = CONF_HEX, AT(key)},
    {.name = "limit", .type = CONF_NUSD, AT(limit_nusd)},
    {.name = "price", .type = CONF_PRICE, AT(price_pusd)},
    {.name = "colour", .type = CONF_NAME, AT(colour), .names = colours},
};
#define N_FIELDS (sizeof thing_fields / sizeof thing_fields[0])

/* Before the first section and in "[thing x]", "[thing y]"; each thing once. */
struct house {
    struct thing top, x, y;
    bool top_wanted, has_x, has_y;
    unsigned opened;
};

static struct conf_target house_section(void *cookie, struct view kind, struct view name)
{
    struct house *h = cookie;
    struct thing *t = NULL;

    h->opened++;
    if (kind.len == 0 && h->top_wanted) {
        t = &h->top;
    } else if (view_eq(kind, VIEW_LIT("thing")) && view_eq(name, VIEW_LIT("x")) && !h->has_x) {
        h->has_x = true;
        t = &h->x;
    } else if (view_eq(kind, VIEW_LIT("thing")) && view_eq(name, VIEW_LIT("y")) && !h->has_y) {
        h->has_y = true;
        t = &h->y;
    }
    return (struct conf_target){t != NULL ? thing_fields : NULL, N_FIELDS, t};
}

static enum err parse(struct house *h, const char *text, bool top_wanted, char why[static 200])
{
    struct buf b;
    enum err e;

    *h = (struct house){.top_wanted = top_wanted};
    buf_init(&b, 200);
    e = conf_parse(view_str(text), "t.conf", house_section, h, &b);
    CHECK(b.len < 200);
    memcpy(why, b.len != 0 ? (const char *)b.ptr : "", b.len);
    why[b.len] = '\0';
    buf_free(&b);
    return e;
}

static void every_type(void)
{
    struct house h;
    char why[200];

    CHECK_INT(parse(&h,
                    "# a comment\n\n"
                    "  name = eight ch\r\n"
                    "port=65535\n"
                    "any\t=\t18446744073709551615\n"
                    "on = yes\n"
                    "key = 00fF10a0\n"
                    "limit = 12.5\n"
                    "price = 0.0028\n"
                    "colour = green\n"
                    "[thing x]\n"
                    "name = a = # b\n"
                    "[ thing  y ]\n"
                    "name = y\n"
                    "on = off",
                    true, why),
              ERR_NONE);
    CHECK(strcmp(why, "") == 0);
    CHECK(strcmp(h.top.name, "eight ch") == 0);
    CHECK_INT(h.top.port, 65535);
    CHECK(h.top.any == UINT64_MAX);
    CHECK(h.top.on);
    CHECK_BYTES(h.top.key, 4, "\x00\xff\x10\xa0", 4);
    CHECK_INT(h.top.limit_nusd, 12500000000);
    CHECK_INT(h.top.price_pusd, 2800);
    CHECK_INT(h.top.colour, GREEN);
    CHECK(strcmp(h.x.name, "a = # b") == 0);
    CHECK(strcmp(h.y.name, "y") == 0 && !h.y.on);
    CHECK_INT(h.opened, 3);
}

static void refusals(void)
{
    static const struct {
        const char *text, *why;
    } table[] = {
        {"name = nine char", "t.conf:1: name is too long"},
        {"name =", "t.conf:1: name is empty"},
        {"name = a\nname = b", "t.conf:2: name appears twice"},
        {"name = a\n\nport = 0", "t.conf:3: port is out of range"},
        {"name = a\nport = 65536", "t.conf:2: port is out of range"},
        {"name = a\nport = -1", "t.conf:2: port is not a whole number"},
        {"name = a\nport = 18446744073709551616", "t.conf:2: port is not a whole number"},
        {"name = a\non = maybe", "t.conf:2: on is neither on nor off"},
        {"name = a\non = On", "t.conf:2: on is neither on nor off"},
        {"name = a\nkey = 00ff10", "t.conf:2: key is not hex digits of the right length"},
        {"name = a\nkey = 00ff10g0", "t.conf:2: key is not hex digits of the right length"},
        {"name = a\nlimit = -5", "t.conf:2: limit is not an amount in dollars"},
        {"name = a\nprice = 1.0000001", "t.conf:2: price has more than 6 decimals"},
        {"name = a\nprice = 1e", "t.conf:2: price is not a price in dollars per million tokens"},
        {"name = a\ncolour = blue", "t.conf:2: colour is not one of the names allowed here"},
        {"name = a\ncolour = gree", "t.conf:2: colour is not one of the names allowed here"},
        {"name = a\ncolor = red", "t.conf:2: color is not a known key here"},
        {"name = a\nNAME = red", "t.conf:2: unknown key"},
        {"name = a\nsk-tr-v1-abc = red", "t.conf:2: unknown key"},
        {"name = a\nabcdefghijklmnopqrstuvwxyzabcdefg = 1", "t.conf:2: unknown key"},
        {"name = a\n= 1", "t.conf:2: unknown key"},
        {"name = a\nsk-tr-v1-abc", "t.conf:2: expected key = value, [section] or # comment"},
        {"", "t.conf:0: name is missing"},
        {"port = 1\n", "t.conf:1: name is missing"},
        {"name = a\n[thing x]\nport = 1\n\n", "t.conf:2: name is missing"},
        {"name = a\n[thing x]\n[thing y]\nname = b\n", "t.conf:2: name is missing"},
        {"name = a\n[thing z]\n", "t.conf:2: unknown or repeated section"},
        {"name = a\n[thing x]\nname = a\n[thing x]\n", "t.conf:4: unknown or repeated section"},
        {"name = a\n[thing x\n", "t.conf:2: a section has no closing bracket"},
        {"name = a\n[\n", "t.conf:2: a section has no closing bracket"},
        {"name = a\n[]\n", "t.conf:2: a section has no name"},
        {"name = a\n[ \t ]\n", "t.conf:2: a section has no name"},
        {"name = a\n[thing x y]\n", "t.conf:2: a section name has more than one word"},
        {"name = a\n[thing x]]\n", "t.conf:2: a section name has more than one word"},
        {"name = a\001\n", "t.conf:1: control character"},
        {"name = a\rb\n", "t.conf:1: control character"},
        {"name = a\x7f\n", "t.conf:1: control character"},
    };
    struct house h;
    char why[200];

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        CHECK_INT(parse(&h, table[i].text, true, why), ERR_CONFIG);
        CHECK_BYTES(why, strlen(why), table[i].why, strlen(table[i].why));
    }
}

static void nothing_before_the_first_section(void)
{
    struct house h;
    char why[200];

    CHECK_INT(parse(&h, "# only\n[thing x]\nname = a\n", false, why), ERR_NONE);
    CHECK(strcmp(h.x.name, "a") == 0);
    CHECK_INT(parse(&h, "", false, why), ERR_NONE);
    CHECK_INT(parse(&h, "name = a\n[thing x]\nname = a\n", false, why), ERR_CONFIG);
    CHECK(strcmp(why, "t.conf:1: name is not a known key here") == 0);
}

static void a_nul_byte(void)
{
    struct house h = {.top_wanted = true};
    struct buf why;

    buf_init(&why, 200);
    CHECK_INT(conf_parse(VIEW_LIT("name = a\0b\n"), "t.conf", house_section, &h, &why), ERR_CONFIG);
    buf_free(&why);
}

static void files(void)
{
    char path[] = "/tmp/test_conf_XXXXXX";
    int fd = mkstemp(path);
    struct buf b;
    static char text[40000];

    memset(text, 'x', sizeof text);
    CHECK(fd >= 0 && write(fd, text, sizeof text) == (ssize_t)sizeof text);
    buf_init(&b, 100000);
    CHECK_INT(buf_append(&b, VIEW_LIT("kept")), ERR_NONE);
    CHECK_INT(conf_read_file(path, sizeof text - 1, &b), ERR_LIMIT);
    CHECK_BYTES(b.ptr, b.len, "kept", 4);
    CHECK_INT(conf_read_file(path, sizeof text, &b), ERR_NONE);
    CHECK_INT(b.len, 4 + sizeof text);
    CHECK(memcmp(b.ptr + 4, text, sizeof text) == 0);
    buf_free(&b);
    buf_init(&b, sizeof text); /* the buffer's own maximum binds as well */
    CHECK_INT(conf_read_file(path, SIZE_MAX, &b), ERR_NONE);
    CHECK_INT(conf_read_file(path, SIZE_MAX, &b), ERR_LIMIT);
    buf_free(&b);
    CHECK_INT(ftruncate(fd, 0), 0);
    CHECK_INT(conf_read_file(path, 0, &b), ERR_NONE);
    CHECK_INT(b.len, 0);
    CHECK_INT(conf_read_file("/tmp", 10, &b), ERR_IO);
    CHECK_INT(unlink(path), 0);
    CHECK_INT(conf_read_file(path, 10, &b), ERR_IO);
    close(fd);
    buf_free(&b);
}

enum { MANY = 256 };
static struct conf_field many_fields[MANY];
static bool many_values[MANY];

static struct conf_target many_section(void *cookie, struct view kind, struct view name)
{
    (void)cookie, (void)kind, (void)name;
    return (struct conf_target){many_fields, MANY, many_values};
}

/* A key for each provider: each field of a large table is told from the others, and may stand there once. */
static void many(void)
{
    static char names[MANY][8];
    struct buf text, why;

    buf_init(&text, 1 << 16);
    buf_init(&why, 255);
    for (size_t i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof names[i], "f%zu", i);
        many_fields[i] = (struct conf_field){.name = names[i], .type = CONF_BOOL, .offset = i, .size = sizeof(bool)};
        CHECK_INT(buf_appendf(&text, "f%zu = on\n", i), ERR_NONE);
    }
    CHECK_INT(conf_parse(buf_view(&text), "many", many_section, NULL, &why), ERR_NONE);
    for (size_t i = 0; i < MANY; i++)
        CHECK(many_values[i]);
    CHECK_INT(buf_append(&text, VIEW_LIT("f200 = on\n")), ERR_NONE);
    CHECK_INT(conf_parse(buf_view(&text), "many", many_section, NULL, &why), ERR_CONFIG);
    buf_free(&text);
    buf_free(&why);
}

static const struct check_case cases[] = {
    {"conf_a_field_for_each_provider", many},
    {"conf_every_type", every_type},
    {"conf_refusals", refusals},
    {"conf_nothing_before_the_first_section", nothing_before_the_first_section},
    {"conf_a_nul_byte", a_nul_byte},
    {"conf_files", files},
};
CHECK_MAIN(cases)
