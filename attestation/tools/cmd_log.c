/* tr-verify log: every entry of a transparency log is read, the tree is built again from them, and
 * the result compared with the signed checkpoint, with the tiles that others are served, and with a
 * checkpoint that was kept from an earlier day: a log that forgot or changed something is caught.
 */
#include "command.h"
#include "fetch.h"
#include "file.h"
#include "json.h"
#include "note.h"
#include "tlog.h"
#include "tlog_tile.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    BUNDLE_MAX = TILE_WIDTH * (2 + 65535),
    NOTE_MAX = 64 << 10,
    HASH = sizeof(struct digest32),
};

struct audit {
    struct fetch *from;
    struct note_key key;
    bool quiet, json;
    struct buf note; /* the checkpoint as served */
    struct checkpoint head, kept;
    struct buf kept_note;
    bool has_kept;
    struct tlog_edge tree; /* built from the entries */
    bool tile_differs;
    /* Per tile level, the hashes of the tile that is being filled. */
    struct {
        uint8_t hashes[TILE_WIDTH * HASH];
        unsigned n;
        uint64_t index;
    } tiles[TILE_LEVEL_MAX + 1];
};

static enum exit_code reject(const struct audit *a, const char *code, const char *why)
{
    return refusal_print(a->json, EXIT_REJECT, code, "%s", why);
}

/* --- what ran --- */

/* Text from a log: shown only when it is plain printable ASCII. */
static void field_print(struct json_value doc, const char *label, const char *name)
{
    struct json_value v;
    struct view text;

    if (!json_get(doc, name, &v))
        return;
    if (!json_string_plain(v, &text)) {
        uint64_t n;

        if (json_u64(v, &n) == ERR_NONE)
            printf(" %s %" PRIu64, label, n);
        return;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < ' ' || text.ptr[i] > '~')
            return;
    }
    printf(" %s %.*s", label, (int)(text.len > 200 ? 200 : text.len), (const char *)text.ptr);
}

static void measurements_print(struct json_value doc)
{
    struct json_value list;
    struct json_member m;
    struct json_iter it;

    if (!json_get(doc, "measurements", &list) || list.kind != JSON_ARRAY)
        return;
    it = json_iter(list);
    while (json_next(&it, &m))
        field_print(m.value, "measurement", "measurement");
}

static void entry_print(uint64_t index, struct view statement)
{
    static const char *const fields[][2] = {
        {"version", "version"},
        {"at", "logged_at"},
        {"boot", "boot"},
        {"measurement", "measurement"},
        {"receipts", "receipt_ed25519"},
        {"policy", "policy_sha256"},
        {"named", "policy_version"},
        {"because of", "trigger"},
        {"providers", "providers_sha256"},
    };
    struct json_value doc, release, simulated;

    printf("%" PRIu64, index);
    if (json_check(statement, &doc, NULL) != ERR_NONE || doc.kind != JSON_OBJECT) {
        puts(" not JSON");
        return;
    }
    field_print(doc, "is", "purpose");
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        field_print(doc, fields[i][0], fields[i][1]);
    if (json_get(doc, "release", &release))
        field_print(release, "release", "version");
    measurements_print(doc);
    if (json_get(doc, "simulated", &simulated) && simulated.kind == JSON_TRUE)
        fputs(" SIMULATED", stdout);
    putchar('\n');
}

/* --- tiles of hashes --- */

static void tile_compare(struct audit *a, unsigned level)
{
    struct tlog_tile t = {false, level, a->tiles[level].index, a->tiles[level].n};
    struct buf path, bytes;

    buf_init(&path, TILE_PATH_MAX);
    buf_init(&bytes, TILE_WIDTH * HASH);
    if (tlog_tile_path(&t, &path) != ERR_NONE || buf_append_byte(&path, '\0') != ERR_NONE ||
        fetch_file(a->from, (const char *)path.ptr, &bytes) != ERR_NONE ||
        !view_eq(buf_view(&bytes), view_of(a->tiles[level].hashes, (size_t)t.width * HASH)))
        a->tile_differs = true;
    buf_free(&path);
    buf_free(&bytes);
    a->tiles[level].n = 0;
    a->tiles[level].index++;
}

static void subtree(void *cookie, unsigned level, uint64_t index, const struct digest32 *hash)
{
    struct audit *a = cookie;
    unsigned tile = level / 8;

    (void)index;
    if (level % 8 != 0)
        return;
    memcpy(a->tiles[tile].hashes + (size_t)a->tiles[tile].n++ * HASH, hash->b, HASH);
    if (a->tiles[tile].n == TILE_WIDTH)
        tile_compare(a, tile);
}

/* --- entries --- */

static enum exit_code entry_take(struct audit *a, struct view statement)
{
    struct digest32 leaf, root;

    tlog_leaf_hash(statement, &leaf);
    if (!a->quiet)
        entry_print(a->tree.size, statement);
    tlog_append(&a->tree, &leaf, subtree, a);
    if (!a->has_kept || a->tree.size != a->kept.size)
        return EXIT_ACCEPT;
    tlog_root(&a->tree, &root);
    if (memcmp(root.b, a->kept.root.b, HASH) != 0)
        return reject(a, "FORK",
                      "fork: the first entries are not those of the remembered checkpoint");
    return EXIT_ACCEPT;
}

static enum exit_code bundle_take(struct audit *a, uint64_t index, unsigned width)
{
    struct tlog_tile t = {true, 0, index, width};
    enum exit_code code = EXIT_ACCEPT;
    struct view rest, statement;
    struct buf path, bytes;
    enum err e;

    buf_init(&path, TILE_PATH_MAX);
    buf_init(&bytes, BUNDLE_MAX);
    e = tlog_tile_path(&t, &path);
    if (e == ERR_NONE)
        e = buf_append_byte(&path, '\0');
    if (e == ERR_NONE)
        e = fetch_file(a->from, (const char *)path.ptr, &bytes);
    rest = buf_view(&bytes);
    for (unsigned i = 0; e == ERR_NONE && code == EXIT_ACCEPT && i < width; i++) {
        if (!tlog_tile_next_entry(&rest, &statement))
            e = ERR_SHORT;
        else
            code = entry_take(a, statement);
    }
    if (e == ERR_NONE && code == EXIT_ACCEPT && rest.len != 0)
        e = ERR_FORMAT;
    if (e != ERR_NONE) {
        complain("%s: %s", (const char *)path.ptr, err_name(e));
        code = reject(a, "ENTRIES", "the log does not show what its checkpoint covers");
    }
    buf_free(&path);
    buf_free(&bytes);
    return code;
}

static enum exit_code entries_check(struct audit *a)
{
    uint64_t full = a->head.size / TILE_WIDTH;
    unsigned rest = (unsigned)(a->head.size % TILE_WIDTH);
    enum exit_code code = EXIT_ACCEPT;
    struct digest32 root;

    for (uint64_t i = 0; i < full && code == EXIT_ACCEPT; i++)
        code = bundle_take(a, i, TILE_WIDTH);
    if (code == EXIT_ACCEPT && rest != 0)
        code = bundle_take(a, full, rest);
    if (code != EXIT_ACCEPT)
        return code;
    for (unsigned level = 0; level <= TILE_LEVEL_MAX; level++) {
        if (a->tiles[level].n != 0)
            tile_compare(a, level);
    }
    tlog_root(&a->tree, &root);
    if (memcmp(root.b, a->head.root.b, HASH) != 0)
        return reject(a, "ROOT", "the entries do not lead to the root of the checkpoint");
    if (a->tile_differs)
        return reject(a, "TILES", "the tiles are not those of the entries");
    return EXIT_ACCEPT;
}

/* --- checkpoints --- */

static enum exit_code checkpoint_open(const struct audit *a, struct view note, const char *which,
                                      struct checkpoint *out)
{
    struct view text;
    enum err e = note_open(note, &a->key, &text);

    if (e == ERR_NONE)
        e = checkpoint_decode(text, out);
    if (e == ERR_AUTH || (e == ERR_NONE && !view_eq(out->origin, view_str(a->key.name))))
        return refusal_print(a->json, EXIT_REJECT, "SIGNATURE",
                             "%s is not signed by this log's key", which);
    if (e == ERR_NONE)
        return EXIT_ACCEPT;
    return refusal_print(a->json, EXIT_MALFORMED, "CHECKPOINT", "%s is no signed checkpoint",
                         which);
}

static enum exit_code heads_open(struct audit *a, const char *kept_path)
{
    enum exit_code code;
    enum err e = fetch_file(a->from, "checkpoint", &a->note);

    if (e != ERR_NONE)
        return refusal_print(a->json, EXIT_INTERNAL, "CHECKPOINT",
                             "the log's checkpoint cannot be read (%s)", err_name(e));
    code = checkpoint_open(a, buf_view(&a->note), "the checkpoint", &a->head);
    if (code != EXIT_ACCEPT || kept_path == NULL)
        return code;
    buf_free(&a->kept_note);
    if (!file_load(kept_path, NOTE_MAX, &a->kept_note))
        return EXIT_USAGE;
    code = checkpoint_open(a, buf_view(&a->kept_note), "the remembered checkpoint", &a->kept);
    if (code != EXIT_ACCEPT)
        return code;
    a->has_kept = a->kept.size != 0;
    if (a->kept.size > a->head.size)
        return reject(a, "REWIND",
                      "rewind: the log has fewer entries than the remembered checkpoint");
    return EXIT_ACCEPT;
}

static enum exit_code head_save(struct audit *a, const char *path)
{
    if (path == NULL || file_write(path, 0644, false, buf_view(&a->note)) == ERR_NONE)
        return EXIT_ACCEPT;
    complain("cannot write %s", path);
    return EXIT_INTERNAL;
}

static enum exit_code audit_run(struct audit *a, const char *kept_path, const char *save_path)
{
    enum exit_code code = heads_open(a, kept_path);
    char root[65];

    if (code == EXIT_ACCEPT)
        code = entries_check(a);
    if (code == EXIT_ACCEPT)
        code = head_save(a, save_path);
    if (code != EXIT_ACCEPT)
        return code;
    hex_encode(a->head.root.b, HASH, root);
    if (a->json) {
        printf("{\"verdict\":\"accept\",\"code\":\"ACCEPT\",\"checks\":[],\"origin\":");
        json_string_print(a->key.name);
        printf(",\"tree_size\":%" PRIu64 ",\"root_hash\":\"%s\",\"continues\":", a->head.size,
               root);
        if (a->has_kept)
            printf("%" PRIu64 "}\n", a->kept.size);
        else
            puts("null}");
        return EXIT_ACCEPT;
    }
    printf("accept: %s, %" PRIu64 " entries, root %s\n", a->key.name, a->head.size, root);
    if (a->has_kept)
        printf("continues the remembered checkpoint of %" PRIu64 " entries\n", a->kept.size);
    return EXIT_ACCEPT;
}

/* --- the command line --- */

static enum exit_code log_run(int argc, char **argv)
{
    const char *place = NULL, *key = NULL, *kept = NULL, *save = NULL, *ca = NULL;
    bool quiet = false, json = false;
    const struct option_value options[] = {
        {"--key", &key, NULL}, {"--from", &kept, NULL},   {"--save", &save, NULL},
        {"--ca", &ca, NULL},   {"--quiet", NULL, &quiet}, {"--json", NULL, &json},
    };
    struct audit *a;
    enum exit_code code = EXIT_USAGE;
    enum err e;

    if (!options_parse(argc, argv, "URL or directory", &place, options,
                       sizeof options / sizeof options[0]))
        return EXIT_USAGE;
    if (key == NULL) {
        complain("log needs --key KEY: the log's verifier key, or a file with it");
        return EXIT_USAGE;
    }
    a = calloc(1, sizeof *a);
    if (a == NULL)
        return EXIT_INTERNAL;
    a->quiet = quiet || json; /* the object is all that is printed */
    a->json = json;
    buf_init(&a->note, NOTE_MAX);
    buf_init(&a->kept_note, NOTE_MAX);
    e = fetch_open(place, ca, &a->from);
    if (e != ERR_NONE)
        complain("%s is no place that can be read (%s)", place, err_name(e));
    else if (log_key_load(key, &a->key))
        code = audit_run(a, kept, save);
    fetch_close(a->from);
    buf_free(&a->note);
    buf_free(&a->kept_note);
    free(a);
    return code;
}

const struct command command_log = {
    "log",
    "URL|DIR --key KEY [--from CHECKPOINT] [--save CHECKPOINT] [--ca FILE] [--quiet] [--json]",
    log_run,
};
