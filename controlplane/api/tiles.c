/* The log as C2SP tlog-tiles: /checkpoint and /tile/..., for mirrors, monitors and witnesses. A
 * tile under a signed head never changes, so every cache may keep it for ever. */
#include "handlers.h"
#include "tlog_tile.h"

#define TEXT VIEW_LIT("text/plain; charset=utf-8")
#define BYTES VIEW_LIT("application/octet-stream")

static void checkpoint_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (e != ERR_NONE)
        call_fail_db(c, e);
    else if (db_rows(r) == 0)
        call_fail(c, 404, "log_empty", "Nothing has been logged yet.", NULL);
    else
        call_reply_public(c, TEXT, false, db_get_text(r, 0, 2));
}

void handle_checkpoint(struct call *c)
{
    db_query(call_db(c), STMT_LOG_HEAD, NULL, 0, 0, checkpoint_cb, c);
}

static void tile_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    /* A tile that is not as wide as asked does not exist yet. */
    if (e != ERR_NONE)
        call_fail_db(c, e);
    else if (db_get_i64(r, 0, 0) != c->count)
        call_fail(c, 404, "tile_not_found", "The log has no such tile.", NULL);
    else
        call_reply_public(c, BYTES, true, db_get_text(r, 0, 1));
}

void handle_tile(struct call *c)
{
    struct view path = view_from(c->path, 1);
    struct tlog_tile t;

    /* Beyond 2^54 tiles there is no leaf, and the arithmetic below would not fit. */
    if (!tlog_tile_parse(path, &t) || t.index >> 54 != 0) {
        call_fail(c, 404, "tile_not_found", "This is not the path of a tile.", NULL);
        return;
    }
    c->count = t.width;
    if (t.entries) {
        const struct db_param p[] = {db_i64((int64_t)(t.index * TILE_WIDTH)), db_i64(t.width)};

        db_query(call_db(c), STMT_LOG_BUNDLE, p, 2, 0, tile_cb, c);
    } else {
        const struct db_param p[] = {db_i64(8 * t.level), db_i64((int64_t)(t.index * TILE_WIDTH)),
                                     db_i64(t.width)};

        db_query(call_db(c), STMT_LOG_TILE, p, 3, 0, tile_cb, c);
    }
}
