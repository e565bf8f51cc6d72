/* The audit trail and idempotency keys in a real PostgreSQL, written through the pool as handlers do: every write is in
 * the trail in its caller's name, the chain shows every change of it, and what a call with an idempotency key writes
 * is committed together with the note that it was, or not at all. */
#include "check.h"
#include "db.h"
#include "lib/pg.h"
#include "secret.h"

#include <sys/wait.h>
#include <uv.h>

static struct db *pool;
static struct id account, key;

/* --- asking */

struct answer {
    unsigned fired;
    enum err e;
    size_t rows;
    char text[256]; /* the first column, when it is text */
};

static void answer_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct answer *a = cookie;

    a->fired++;
    a->e = e;
    a->rows = r == NULL ? 0 : db_rows(r);
    if (a->rows > 0 && !db_is_null(r, 0, 0)) {
        struct view v = db_get_text(r, 0, 0);

        snprintf(a->text, sizeof a->text, "%.*s", (int)v.len, (const char *)v.ptr);
    }
}

static struct answer ask(struct db *d, enum stmt s, const struct db_param *p, size_t n)
{
    struct answer a = {0};
    uint64_t end = uv_hrtime() / 1000000 + 12000;

    db_query(d, s, p, n, 0, answer_cb, &a);
    while (a.fired == 0 && uv_hrtime() / 1000000 < end) {
        uv_run(uv_default_loop(), UV_RUN_NOWAIT);
        usleep(200);
    }
    CHECK_INT(a.fired, 1);
    return a;
}

static struct db_who caller(const char *actor)
{
    struct db_who who = {.request = id_new()};

    snprintf(who.actor, sizeof who.actor, "%s", actor);
    return who;
}

/* An account with a key, made as POST /accounts makes it. */
static struct answer make_account(struct db *d, struct id *out_account, struct id *out_key)
{
    uint8_t digest[32];

    *out_account = id_new();
    *out_key = id_new();
    secret_random(digest, sizeof digest);
    const struct db_param p[] = {
        db_id(out_account), db_bytes(VIEW_LIT("one")), db_bool(false), db_id(out_key),
        db_bytes(view_of(digest, sizeof digest)), db_bytes(VIEW_LIT("first")),
        db_bytes(VIEW_LIT("sk-tr-m1-abc")), db_bytes(VIEW_LIT("management")),
    };

    return ask(d, STMT_ACCOUNT_CREATE, p, 8);
}

/* A number from SQL about an account: $A is its id in quotes. */
static int64_t number_of(const struct id *who, const char *sql)
{
    char text[2000], id[ID_TEXT_LEN + 1];
    const char *at = strstr(sql, "$A");

    id_text(who, id);
    snprintf(text, sizeof text, "%.*s'%s'%s", (int)(at - sql), sql, id, at + 2);
    return pg_number(text);
}

static void setup(void)
{
    const struct db_config c = {uv_default_loop(), pg_url(), 3};
    struct buf why;

    CHECK_INT(secret_init(), ERR_NONE);
    buf_init(&why, 1000);
    CHECK_INT(db_migrate(pg_url(), "sql", &why), ERR_NONE);
    if (why.len > 0)
        printf("# %.*s\n", (int)why.len, (const char *)why.ptr);
    buf_free(&why);
    CHECK_INT(db_open(&c, &pool), ERR_NONE);
    CHECK_INT(make_account(pool, &account, &key).e, ERR_NONE);
}

/* --- the trail */

static void writes_are_in_their_callers_name(void)
{
    struct db_who who = caller("key:somebody");
    struct db *d = db_as(pool, &who);
    struct id a, k;

    CHECK_INT(make_account(d, &a, &k).e, ERR_NONE);
    CHECK_INT(number_of(&a, "SELECT count(*) FROM audit_entry WHERE scope = 'workspace' AND account_id = $A"
                            " AND line::jsonb ->> 'actor' = 'key:somebody'"
                            " AND length(line::jsonb ->> 'request') = 32"), 2);
    CHECK_INT(number_of(&a, "SELECT count(*) FROM audit_entry WHERE scope = 'workspace' AND account_id = $A"
                            " AND action = 'api_key.insert' AND line::jsonb -> 'after' ->> 'name' = 'first'"
                            " AND line::jsonb -> 'target' ->> 'digest' ~ '^[0-9a-f]{64}$'"), 1);
    db_as_free(d);
    /* The next statement of the same connection, without a name, is not in the former's. */
    for (int i = 0; i < 8; i++) {
        CHECK_INT(make_account(pool, &a, &k).e, ERR_NONE);
        CHECK_INT(number_of(&a, "SELECT count(*) FROM audit_entry WHERE scope = 'workspace' AND account_id = $A"
                                " AND line::jsonb ->> 'actor' LIKE 'database:%'"
                                " AND line::jsonb ->> 'request' IS NULL"), 2);
    }
}

/* What comes before and after the query in its transaction is not taken for its answer. */
static void the_answer_is_the_querys(void)
{
    struct db_who who = caller("key:x");
    struct db *d;
    struct id a, k;

    who.claimed = false;
    d = db_as(pool, &who);
    CHECK_INT(strlen(make_account(d, &a, &k).text), 24); /* utc_text(), and not a setting */
    db_as_free(d);
}

static void only_what_changed_is_shown(void)
{
    CHECK(*pg_sql("UPDATE api_key SET name = 'renamed', updated_at = now() WHERE name = 'first'") == '\0');
    CHECK_INT(number_of(&account, "SELECT count(*) FROM audit_entry WHERE scope = 'workspace' AND account_id = $A"
                                  " AND action = 'api_key.update'"
                                  " AND line::jsonb -> 'before' = '{\"name\": \"first\"}'"
                                  " AND line::jsonb -> 'after' = '{\"name\": \"renamed\"}'"), 1);
    /* Nobody did this; the database keeps it. */
    pg_sql("UPDATE api_key SET byok_version = byok_version + 1");
    CHECK_INT(number_of(&account, "SELECT count(*) FROM audit_entry WHERE scope = 'workspace' AND account_id = $A"), 3);
}

static void secrets_are_not_shown(void)
{
    char id[ID_TEXT_LEN + 1], sql[1000];

    id_text(&account, id);
    snprintf(sql, sizeof sql,
             "INSERT INTO byok_key (byok_id, account_id, provider, name, sealed, seal_id) VALUES"
             " (gen_random_uuid(), '%s', 'openai', 'mine', decode(repeat('5ec4e7', 20), 'hex'),"
             " decode('0011223344556677', 'hex')); CREATE TABLE odd (account_id uuid PRIMARY KEY, password_hash text,"
             " email text, session_token text, tokens_per_minute int, raw bytea); SELECT audit_on('odd');"
             " INSERT INTO odd VALUES ('%s', 'hunter2', 'a@example.com', 'hunter3', 7, '\\x68756e74657234')", id, id);
    CHECK(strstr(pg_sql(sql), "ERROR") == NULL);
    CHECK_INT(number_of(&account, "SELECT count(*) FROM audit_entry WHERE scope = 'workspace' AND account_id = $A AND action ="
                                  " 'byok_key.insert' AND line LIKE '%\"sealed\": \"(not shown)\"%'"), 1);
    CHECK_INT(pg_number("SELECT count(*) FROM audit_entry WHERE line ~ '5ec4e7|0011223344556677|hunter|example.com'"
                        " OR line ~ '68756e74657234'"), 0);
    CHECK_INT(pg_number("SELECT count(*) FROM audit_entry WHERE line LIKE '%\"tokens_per_minute\": 7%'"), 1);
    pg_sql("DROP TABLE odd");
}

static void entries_are_only_added(void)
{
    static const char *const statements[] = {
        "UPDATE audit_entry SET line = '{}'",
        "DELETE FROM audit_entry",
        "TRUNCATE audit_entry CASCADE",
    };

    for (unsigned i = 0; i < 3; i++)
        CHECK(strstr(pg_sql(statements[i]), "is append-only") != NULL);
}

/* Somebody with all rights changes one thing; then it is as it was. */
static void every_change_breaks_the_chain(void)
{
    static const struct {
        const char *how;
        int64_t bad;
    } cases[] = {
        {"UPDATE audit_entry SET seq = seq", 0},
        {"UPDATE audit_entry SET line = replace(line, 'renamed', 'as before'), hash = sha256(convert_to("
         "replace(line, 'renamed', 'as before'), 'UTF8')) WHERE action = 'api_key.update'", 4},
        {"UPDATE audit_entry SET hash = sha256('x'), line = 'x' WHERE seq = 2 AND scope = 'workspace'", 2},
        {"DELETE FROM audit_entry WHERE seq = 2 AND scope = 'workspace'", 2},
        {"DELETE FROM audit_entry WHERE seq = 1 AND scope = 'workspace'", 1},
        {"DELETE FROM audit_entry WHERE seq >= 4 AND scope = 'workspace'", 4},
    };
    char id[ID_TEXT_LEN + 1], sql[2000];

    id_text(&account, id);
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snprintf(sql, sizeof sql,
                 "BEGIN; SET LOCAL session_replication_role = replica; %s; SELECT coalesce(o_bad, 0)"
                 " FROM audit_verify('%s', 'workspace'); ROLLBACK",
                 cases[i].how, id);
        CHECK_INT(strtoll(pg_sql(sql), NULL, 10), cases[i].bad);
    }
    /* Who rewrites all of it is shown by one entry that somebody else noted down. */
    CHECK_INT(number_of(&account, "SELECT o_noted::int FROM audit_entry e, audit_verify(e.account_id, 'workspace',"
                                  " e.seq, e.hash) WHERE e.seq = 2 AND e.scope = 'workspace' AND e.account_id = $A"), 1);
    CHECK_INT(number_of(&account, "SELECT o_noted::int FROM audit_entry e, audit_verify(e.account_id, 'workspace',"
                                  " e.seq, sha256(e.hash)) WHERE e.seq = 2 AND e.scope = 'workspace' AND e.account_id = $A"), 0);
}

/* Many at once in one account: no gap, no fork, nobody waits for ever. */
static void writers_at_once_make_one_chain(void)
{
    enum { WRITERS = 4, EACH = 25 };
    char id[ID_TEXT_LEN + 1], command[2000];
    int64_t before = number_of(&account, "SELECT seq FROM audit_head WHERE account_id = $A AND scope = 'workspace'");
    int status;

    id_text(&account, id);
    snprintf(command, sizeof command,
             "for w in $(seq %d); do (for i in $(seq %d); do echo \"UPDATE account SET name = 'n$w.$i' WHERE"
             " account_id = '%s'; UPDATE api_key SET name = 'k$w.$i' WHERE account_id = '%s';\"; done |"
             " psql -XAtq -v ON_ERROR_STOP=1 '%s' >/dev/null) & done; wait", WRITERS, EACH, id, id, pg_url());
    status = system(command);
    CHECK_INT(status, 0);
    CHECK_INT(number_of(&account, "SELECT seq FROM audit_head WHERE account_id = $A AND scope = 'workspace'"),
              before + 2 * WRITERS * EACH);
    CHECK_INT(number_of(&account, "SELECT count(*) FROM audit_verify($A, 'workspace') WHERE o_bad IS NULL"), 1);
}

/* A migration may change rows of an audited table and then the table. */
static void migrations_alter_audited_tables(void)
{
    char command[1000], dir[100];
    struct buf why;

    snprintf(dir, sizeof dir, "%s.sqldir", pg_dir_);
    snprintf(command, sizeof command,
             "set -e; d=%s; mkdir -p $d; cp sql/*.sql $d; n=$(ls $d/*.sql | wc -l); echo \"ALTER TABLE account ADD odd"
             " int; UPDATE account SET odd = 1; ALTER TABLE account ALTER odd SET NOT NULL; ALTER TABLE account DROP"
             " odd;\" >$d/$(printf %%03d $((n + 1)))_odd.sql", dir);
    CHECK_INT(system(command), 0);
    buf_init(&why, 1000);
    CHECK_INT(db_migrate(pg_url(), dir, &why), ERR_NONE);
    if (why.len > 0)
        printf("# %.*s\n", (int)why.len, (const char *)why.ptr);
    buf_free(&why);
    CHECK_INT(number_of(&account, "SELECT count(*) FROM audit_entry WHERE scope = 'workspace' AND account_id = $A AND line::jsonb ->>"
                                  " 'actor' = 'migration'"), 1);
    pg_sql("DELETE FROM schema_migration WHERE file LIKE '%_odd.sql'");
    snprintf(command, sizeof command, "rm -rf %s", dir);
    CHECK_INT(system(command), 0);
}

/* --- idempotency keys */

static struct answer claim(const struct id *call, uint8_t digest, uint8_t request, int64_t claim_ms)
{
    uint8_t d[32] = {digest}, q[32] = {request};
    const struct db_param p[] = {
        db_id(&account), db_id(&key), db_bytes(view_of(d, 32)), db_bytes(view_of(q, 32)),
        db_id(call), db_i64(claim_ms), db_i64(86400000),
    };

    return ask(pool, STMT_REST_CLAIM, p, 7);
}

static struct answer answered(const struct id *call, int64_t status)
{
    const struct db_param p[] = {db_id(&account), db_id(call), db_i64(status), db_bytes(VIEW_LIT("sealed"))};

    return ask(pool, STMT_REST_ANSWER, p, 4);
}

static enum err write_under(const struct id *call, struct id *made)
{
    struct db_who who = caller("key:writer");
    struct id k;
    struct db *d;
    enum err e;

    who.claimed = true;
    who.account = account;
    who.claim = *call;
    d = db_as(pool, &who);
    e = make_account(d, made, &k).e;
    db_as_free(d);
    return e;
}

static int64_t exists(const struct id *a)
{
    return number_of(a, "SELECT count(*) FROM account WHERE account_id = $A");
}

#define CLAIMS(call, digest, request, ms, want)                                                    \
    do {                                                                                           \
        struct answer a_ = claim(call, digest, request, ms);                                       \
        CHECK_INT(a_.e, ERR_NONE);                                                                 \
        CHECK_BYTES(a_.text, strlen(a_.text), want, strlen(want));                                 \
    } while (0)

enum { LONG = 60000, NONE = -1000 /* of a claim: everything is older */ };

static void one_is_carried_out(void)
{
    struct id first = id_new(), second = id_new(), made;

    CLAIMS(&first, 1, 1, LONG, "granted");
    CLAIMS(&second, 1, 1, LONG, "in_progress");
    CLAIMS(&second, 1, 2, LONG, "reused");
    CLAIMS(&second, 2, 2, LONG, "granted"); /* another key */
    CHECK_INT(write_under(&first, &made), ERR_NONE);
    CHECK_INT(exists(&made), 1);
    CLAIMS(&second, 1, 1, LONG, "in_progress"); /* its answer is on its way */
    CLAIMS(&second, 1, 1, NONE, "lost");        /* or was on its way, when the control plane ended */
    CHECK_INT(answered(&first, 201).e, ERR_NONE);
    CLAIMS(&second, 1, 1, LONG, "replay");
    CLAIMS(&second, 1, 1, NONE, "replay");
    CLAIMS(&second, 1, 3, LONG, "reused");
}

/* The holder stopped before it wrote: the next one does it. What the first sends later is refused as a whole. */
static void who_lost_the_claim_writes_nothing(void)
{
    struct id slow = id_new(), next = id_new(), made;

    CLAIMS(&slow, 10, 1, LONG, "granted");
    CLAIMS(&next, 10, 1, NONE, "granted");
    CHECK_INT(write_under(&slow, &made), ERR_DB);
    CHECK_INT(exists(&made), 0);
    CHECK_INT(write_under(&next, &made), ERR_NONE);
    CHECK_INT(exists(&made), 1);
}

static void what_only_reads_or_fails_was_not_carried_out(void)
{
    struct id call = id_new(), next = id_new(), made, k;
    struct db_who who = caller("key:reader");
    const struct db_param p[] = {db_id(&account)};
    const struct db_param release[] = {db_id(&account), db_id(&call)};
    struct db *d;

    who.claimed = true;
    who.account = account;
    who.claim = call;
    d = db_as(pool, &who);
    CLAIMS(&call, 20, 1, LONG, "granted");
    CHECK_INT(ask(d, STMT_CREDITS, p, 1).e, ERR_NONE);
    CHECK_INT(make_account(d, &made, &k).e, ERR_NONE);
    CHECK_INT(exists(&made), 1);
    CLAIMS(&next, 20, 1, NONE, "lost");
    db_as_free(d);

    who.claim = call = id_new();
    d = db_as(pool, &who);
    CLAIMS(&call, 21, 1, LONG, "granted");
    CHECK_INT(ask(d, STMT_CREDITS, p, 1).e, ERR_NONE);
    const struct db_param twice[] = {db_id(&account), db_bytes(VIEW_LIT("one")), db_bool(false), db_id(&key),
                                     db_bytes(VIEW_LIT("0123456789abcdef0123456789abcdef")), db_bytes(VIEW_LIT("first")),
                                     db_bytes(VIEW_LIT("sk-tr-m1-abc")), db_bytes(VIEW_LIT("management"))};
    CHECK_INT(ask(d, STMT_ACCOUNT_CREATE, twice, 8).e, ERR_CONFLICT);
    CLAIMS(&next, 21, 1, NONE, "granted");
    CHECK_INT(ask(pool, STMT_REST_RELEASE, release, 2).e, ERR_NONE); /* of the former holder: nothing */
    CLAIMS(&call, 21, 1, LONG, "in_progress");
    db_as_free(d);
}

/* Many at once with one key, at several control planes: one of them is granted. */
static void of_many_at_once_one_is_granted(void)
{
    enum { N = 24 };
    struct answer a[N] = {{0}};
    uint8_t d[32] = {30}, q[32] = {1};
    unsigned granted = 0, fired = 0;

    for (unsigned i = 0; i < N; i++) {
        struct id call = id_new();
        const struct db_param p[] = {
            db_id(&account), db_id(&key), db_bytes(view_of(d, 32)), db_bytes(view_of(q, 32)),
            db_id(&call), db_i64(LONG), db_i64(86400000),
        };

        db_query(pool, STMT_REST_CLAIM, p, 7, 0, answer_cb, &a[i]);
    }
    for (unsigned turns = 0; fired < N && turns < 20000; turns++) {
        uv_run(uv_default_loop(), UV_RUN_NOWAIT);
        usleep(200);
        fired = 0;
        for (unsigned i = 0; i < N; i++)
            fired += a[i].fired;
    }
    for (unsigned i = 0; i < N; i++)
        granted += strcmp(a[i].text, "granted") == 0;
    CHECK_INT(fired, N);
    CHECK_INT(granted, 1);
}

static void keys_are_forgotten(void)
{
    const struct db_param p[] = {db_i64(86400000), db_i64(1000)};

    CHECK_INT(ask(pool, STMT_REST_CLEAN, p, 2).e, ERR_NONE);
    CHECK(pg_number("SELECT count(*) FROM rest_idempotency") > 0);
    pg_sql("UPDATE rest_idempotency SET claimed_at = now() - interval '25 hours'");
    struct id call = id_new();
    CLAIMS(&call, 1, 9, LONG, "granted"); /* an old key holds nothing, even before it is removed */
    CHECK_INT(ask(pool, STMT_REST_CLEAN, p, 2).e, ERR_NONE);
    CHECK_INT(pg_number("SELECT count(*) FROM rest_idempotency"), 1);
}

static const struct check_case cases[] = {
    {"trail_setup", setup},
    {"trail_writes_are_in_their_callers_name", writes_are_in_their_callers_name},
    {"trail_the_answer_is_the_querys", the_answer_is_the_querys},
    {"trail_only_what_changed_is_shown", only_what_changed_is_shown},
    {"trail_secrets_are_not_shown", secrets_are_not_shown},
    {"trail_entries_are_only_added", entries_are_only_added},
    {"trail_every_change_breaks_the_chain", every_change_breaks_the_chain},
    {"trail_writers_at_once_make_one_chain", writers_at_once_make_one_chain},
    {"trail_migrations_alter_audited_tables", migrations_alter_audited_tables},
    {"once_one_is_carried_out", one_is_carried_out},
    {"once_who_lost_the_claim_writes_nothing", who_lost_the_claim_writes_nothing},
    {"once_what_only_reads_or_fails_was_not_carried_out", what_only_reads_or_fails_was_not_carried_out},
    {"once_of_many_at_once_one_is_granted", of_many_at_once_one_is_granted},
    {"once_keys_are_forgotten", keys_are_forgotten},
};
CHECK_MAIN(cases)
