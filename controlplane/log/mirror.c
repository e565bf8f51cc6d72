/* Files of a mirror, one bundle of 256 statements in memory at a time. */
#include "mirror.h"

#include "file.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    NOTE_MAX = 4096, /* bytes of a signed checkpoint, as log_checkpoint has it */
    BUNDLE_MAX = TILE_WIDTH * (2 + 65535) + 1, /* bytes, and one that shows a longer file */
};

static enum err read_into(const struct mirror *m, struct view name, size_t max, struct buf *out)
{
    char path[PATH_MAX];
    char *bytes = malloc(max);
    size_t len = 0;
    enum err e = bytes == NULL ? ERR_MEMORY : ERR_NONE;

    if (e == ERR_NONE && (size_t)snprintf(path, sizeof path, "%s/%.*s", m->dir, (int)name.len,
                                          (const char *)name.ptr) >= sizeof path)
        e = ERR_LIMIT;
    if (e == ERR_NONE)
        e = file_read(path, false, bytes, max, &len);
    buf_reset(out);
    if (e == ERR_NONE)
        e = buf_append(out, view_of(bytes, len));
    free(bytes);
    return e;
}

enum err mirror_open(const char *dir, const struct note_key *key, struct mirror *out)
{
    struct view text;
    enum err e;

    *out = (struct mirror){.next = 0};
    buf_init(&out->note, NOTE_MAX);
    buf_init(&out->tile, BUNDLE_MAX);
    if ((size_t)snprintf(out->dir, sizeof out->dir, "%s", dir) >= sizeof out->dir)
        return ERR_LIMIT;
    e = read_into(out, VIEW_LIT("checkpoint"), NOTE_MAX, &out->note);
    if (e == ERR_NONE)
        e = note_open(buf_view(&out->note), key, &text);
    if (e == ERR_NONE)
        e = checkpoint_decode(text, &out->head);
    if (e == ERR_NONE && !view_eq(out->head.origin, view_str(key->name)))
        e = ERR_AUTH;
    return e;
}

static enum err read_bundle(struct mirror *m, uint64_t index, unsigned width)
{
    struct tlog_tile t = {true, 0, index, width};
    struct buf path;
    enum err e;

    buf_init(&path, TILE_PATH_MAX);
    e = tlog_tile_path(&t, &path);
    if (e == ERR_NONE)
        e = read_into(m, buf_view(&path), BUNDLE_MAX, &m->tile);
    buf_free(&path);
    m->rest = buf_view(&m->tile);
    return e;
}

/* The bundle in which the next entry is the first. A whole bundle may stand where the head still
 * covers a part of it: mirrors replace the part when the whole exists. */
static enum err next_bundle(struct mirror *m)
{
    uint64_t index = m->next / TILE_WIDTH, left = m->head.size - m->next;
    enum err e = read_bundle(m, index, left < TILE_WIDTH ? (unsigned)left : TILE_WIDTH);

    if (e == ERR_NOT_FOUND && left < TILE_WIDTH)
        e = read_bundle(m, index, TILE_WIDTH);
    return e;
}

enum err mirror_next(struct mirror *m, struct view *statement)
{
    enum err e = ERR_NONE;

    assert(m->next < m->head.size);
    if (m->next % TILE_WIDTH == 0)
        e = next_bundle(m);
    if (e == ERR_NONE && !tlog_tile_next_entry(&m->rest, statement))
        e = ERR_SHORT;
    if (e == ERR_NONE)
        m->next++;
    return e;
}

void mirror_close(struct mirror *m)
{
    buf_free(&m->note);
    buf_free(&m->tile);
}
