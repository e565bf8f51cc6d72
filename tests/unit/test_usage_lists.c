/* Lists of usage records, in SQL against a real server with 1,000,000 of them: newest first and each once over the pages, by
 * every filter, without reading more than was allowed and without a sequential scan. */
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

/* 20 days up to now at noon, two accounts, of the first 40,000 records a day and of the other 10,000: one every two seconds.
 * Key 2 was used on the first and the last three days; model 3 answers one in 5,000; one in 100 fails; one in 400 is
 * cancelled. One in 7 of each day was booked a day late. Triggers and totals do not matter here. */
static void fill(void)
{
    struct buf why;

    buf_init(&why, 1000);
    CHECK_INT(db_migrate(pg_url(), "sql", &why), ERR_NONE);
    buf_free(&why);
    run("CREATE OR REPLACE FUNCTION ledger_now() RETURNS timestamptz LANGUAGE sql STABLE AS"
        " $$ SELECT '2026-03-30 12:00:00+00'::timestamptz $$;"
        "CREATE FUNCTION n_id(kind text, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS"
        " $$ SELECT (kind || '0000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid $$;"
        "DO $$ BEGIN FOR d IN 10 .. 31 LOOP PERFORM usage_partition_make(('2026-03-' || d)::date); END LOOP; END $$;"
        "INSERT INTO account (account_id, name) SELECT n_id('a', n), 'x' FROM generate_series(1, 2) n;"
        "INSERT INTO api_key (key_id, account_id, digest, name, label, role)"
        " SELECT n_id('b', n), n_id('a', 1 + n / 9), sha256(n::text::bytea), 'key ' || n, 'k', 'inference'"
        " FROM unnest('{1,2,9}'::int[]) n;"
        "INSERT INTO boot (boot_id, measurement, simulated) VALUES (n_id('c', 1), decode(repeat('00', 48), 'hex'), true)");
    run("SET session_replication_role = replica; SET synchronous_commit = off;"
        "CREATE TEMP TABLE rec AS SELECT ROW(s + 1, usage_id_at(at, '0'), n_id('b', CASE WHEN s % 5 = 0 THEN 9"
        "  WHEN s % 10 = 1 AND (day < 3 OR day > 16) THEN 2 ELSE 1 END), n_id('a', 1 + (s % 5 = 0)::int),"
        "  n_id('d', 1), extract(epoch FROM at) * 1000, 0, 1000, CASE WHEN s % 5000 = 1 THEN 3 ELSE 1 END, 1 + s % 2, 1, 1, 1,"
        "  1, 1000, 5, 10, 20, 3, 4, 5, CASE WHEN s % 400 = 2 THEN 499 WHEN s % 100 = 1 THEN 502 ELSE 200 END, 1, 0,"
        "  CASE WHEN s % 100 = 1 THEN 5 ELSE 0 END, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0)::usage_record AS r,"
        "  at + CASE WHEN s % 7 = 0 THEN interval '1 day' ELSE interval '5 seconds' END AS booked"
        " FROM (SELECT s, (s / 50000)::int AS day,"
        "  '2026-03-11 00:00:00+00'::timestamptz + (s / 50000) * interval '1 day' + (s % 50000) * interval '1.5 seconds' AS at"
        "  FROM generate_series(0, 999999) s) x;"
        "INSERT INTO usage SELECT u.* FROM rec CROSS JOIN LATERAL usage_row(r, n_id('c', 1), booked, 1000, 0, 1) u;"
        "INSERT INTO usage_day (account_id, key_id, day, model_no, endpoint_no, region_no, requests, errors, cost_nusd,"
        "  tokens_prompt, tokens_completion, tokens_reasoning)"
        " SELECT account_id, key_id, (booked_at AT TIME ZONE 'UTC')::date, model_no, endpoint_no, 0, count(*), 0, 0, 0, 0, 0"
        " FROM usage GROUP BY 1, 2, 3, 4, 5; ANALYZE usage");
    /* pick(): as a page is picked. pages(): every page of a list, one behind the other. */
    run("CREATE FUNCTION pick(before uuid, key bigint, models bigint[], lo bigint, hi bigint, most bigint, look bigint,"
        "  since text DEFAULT '2026-01-01', until text DEFAULT '2027-01-01', OUT ids uuid[], OUT next uuid) LANGUAGE sql AS $$"
        " SELECT o_ids, o_next FROM usage_pick(n_id('a', 1), coalesce(before, 'ffffffff-ffff-ffff-ffff-ffffffffffff'),"
        "  since::timestamptz, until::timestamptz, n_id('b', key), models, NULL, lo, hi, most, look) $$;"
        "CREATE FUNCTION pages(key bigint, models bigint[], lo bigint, hi bigint, look bigint, since text, until text,"
        "  OUT pages bigint, OUT ids uuid[]) LANGUAGE plpgsql AS $$ DECLARE p record; behind uuid;"
        "  BEGIN pages := 0; ids := '{}'; LOOP SELECT * INTO p FROM pick(behind, key, models, lo, hi, 200, look, since, until);"
        "  pages := pages + 1; ids := ids || p.ids; behind := p.next; EXIT WHEN p.next IS NULL OR pages = 1000; END LOOP; END $$");
}

/* The pages have what a query for all has, in its order. */
static void each_record_once(void)
{
    static const struct {
        const char *arguments, *where;
    } cases[] = {
        {"NULL, NULL, 0, 999, 50000, '2026-03-29', '2026-03-29 06:00+00'", "true"},
        {"NULL, NULL, 0, 999, 100, '2026-03-29', '2026-03-29 06:00+00'", "true"},
        {"2, NULL, 0, 999, 50000, '2026-03-12', '2026-03-29 06:00+00'", "key_id = n_id('b', 2)"},
        {"2, NULL, 400, 599, 7000, '2026-03-01', '2026-04-01'", "key_id = n_id('b', 2) AND http_status = 502"},
        {"NULL, '{3}', 0, 999, 50000, '2026-03-01', '2026-04-01'", "model_no = 3"},
        {"NULL, NULL, 400, 599, 3000, '2026-03-25', '2026-04-01'", "http_status = 502"},
        {"NULL, NULL, 499, 499, 50000, '2026-03-25', '2026-04-01'", "http_status = 499"},
        {"NULL, NULL, 0, 399, 50000, '2026-03-28', '2026-03-28 12:00:00.001+00'", "http_status = 200"},
        {"8, NULL, 0, 999, 50000, '2026-03-01', '2026-04-01'", "false"},
        {"NULL, '{}', 0, 999, 50000, '2026-03-01', '2026-04-01'", "false"},
    };
    char sql[1400];

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *since = strstr(cases[i].arguments, "'2026");

        snprintf(sql, sizeof sql,
                 "SET TimeZone = 'UTC'; SELECT p.ids = q.ids, p.pages < 1000, cardinality(q.ids) > 100 OR '%s' = 'false' FROM"
                 " pages(%s) p, (SELECT coalesce(array_agg(request_id ORDER BY request_id DESC), '{}') AS ids FROM usage,"
                 " (SELECT v[1]::timestamptz AS since, v[2]::timestamptz AS until FROM (SELECT ARRAY[%s] AS v) a) w"
                 " WHERE account_id = n_id('a', 1) AND received_ms >= extract(epoch FROM since) * 1000"
                 " AND received_ms < extract(epoch FROM until) * 1000 AND (%s)) q",
                 cases[i].where[0] == 'f' ? "false" : "true", cases[i].arguments, since, cases[i].where);
        CHECK_SQL(sql, "t|t|t");
    }
}

/* Records that one page reads, and sequential scans for it. The days of a key are not among them: PostgreSQL finds these few
 * rows by one index or another, as its statistics of the moment say. */
#define READ "sum(coalesce(idx_tup_fetch, 0) + seq_tup_read)"
#define READ_BY " FROM pg_stat_xact_all_tables WHERE relname LIKE 'usage\\_2%'"
#define PICK(arguments)                                                                            \
    "BEGIN; SELECT coalesce(" READ ", 0) AS was, coalesce(sum(seq_scan), 0) AS scans" READ_BY " \\gset\n" \
    "SELECT cardinality(ids), next IS NULL FROM pick(" arguments ");"                              \
    "SELECT coalesce(sum(seq_scan), 0) - :scans, coalesce(" READ ", 0) - :was <= "

static void a_page_reads_little(void)
{
    char sql[1000];
    static const struct {
        const char *pick, *rows, *want;
    } cases[] = {
        /* a row of each of the 22 partitions, and those of the page */
        {PICK("NULL, NULL, NULL, 0, 999, 200, 50000"), "300", "200|f\n0|t"},
        {PICK("usage_id_at('2026-03-12 12:00:00+00', '0'), NULL, NULL, 0, 999, 200, 50000"), "300", "200|f\n0|t"},
        {PICK("NULL, NULL, '{3}', 0, 999, 50, 20000"), "20100", "5|f\n0|t"},
        /* of the key: nothing of the days between, which have 560,000; of those with it whatever the account has */
        {PICK("usage_id_at('2026-03-28 00:00:20+00', '0'), 2, NULL, 0, 999, 100, 50000"), "45000", "100|f\n0|t"},
        {PICK("NULL, 8, NULL, 0, 999, 200, 50000"), "0", "0|t\n0|t"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snprintf(sql, sizeof sql, "%s%s%s; ROLLBACK", cases[i].pick, cases[i].rows, READ_BY);
        CHECK_SQL(sql, cases[i].want);
    }
    /* The plan that PostgreSQL makes of it, in its words. */
    snprintf(sql, sizeof sql, "LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0;"
             " SET auto_explain.log_nested_statements = on; SET client_min_messages = log;"
             " SELECT cardinality(ids) FROM pick(NULL, NULL, NULL, 0, 999, 50, 50000)");
    CHECK(strstr(pg_sql(sql), "Index Scan Backward using usage_2026") != NULL);
    CHECK(strstr(pg_sql(sql), "Seq Scan on usage") == NULL);
}

/* The pauses of a key: at most three are left out, the longest. */
static void pauses_of_a_key(void)
{
    run("DELETE FROM usage_day; INSERT INTO usage_day (account_id, key_id, day, model_no, endpoint_no, region_no, requests,"
        " errors, cost_nusd, tokens_prompt, tokens_completion, tokens_reasoning) SELECT n_id('a', 1), n_id('b', 1),"
        " '2026-01-01'::date + d, 1, 1, 0, 1, 0, 0, 0, 0, 0 FROM unnest('{0,1,3,10,30,31,36,60}'::int[]) d");
    CHECK_SQL("SET TimeZone = 'UTC'; SELECT to_char(lo, 'MMDD') || '-' || to_char(hi, 'MMDD') FROM"
              " usage_ranges(n_id('a', 1), n_id('b', 1), '2026-01-01') r, unnest(r.o_lo, r.o_hi) x (lo, hi)",
              "0302-0303\n0131-0207\n0111-0112\n0101-0105");
    CHECK_SQL("SET TimeZone = 'UTC'; SELECT o_lo, o_hi FROM usage_ranges(n_id('a', 1), NULL, '2026-01-02')",
              "{\"2026-01-02 00:00:00+00\"}|{infinity}");
    CHECK_SQL("SELECT o_lo IS NULL FROM usage_ranges(n_id('a', 1), n_id('b', 7), '2026-01-02')", "t");
}

static const struct check_case all[] = {
    {"usage_lists: 1,000,000 records are filled in", fill},
    {"usage_lists: every page of every filter has each record once", each_record_once},
    {"usage_lists: a page reads little and scans nothing", a_page_reads_little},
    {"usage_lists: pauses of a key are left out", pauses_of_a_key},
};

int main(int argc, char **argv)
{
    return check_main(all, sizeof all / sizeof all[0], argc, argv);
}
