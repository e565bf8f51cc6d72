/* Cursors: version, the list they are of, number, id, in hex. */
#include "page.h"

enum { VERSION = 1, LIST_BYTES = 4, CURSOR_BYTES = 1 + LIST_BYTES + 8 + 16 };
_Static_assert(PAGE_CURSOR_LEN == 2 * CURSOR_BYTES, "hex");

/* A list is known by its path. */
static void list_name(const struct call *c, uint8_t out[static LIST_BYTES])
{
    struct digest32 d;

    digest_sha256(view_str(c->route->path), &d);
    memcpy(out, d.b, LIST_BYTES);
}

void page_cursor(const struct call *c, int64_t at, const struct id *id,
                 char out[static PAGE_CURSOR_LEN + 1])
{
    uint8_t b[CURSOR_BYTES] = {VERSION};

    list_name(c, b + 1);
    for (unsigned i = 0; i < 8; i++)
        b[1 + LIST_BYTES + i] = (uint8_t)((uint64_t)at >> (56 - 8 * i));
    if (id != NULL)
        memcpy(b + 1 + LIST_BYTES + 8, id->b, sizeof id->b);
    hex_encode(b, sizeof b, out);
}

static bool cursor_read(const struct call *c, struct view text, struct page *out)
{
    uint8_t b[CURSOR_BYTES], name[LIST_BYTES];
    uint64_t at = 0;

    list_name(c, name);
    if (hex_decode(text, b, sizeof b) != ERR_NONE || b[0] != VERSION ||
        memcmp(b + 1, name, LIST_BYTES) != 0)
        return false;
    for (unsigned i = 0; i < 8; i++)
        at = at << 8 | b[1 + LIST_BYTES + i];
    out->after = true;
    out->at = (int64_t)at;
    memcpy(out->id.b, b + 1 + LIST_BYTES + 8, sizeof out->id.b);
    return true;
}

static bool read_page(struct call *c, uint64_t most, const char *fault, struct page *out)
{
    struct view v;
    uint64_t limit;

    *out = (struct page){.limit = PAGE_LIMIT};
    if (call_query(c, "limit", &v)) {
        if (!view_u64(v, &limit) || limit < 1 || limit > most) {
            call_fail(c, 400, "invalid_parameter", fault, "limit");
            return false;
        }
        out->limit = (int64_t)limit;
    }
    if (call_query(c, "cursor", &v) && !cursor_read(c, v, out)) {
        call_fail(c, 400, "invalid_parameter", "This is no cursor of this list.", "cursor");
        return false;
    }
    return true;
}

bool call_page(struct call *c, struct page *out)
{
    return read_page(c, PAGE_LIMIT_MAX, "This must be 1 to 100.", out);
}

bool call_page_of_records(struct call *c, struct page *out)
{
    return read_page(c, PAGE_LIMIT_RECORDS, "This must be 1 to 200.", out);
}

struct db_param page_at(const struct page *p)
{
    return p->after ? db_i64(p->at) : db_null();
}

struct db_param page_id(const struct page *p)
{
    return p->after ? db_id(&p->id) : db_null();
}

void call_reply_page(struct call *c, struct view rows, bool more, int64_t at, const struct id *id)
{
    char cursor[PAGE_CURSOR_LEN + 1];
    struct buf out;
    enum err e;

    page_cursor(c, at, id, cursor);
    buf_init(&out, rows.len + 128);
    e = buf_append(&out, VIEW_LIT("{\"data\":"));
    if (e == ERR_NONE)
        e = buf_append(&out, rows);
    if (e == ERR_NONE)
        e = more ? buf_appendf(&out, ",\"next_cursor\":\"%s\"}", cursor)
                 : buf_append(&out, VIEW_LIT(",\"next_cursor\":null}"));
    if (e == ERR_NONE)
        call_reply(c, 200, buf_view(&out));
    else
        call_fail(c, 500, "internal_error", "Out of memory.", NULL);
    buf_free(&out);
}
