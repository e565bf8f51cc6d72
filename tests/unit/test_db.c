/* The database room against a real PostgreSQL: migrations that can run twice and refuse tampering,
 * every query answered exactly once in whatever the server does, errors that come only at commit,
 * and notifications across lost connections. */
#include "../../controlplane/db/conninfo.c"

#include "check.h"
#include "db.h"
#include "lib/pg.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <uv.h>

static struct db *db;

/* --- waiting for callbacks --- */

struct answer {
    unsigned fired;
    enum err e;
    size_t rows;
    int64_t first;
    unsigned *order; /* shared counter: when it fired */
    unsigned at;
};

static void answer_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct answer *a = cookie;

    a->fired++;
    a->e = e;
    a->rows = r == NULL ? 0 : db_rows(r);
    if (a->order != NULL)
        a->at = ++*a->order;
}

static void run_until(unsigned *fired, unsigned want, unsigned ms)
{
    uint64_t end = uv_hrtime() / 1000000 + ms;

    while (*fired < want && uv_hrtime() / 1000000 < end) {
        uv_run(uv_default_loop(), UV_RUN_NOWAIT);
        usleep(500);
    }
}

static struct answer ask(enum stmt s, const struct db_param *p, size_t n)
{
    struct answer a = {0};

    db_query(db, s, p, n, 0, answer_cb, &a);
    CHECK_INT(a.fired, 0); /* never from inside */
    run_until(&a.fired, 1, 12000);
    CHECK_INT(a.fired, 1);
    return a;
}

static void open_db(const char *url)
{
    const struct db_config c = {uv_default_loop(), url, 3};

    CHECK_INT(db_open(&c, &db), ERR_NONE);
}

static void closed_cb(void *cookie)
{
    ++*(unsigned *)cookie;
}

static void close_db(void)
{
    unsigned closed = 0;

    db_close(db, closed_cb, &closed);
    CHECK_INT(closed, 0);
    run_until(&closed, 1, 2000);
    CHECK_INT(closed, 1);
    uv_run(uv_default_loop(), UV_RUN_NOWAIT);
    db = NULL;
}

/* --- migrations --- */

static enum err migrate(const char *dir, char *why, size_t cap)
{
    struct buf b;
    enum err e;

    buf_init(&b, cap - 1);
    e = db_migrate(pg_url(), dir, &b);
    memset(why, 0, cap);
    if (b.len > 0)
        memcpy(why, b.ptr, b.len);
    buf_free(&b);
    return e;
}

static void test_migrate(void)
{
    char why[256];

    CHECK_INT(migrate("sql", why, sizeof why), ERR_NONE);
    CHECK(pg_number("SELECT count(*) FROM schema_migration") >= 8);
    CHECK_INT(migrate("sql", why, sizeof why), ERR_NONE);
    CHECK_INT(pg_number("SELECT count(*) FROM ledger_account WHERE owner IS NULL"), 0);
}

/* Four programs start at once on an empty database. */
static void test_migrate_together(void)
{
    pg_sql("CREATE DATABASE together");
    char url[300];
    pid_t pids[4];

    snprintf(url, sizeof url, "%s dbname=together", pg_url());
    fflush(stdout);
    for (int i = 0; i < 4; i++)
        if ((pids[i] = fork()) == 0) {
            struct buf why;

            buf_init(&why, 1000);
            _exit(db_migrate(url, "sql", &why) == ERR_NONE ? 0 : 1);
        }
    for (int i = 0; i < 4; i++) {
        int status = -1;

        CHECK(uv_os_getpid() != pids[i]);
        while (waitpid(pids[i], &status, 0) < 0)
            ;
        CHECK_INT(status, 0);
    }
}

/* In a copy of sql/. */
static void shell(const char *script)
{
    char command[1024];

    snprintf(command, sizeof command,
             "set -e; d=%s.sqldir; mkdir -p $d; cp sql/*.sql $d; cd $d; %s", pg_dir_, script);
    CHECK_INT(system(command), 0);
}

static void test_migrate_refusals(void)
{
    char why[256], dir[96];

    pg_url();
    snprintf(dir, sizeof dir, "%s.sqldir", pg_dir_);
    shell("true");
    CHECK_INT(migrate(dir, why, sizeof why), ERR_NONE);

    shell("echo '-- changed' >> 003_usage.sql");
    CHECK_INT(migrate(dir, why, sizeof why), ERR_CONFIG);
    CHECK(strstr(why, "003_usage.sql was changed") != NULL);

    shell("rm 003_usage.sql");
    CHECK_INT(migrate(dir, why, sizeof why), ERR_CONFIG);
    CHECK(strstr(why, "003 is missing") != NULL);

    /* A file that fails half-way leaves nothing behind. */
    shell("n=$(ls *.sql | wc -l); echo 'CREATE TABLE half (a int); SELECT 1/0;'"
          " > $(printf %03d $((n + 1)))_half.sql");
    CHECK(migrate(dir, why, sizeof why) != ERR_NONE);
    CHECK(strstr(why, "division by zero") != NULL);
    CHECK_INT(pg_number("SELECT count(*) FROM pg_class WHERE relname = 'half'"), 0);
    CHECK_INT(migrate("sql", why, sizeof why), ERR_NONE);

    CHECK_INT(migrate("/nonexistent", why, sizeof why), ERR_CONFIG);
    shell("rm -rf $d");
}

/* A backup reads all tables for longer than a statement may wait: the others are not stopped, and the migration is done
 * when it can be. */
static void test_migrate_waits(void)
{
    char why[256], dir[96], command[1000];

    pg_url();
    snprintf(dir, sizeof dir, "%s.sqldir", pg_dir_);
    shell("n=$(ls *.sql | wc -l); echo 'ALTER TABLE boot ADD odd int;' > $(printf %03d $((n + 1)))_odd.sql");
    snprintf(command, sizeof command,
             "psql -XAtq '%s' -c \"BEGIN; LOCK boot IN ACCESS SHARE MODE; SELECT pg_sleep(5); COMMIT\" >/dev/null &"
             " sleep 0.5; (sleep 1.7; psql -XAtq '%s' -c 'SET statement_timeout = 2000; SELECT 1 FROM boot'"
             " >%s.passed 2>&1; echo passed >>%s.passed) &",
             pg_url(), pg_url(), pg_dir_, pg_dir_);
    CHECK_INT(system(command), 0);
    CHECK_INT(migrate(dir, why, sizeof why), ERR_NONE);
    CHECK_INT(pg_number("SELECT count(*) FROM pg_attribute WHERE attname = 'odd'"), 1);
    snprintf(command, sizeof command, "[ \"$(tail -n 1 %s.passed)\" = passed ] && ! grep -q ERROR %s.passed; r=$?;"
             " rm %s.passed; exit $r", pg_dir_, pg_dir_, pg_dir_);
    CHECK_INT(system(command), 0);
    pg_sql("ALTER TABLE boot DROP odd; DELETE FROM schema_migration WHERE file LIKE '%_odd.sql'");
    shell("rm -rf $d");
}

/* --- queries --- */

static void test_answers(void)
{
    uint8_t digest[32] = {1}, measurement[48] = {2};
    struct id boot = id_new(), session = id_new();
    const struct db_param key[] = {db_bytes(view_of(digest, sizeof digest)), db_null()};
    const struct db_param p[] = {db_id(&boot), db_id(&session),
                                 db_bytes(view_of(measurement, 48)), db_bool(true)};
    const struct db_param bad[] = {db_id(&boot), db_id(&session),
                                   db_bytes(view_of(measurement, 47)), db_bool(true)};
    struct answer a;

    open_db(pg_url());
    a = ask(STMT_CALLER_KEY, key, 2);
    CHECK_INT(a.e, ERR_NONE);
    CHECK_INT(a.rows, 0);
    CHECK(db_ready(db));
    CHECK_INT(ask(STMT_BOOT_ADMIT, p, 4).e, ERR_NONE);
    CHECK_INT(ask(STMT_BOOT_ADMIT, bad, 4).e, ERR_RANGE); /* a check constraint */
    CHECK_INT(ask(STMT_BOOT_ADMIT, p, 4).e, ERR_NONE);    /* and the connection goes on */
    close_db();
}

static void test_unique(void)
{
    uint8_t digest[32] = {9};
    struct id account = id_new(), key = id_new();
    const struct db_param p[] = {db_id(&account),
                                 db_bytes(VIEW_LIT("one")),
                                 db_bool(false),
                                 db_id(&key),
                                 db_bytes(view_of(digest, 32)),
                                 db_bytes(VIEW_LIT("first")),
                                 db_bytes(VIEW_LIT("sk..")),
                                 db_bytes(VIEW_LIT("management"))};

    open_db(pg_url());
    CHECK_INT(ask(STMT_ACCOUNT_CREATE, p, 8).e, ERR_NONE);
    CHECK_INT(ask(STMT_ACCOUNT_CREATE, p, 8).e, ERR_CONFLICT);
    close_db();
}

/* The server answers a statement before it commits; a constraint that is checked at commit speaks
 * afterwards, and nobody may take the first for the last word. */
static void test_commit_error(void)
{
    uint8_t measurement[48] = {3};
    struct id boot = id_new(), session = id_new();
    const struct db_param p[] = {db_id(&boot), db_id(&session),
                                 db_bytes(view_of(measurement, 48)), db_bool(true)};

    pg_sql("CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
           " RAISE EXCEPTION 'no' USING ERRCODE = 'check_violation'; END $$;"
           "CREATE CONSTRAINT TRIGGER no AFTER INSERT ON boot DEFERRABLE INITIALLY DEFERRED"
           " FOR EACH ROW EXECUTE FUNCTION no()");
    open_db(pg_url());
    CHECK_INT(ask(STMT_BOOT_ADMIT, p, 4).e, ERR_RANGE);
    pg_sql("CREATE OR REPLACE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS"
           " 'BEGIN RAISE EXCEPTION ''no''; END'"); /* P0001 */
    CHECK_INT(ask(STMT_BOOT_ADMIT, p, 4).e, ERR_RANGE);
    pg_sql("CREATE OR REPLACE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS"
           " 'BEGIN RAISE division_by_zero; END'"); /* 22012 */
    CHECK_INT(ask(STMT_BOOT_ADMIT, p, 4).e, ERR_RANGE);
    pg_sql("CREATE OR REPLACE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS"
           " 'BEGIN RAISE too_many_connections; END'"); /* 53300: it may work the next time */
    CHECK_INT(ask(STMT_BOOT_ADMIT, p, 4).e, ERR_DB);
    pg_sql("DROP TRIGGER no ON boot; DROP FUNCTION no()");
    CHECK_INT(ask(STMT_BOOT_ADMIT, p, 4).e, ERR_NONE);
    close_db();
}

/* Queries of one lane finish in the order in which they were asked, among many others. */
static void test_lane(void)
{
    enum { N = 300 };
    static struct answer answers[N];
    unsigned order = 0, fired = 0;
    uint8_t digest[32] = {1};
    const struct db_param key[] = {db_bytes(view_of(digest, 32)), db_null()};

    memset(answers, 0, sizeof answers);
    open_db(pg_url());
    for (int i = 0; i < N; i++) {
        answers[i].order = &order;
        db_query(db, STMT_CALLER_KEY, key, 2, i % 3 == 0 ? 77 : 0, answer_cb, &answers[i]);
    }
    for (int i = 0; i < N; i++) {
        run_until(&answers[i].fired, 1, 10000);
        fired += answers[i].fired;
        CHECK_INT(answers[i].e, ERR_NONE);
    }
    CHECK_INT(fired, N);
    for (int i = 3; i < N; i += 3)
        CHECK(answers[i].at > answers[i - 3].at);
    close_db();
}

/* --- trouble --- */

static void test_nobody_there(void)
{
    enum { N = DB_QUEUE_MAX + 10 };
    static struct answer answers[N];
    unsigned overload = 0, cancelled = 0;

    memset(answers, 0, sizeof answers);
    open_db("host=/nonexistent port=1 dbname=x user=x");
    for (int i = 0; i < N; i++)
        db_query(db, STMT_PING, NULL, 0, 0, answer_cb, &answers[i]);
    run_until(&answers[N - 1].fired, 1, 1000);
    CHECK_INT(answers[0].fired, 0);
    CHECK(!db_ready(db));
    close_db();
    for (int i = 0; i < N; i++) {
        CHECK_INT(answers[i].fired, 1);
        overload += answers[i].e == ERR_OVERLOAD;
        cancelled += answers[i].e == ERR_CANCELLED;
    }
    CHECK_INT(overload, 10);
    CHECK_INT(cancelled, DB_QUEUE_MAX);
}

/* A crowd of look-ups and other queries: leases have a queue of their own. */
static void test_kept_lanes(void)
{
    enum { N = DB_QUEUE_MAX + 1 };
    static struct answer crowd[N], lookups[N], lease, few;
    const struct db_config c = {uv_default_loop(), "host=/nonexistent port=1 dbname=x user=x",
                                DB_KEPT_MIN};

    memset(crowd, 0, sizeof crowd);
    memset(lookups, 0, sizeof lookups);
    memset(&lease, 0, sizeof lease);
    CHECK_INT(db_open(&c, &db), ERR_NONE);
    for (int i = 0; i < N; i++)
        db_query(db, STMT_PING, NULL, 0, db_lane_lookups(0), answer_cb, &lookups[i]);
    for (int i = 0; i < N; i++)
        db_query(db, STMT_PING, NULL, 0, 0, answer_cb, &crowd[i]);
    db_query(db, STMT_PING, NULL, 0, db_lane_leases(77), answer_cb, &lease);
    run_until(&crowd[N - 1].fired, 1, 1000);
    CHECK_INT(crowd[N - 1].e, ERR_OVERLOAD);
    CHECK_INT(crowd[N - 2].fired, 0);
    CHECK_INT(lookups[N - 1].e, ERR_OVERLOAD);
    CHECK_INT(lookups[N - 2].fired, 0);
    CHECK_INT(lease.fired, 0); /* it waits for its connection */
    close_db();
    CHECK_INT(lease.e, ERR_CANCELLED);
    /* With fewer connections there is nothing to keep, and everything is served. */
    memset(&few, 0, sizeof few);
    memset(&lease, 0, sizeof lease);
    open_db(pg_url());
    db_query(db, STMT_PING, NULL, 0, db_lane_leases(77), answer_cb, &lease);
    db_query(db, STMT_PING, NULL, 0, db_lane_lookups(0), answer_cb, &few);
    run_until(&lease.fired, 1, 5000);
    run_until(&few.fired, 1, 5000);
    CHECK_INT(lease.e, ERR_NONE);
    CHECK_INT(few.e, ERR_NONE);
    close_db();
}

static void test_timeout(void)
{
    struct answer a;

    open_db("host=/nonexistent port=1 dbname=x user=x");
    a = ask(STMT_PING, NULL, 0); /* waits its 5 seconds in vain */
    CHECK_INT(a.e, ERR_DB);
    close_db();
}

/* kill -9 of the server with queries under way: each is answered once, service returns by itself.
 */
static void test_crash(void)
{
    enum { N = 200 };
    static struct answer answers[N];
    unsigned good = 0, lost = 0;

    memset(answers, 0, sizeof answers);
    open_db(pg_url());
    CHECK_INT(ask(STMT_PING, NULL, 0).e, ERR_NONE);
    for (int i = 0; i < N; i++)
        db_query(db, STMT_PING, NULL, 0, i % 2 ? 5 : 0, answer_cb, &answers[i]);
    pg_script("crash");
    run_until(&answers[0].fired, 1, 6000);
    pg_script("again");
    for (int i = 0; i < N; i++) {
        run_until(&answers[i].fired, 1, 12000);
        CHECK_INT(answers[i].fired, 1);
        good += answers[i].e == ERR_NONE;
        lost += answers[i].e == ERR_DB;
    }
    CHECK_INT(good + lost, N);
    CHECK(good > 0);
    CHECK_INT(ask(STMT_PING, NULL, 0).e, ERR_NONE);
    close_db();
}

/* --- notifications --- */

static unsigned notified, listening;
static char channel[64], payload[128];

static void notified_cb(void *cookie, struct view c, struct view p)
{
    (void)cookie;
    notified++;
    snprintf(channel, sizeof channel, "%.*s", (int)c.len, (const char *)c.ptr);
    snprintf(payload, sizeof payload, "%.*s", (int)p.len, (const char *)p.ptr);
}

static void listening_cb(void *cookie)
{
    (void)cookie;
    listening++;
}

static void test_listen(void)
{
    const struct db_watch w = {notified_cb, listening_cb, NULL};

    notified = listening = 0;
    open_db(pg_url());
    CHECK_INT(db_listen(db, &w), ERR_NONE);
    CHECK_INT(db_listen(db, &w), ERR_DUPLICATE);
    run_until(&listening, 1, 3000);
    CHECK_INT(listening, 1);
    pg_sql("NOTIFY tr_key, 'hello'; NOTIFY elsewhere, 'not for us'");
    run_until(&notified, 1, 1000);
    CHECK_INT(notified, 1);
    CHECK(strcmp(channel, "tr_key") == 0 && strcmp(payload, "hello") == 0);

    /* The connection is cut: it comes back and says that something may have been missed. */
    pg_sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
           " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'");
    run_until(&listening, 2, 5000);
    CHECK_INT(listening, 2);
    pg_sql("NOTIFY tr_catalog, '3'");
    run_until(&notified, 2, 1000);
    CHECK_INT(notified, 2);
    CHECK(strcmp(channel, "tr_catalog") == 0);
    close_db();
}

/* A host that takes connections and says nothing, as one behind a dropped link does, is named first. */
static void test_several_hosts(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof a;
    int silent = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char url[300];

    CHECK(silent >= 0 && bind(silent, (struct sockaddr *)&a, sizeof a) == 0 && listen(silent, 64) == 0);
    CHECK_INT(getsockname(silent, (struct sockaddr *)&a, &len), 0);
    snprintf(url, sizeof url, "host=127.0.0.1,%s port=%u,5432 dbname=postgres user=trustedrouter", pg_dir_,
             (unsigned)ntohs(a.sin_port));
    open_db(url);
    for (unsigned i = 0; i < 100 && !db_ready(db); i++) {
        uv_run(uv_default_loop(), UV_RUN_NOWAIT);
        usleep(50000);
    }
    CHECK(db_ready(db));
    CHECK_INT(ask(STMT_PING, NULL, 0).e, ERR_NONE);
    close_db();
    close(silent);
}

static void test_turns(void)
{
    static const struct {
        const char *list, *want;
        unsigned turn;
    } cases[] = {{"a,b,c", "a,b,c", 0}, {"a,b,c", "b,c,a", 1}, {"a,b,c", "c,a,b", 2}, {"a,b,c", "a,b,c", 3},
                 {"a", "a", 5},         {"", "", 1},           {"a,,c", ",c,a", 1}};
    char out[LIST_MAX];

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK(list_turn(cases[i].list, cases[i].turn, out));
        CHECK_BYTES(out, strlen(out), cases[i].want, strlen(cases[i].want));
    }
    CHECK_INT(conninfo_hosts("host=a,b,c port=1"), 3);
    CHECK_INT(conninfo_hosts("postgresql://a:1,b:2/x"), 2);
    CHECK_INT(conninfo_hosts("host=a"), 1);
    CHECK_INT(conninfo_hosts("dbname=x"), 1);
    CHECK_INT(conninfo_hosts("no conninfo ="), 1);
}

/* A server that became a standby, or was fenced off: the connection is given up for one that takes writes. */
static void test_read_only(void)
{
    uint8_t measurement[48] = {5};
    struct id boot = id_new(), session = id_new();
    const struct db_param p[] = {db_id(&boot), db_id(&session), db_bytes(view_of(measurement, 48)),
                                 db_bool(true)};
    int64_t before;

    open_db(pg_url());
    CHECK_INT(ask(STMT_BOOT_ADMIT, p, 4).e, ERR_NONE);
    before = pg_number("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_reload%'");
    CHECK_INT(before, 1); /* this one */
    pg_sql("CREATE TABLE were AS SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'"
           " AND pid <> pg_backend_pid()");
    pg_sql("ALTER SYSTEM SET default_transaction_read_only = on");
    pg_sql("SELECT pg_reload_conf()");
    usleep(100000);
    CHECK_INT(ask(STMT_BOOT_ADMIT, p, 4).e, ERR_DB);
    CHECK_INT(ask(STMT_BOOT_ADMIT, p, 4).e, ERR_DB);
    pg_sql("ALTER SYSTEM RESET default_transaction_read_only");
    pg_sql("SELECT pg_reload_conf()");
    for (unsigned i = 0; i < 40; i++) {
        uv_run(uv_default_loop(), UV_RUN_NOWAIT);
        usleep(50000);
    }
    CHECK_INT(ask(STMT_BOOT_ADMIT, p, 4).e, ERR_NONE);
    CHECK(pg_number("SELECT count(*) FROM pg_stat_activity a WHERE a.backend_type = 'client backend'"
                    " AND a.pid <> pg_backend_pid() AND a.pid NOT IN (SELECT pid FROM were)") >= 1);
    pg_sql("SET default_transaction_read_only = off; DROP TABLE were");
    close_db();
}

/* Whatever the database says: in this one every plan would be compiled. */
static void test_no_jit(void)
{
    struct answer a;

    pg_sql("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET jit = on', current_database()); END $$");
    pg_sql("CREATE OR REPLACE FUNCTION status_document() RETURNS json LANGUAGE sql STABLE AS"
           " $$ SELECT '1'::json WHERE 1 / (current_setting('jit') = 'off')::int = 1 $$");
    open_db(pg_url());
    a = ask(STMT_STATUS, NULL, 0);
    CHECK_INT(a.e, ERR_NONE);
    CHECK_INT(a.rows, 1);
    close_db();
}

static const struct check_case cases[] = {
    {"migrate twice", test_migrate},
    {"migrate together", test_migrate_together},
    {"migrate refusals", test_migrate_refusals},
    {"migrate behind a lock", test_migrate_waits},
    {"answers", test_answers},
    {"unique violation", test_unique},
    {"error at commit", test_commit_error},
    {"lane keeps order", test_lane},
    {"no server: overload and cancel", test_nobody_there},
    {"kept lanes", test_kept_lanes},
    {"no server: timeout", test_timeout},
    {"server killed", test_crash},
    {"notifications", test_listen},
    {"several hosts", test_several_hosts},
    {"hosts in turn", test_turns},
    {"server that takes no writes", test_read_only},
    {"no plan is compiled", test_no_jit},
};
CHECK_MAIN(cases)
