/* The commands of tr-controlplane, each over its own state and database connection. */
#include "commands.h"

#include "api.h"
#include "db.h"
#include "db_conn.h"
#include "log_key.h"
#include "rebuild.h"
#include "routes.h"
#include "secret.h"
#include "state.h"
#include "tls.h"

#include <stdio.h>

static enum err fail(struct buf *why, enum err e, const char *sentence)
{
    if (why->len == 0 && buf_append(why, view_str(sentence)) != ERR_NONE)
        buf_reset(why);
    return e;
}

static enum err open_state(const struct controlplane_config *c, struct state *s, struct buf *why)
{
    *s = (struct state){0};
    return state_open(c->state_dir, c->rest_names, s, why);
}

enum err command_init_state(const struct controlplane_config *c, struct buf *why)
{
    struct state s;
    enum err e = open_state(c, &s, why);

    state_close(&s);
    return e;
}

enum err command_print_link_spki(const struct controlplane_config *c, struct buf *why)
{
    struct digest32 d;
    char text[2 * sizeof d.b + 1];
    struct state s;
    enum err e = open_state(c, &s, why);

    if (e == ERR_NONE)
        e = tls_spki_sha256(s.link_key, &d);
    state_close(&s);
    if (e != ERR_NONE)
        return fail(why, e, "state_dir: the link key cannot be used");
    hex_encode(d.b, sizeof d.b, text);
    printf("%s\n", text);
    return ERR_NONE;
}

enum err command_print_log_key(const struct controlplane_config *c, struct buf *why)
{
    struct log_key key;
    struct buf text;
    enum err e = command_init_state(c, why);

    if (e == ERR_NONE)
        e = log_key_open(c->state_dir, c->log_origin, &key);
    if (e != ERR_NONE)
        return fail(why, e, "state_dir, log_origin: the log key cannot be used");
    buf_init(&text, 2 * NOTE_NAME_MAX);
    e = note_key_text(&key.public, &text);
    if (e == ERR_NONE)
        printf("%.*s\n", (int)text.len, (const char *)text.ptr);
    buf_free(&text);
    log_key_close(&key);
    return e;
}

/* --- the first key --- */

struct bootstrap {
    uv_loop_t loop;
    enum err outcome;
};

static void bootstrap_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct bootstrap *b = cookie;

    (void)r;
    b->outcome = e;
    uv_stop(&b->loop);
}

/* The database refuses a second operator, however many ask at the same time. */
enum err command_bootstrap(const struct controlplane_config *c, struct buf *why)
{
    struct id account = id_new(), key = id_new();
    struct bootstrap b = {.outcome = ERR_NONE};
    const struct db_config config = {&b.loop, c->database, 1};
    struct new_key made;
    struct db *db;
    enum err e = db_migrate(c->database, c->sql_dir, why);

    if (e == ERR_NONE && uv_loop_init(&b.loop) != 0)
        e = ERR_IO;
    if (e == ERR_NONE)
        e = db_open(&config, &db);
    if (e != ERR_NONE)
        return fail(why, e, "the database cannot be opened");
    api_new_key(true, &made);
    const struct db_param params[] = {
        db_id(&account),
        db_bytes(VIEW_LIT("operator")),
        db_bool(true),
        db_id(&key),
        db_bytes(view_of(made.digest, sizeof made.digest)),
        db_bytes(VIEW_LIT("first operator key")),
        db_bytes(view_str(made.label)),
        db_bytes(VIEW_LIT("operator")),
    };
    db_query(db, STMT_ACCOUNT_CREATE, params, sizeof params / sizeof params[0], 0, bootstrap_cb,
             &b);
    uv_run(&b.loop, UV_RUN_DEFAULT); /* the connection ends with the process, after this command */
    e = b.outcome;
    if (e == ERR_NONE)
        printf("%s\n", made.text);
    else
        e = fail(why, e,
                 e == ERR_CONFLICT ? "there is an operator already; its key was shown once"
                                   : "the database does not answer");
    secret_wipe(&made, sizeof made);
    return e;
}

/* --- the ledger --- */

enum { VIOLATIONS_MAX = 1000 };

static void print_view(struct view v, char end)
{
    printf("%.*s%c", (int)v.len, (const char *)v.ptr, end);
}

enum err command_check_ledger(const struct controlplane_config *c, struct buf *why)
{
    const struct db_param most = db_i64(VIOLATIONS_MAX);
    struct session *session = NULL;
    struct db_result *rows = NULL;
    enum err e = db_migrate(c->database, c->sql_dir, why);

    if (e == ERR_NONE)
        e = session_open(c->database, &session, why);
    if (e == ERR_NONE)
        e = session_query(session, STMT_LEDGER_CHECK, &most, 1, &rows, why);
    for (size_t i = 0; e == ERR_NONE && i < db_rows(rows); i++)
        for (unsigned col = 0; col < 4; col++)
            print_view(db_get_text(rows, i, col), col == 3 ? '\n' : '\t');
    if (e == ERR_NONE && db_rows(rows) == 0)
        printf("the ledger is sound\n");
    else if (e == ERR_NONE)
        e = fail(why, ERR_RANGE, "the ledger has violations: docs/operations.md says what to do");
    result_free(rows);
    if (session != NULL)
        session_close(session);
    return e;
}

/* --- the route table --- */

static void print_names(const char *names)
{
    if (names[0] == '\0')
        putchar('-');
    for (; names[0] != '\0'; names++)
        putchar(names[0] == ' ' ? ',' : names[0]);
}

enum err command_print_routes(void)
{
    for (size_t i = 0; i < routes_count; i++) {
        const struct route *r = &routes[i];
        char flags[32];

        snprintf(flags, sizeof flags, "%s%s%s", (r->flags & R_RELAYED) != 0 ? " relayed" : "",
                 (r->flags & R_SESSION) != 0 ? " session" : "", route_picks(r) ? " picks" : "");
        printf("%s %s %s ", r->method, r->path, permission_name(r->permission));
        print_names(flags[0] == ' ' ? flags + 1 : flags);
        putchar(' ');
        print_names(r->query);
        putchar('\n');
    }
    return ERR_NONE;
}

/* --- the log --- */

enum err command_rebuild_log(const struct controlplane_config *c, const char *from, struct buf *why)
{
    const struct rebuild_config config = {
        .database = c->database,
        .state_dir = c->state_dir,
        .origin = c->log_origin,
        .mirror = strcmp(from, "entries") == 0 ? NULL : from,
    };
    struct rebuilt done = {.entries = 0};
    char root[2 * sizeof done.root.b + 1];
    enum err e = db_migrate(c->database, c->sql_dir, why);

    if (e == ERR_NONE)
        e = log_rebuild(&config, &done, why);
    if (e != ERR_NONE)
        return fail(why, e, "the log cannot be rebuilt");
    hex_encode(done.root.b, sizeof done.root.b, root);
    printf("%llu entries, %llu of them added, root %s\n", (unsigned long long)done.entries,
           (unsigned long long)done.added, root);
    return ERR_NONE;
}
