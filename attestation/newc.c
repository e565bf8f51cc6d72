/* Reads a newc archive entry by entry from a view; nothing is allocated. */
#include "newc.h"

#include "secret.h"

#include <sys/stat.h>

/* "070701", then 13 numbers of 8 hexadecimal digits. */
enum { MAGIC_BYTES = 6, FIELD_BYTES = 8, FIELDS = 13, HEADER_BYTES = MAGIC_BYTES + 13 * 8 };
enum field { FIELD_MODE = 1, FIELD_LINKS = 4, FIELD_SIZE = 6, FIELD_NAME_BYTES = 11 };
_Static_assert(HEADER_BYTES == 110, "the header of a newc entry");

struct header {
    uint32_t field[FIELDS];
};

static enum err header_read(struct view *rest, struct header *out)
{
    struct view magic, text;

    if (!view_take(rest, MAGIC_BYTES, &magic) || !view_eq(magic, VIEW_LIT("070701")))
        return ERR_FORMAT;
    for (size_t i = 0; i < FIELDS; i++) {
        uint8_t b[4];

        if (!view_take(rest, FIELD_BYTES, &text) || hex_decode(text, b, sizeof b) != ERR_NONE)
            return ERR_FORMAT;
        out->field[i] = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    }
    return ERR_NONE;
}

static bool is_zero(struct view v)
{
    uint8_t any = 0;

    for (size_t i = 0; i < v.len; i++)
        any |= v.ptr[i];
    return any == 0;
}

/* Header with name, and data, each end at a multiple of four from the archive's start. */
static enum err padding_skip(struct view archive, struct view *rest)
{
    struct view padding;

    if (!view_take(rest, -(archive.len - rest->len) & 3, &padding))
        return ERR_FORMAT;
    return is_zero(padding) ? ERR_NONE : ERR_FORMAT;
}

/* A path with one spelling. */
static bool name_is_plain(struct view name)
{
    size_t from = 0;

    for (size_t i = 0; i <= name.len; i++) {
        struct view part;

        if (i != name.len && name.ptr[i] != '/') {
            if (name.ptr[i] <= ' ' || name.ptr[i] > '~')
                return false;
            continue;
        }
        part = view_of(name.ptr + from, i - from);
        if (part.len == 0 || view_eq(part, VIEW_LIT(".")) || view_eq(part, VIEW_LIT("..")))
            return false;
        from = i + 1;
    }
    return true;
}

static enum err name_read(struct view *rest, uint32_t bytes, struct view *out)
{
    struct view name;

    if (bytes < 2)
        return ERR_FORMAT;
    if (bytes > NEWC_NAME_MAX + 1)
        return ERR_LIMIT;
    if (!view_take(rest, bytes, &name) || name.ptr[bytes - 1] != '\0')
        return ERR_FORMAT;
    *out = view_of(name.ptr, bytes - 1);
    return name_is_plain(*out) ? ERR_NONE : ERR_FORMAT;
}

static enum err kind_read(const struct header *h, struct newc_entry *out)
{
    uint32_t mode = h->field[FIELD_MODE];

    out->mode = mode & 07777;
    switch (mode & S_IFMT) {
    case S_IFREG:
        out->kind = NEWC_FILE;
        break;
    case S_IFDIR:
        out->kind = NEWC_FOLDER;
        break;
    case S_IFLNK:
        out->kind = NEWC_SYMLINK;
        break;
    case S_IFCHR:
    case S_IFBLK:
        out->kind = NEWC_DEVICE;
        break;
    default:
        return ERR_FORMAT;
    }
    /* Linux looks for earlier names of the same inode when there is more than one. */
    if (out->kind != NEWC_FOLDER && h->field[FIELD_LINKS] > 1)
        return ERR_FORMAT;
    return out->kind == NEWC_FILE || out->kind == NEWC_SYMLINK || h->field[FIELD_SIZE] == 0
               ? ERR_NONE
               : ERR_FORMAT;
}

static const struct newc_entry *entry_find(const struct newc *n, struct view name)
{
    for (size_t i = 0; i < n->n; i++) {
        if (view_eq(n->entries[i].name, name))
            return &n->entries[i];
    }
    return NULL;
}

/* New, and in a folder that is there: so no link leads to another place. */
static bool name_fits(const struct newc *n, struct view name)
{
    const struct newc_entry *folder;
    size_t slash = name.len;

    if (entry_find(n, name) != NULL)
        return false;
    while (slash > 0 && name.ptr[slash - 1] != '/')
        slash--;
    if (slash == 0)
        return true;
    folder = entry_find(n, view_of(name.ptr, slash - 1));
    return folder != NULL && folder->kind == NEWC_FOLDER;
}

static enum err entry_add(struct newc *n, const struct header *h, struct newc_entry one)
{
    enum err e = kind_read(h, &one);

    if (e != ERR_NONE)
        return e;
    if (n->n == NEWC_ENTRIES_MAX)
        return ERR_LIMIT;
    if (!name_fits(n, one.name))
        return ERR_FORMAT;
    n->entries[n->n++] = one;
    return ERR_NONE;
}

enum err newc_parse(struct view archive, struct newc *out)
{
    struct view rest = archive;

    out->n = 0;
    for (;;) {
        struct newc_entry one = {.mode = 0};
        struct header h;
        bool is_trailer;
        enum err e = header_read(&rest, &h);

        if (e == ERR_NONE)
            e = name_read(&rest, h.field[FIELD_NAME_BYTES], &one.name);
        if (e == ERR_NONE)
            e = padding_skip(archive, &rest);
        if (e == ERR_NONE && !view_take(&rest, h.field[FIELD_SIZE], &one.data))
            e = ERR_FORMAT;
        is_trailer = e == ERR_NONE && view_eq(one.name, VIEW_LIT("TRAILER!!!"));
        if (is_trailer)
            return one.data.len == 0 && is_zero(rest) ? ERR_NONE : ERR_FORMAT;
        if (e == ERR_NONE)
            e = padding_skip(archive, &rest);
        if (e == ERR_NONE)
            e = entry_add(out, &h, one);
        if (e != ERR_NONE)
            return e;
    }
}

enum err newc_file(const struct newc *n, const char *name, struct view *out)
{
    const struct newc_entry *one = entry_find(n, view_str(name));

    if (one == NULL || one->kind != NEWC_FILE)
        return ERR_NOT_FOUND;
    *out = one->data;
    return ERR_NONE;
}
