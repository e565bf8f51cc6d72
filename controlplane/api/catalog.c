/* /catalog: what is in force, its versions, drafts, publishing and going back. Changes of single rows: catalog_edits.c. */
#include "handlers.h"

#include "catalog_desk.h"
#include "catalog_edit.h"
#include "catalog_file.h"
#include "name.h"

#include <stdlib.h>

/* --- reading */

void handle_catalog(struct call *c)
{
    struct view model;
    const struct db_param p[] = {call_query(c, "model", &model) ? db_bytes(model) : db_null()};

    db_query(call_db(c), STMT_CATALOG_SHOW, p, 1, 0, operator_object_cb, c);
}

void handle_catalog_versions(struct call *c)
{
    struct db_param p[2];

    if (operator_page(c, &p[0], &p[1]))
        db_query(call_db(c), STMT_CATALOG_VERSIONS, p, 2, 0, operator_list_cb, c);
}

static void ask_version(struct call *c, enum stmt s, db_cb *cb)
{
    uint64_t n;

    if (operator_number(c, &n)) {
        const struct db_param p[] = {db_i64((int64_t)n)};

        db_query(call_db(c), s, p, 1, 0, cb, c);
    }
}

void handle_catalog_version(struct call *c)
{
    ask_version(c, STMT_CATALOG_VERSION, operator_object_cb);
}

void handle_catalog_acks(struct call *c)
{
    ask_version(c, STMT_CATALOG_ACKS, operator_list_cb);
}

void handle_catalog_diff(struct call *c)
{
    static const char *const names[] = {"from", "to"};
    struct db_param p[2];

    for (size_t i = 0; i < 2; i++) {
        struct view v;
        uint64_t n;

        if (!call_query(c, names[i], &v) || !view_u64(v, &n) || n > INT32_MAX) {
            call_fail(c, 400, "invalid_parameter", "This must be the number of a version.", names[i]);
            return;
        }
        p[i] = db_i64((int64_t)n);
    }
    db_query(call_db(c), STMT_CATALOG_DIFF, p, 2, 0, operator_object_cb, c);
}

/* --- a draft */

/* {"text":...} or {"models":[...],...}, and a note. False: the call has been answered. */
static bool draft_of_json(struct call *c, struct json_value root, struct buf *text, struct buf *note)
{
    struct json_value v;
    enum err e = ERR_NONE;

    if (json_only(root, "note", &v) == ERR_NONE)
        e = v.kind == JSON_STRING && json_string_decode(v, note) == ERR_NONE && name_fault(buf_view(note)) == NULL
                ? ERR_NONE
                : ERR_FORMAT;
    if (e != ERR_NONE) {
        call_fail(c, 400, "invalid_parameter", "This must be at most 256 characters of text.", "note");
        return false;
    }
    if (json_only(root, "text", &v) == ERR_NONE)
        e = v.kind == JSON_STRING ? json_string_decode(v, text) : ERR_FORMAT;
    else
        e = catalog_edit_from_json(root, text);
    if (e == ERR_NONE)
        return true;
    call_fail(c, 400, "invalid_parameter",
              "A draft is text (catalog.conf), or models, endpoints, aliases and synths with the names of its fields.", "text");
    return false;
}

void handle_catalog_draft(struct call *c)
{
    struct desk_order order = {.draft = true};
    struct json_value root;
    struct view type, body = buf_view(&c->body);
    struct buf text, note;

    if (!operator_base(c, &order.base))
        return;
    buf_init(&text, CATALOG_FILE_MAX);
    buf_init(&note, OPERATOR_NOTE_MAX);
    if (!c->origin->header(c, VIEW_LIT("content-type"), &type) || !view_starts(type, VIEW_LIT("application/json")))
        desk_take(c, body, &order);
    else if (json_check(body, &root, NULL) != ERR_NONE || root.kind != JSON_OBJECT)
        call_fail(c, 400, "invalid_json", "The body must be one JSON object, or catalog.conf as text/plain.", NULL);
    else if (draft_of_json(c, root, &text, &note)) {
        order.note = buf_view(&note);
        desk_take(c, buf_view(&text), &order);
    }
    buf_free(&text);
    buf_free(&note);
}

/* --- publishing, going back */

static const struct field publish_fields[] = {{"note", FIELD_TEXT, false, false, OPERATOR_NOTE_MAX, NULL}};
enum { TO, ROLLBACK_NOTE, N_ROLLBACK };
static const struct field rollback_fields[N_ROLLBACK] = {
    [TO] = {"to", FIELD_COUNT, true, false, INT32_MAX, NULL},
    [ROLLBACK_NOTE] = {"note", FIELD_TEXT, false, false, OPERATOR_NOTE_MAX, NULL},
};

struct publishing {
    struct call *c;
    struct desk_order order;
    char note[OPERATOR_NOTE_MAX + 1];
    bool rollback;
};

/* state, text */
static void text_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct publishing *p = cookie;
    struct call *c = p->c;

    if (e != ERR_NONE) {
        call_fail_db(c, e);
    } else if (db_rows(r) == 0 || db_is_null(r, 0, 1)) {
        call_fail(c, 404, "not_found", "There is no such version, or its text is not kept any more.", NULL);
    } else if (p->rollback && view_eq(db_get_text(r, 0, 0), VIEW_LIT("draft"))) {
        call_fail(c, 400, "invalid_parameter", "This version was never in force; publish it.", "to");
    } else {
        p->order.note = view_str(p->note);
        desk_take(c, db_get_text(r, 0, 1), &p->order);
    }
    free(p);
}

static void ask_text(struct call *c, int64_t version, bool rollback, int64_t base, const char *note)
{
    const struct db_param params[] = {db_i64(version)};
    struct publishing *p = calloc(1, sizeof *p);

    if (p == NULL) {
        call_fail(c, 500, "internal_error", "Out of memory.", NULL);
        return;
    }
    *p = (struct publishing){.c = c, .rollback = rollback};
    p->order = (struct desk_order){.of_draft = rollback ? 0 : version,
                                   .base = base,
                                   .origin = rollback ? VIEW_LIT("rollback") : VIEW_LIT("rest")};
    memcpy(p->note, note, strlen(note) + 1);
    db_query(call_db(c), STMT_CATALOG_TEXT, params, 1, 0, text_cb, p);
}

void handle_catalog_publish(struct call *c)
{
    struct value v[1] = {{.state = VALUE_ABSENT}};
    uint64_t n;

    if (operator_number(c, &n) && (operator_body_empty(c) || call_body(c, publish_fields, 1, v)))
        ask_text(c, (int64_t)n, false, 0, v[0].text);
}

void handle_catalog_rollback(struct call *c)
{
    struct value v[N_ROLLBACK];
    int64_t base;

    if (operator_base(c, &base) && call_body(c, rollback_fields, N_ROLLBACK, v))
        ask_text(c, v[TO].number, true, base, v[ROLLBACK_NOTE].text);
}
