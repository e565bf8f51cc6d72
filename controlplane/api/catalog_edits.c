/* Changes of single rows of the catalog: the lines of one section of the text in force, then the next version. What an
 * endpoint is switched off for is no part of the text. */
#include "handlers.h"

#include "catalog_desk.h"
#include "catalog_edit.h"
#include "catalog_file.h"

#include <stdio.h>
#include <stdlib.h>

enum { NAME_MAX_BYTES = 2 * (LIMIT_MODEL_ID_BYTES + 1) };

struct edit {
    struct call *c;
    const char *kind; /* "model", "endpoint", "alias", "synth" */
    char name[NAME_MAX_BYTES + 1];
    bool create, remove;
    int64_t base; /* 0: not said */
};

/* --- the text in force */

enum { CURRENT_VERSION, CURRENT_TEXT, CURRENT_MODEL, CURRENT_PROVIDER };

static enum err edit_text(const struct edit *x, struct view before, struct buf *after)
{
    struct view kind = view_str(x->kind), name = view_str(x->name);
    struct json_value fields;

    if (x->remove)
        return catalog_edit_remove(before, kind, name, after);
    if (json_check(buf_view(&x->c->body), &fields, NULL) != ERR_NONE)
        return ERR_FORMAT;
    return catalog_edit(before, kind, name, fields, x->create, after);
}

static void edit_take(const struct edit *x, int64_t version, struct view before)
{
    char note[NAME_MAX_BYTES + 16];
    struct desk_order order = {.base = x->base != 0 ? x->base : version, .origin = VIEW_LIT("edit")};
    struct buf after;
    enum err e;

    snprintf(note, sizeof note, "%s %s", x->kind, x->name);
    order.note = view_str(note);
    if (order.note.len > OPERATOR_NOTE_MAX)
        order.note.len = OPERATOR_NOTE_MAX;
    buf_init(&after, CATALOG_FILE_MAX);
    e = edit_text(x, before, &after);
    if (e == ERR_NOT_FOUND)
        call_fail(x->c, 404, "not_found", "The catalog in force has no such entry.", NULL);
    else if (e != ERR_NONE)
        call_fail(x->c, 400, "invalid_parameter",
                  "The body must be one JSON object of fields of catalog.conf: text, numbers, true or false, lists of "
                  "text; null removes a field.",
                  NULL);
    else
        desk_take(x->c, buf_view(&after), &order);
    buf_free(&after);
}

static void current_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct edit *x = cookie;
    bool endpoint = strcmp(x->kind, "endpoint") == 0;

    if (e != ERR_NONE) {
        call_fail_db(x->c, e);
    } else if (db_is_null(r, 0, CURRENT_TEXT)) {
        call_fail(x->c, 409, "no_text", "The catalog in force was published without its text; publish a draft first.",
                  NULL);
    } else if (endpoint && db_is_null(r, 0, CURRENT_MODEL)) {
        call_fail(x->c, 404, "not_found", "The catalog in force has no such endpoint.", NULL);
    } else {
        struct view model = db_get_text(r, 0, CURRENT_MODEL), provider = db_get_text(r, 0, CURRENT_PROVIDER);

        if (endpoint)
            snprintf(x->name, sizeof x->name, "%.*s@%.*s", (int)model.len, (const char *)model.ptr, (int)provider.len,
                     (const char *)provider.ptr);
        edit_take(x, db_get_i64(r, 0, CURRENT_VERSION), db_get_text(r, 0, CURRENT_TEXT));
    }
    free(x);
}

/* name: what stands for the braces; of an endpoint, its number. */
static void edit_begin(struct call *c, const char *kind, uint64_t endpoint, bool create, bool remove)
{
    const struct db_param p[] = {db_i64((int64_t)endpoint)};
    struct edit *x;
    int64_t base;

    if (!operator_base(c, &base))
        return;
    x = calloc(1, sizeof *x);
    if (x == NULL) {
        call_fail(c, 500, "internal_error", "Out of memory.", NULL);
        return;
    }
    *x = (struct edit){.c = c, .kind = kind, .create = create, .remove = remove, .base = base};
    if (endpoint == 0 && (c->segment.len > LIMIT_MODEL_ID_BYTES || !catalog_id_ok(c->segment))) {
        call_fail(c, 404, "not_found", "The catalog in force has no such entry.", NULL);
        free(x);
        return;
    }
    if (endpoint == 0)
        memcpy(x->name, c->segment.ptr, c->segment.len);
    db_query(call_db(c), STMT_CATALOG_CURRENT, p, 1, 0, current_cb, x);
}

void handle_catalog_model(struct call *c)
{
    edit_begin(c, "model", 0, false, false);
}

void handle_catalog_alias(struct call *c)
{
    edit_begin(c, "alias", 0, true, false);
}

void handle_catalog_alias_delete(struct call *c)
{
    edit_begin(c, "alias", 0, false, true);
}

void handle_catalog_synth(struct call *c)
{
    edit_begin(c, "synth", 0, true, false);
}

void handle_catalog_synth_delete(struct call *c)
{
    edit_begin(c, "synth", 0, false, true);
}

/* --- an endpoint switched off for a while */

enum { OFF, OFF_UNTIL, REASON, N_OFF };
static const struct field off_fields[N_OFF] = {
    [OFF] = {"off", FIELD_BOOL, true, false, 0, NULL},
    [OFF_UNTIL] = {"off_until", FIELD_FUTURE, false, true, 0, NULL},
    [REASON] = {"off_reason", FIELD_TEXT, false, false, OPERATOR_NOTE_MAX, NULL},
};

static void override_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    struct buf out;

    if (e != ERR_NONE) {
        call_fail_db(c, e);
        return;
    }
    if (view_eq(db_get_text(r, 0, 0), VIEW_LIT("unknown"))) {
        call_fail(c, 404, "not_found", "The catalog in force has no such endpoint.", NULL);
        return;
    }
    buf_init(&out, 64);
    if (buf_appendf(&out, "{\"version\":%lld,\"changed\":true}", (long long)db_get_i64(r, 0, 1)) == ERR_NONE)
        call_reply_data(c, 200, buf_view(&out));
    else
        call_fail(c, 500, "internal_error", "Out of memory.", NULL);
    buf_free(&out);
}

static void override(struct call *c, uint64_t endpoint)
{
    char author[OPERATOR_AUTHOR_MAX];
    struct value v[N_OFF];
    int64_t base;

    if (!operator_base(c, &base) || !call_body(c, off_fields, N_OFF, v))
        return;
    if (base != 0) {
        call_fail(c, 400, "invalid_parameter", "An endpoint is switched off beside the catalog, in whichever version.", "base");
        return;
    }
    if (v[OFF].number == 0 && v[OFF_UNTIL].state == VALUE_SET) {
        call_fail(c, 400, "invalid_parameter", "An endpoint that is on has no end of being off.", "off_until");
        return;
    }
    const struct db_param p[] = {
        db_i64((int64_t)endpoint),
        db_bool(v[OFF].number != 0),
        v[OFF_UNTIL].state == VALUE_SET ? db_i64(v[OFF_UNTIL].number) : db_null(),
        db_bytes(view_str(v[REASON].text)),
        db_bytes(operator_author(c, author)),
    };
    db_query(call_db(c), STMT_CATALOG_OVERRIDE, p, sizeof p / sizeof p[0], 0, override_cb, c);
}

void handle_catalog_endpoint(struct call *c)
{
    struct json_value root, v;
    uint64_t endpoint;

    if (!operator_number(c, &endpoint))
        return;
    if (json_check(buf_view(&c->body), &root, NULL) == ERR_NONE && root.kind == JSON_OBJECT &&
        (json_get(root, "off", &v) || json_get(root, "off_until", &v) || json_get(root, "off_reason", &v)))
        override(c, endpoint);
    else if (endpoint == 0)
        call_fail(c, 404, "not_found", "The catalog in force has no such endpoint.", NULL);
    else
        edit_begin(c, "endpoint", endpoint, false, false);
}
