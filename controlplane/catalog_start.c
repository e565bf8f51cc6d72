/* Compares digests with the database's, and publishes when they differ. */
#include "catalog_start.h"

#include "catalog_json.h"
#include "file_mark.h"
#include "log.h"
#include "secret.h"
#include "utf8.h"

#include <assert.h>
#include <stdlib.h>

#define MARK "catalog" /* file_mark.h */

struct start {
    struct db *db;
    const struct providers *providers;
    struct view text;
    const char *state_dir;
    struct digest32 digest;
    bool from_file;
    catalog_start_cb *cb;
    void *cookie;
};

static void start_end(struct start *s, enum err e, int64_t version)
{
    if (e == ERR_NONE)
        file_mark_set(s->state_dir, MARK, &s->digest);
    s->cb(s->cookie, e, version, s->from_file);
    free(s);
}

static void published_cb(void *cookie, enum err e, const struct db_result *r)
{
    start_end(cookie, e, e == ERR_NONE ? db_get_i64(r, 0, 1) : 0);
}

/* A comment may hold any byte, PostgreSQL takes UTF-8. */
static enum err clean(struct view text, struct buf *out)
{
    enum err e = ERR_NONE;
    size_t bad;

    for (size_t i = 0; e == ERR_NONE && i < text.len;) {
        size_t n = utf8_sequence(text.ptr + i, text.len - i, &bad);

        if (n == 0 || text.ptr[i] == '\0') {
            e = buf_append_byte(out, '?');
            i++;
        } else {
            e = buf_append(out, view_of(text.ptr + i, n));
            i += n;
        }
    }
    return e;
}

/* text as the next version. file: it is catalog.conf's. */
static enum err publish(struct start *s, struct view text, bool file)
{
    struct buf part[CATALOG_JSON_PARTS], why, cleaned;
    struct catalog_file f = {0};
    enum err e;

    for (unsigned i = 0; i < CATALOG_JSON_PARTS; i++)
        buf_init(&part[i], 1);
    buf_init(&why, 1024);
    buf_init(&cleaned, CATALOG_FILE_MAX);
    e = catalog_file_parse(text, "catalog", s->providers, &f, &why);
    if (e == ERR_NONE)
        e = catalog_json(&f, part);
    if (e == ERR_NONE)
        e = clean(text, &cleaned);
    if (e == ERR_NONE) {
        const struct db_param p[] = {
            db_null(),
            db_null(),
            db_bytes(buf_view(&cleaned)),
            db_bytes(view_of(s->providers->digest.b, sizeof s->providers->digest.b)),
            db_bytes(buf_view(&part[CATALOG_JSON_MODELS])),
            db_bytes(buf_view(&part[CATALOG_JSON_ENDPOINTS])),
            db_bytes(buf_view(&part[CATALOG_JSON_ALIASES])),
            db_bytes(VIEW_LIT("file")),
            db_bytes(VIEW_EMPTY),
            db_bytes(file ? VIEW_LIT("catalog.conf") : VIEW_LIT("providers.conf has changed")),
            file ? db_bytes(view_of(s->digest.b, sizeof s->digest.b)) : db_null(),
            db_bytes(buf_view(&part[CATALOG_JSON_SYNTHS])),
        };

        s->from_file = file;
        db_query(s->db, STMT_CATALOG_PUBLISH, p, sizeof p / sizeof p[0], 0, published_cb, s);
    }
    for (unsigned i = 0; i < CATALOG_JSON_PARTS; i++)
        buf_free(&part[i]);
    buf_free(&why);
    buf_free(&cleaned);
    catalog_file_free(&f);
    return e;
}

static bool is_digest(const struct db_result *r, unsigned column, const struct digest32 *d)
{
    return !db_is_null(r, 0, column) && view_eq(db_get_text(r, 0, column), view_of(d->b, sizeof d->b));
}

/* version, text, providers_sha256, whether the file has counted before */
enum { VERSION, TEXT, PROVIDERS, FILE_SEEN };

static void state_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct start *s = cookie;

    if (e == ERR_NONE && !db_get_bool(r, 0, FILE_SEEN))
        e = publish(s, s->text, true);
    else if (e == ERR_NONE && !db_is_null(r, 0, TEXT) && !is_digest(r, PROVIDERS, &s->providers->digest))
        e = publish(s, db_get_text(r, 0, TEXT), false); /* numbers of providers may be others */
    else {
        start_end(s, e, e == ERR_NONE ? db_get_i64(r, 0, VERSION) : 0);
        return;
    }
    if (e != ERR_NONE)
        start_end(s, e, 0);
}

void catalog_start(struct db *db, const struct providers *providers, struct view text, const char *state_dir,
                   catalog_start_cb *cb, void *cookie)
{
    struct start *s = malloc(sizeof *s);

    assert(s != NULL);
    *s = (struct start){.db = db, .providers = providers, .text = text, .state_dir = state_dir, .cb = cb, .cookie = cookie};
    digest_sha256(text, &s->digest);
    struct digest32 former;
    bool known = file_mark_get(state_dir, MARK, &former);
    const struct db_param p[] = {db_bytes(view_of(s->digest.b, sizeof s->digest.b)),
                                 known ? db_bytes(view_of(former.b, sizeof former.b)) : db_null()};

    db_query(db, STMT_CATALOG_STATE, p, 2, 0, state_cb, s);
}
