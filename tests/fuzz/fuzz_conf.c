/* Configuration text: any bytes parse or are refused with a sentence that is printable, names the
 * file, and repeats no value. */
#include "conf.h"

#include <stddef.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct thing {
    char text[8];
    uint64_t number;
    bool on;
    uint8_t key[4];
    int64_t nusd, pusd;
    int name;
    uint8_t guard;
};

static const char *const names[] = {"red", "green", NULL};
#define AT(member)                                                                                 \
    .offset = offsetof(struct thing, member), .size = sizeof((struct thing *)0)->member
static const struct conf_field fields[] = {
    {.name = "text", .type = CONF_TEXT, AT(text), .required = true},
    {.name = "number", .type = CONF_U64, AT(number), .min = 3, .max = 100},
    {.name = "on", .type = CONF_BOOL, AT(on)},
    {.name = "key", .type = CONF_HEX, AT(key)},
    {.name = "limit", .type = CONF_NUSD, AT(nusd)},
    {.name = "price", .type = CONF_PRICE, AT(pusd)},
    {.name = "colour", .type = CONF_NAME, AT(name), .names = names},
};

static struct conf_target section(void *cookie, struct view kind, struct view name)
{
    (void)name;
    if (kind.len > 4)
        return (struct conf_target){NULL, 0, NULL};
    return (struct conf_target){fields, sizeof fields / sizeof fields[0], cookie};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct thing t = {.number = 3, .guard = 0x5a};
    uint8_t *copy = malloc(size != 0 ? size : 1);
    struct buf why;
    enum err e;

    if (size != 0)
        memcpy(copy, data, size);
    buf_init(&why, 256);
    e = conf_parse(view_of(copy, size), "f.conf", section, &t, &why);
    if (e != ERR_NONE && e != ERR_CONFIG)
        abort();
    if ((e == ERR_NONE) != (why.len == 0))
        abort();
    if (e != ERR_NONE && !view_starts(buf_view(&why), VIEW_LIT("f.conf:")))
        abort();
    for (size_t i = 0; i < why.len; i++)
        if (why.ptr[i] < 0x20 || why.ptr[i] > 0x7e)
            abort();
    if (memchr(t.text, 0, sizeof t.text) == NULL || t.number < 3 || t.number > 100)
        abort();
    if (t.nusd < 0 || t.pusd < 0 || t.name < 0 || t.name > 1 || t.guard != 0x5a)
        abort();
    buf_free(&why);
    free(copy);
    return 0;
}
