/* /incidents: what operators tell everybody. */
#include "handlers.h"

#include "operator.h"

static const char *const states[] = {"investigating", "identified", "monitoring", "resolved", NULL};
static const char *const impacts[] = {"none", "minor", "major", "critical", NULL};

enum { TITLE, STATE, IMPACT, MESSAGE, MODELS, PROVIDERS, REGIONS, N_CREATE, N_PATCH = MODELS };
/* Lists are ids with spaces or commas between them. */
static const struct field create_fields[N_CREATE] = {
    [TITLE] = {"title", FIELD_TEXT, true, false, 256, NULL},
    [STATE] = {"state", FIELD_NAME, false, false, 0, states},
    [IMPACT] = {"impact", FIELD_NAME, true, false, 0, impacts},
    [MESSAGE] = {"message", FIELD_TEXT, true, false, 256, NULL},
    [MODELS] = {"models", FIELD_PLAIN, false, false, 1024, NULL},
    [PROVIDERS] = {"providers", FIELD_PLAIN, false, false, 1024, NULL},
    [REGIONS] = {"regions", FIELD_PLAIN, false, false, 1024, NULL},
};
static const struct field patch_fields[N_PATCH] = {
    [TITLE] = {"title", FIELD_TEXT, false, false, 256, NULL},
    [STATE] = {"state", FIELD_NAME, false, false, 0, states},
    [IMPACT] = {"impact", FIELD_NAME, false, false, 0, impacts},
    [MESSAGE] = {"message", FIELD_TEXT, false, false, 256, NULL},
};

void handle_incidents(struct call *c)
{
    struct db_param p[2];

    if (operator_page(c, &p[0], &p[1]))
        db_query(call_db(c), STMT_INCIDENT_LIST, p, 2, 0, operator_list_cb, c);
}

static bool take_incident(struct call *c)
{
    if (id_parse(c->segment, &c->made_id) == ERR_NONE)
        return true;
    call_fail(c, 404, "not_found", "There is no such incident.", NULL);
    return false;
}

static void show(struct call *c)
{
    const struct db_param p[] = {db_id(&c->made_id)};

    db_query(call_db(c), STMT_INCIDENT_GET, p, 1, 0, operator_object_cb, c);
}

void handle_incident(struct call *c)
{
    if (take_incident(c))
        show(c);
}

static bool word(struct view *rest, struct view *out)
{
    size_t n = 0;

    while (rest->len != 0 && (rest->ptr[0] == ' ' || rest->ptr[0] == ','))
        *rest = view_from(*rest, 1);
    while (n < rest->len && rest->ptr[n] != ' ' && rest->ptr[n] != ',')
        n++;
    *out = view_of(rest->ptr, n);
    *rest = view_from(*rest, n);
    return n != 0;
}

/* The ids of a list as an array to bind. */
static enum err array(const struct value *v, struct buf *out)
{
    struct view rest = v->state == VALUE_SET ? v->plain : VIEW_EMPTY, id;
    struct view counted = rest;
    size_t n = 0;
    enum err e;

    while (word(&counted, &id))
        n++;
    e = db_array_begin(out, DB_ELEMENT_TEXT, n);
    while (e == ERR_NONE && word(&rest, &id))
        e = db_array_put(out, id);
    return e;
}

static void created_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    (void)r;
    if (e != ERR_NONE)
        call_fail_db(c, e);
    else
        show(c);
}

void handle_incident_create(struct call *c)
{
    struct value v[N_CREATE];
    char author[OPERATOR_AUTHOR_MAX];
    struct buf lists[3];
    enum err e = ERR_NONE;

    if (!call_body(c, create_fields, N_CREATE, v))
        return;
    for (unsigned i = 0; i < 3; i++) {
        buf_init(&lists[i], 16384);
        if (e == ERR_NONE)
            e = array(&v[MODELS + i], &lists[i]);
    }
    c->made_id = id_new();
    if (e == ERR_NONE) {
        const struct db_param p[] = {
            db_id(&c->made_id),
            db_bytes(view_str(v[TITLE].text)),
            db_bytes(view_str(states[v[STATE].number])), /* not said: the first */
            db_bytes(view_str(impacts[v[IMPACT].number])),
            db_bytes(view_str(v[MESSAGE].text)),
            db_bytes(buf_view(&lists[0])),
            db_bytes(buf_view(&lists[1])),
            db_bytes(buf_view(&lists[2])),
            db_bytes(operator_author(c, author)),
        };
        db_query(call_db(c), STMT_INCIDENT_CREATE, p, sizeof p / sizeof p[0], 0, created_cb, c);
    } else {
        call_fail(c, 500, "internal_error", "Out of memory.", NULL);
    }
    for (unsigned i = 0; i < 3; i++)
        buf_free(&lists[i]);
}

static void patched_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (e != ERR_NONE)
        call_fail_db(c, e);
    else if (!db_get_bool(r, 0, 0))
        call_fail(c, 404, "not_found", "There is no such incident.", NULL);
    else
        show(c);
}

void handle_incident_patch(struct call *c)
{
    struct value v[N_PATCH];
    char author[OPERATOR_AUTHOR_MAX];

    if (!take_incident(c) || !call_body(c, patch_fields, N_PATCH, v))
        return;
    const struct db_param p[] = {
        db_id(&c->made_id),
        v[TITLE].state == VALUE_SET ? db_bytes(view_str(v[TITLE].text)) : db_null(),
        v[STATE].state == VALUE_SET ? db_bytes(view_str(states[v[STATE].number])) : db_null(),
        v[IMPACT].state == VALUE_SET ? db_bytes(view_str(impacts[v[IMPACT].number])) : db_null(),
        v[MESSAGE].state == VALUE_SET ? db_bytes(view_str(v[MESSAGE].text)) : db_null(),
        db_bytes(operator_author(c, author)),
    };
    db_query(call_db(c), STMT_INCIDENT_PATCH, p, sizeof p / sizeof p[0], 0, patched_cb, c);
}
