#include "conf.h"
#include "money.h"
#include "secret.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <unistd.h>

enum {
    FIELDS_MAX = 256,     /* per table: one bit each in parser.seen; a field for each provider's key */
    SHOWN_NAME_MAX = 32,  /* bytes of a name from the file that an error message repeats */
    READ_STEP = 16 << 10, /* bytes asked from the kernel at once */
};

struct parser {
    const char *file_name;
    unsigned line;
    conf_section_fn *section;
    void *cookie;
    struct conf_target target; /* where the keys of the open section go */
    unsigned section_line;     /* 0 before the first section */
    uint64_t seen[FIELDS_MAX / 64]; /* bit i: target.fields[i] had its value */
    struct buf *why;
};

/* The value is never part of the sentence: it may be a credential. */
static enum err fail(struct parser *p, const char *field, const char *what)
{
    enum err e;

    if (field != NULL)
        e = buf_appendf(p->why, "%s:%u: %s %s", p->file_name, p->line, field, what);
    else
        e = buf_appendf(p->why, "%s:%u: %s", p->file_name, p->line, what);
    (void)e; /* a full `why` loses words, not the verdict */
    return ERR_CONFIG;
}

/* A key that is in no table is repeated in the message only when it looks like one: a credential
 * that slipped to the left of a '=' has digits, capitals or length. */
static enum err fail_unknown(struct parser *p, struct view key)
{
    char name[SHOWN_NAME_MAX + 1];

    if (key.len == 0 || key.len > SHOWN_NAME_MAX)
        return fail(p, NULL, "unknown key");
    for (size_t i = 0; i < key.len; i++) {
        if ((key.ptr[i] < 'a' || key.ptr[i] > 'z') && key.ptr[i] != '_')
            return fail(p, NULL, "unknown key");
        name[i] = (char)key.ptr[i];
    }
    name[key.len] = '\0';
    return fail(p, name, "is not a known key here");
}

/* --- values, one function per type; NULL when the value is fine, else what is wrong with it --- */

static const char *set_text(const struct conf_field *f, struct view v, char *out)
{
    if (v.len >= f->size)
        return "is too long";
    if (v.len != 0)
        memcpy(out, v.ptr, v.len);
    out[v.len] = '\0';
    return NULL;
}

static const char *add_line(const struct conf_field *f, struct view v, char *out)
{
    size_t len = strnlen(out, f->size);

    if (v.len + 2 > f->size - len)
        return "is too long, or there too often";
    if (v.len != 0)
        memcpy(out + len, v.ptr, v.len);
    memcpy(out + len + v.len, "\n", 2);
    return NULL;
}

static const char *set_u64(const struct conf_field *f, struct view v, uint64_t *out)
{
    uint64_t n;

    if (!view_u64(v, &n))
        return "is not a whole number";
    if (n < f->min || (f->max != 0 && n > f->max))
        return "is out of range";
    *out = n;
    return NULL;
}

static const char *set_bool(struct view v, bool *out)
{
    static const char *const words[] = {"off", "on", "false", "true", "no", "yes"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (view_eq(v, view_str(words[i]))) {
            *out = i % 2 == 1;
            return NULL;
        }
    }
    return "is neither on nor off";
}

static const char *set_hex(const struct conf_field *f, struct view v, uint8_t *out)
{
    return hex_decode(v, out, f->size) == ERR_NONE ? NULL : "is not hex digits of the right length";
}

static const char *set_nusd(struct view v, int64_t *out)
{
    return money_parse_usd(v, out) == ERR_NONE ? NULL : "is not an amount in dollars";
}

static const char *set_price(struct view v, int64_t *out)
{
    enum err e = money_price_per_million(v, out);

    if (e == ERR_NONE)
        return NULL;
    return e == ERR_LIMIT ? "has more than 6 decimals" : "is not a price in dollars per million tokens";
}

static const char *set_name(const struct conf_field *f, struct view v, int *out)
{
    for (int i = 0; f->names[i] != NULL; i++) {
        if (view_eq(v, view_str(f->names[i]))) {
            *out = i;
            return NULL;
        }
    }
    return "is not one of the names allowed here";
}

static const char *set_value(const struct conf_field *f, struct view v, void *base)
{
    void *out = (char *)base + f->offset;

    switch (f->type) {
    case CONF_TEXT:
        return set_text(f, v, out);
    case CONF_LINES:
        return add_line(f, v, out);
    case CONF_U64:
        return set_u64(f, v, out);
    case CONF_BOOL:
        return set_bool(v, out);
    case CONF_HEX:
        return set_hex(f, v, out);
    case CONF_NUSD:
        return set_nusd(v, out);
    case CONF_PRICE:
        return set_price(v, out);
    case CONF_NAME:
        return set_name(f, v, out);
    }
    return "has no type";
}

/* --- lines --- */

static bool was_seen(const struct parser *p, size_t i)
{
    return (p->seen[i / 64] >> i % 64 & 1) != 0;
}

static enum err parse_key(struct parser *p, struct view line)
{
    const uint8_t *sign = memchr(line.ptr, '=', line.len);
    struct view key, value;

    if (sign == NULL)
        return fail(p, NULL, "expected key = value, [section] or # comment");
    key = view_trim(view_of(line.ptr, (size_t)(sign - line.ptr)));
    value = view_trim(view_from(line, (size_t)(sign - line.ptr) + 1));
    for (size_t i = 0; i < p->target.n_fields; i++) {
        const struct conf_field *f = &p->target.fields[i];
        const char *wrong;

        if (!view_eq(key, view_str(f->name)))
            continue;
        if (was_seen(p, i) && f->type != CONF_LINES)
            return fail(p, f->name, "appears twice");
        if (value.len == 0 && f->required)
            return fail(p, f->name, "is empty");
        wrong = set_value(f, value, p->target.base);
        if (wrong != NULL)
            return fail(p, f->name, wrong);
        p->seen[i / 64] |= UINT64_C(1) << i % 64;
        return ERR_NONE;
    }
    return fail_unknown(p, key);
}

static enum err section_close(struct parser *p)
{
    for (size_t i = 0; i < p->target.n_fields; i++) {
        if (p->target.fields[i].required && !was_seen(p, i)) {
            if (p->section_line != 0)
                p->line = p->section_line;
            return fail(p, p->target.fields[i].name, "is missing");
        }
    }
    return ERR_NONE;
}

static bool section_open(struct parser *p, struct view kind, struct view name)
{
    p->target = p->section(p->cookie, kind, name);
    memset(p->seen, 0, sizeof p->seen);
    if (p->target.fields == NULL) {
        p->target.n_fields = 0;
        return false;
    }
    assert(p->target.n_fields <= FIELDS_MAX);
    return true;
}

/* "[kind]" or "[kind name]"; a name has no blanks and no brackets. */
static enum err parse_section(struct parser *p, struct view line)
{
    struct view inner, name = VIEW_EMPTY;
    unsigned here = p->line;
    size_t i = 0;
    enum err e = section_close(p);

    if (e != ERR_NONE)
        return e;
    if (line.ptr[line.len - 1] != ']')
        return fail(p, NULL, "a section has no closing bracket");
    inner = view_trim(view_of(line.ptr + 1, line.len - 2));
    while (i < inner.len && inner.ptr[i] != ' ' && inner.ptr[i] != '\t')
        i++;
    name = view_trim(view_from(inner, i));
    inner.len = i;
    if (inner.len == 0)
        return fail(p, NULL, "a section has no name");
    for (i = 0; i < name.len; i++)
        if (name.ptr[i] == ' ' || name.ptr[i] == '\t' || name.ptr[i] == '[' || name.ptr[i] == ']')
            return fail(p, NULL, "a section name has more than one word");
    p->section_line = here;
    if (!section_open(p, inner, name))
        return fail(p, NULL, "unknown or repeated section");
    return ERR_NONE;
}

static enum err parse_line(struct parser *p, struct view line)
{
    if (line.len != 0 && line.ptr[line.len - 1] == '\r')
        line.len--;
    line = view_trim(line);
    if (line.len == 0 || line.ptr[0] == '#')
        return ERR_NONE;
    for (size_t i = 0; i < line.len; i++) /* a NUL would end a CONF_TEXT early */
        if ((line.ptr[i] < 0x20 && line.ptr[i] != '\t') || line.ptr[i] == 0x7f)
            return fail(p, NULL, "control character");
    return line.ptr[0] == '[' ? parse_section(p, line) : parse_key(p, line);
}

enum err conf_parse(struct view text, const char *file_name, conf_section_fn *section, void *cookie,
                    struct buf *why)
{
    struct parser p = {.file_name = file_name, .section = section, .cookie = cookie, .why = why};
    enum err e;

    (void)section_open(&p, VIEW_EMPTY, VIEW_EMPTY);
    while (text.len != 0) {
        const uint8_t *end = memchr(text.ptr, '\n', text.len);
        size_t len = end != NULL ? (size_t)(end - text.ptr) : text.len;

        p.line++;
        e = parse_line(&p, view_of(text.ptr, len));
        if (e != ERR_NONE)
            return e;
        text = view_from(text, end != NULL ? len + 1 : len);
    }
    return section_close(&p);
}

unsigned conf_line(struct view text, const char *section, struct view key)
{
    bool here = section[0] == '\0';

    for (unsigned line = 1; text.len != 0; line++) {
        const uint8_t *end = memchr(text.ptr, '\n', text.len);
        struct view one = view_of(text.ptr, end != NULL ? (size_t)(end - text.ptr) : text.len), name = view_trim(one);
        const uint8_t *sign = name.len == 0 ? NULL : memchr(name.ptr, '=', name.len);

        if (name.len > 1 && name.ptr[0] == '[')
            here = view_eq(view_trim(view_of(name.ptr + 1, name.len - 2)), view_str(section));
        else if (here && sign != NULL && view_eq(view_trim(view_of(name.ptr, (size_t)(sign - name.ptr))), key))
            return line;
        text = view_from(text, end != NULL ? one.len + 1 : one.len);
    }
    return 0;
}

enum err conf_read_file(const char *path, size_t max, struct buf *out)
{
    size_t before = out->len;
    size_t most = max < out->max - before ? max : out->max - before;
    enum err e = ERR_NONE;
    uint8_t probe;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return ERR_IO;
    for (;;) {
        size_t room = most - (out->len - before);
        ssize_t n;

        if (room > READ_STEP)
            room = READ_STEP;
        if (room != 0) {
            e = buf_reserve(out, room);
            if (e != ERR_NONE)
                goto done;
        }
        n = room != 0 ? read(fd, out->ptr + out->len, room) : read(fd, &probe, 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            e = ERR_IO;
        else if (n > 0 && room == 0)
            e = ERR_LIMIT; /* one byte more than allowed */
        if (n <= 0 || e != ERR_NONE)
            goto done;
        out->len += (size_t)n;
    }
done:
    if (e != ERR_NONE && out->len > before) {
        secret_wipe(out->ptr + before, out->len - before);
        out->len = before;
    }
    close(fd);
    return e;
}
