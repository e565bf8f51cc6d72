/* A transparency log, read from its published files and rebuilt. */
#include "log_read.h"

#include "command.h"
#include "tlog.h"
#include "tlog_tile.h"

#include <assert.h>
#include <stdlib.h>

enum {
    BUNDLE_BYTES_MAX = TILE_WIDTH * (2 + 65535),
    HASH = sizeof(struct digest32),
};

struct reader {
    const struct log_ask *ask;
    struct checkpoint head;
    struct tlog_edge tree; /* built from the entries */
    bool tile_differs;
    /* Per tile level, the hashes of the tile that is being filled. */
    struct {
        uint8_t hashes[TILE_WIDTH * HASH];
        unsigned n;
        uint64_t index;
    } tiles[TILE_LEVEL_MAX + 1];
};

static const struct {
    const char *code, *text;
} faults[] = {
    [LOG_SOUND] = {"ACCEPT", "the log is sound"},
    [LOG_UNREACHABLE] = {"CHECKPOINT", "the log's checkpoint cannot be read"},
    [LOG_SERVER] = {"CA", "the certificate authority does not vouch for the log's server"},
    [LOG_ASKED] = {"CA", "the file named with --ca holds no certificate authority"},
    [LOG_CHECKPOINT] = {"CHECKPOINT", "the checkpoint is no signed checkpoint"},
    [LOG_SIGNATURE] = {"SIGNATURE", "the checkpoint is not signed by this log's key"},
    [LOG_REWIND] = {"REWIND", "rewind: the log has fewer entries than the remembered checkpoint"},
    [LOG_FORK] = {"FORK", "fork: the first entries are not those of the remembered checkpoint"},
    [LOG_ENTRIES] = {"ENTRIES", "the log does not show what its checkpoint covers"},
    [LOG_ROOT] = {"ROOT", "the entries do not lead to the root of the checkpoint"},
    [LOG_TILES] = {"TILES", "the tiles are not those of the entries"},
};
_Static_assert(sizeof faults / sizeof faults[0] == LOG_FAULT_COUNT, "one row each");

const char *log_fault_code(enum log_fault f)
{
    assert((unsigned)f < LOG_FAULT_COUNT);
    return faults[f].code;
}

const char *log_fault_text(enum log_fault f)
{
    assert((unsigned)f < LOG_FAULT_COUNT);
    return faults[f].text;
}

/* --- tiles of hashes --- */

static void tile_compare(struct reader *r, unsigned level)
{
    struct tlog_tile t = {false, level, r->tiles[level].index, r->tiles[level].n};
    struct buf path, bytes;

    buf_init(&path, TILE_PATH_MAX);
    buf_init(&bytes, TILE_WIDTH * HASH);
    if (tlog_tile_path(&t, &path) != ERR_NONE || buf_append_byte(&path, '\0') != ERR_NONE ||
        fetch_file(r->ask->from, (const char *)path.ptr, &bytes) != ERR_NONE ||
        !view_eq(buf_view(&bytes), view_of(r->tiles[level].hashes, (size_t)t.width * HASH)))
        r->tile_differs = true;
    buf_free(&path);
    buf_free(&bytes);
    r->tiles[level].n = 0;
    r->tiles[level].index++;
}

static void subtree(void *cookie, unsigned level, uint64_t index, const struct digest32 *hash)
{
    struct reader *r = cookie;
    unsigned tile = level / 8;

    (void)index;
    if (level % 8 != 0)
        return;
    memcpy(r->tiles[tile].hashes + (size_t)r->tiles[tile].n++ * HASH, hash->b, HASH);
    if (r->tiles[tile].n == TILE_WIDTH)
        tile_compare(r, tile);
}

/* --- entries --- */

static enum log_fault entry_take(struct reader *r, struct view statement)
{
    const struct checkpoint *known = r->ask->known;
    struct digest32 leaf, root;

    tlog_leaf_hash(statement, &leaf);
    if (r->ask->entry != NULL)
        r->ask->entry(r->ask->cookie, r->tree.size, &leaf, statement);
    tlog_append(&r->tree, &leaf, subtree, r);
    if (known == NULL || r->tree.size != known->size)
        return LOG_SOUND;
    tlog_root(&r->tree, &root);
    return memcmp(root.b, known->root.b, HASH) == 0 ? LOG_SOUND : LOG_FORK;
}

static enum log_fault bundle_take(struct reader *r, uint64_t index, unsigned width)
{
    struct tlog_tile t = {true, 0, index, width};
    enum log_fault fault = LOG_SOUND;
    struct view rest, statement;
    struct buf path, bytes;
    enum err e;

    buf_init(&path, TILE_PATH_MAX);
    buf_init(&bytes, BUNDLE_BYTES_MAX);
    e = tlog_tile_path(&t, &path);
    if (e == ERR_NONE)
        e = buf_append_byte(&path, '\0');
    if (e == ERR_NONE)
        e = fetch_file(r->ask->from, (const char *)path.ptr, &bytes);
    rest = buf_view(&bytes);
    for (unsigned i = 0; e == ERR_NONE && fault == LOG_SOUND && i < width; i++) {
        if (!tlog_tile_next_entry(&rest, &statement))
            e = ERR_SHORT;
        else
            fault = entry_take(r, statement);
    }
    if (e == ERR_NONE && fault == LOG_SOUND && rest.len != 0)
        e = ERR_FORMAT;
    if (e != ERR_NONE) {
        complain("%s: %s", path.len != 0 ? (const char *)path.ptr : "an entry", err_name(e));
        fault = LOG_ENTRIES;
    }
    buf_free(&path);
    buf_free(&bytes);
    return fault;
}

static enum log_fault entries_check(struct reader *r)
{
    uint64_t full = r->head.size / TILE_WIDTH;
    unsigned rest = (unsigned)(r->head.size % TILE_WIDTH);
    enum log_fault fault = LOG_SOUND;
    struct digest32 root;

    for (uint64_t i = 0; i < full && fault == LOG_SOUND; i++)
        fault = bundle_take(r, i, TILE_WIDTH);
    if (fault == LOG_SOUND && rest != 0)
        fault = bundle_take(r, full, rest);
    if (fault != LOG_SOUND)
        return fault;
    for (unsigned level = 0; level <= TILE_LEVEL_MAX; level++) {
        if (r->tiles[level].n != 0)
            tile_compare(r, level);
    }
    tlog_root(&r->tree, &root);
    if (memcmp(root.b, r->head.root.b, HASH) != 0)
        return LOG_ROOT;
    return r->tile_differs ? LOG_TILES : LOG_SOUND;
}

/* --- checkpoints --- */

enum log_fault log_checkpoint_open(struct view note, const struct note_key *key,
                                   struct checkpoint *out)
{
    struct view text;
    enum err e = note_open(note, key, &text);

    if (e == ERR_NONE)
        e = checkpoint_decode(text, out);
    if (e == ERR_AUTH || (e == ERR_NONE && !view_eq(out->origin, view_str(key->name))))
        return LOG_SIGNATURE;
    return e == ERR_NONE ? LOG_SOUND : LOG_CHECKPOINT;
}

static enum log_fault head_open(const struct log_ask *ask, struct buf *note,
                                struct checkpoint *head)
{
    enum err e = fetch_file(ask->from, "checkpoint", note);
    enum log_fault fault;

    if (e != ERR_NONE) {
        complain("checkpoint: %s", err_name(e));
        return e == ERR_AUTH ? LOG_SERVER : e == ERR_CONFIG ? LOG_ASKED : LOG_UNREACHABLE;
    }
    fault = log_checkpoint_open(buf_view(note), ask->key, head);
    if (fault == LOG_SOUND && ask->known != NULL && ask->known->size > head->size)
        fault = LOG_REWIND;
    return fault;
}

enum log_fault log_read(const struct log_ask *ask, struct buf *note, struct checkpoint *head)
{
    struct reader *r = calloc(1, sizeof *r);
    enum log_fault fault = r == NULL ? LOG_UNREACHABLE : head_open(ask, note, head);

    if (fault == LOG_SOUND) {
        r->ask = ask;
        r->head = *head;
        fault = entries_check(r);
    }
    free(r);
    return fault;
}
