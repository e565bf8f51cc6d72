/* The names of C2SP tlog-tiles: which tile a path asks for, and the path of a tile. A tile has up
 * to 256 hashes of one level (each over 256^level leaves), an entries tile up to 256 statements,
 * each behind its length in two bytes. Partial tiles end in ".p/<width>". */
#ifndef TR_ATTESTATION_TLOG_TILE_H
#define TR_ATTESTATION_TLOG_TILE_H

#include "buf.h"
#include "err.h"
#include "view.h"

#include <stdbool.h>

enum {
    TILE_WIDTH = 256,
    TILE_LEVEL_MAX = 7, /* 256^8 leaves do not fit a tree */
    TILE_PATH_MAX = 64, /* bytes of a path */
};

struct tlog_tile {
    bool entries;   /* statements, not hashes */
    unsigned level; /* 0 for entries */
    uint64_t index;
    unsigned width; /* 1..256 */
};
/* "tile/0/x001/234.p/5", without a leading slash. False on anything that is not exactly the one
 * spelling of a tile. */
bool tlog_tile_parse(struct view path, struct tlog_tile *out);
must_check enum err tlog_tile_path(const struct tlog_tile *t, struct buf *out);
/* Take the next statement of an entries tile. */
bool tlog_tile_next_entry(struct view *tile, struct view *statement);

#endif
