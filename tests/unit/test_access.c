/* Accounts, users and sessions in a real PostgreSQL: what the REST API's statements promise when calls meet, and what
 * a data plane hears of an account that is suspended. */
#include "check.h"
#include "db.h"
#include "lib/pg.h"

#include <pthread.h>

#define ORG "a0000000-0000-4000-8000-000000000001"
#define OTHER "a0000000-0000-4000-8000-000000000002"
#define BOOT "b0000000-0000-4000-8000-000000000001"
#define DIGEST(n) "decode(repeat('" n "', 32), 'hex')"

static void sql_is(const char *sql, const char *want)
{
    const char *got = pg_sql(sql);

    if (strcmp(got, want) != 0) {
        printf("# %s\n# is %s\n# want %s\n", sql, got, want);
        CHECK(false);
    }
}

/* Two accounts with a management and an inference key each, and a dollar in the first. */
static void begin(void)
{
    static bool migrated;
    struct buf why;

    if (!migrated) {
        buf_init(&why, 1024);
        CHECK_INT(db_migrate(pg_url(), "sql", &why), ERR_NONE);
        buf_free(&why);
        migrated = true;
    }
    sql_is("SET session_replication_role = replica; SET client_min_messages = error;"
           " TRUNCATE organisation, account, api_key, key_digest, operator_account, ledger_account, transfer, posting, lease, boot,"
           " app_user, user_identity, membership, invitation, session, login_throttle"
           " RESTART IDENTITY CASCADE;"
           " SET session_replication_role = DEFAULT;"
           " INSERT INTO account (account_id, name) VALUES ('" ORG "', 'one'), ('" OTHER "', 'two');"
           " INSERT INTO api_key (key_id, account_id, digest, name, label, role) VALUES"
           " (gen_random_uuid(), '" ORG "', " DIGEST("01") ", 'm', 'm', 'management'),"
           " (gen_random_uuid(), '" ORG "', " DIGEST("02") ", 'i', 'i', 'inference'),"
           " (gen_random_uuid(), '" OTHER "', " DIGEST("03") ", 'm', 'm', 'management'),"
           " (gen_random_uuid(), '" OTHER "', " DIGEST("04") ", 'i', 'i', 'inference');"
           " INSERT INTO boot (boot_id, measurement, simulated) VALUES ('" BOOT "', decode(repeat('00', 48), 'hex'),"
           " true); SELECT outcome FROM ledger_topup('" ORG "', 1000000000, NULL)",
           "ok");
}

static void an_account_made_alone_has_an_organisation(void)
{
    begin();
    sql_is("SELECT count(*) FROM account a JOIN organisation o USING (organisation_id)"
           " WHERE o.organisation_id = a.account_id AND o.name = a.name",
           "2");
}

/* lease_open of the first account's inference key. */
static void lease_is(const char *want)
{
    sql_is("SELECT outcome FROM lease_open(" DIGEST("02") ", '" BOOT "', gen_random_uuid(), 1000, 1000,"
           " 60000)",
           want);
}

static void a_suspended_account_stops_its_keys(void)
{
    const char *heard;

    begin();
    lease_is("ok");
    heard = pg_sql("LISTEN tr_key; SELECT account_set_state('" ORG "', 'suspended', 'unpaid')");
    CHECK(strstr(heard, "0202020202020202020202020202020202020202020202020202020202020202 disabled") != NULL);
    CHECK(strstr(heard, "0404040404") == NULL); /* the other account's is not concerned */
    lease_is("disabled");
    sql_is("SELECT outcome FROM key_changes(ARRAY[" DIGEST("02") "], ARRAY[1::bigint])", "disabled");
    sql_is("SELECT outcome FROM lease_extend((SELECT lease_id FROM lease LIMIT 1), (SELECT key_id FROM lease"
           " LIMIT 1), '" BOOT "', 0, 0, 60000, 0)",
           "gone");
    /* A key made meanwhile does not work either. */
    sql_is("INSERT INTO api_key (key_id, account_id, digest, name, label, role) VALUES (gen_random_uuid(), '"
           ORG "', " DIGEST("05") ", 'i', 'i', 'inference') RETURNING account_active",
           "f");
    heard = pg_sql("LISTEN tr_key; SELECT account_set_state('" ORG "', 'active', NULL)");
    CHECK(strstr(heard, "0202 changed") != NULL && strstr(heard, "0505 changed") != NULL);
    lease_is("ok");
    /* Once more is no change, and no news. */
    heard = pg_sql("LISTEN tr_key; SELECT account_set_state('" ORG "', 'active', NULL)");
    CHECK(strstr(heard, "tr_key") == NULL);
}

static void what_is_closed_stays_closed(void)
{
    begin();
    sql_is("SELECT account_set_state('" ORG "', 'closed', 'x')", "ok");
    sql_is("SELECT account_set_state('" ORG "', 'active', NULL)", "closed");
    sql_is("SELECT account_set_state('" ORG "', 'suspended', 'x')", "closed");
    sql_is("SELECT account_set_state(gen_random_uuid(), 'active', NULL)", "unknown");
    sql_is("UPDATE account SET operator = true WHERE account_id = '" OTHER "';"
           " SELECT account_set_state('" OTHER "', 'suspended', 'x')",
           "operator");
    lease_is("disabled");
}

/* --- the last management key --- */

static void refused(const char *sql)
{
    if (strstr(pg_sql(sql), "the last management key") == NULL)
        check_fail(__FILE__, __LINE__, sql);
}

static void the_last_management_key(void)
{
#define MANAGEMENT(n) " WHERE digest = " DIGEST(n)
    begin();
    refused("UPDATE api_key SET deleted_at = now(), disabled = true" MANAGEMENT("01"));
    refused("UPDATE api_key SET disabled = true" MANAGEMENT("01"));
    refused("UPDATE api_key SET expires_at = now() + interval '1 day'" MANAGEMENT("01"));
    sql_is("UPDATE api_key SET name = 'n', limit_nusd = 1" MANAGEMENT("01") " RETURNING 1", "1");
    sql_is("UPDATE api_key SET disabled = true" MANAGEMENT("02") " RETURNING 1", "1"); /* no such key */
    /* A second one that cannot be used does not count; one that can, does. */
    sql_is("INSERT INTO api_key (key_id, account_id, digest, name, label, role, disabled) VALUES"
           " (gen_random_uuid(), '" ORG "', " DIGEST("06") ", 'm', 'm', 'management', true)",
           "");
    refused("UPDATE api_key SET deleted_at = now()" MANAGEMENT("01"));
    sql_is("UPDATE api_key SET disabled = false" MANAGEMENT("06"), "");
    sql_is("UPDATE api_key SET deleted_at = now()" MANAGEMENT("01") " RETURNING 1", "1");
    refused("UPDATE api_key SET deleted_at = now()" MANAGEMENT("06"));
    /* An operator's account keeps an operator's key. */
    sql_is("INSERT INTO api_key (key_id, account_id, digest, name, label, role) VALUES"
           " (gen_random_uuid(), '" OTHER "', " DIGEST("07") ", 'o', 'o', 'operator')",
           "");
    refused("UPDATE api_key SET deleted_at = now()" MANAGEMENT("07"));
    sql_is("UPDATE api_key SET deleted_at = now()" MANAGEMENT("03") " RETURNING 1", "1");
}

/* Another session's psql, which says what it got into a file of its own. */
static void *psql(void *cookie)
{
    char command[1024];

    snprintf(command, sizeof command, "psql -XAtq '%s' -c \"%s\" >/dev/null 2>&1", pg_url(),
             (const char *)cookie);
    return system(command) == 0 ? cookie : NULL;
}

/* What two do at the same time, each in a transaction that stays open a little longer. One is refused. */
static void one_of_two(const char *first, const char *second)
{
    char text[2][512];
    pthread_t t[2];
    void *done[2];

    snprintf(text[0], sizeof text[0], "BEGIN; %s; SELECT pg_sleep(0.3); COMMIT", first);
    snprintf(text[1], sizeof text[1], "BEGIN; %s; SELECT pg_sleep(0.3); COMMIT", second);
    for (int i = 0; i < 2; i++)
        CHECK_INT(pthread_create(&t[i], NULL, psql, text[i]), 0);
    for (int i = 0; i < 2; i++)
        CHECK_INT(pthread_join(t[i], &done[i]), 0);
    CHECK((done[0] != NULL) != (done[1] != NULL));
}

static void two_delete_each_other(void)
{
    begin();
    sql_is("INSERT INTO api_key (key_id, account_id, digest, name, label, role) VALUES"
           " (gen_random_uuid(), '" ORG "', " DIGEST("06") ", 'm', 'm', 'management')",
           "");
    one_of_two("UPDATE api_key SET deleted_at = now() WHERE digest = " DIGEST("01"),
               "UPDATE api_key SET deleted_at = now() WHERE digest = " DIGEST("06"));
    sql_is("SELECT count(*) FROM api_key k WHERE account_id = '" ORG "' AND key_manages(k)", "1");
    /* And one that is deleted while its account is suspended waits for nobody in a circle. */
    begin();
    sql_is("INSERT INTO api_key (key_id, account_id, digest, name, label, role) VALUES"
           " (gen_random_uuid(), '" ORG "', " DIGEST("06") ", 'm', 'm', 'management')",
           "");
    char suspend[] = "BEGIN; SELECT 1 FROM account WHERE account_id = '" ORG "' FOR NO KEY UPDATE;"
                     " SELECT pg_sleep(0.3); SELECT account_set_state('" ORG "', 'suspended', 'x'); COMMIT";
    char take[] = "BEGIN; UPDATE api_key SET deleted_at = now() WHERE digest = " DIGEST("06")
                  "; SELECT pg_sleep(0.5); COMMIT";
    pthread_t t[2];
    void *done[2];
    CHECK_INT(pthread_create(&t[0], NULL, psql, suspend), 0);
    CHECK_INT(pthread_create(&t[1], NULL, psql, take), 0);
    for (int i = 0; i < 2; i++) {
        CHECK_INT(pthread_join(t[i], &done[i]), 0);
        CHECK(done[i] != NULL);
    }
}

/* --- keys that are above the caller's, and the caller's own --- */

static void keys_above_ones_own(void)
{
#define KEYS_OF(n) "'" ORG "', " DIGEST(n) ", "
#define PATCH(n, roles, caller)                                                                                        \
    "SELECT key_patch(" KEYS_OF(n) "'x', NULL, false, NULL, NULL, false, NULL, NULL, NULL, '" roles "', " caller ", '{}')"
#define DELETE(n, roles, caller) "SELECT key_delete(" KEYS_OF(n) "'" roles "', " caller ")"
#define ROTATE(n, fresh, roles)                                                                                        \
    "SELECT key_rotate(" KEYS_OF(n) DIGEST(fresh) ", 'l', 60, '" roles "')"
#define CALLER(n) "(SELECT o_key FROM caller_key(coalesce((SELECT digest FROM key_of(" DIGEST(n) ")), " DIGEST(n) "), NULL))"
    begin();
    sql_is("INSERT INTO api_key (key_id, account_id, digest, name, label, role) VALUES"
           " (gen_random_uuid(), '" ORG "', " DIGEST("06") ", 'm', 'm', 'management')",
           "");
    /* A developer's roles. */
    sql_is(PATCH("01", "{inference}", "NULL"), "above");
    sql_is(DELETE("01", "{inference}", "NULL"), "above");
    sql_is(ROTATE("01", "07", "{inference}"), "above");
    sql_is(PATCH("02", "{inference}", "NULL"), "ok");
    sql_is("SELECT key_delete('" OTHER "', " DIGEST("01") ", '{inference,management}', NULL) IS NULL", "t");
    sql_is("SELECT string_agg(name, '' ORDER BY digest) FROM api_key WHERE account_id = '" ORG "'", "mxm");
    /* A key's former text is the same key. */
    sql_is(ROTATE("01", "07", "{inference,management}"), "ok");
    sql_is(DELETE("07", "{inference,management}", CALLER("01")), "own");
    sql_is(PATCH("07", "{inference,management}", CALLER("01")), "own");
    sql_is(DELETE("07", "{inference,management}", CALLER("07")), "own");
    sql_is(DELETE("07", "{inference,management}", CALLER("06")), "ok");
    sql_is(DELETE("07", "{inference,management}", CALLER("06")), "");
    sql_is(DELETE("02", "{inference}", "NULL"), "ok");
}

/* --- users --- */

static void users(void)
{
    begin();
    sql_is("INSERT INTO app_user (user_id, email) VALUES ('c0000000-0000-4000-8000-000000000001', 'A@b.example'),"
           " ('c0000000-0000-4000-8000-000000000002', 'c@b.example');"
           " INSERT INTO membership (organisation_id, user_id, role) SELECT '" ORG "', user_id, 'owner' FROM app_user",
           "");
    CHECK(strstr(pg_sql("INSERT INTO app_user (user_id, email) VALUES (gen_random_uuid(), 'a@B.example')"),
                 "app_user_email") != NULL);
}

/* Two owners who leave at once: one stays. psql's own status says only whether the statement failed, so the outcome is
 * made an error. */
static void the_last_owner(void)
{
#define LEAVE(n)                                                                                   \
    "SELECT 1 / (member_remove('" ORG "', 'c0000000-0000-4000-8000-00000000000" n "', NULL) = 'ok')::int"
    users();
    one_of_two(LEAVE("1"), LEAVE("2"));
    sql_is("SELECT count(*) FROM membership WHERE role = 'owner'", "1");
    users();
    sql_is("SELECT member_change('" ORG "', 'c0000000-0000-4000-8000-000000000001', 'viewer', '{admin,viewer}')",
           "above");
    sql_is("SELECT member_change('" ORG "', 'c0000000-0000-4000-8000-000000000001', 'viewer', '{owner,viewer}')",
           "ok");
    sql_is("SELECT member_change('" ORG "', 'c0000000-0000-4000-8000-000000000002', 'viewer', '{owner,viewer}')",
           "last_owner");
    sql_is("SELECT member_change('" OTHER "', 'c0000000-0000-4000-8000-000000000002', 'viewer', '{owner,viewer}')",
           "unknown");
}

static void sessions_are_bounded(void)
{
    users();
    sql_is("SELECT count(*) FROM generate_series(1, 40) n, LATERAL session_open(gen_random_uuid(),"
           " sha256(n::text::bytea), 'c0000000-0000-4000-8000-000000000001', 1000000, 1000000)",
           "40");
    sql_is("SELECT count(*) FROM session", "32");
    /* Those of others that have ended go along. */
    sql_is("UPDATE session SET expires_at = now() - interval '1 second' WHERE session_id IN"
           " (SELECT session_id FROM session LIMIT 8);"
           " SELECT session_open(gen_random_uuid(), " DIGEST("01") ","
           " 'c0000000-0000-4000-8000-000000000002', 1000000, 1000000);"
           " SELECT count(*) FROM session",
           "\n25");
}

static void attempts_are_bounded(void)
{
    begin();
    sql_is("SELECT count(*) FILTER (WHERE login_take(" DIGEST("01") ", 3, interval '10 seconds') = 0)"
           " FROM generate_series(1, 5)",
           "3");
    sql_is("SELECT login_take(" DIGEST("01") ", 3, interval '10 seconds') BETWEEN 1 AND 10000", "t");
    sql_is("UPDATE login_throttle SET full_at = full_at - interval '10 seconds';"
           " SELECT login_take(" DIGEST("01") ", 3, interval '10 seconds')",
           "0");
    sql_is("UPDATE login_throttle SET full_at = now() - interval '1 second';"
           " SELECT login_take(" DIGEST("02") ", 3, interval '10 seconds');"
           " SELECT count(*) FROM login_throttle",
           "0\n1");
    sql_is("SELECT login_email('A@b.example') = login_email('a@B.EXAMPLE')", "t");
}

/* Tries of somebody else, from elsewhere, keep no user out; a user's own from one network are bounded. */
static void nobody_locks_a_user_out(void)
{
#define USER "c0000000-0000-4000-8000-000000000001"
#define NET(n) "decode(repeat(lpad(to_hex(" n "), 2, '0'), 16), 'hex')"
#define TRIES(net, n)                                                                                                  \
    "SELECT count(*) FILTER (WHERE o_retry_ms = 0) FROM generate_series(1, " n ") g, LATERAL login_begin("             \
    "CASE WHEN g > 0 THEN 'a@b.example' END, " net ")"
    users();
    sql_is("INSERT INTO user_identity (user_id, kind, secret) VALUES ('" USER "', 'password', 'kept')", "");
    sql_is(TRIES(NET("1"), "20"), "10");
    sql_is(TRIES(NET("2"), "20"), "10");
    sql_is(TRIES("NULL", "20"), "10");
    sql_is("SELECT o_retry_ms, o_user, o_secret FROM login_begin('A@b.example', " NET("3") ")", "0|" USER "|kept");
    /* Who has signed in begins anew, and nobody else does. */
    sql_is("SELECT login_done(gen_random_uuid(), " DIGEST("01") ", '" USER "', 'kept', 1000000, 1000000, " NET("1") ")",
           "t");
    sql_is(TRIES(NET("1"), "1"), "1");
    sql_is(TRIES(NET("2"), "1"), "0");
    /* Whatever is tried by e-mail address, a session's user may change the password, ten times. */
    sql_is("SELECT count(*) FILTER (WHERE o_retry_ms = 0 AND o_secret = 'kept' AND o_email = 'A@b.example') FROM"
           " generate_series(1, 12) g, LATERAL password_begin(CASE WHEN g > 0 THEN '" USER "'::uuid END)",
           "10");
    /* 110 networks with ten tries each are too many together. */
    sql_is("SELECT count(*) FILTER (WHERE login_take_email('c@b.example', int4send(g / 10)) = 0)"
           " FROM generate_series(0, 1099) g",
           "1000");
}

/* --- invitations end with what the one who invited may do --- */

static void accept_is(const char *role, const char *want)
{
    char sql[1024];

    snprintf(sql, sizeof sql,
             "UPDATE membership SET role = '%s' WHERE user_id = '" USER "';"
             " SELECT coalesce(o_email, 'none') || ' ' || invitation_accept(" DIGEST("0a") ", true, gen_random_uuid(),"
             " NULL, 's', gen_random_uuid(), " DIGEST("0b") ", 1000000, 1000000, NULL)"
             " FROM invitation_begin(" DIGEST("0a") ", NULL)", role);
    sql_is(sql, want);
}

static void an_invitation_needs_its_inviter(void)
{
    static const struct {
        const char *given, *inviter;
        bool ok;
    } table[] = {{"admin", "viewer", false}, {"admin", "developer", false}, {"viewer", "billing", false},
                 {"owner", "admin", false},  {"admin", "admin", true},      {"owner", "owner", true}};
    char sql[512];

    for (size_t n = 0; n < sizeof table / sizeof table[0]; n++) {
        users();
        snprintf(sql, sizeof sql,
                 "SELECT outcome FROM invitation_create('" ORG "', gen_random_uuid(), 'n@b.example', '%s', " DIGEST("0a")
                 ", '" USER "', 1000000)", table[n].given);
        sql_is(sql, "ok");
        accept_is(table[n].inviter, table[n].ok ? "n@b.example ok" : "none unknown");
        sql_is("SELECT count(*) FROM membership", table[n].ok ? "3" : "2");
        if (!table[n].ok) /* with the role comes the invitation */
            accept_is("owner", "n@b.example ok");
    }
    /* A member who has gone, by whatever way, has invited nobody; an operator who is no member has. */
    users();
    sql_is("SELECT outcome FROM invitation_create('" ORG "', gen_random_uuid(), 'n@b.example', 'owner', " DIGEST("0a")
           ", '" USER "', 1000000); UPDATE membership SET organisation_id = '" OTHER "' WHERE user_id = '" USER "'",
           "ok");
    accept_is("owner", "none unknown");
    sql_is("UPDATE organisation SET operator = true WHERE organisation_id = '" OTHER "'", "");
    accept_is("admin", "none unknown");
    accept_is("owner", "n@b.example ok");
}

static const struct check_case cases[] = {
    {"an account made alone has an organisation", an_account_made_alone_has_an_organisation},
    {"a suspended account stops its keys", a_suspended_account_stops_its_keys},
    {"what is closed stays closed", what_is_closed_stays_closed},
    {"the last management key stays", the_last_management_key},
    {"two that delete each other", two_delete_each_other},
    {"keys above one's own, and one's own", keys_above_ones_own},
    {"the last owner stays", the_last_owner},
    {"sessions are bounded", sessions_are_bounded},
    {"attempts to sign in are bounded", attempts_are_bounded},
    {"nobody locks a user out", nobody_locks_a_user_out},
    {"an invitation needs its inviter", an_invitation_needs_its_inviter},
};
CHECK_MAIN(cases)
