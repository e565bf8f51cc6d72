/* Parts of orchestrations in the ledger, in SQL against a real server: they are kept once, with their batch, by whichever way
 * it is booked; a record whose parts do not sum to its cost is a violation; they go when their records go; and what is shown
 * of a request has them. */
#include "check.h"
#include "db.h"
#include "lib/pg.h"

static void run(const char *sql)
{
    const char *out = pg_sql(sql);

    if (strstr(out, "ERROR") != NULL) {
        printf("# %s\n# %s\n", sql, out);
        CHECK(!"SQL without an error");
    }
}

#define CHECK_SQL(sql, want)                                                                       \
    do {                                                                                           \
        const char *got_ = pg_sql(sql);                                                            \
        if (strcmp(got_, (want)) != 0) {                                                           \
            printf("# got %s\n", got_);                                                            \
            check_fail(__FILE__, __LINE__, sql);                                                   \
        }                                                                                          \
    } while (0)
#define CHECK_SOUND() CHECK_SQL("SELECT * FROM ledger_violations", "")

/* Numbered ids, as in test_usage_scale.c; one account with a key, a lease and a boot. part(): ids and numbers of one. */
static const char world[] =
    "CREATE OR REPLACE FUNCTION n_id(kind text, n bigint) RETURNS uuid LANGUAGE sql AS"
    " $$ SELECT (kind || '0000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid $$;"
    "CREATE OR REPLACE FUNCTION req(n bigint) RETURNS uuid LANGUAGE sql AS $$ SELECT"
    " (lpad(to_hex((extract(epoch FROM ledger_now()) * 1000)::bigint + n), 12, '0') || '7' || left(md5(n::text), 19))::uuid $$;"
    "CREATE OR REPLACE FUNCTION rec(s bigint, cost bigint, k bigint DEFAULT 1, r bigint DEFAULT NULL) RETURNS usage_record"
    " LANGUAGE sql AS $$ SELECT ROW(s, req(coalesce(r, s)), n_id('b', k), n_id('a', k), n_id('d', k), 1, 1, cost, 900, 7, 900, 1,"
    " 1, 1, 1000, 5, 10, 20, 3, 4, 5, 200, 0, 0, 0, 1, 1, 1, 1, 6, 1, 2, 3, 4, 0, 0, 0)::usage_record $$;"
    "CREATE OR REPLACE FUNCTION part(s bigint, role bigint, place bigint, cost bigint) RETURNS bigint[] LANGUAGE sql AS"
    " $$ SELECT ARRAY[s, cost, 1, 7, 2, 30, 40, 50, 1, role, place, 0, 1, 1, role & 2, 11, 12, 13, 0, 0, 0, 0, 0, 0, 0] $$;"
    "CREATE OR REPLACE FUNCTION ids(n bigint) RETURNS uuid[] LANGUAGE sql AS"
    " $$ SELECT array_agg(n_id('e', i)) FROM generate_series(1, n) i $$;"
    "CREATE OR REPLACE FUNCTION clock_at(at text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE format("
    " 'CREATE OR REPLACE FUNCTION ledger_now() RETURNS timestamptz LANGUAGE sql STABLE AS %L',"
    " format('SELECT %L::timestamptz', at)); END $$;"
    "DO $$ BEGIN PERFORM clock_at('2026-03-10 12:00:00+00'); PERFORM usage_partitions(3); END $$;"
    "INSERT INTO account (account_id, name) SELECT n_id('a', n), 'x' FROM generate_series(1, 2) n;"
    "INSERT INTO api_key (key_id, account_id, digest, name, label, role)"
    " SELECT n_id('b', n), n_id('a', n), sha256(n::text::bytea), 'k', 'k', 'inference' FROM generate_series(1, 2) n;"
    "INSERT INTO boot (boot_id, measurement, simulated)"
    " SELECT n_id('c', n), decode(repeat('00', 48), 'hex'), true FROM generate_series(1, 2) n;"
    "DO $$ BEGIN PERFORM ledger_topup(account_id, 1000000, NULL) FROM account; END $$;"
    "INSERT INTO lease (lease_id, key_id, account_id, boot_id, granted_nusd, opened_at, expires_at)"
    " SELECT n_id('d', n), n_id('b', n), n_id('a', n), n_id('c', 1), 100000, ledger_now(), ledger_now() + interval '1 day'"
    " FROM generate_series(1, 2) n;"
    "DO $$ BEGIN PERFORM ledger_move('lease', n_id('a', n), n_id('d', n), 'available', 'leased', 100000)"
    " FROM generate_series(1, 2) n; END $$;";

static void begin(void)
{
    struct buf why;

    buf_init(&why, 1000);
    CHECK_INT(db_migrate(pg_url(), "sql", &why), ERR_NONE);
    buf_free(&why);
    run("SET session_replication_role = replica; TRUNCATE account, boot, usage, usage_part, usage_aside, usage_rejected,"
        " retention_sweep, key_digest, organisation CASCADE");
    run(world);
}

#define INGEST(records, aside, n, parts)                                                           \
    "SELECT usage_ingest_parts(n_id('c', 1), ARRAY[" records "], " aside ", '{}', ids(" n "), " parts ", 25)"
#define KEPT                                                                                       \
    "SELECT string_agg(concat_ws(' ', seq, role, place, part_id = n_id('e', 1), cost_nusd, model_no, endpoint_no,"         \
    " price_version, began_ms, first_byte_ms, total_ms, flags, outcome, finish, attempts, marks, tokens), ';'"             \
    " ORDER BY request_id, role, place) FROM usage_part"

/* A batch, the same again, and the same with other parts. */
static void kept_once(void)
{
    begin();
    CHECK_SQL(INGEST("rec(1, 5), rec(2, 9)", "false", "3", "part(1, 0, 0, 2) || part(1, 1, 3, 0) || part(1, 2, 0, 3)"), "2");
    CHECK_SQL(KEPT, "1 0 0 t 2 1 7 2 30 40 50 1 0 1 1 0 {11,12,13,0,0,0,0,0,0,0};"
                    "1 1 3 f 0 1 7 2 30 40 50 1 0 1 1 0 {11,12,13,0,0,0,0,0,0,0};"
                    "1 2 0 f 3 1 7 2 30 40 50 1 0 1 1 2 {11,12,13,0,0,0,0,0,0,0}");
    CHECK_SQL(INGEST("rec(1, 5), rec(2, 9)", "false", "1", "part(1, 0, 0, 2)"), "2");
    CHECK_SQL(INGEST("rec(1, 5)", "false", "2", "part(1, 0, 0, 4) || part(7, 0, 1, 4)"), "2"); /* 7: not of this batch */
    CHECK_SQL("SELECT count(*), sum(cost_nusd) FROM usage_part", "3|5");
    CHECK_SOUND();
}

/* A record whose cost is not its parts', and one whose parts never came. */
static void sums_are_checked(void)
{
    begin();
    run(INGEST("rec(1, 5), rec(2, 9)", "false", "2", "part(1, 0, 0, 2) || part(1, 2, 0, 3)"));
    CHECK_SOUND();
    run("UPDATE usage_part SET cost_nusd = 1 WHERE role = 0");
    CHECK_SQL("SELECT invariant, got, want FROM ledger_violations", "parts of a request do not sum to its cost|4|5");
    CHECK_SQL("SELECT count(*) FROM ledger_check()", "1");
    run("UPDATE usage_part SET cost_nusd = 2 WHERE role = 0");
    CHECK_SOUND();
    run("DELETE FROM usage_part WHERE role = 0");
    CHECK_SQL("SELECT got, want FROM ledger_violations", "3|5");
}

/* Another boot's record with this request's id is refused: its parts are not taken for this one's. */
static void of_another_boot(void)
{
    begin();
    run(INGEST("rec(1, 5)", "false", "1", "part(1, 0, 0, 5)"));
    run("SELECT usage_ingest_parts(n_id('c', 2), ARRAY[rec(1, 8)], false, '{}', ids(1), part(1, 0, 1, 8), 25)");
    CHECK_SQL("SELECT count(*) FROM usage_rejected", "1");
    CHECK_SOUND();
}

/* Set aside, and booked later. */
static void of_records_set_aside(void)
{
    begin();
    CHECK_SQL(INGEST("rec(1, 5)", "true", "2", "part(1, 0, 0, 2) || part(1, 2, 0, 3)"), "1");
    CHECK_SQL("SELECT count(*) FROM usage", "0");
    CHECK_SQL("SELECT count(*) FROM usage_part", "2");
    CHECK_SOUND();
    run("SELECT usage_rebook('refused', 10)");
    CHECK_SQL("SELECT count(*) FROM usage", "1");
    CHECK_SOUND();
}

/* Roll-ups and reports by model have the orchestration, once, and nothing of its parts. */
static void roll_ups_have_the_whole(void)
{
    begin();
    run(INGEST("rec(1, 5), rec(2, 9)", "false", "2", "part(1, 0, 0, 2) || part(1, 2, 0, 3)"));
    run("SELECT usage_roll_up(10)");
    CHECK_SQL("SELECT model_no, endpoint_no, requests, cost_nusd FROM usage_day", "900|7|2|14");
    CHECK_SQL("SELECT sum(requests), sum(cost_nusd) FROM usage_hour", "2|14");
    CHECK_SOUND();
}

/* Gone when the account's retention is over, and not before; of others nothing. */
static void retention_takes_them(void)
{
    begin();
    run("UPDATE account SET retention_days = 1 WHERE account_id = n_id('a', 1)");
    run(INGEST("rec(1, 5), rec(2, 9, 2)", "false", "3", "part(1, 0, 0, 2) || part(1, 2, 0, 3) || part(2, 0, 0, 9)"));
    run("SELECT usage_roll_up(10)");
    run("SELECT clock_at('2026-03-11 23:00:00+00')");
    CHECK_SQL("SELECT usage_parts_sweep(10)", "0");
    run("SELECT clock_at('2026-03-13 00:01:00+00')");
    CHECK_SOUND();
    CHECK_SQL("SELECT usage_parts_sweep(1)", "1");
    CHECK_SOUND(); /* a record that goes, too, is not asked for its sum */
    CHECK_SQL("SELECT usage_parts_sweep(10), usage_parts_sweep(10)", "1|0");
    CHECK_SQL("SELECT seq FROM usage_part", "2");
    CHECK_SQL("SELECT DISTINCT what, how, removed_to, account_id = n_id('a', 1) FROM retention_run",
              "parts|purge|2026-03-10|t");
    run("SELECT usage_retention(100)");
    CHECK_SOUND();
}

static const struct check_case cases[] = {
    {"usage_parts_kept_once", kept_once},
    {"usage_parts_sums_are_checked", sums_are_checked},
    {"usage_parts_of_another_boot", of_another_boot},
    {"usage_parts_of_records_set_aside", of_records_set_aside},
    {"usage_parts_roll_ups_have_the_whole", roll_ups_have_the_whole},
    {"usage_parts_retention", retention_takes_them},
};
CHECK_MAIN(cases)
