/* The log against a real PostgreSQL: what is appended can be proved to whoever has the key, several
 * writers make one tree, nothing in it can be changed by SQL either, and a database that was
 * rewound or replaced gets no further signature. */
#include "check.h"
#include "lib/pg.h"

#include "boots.h"
#include "jcs.h"
#include "prove.h"
#include "statement.h"
#include "tlog_proof.h"
#include "translog.h"

#include <sys/stat.h>
#include <uv.h>

static struct db *db;
static char state[2][64];
static struct translog *logs[2];

static void run_until(unsigned *fired, unsigned want)
{
    uint64_t end = uv_hrtime() / 1000000 + 12000;

    while (*fired < want && uv_hrtime() / 1000000 < end) {
        uv_run(uv_default_loop(), UV_RUN_NOWAIT);
        usleep(200);
    }
    CHECK_INT(*fired, want);
}

static enum err log_open(unsigned i)
{
    const struct translog_config c = {db, state[i], "example.com/log"};
    struct buf why;
    enum err e;

    buf_init(&why, 500);
    e = translog_new(&c, &logs[i], &why);
    CHECK((e == ERR_NONE) == (why.len == 0));
    buf_free(&why);
    return e;
}

static void setup(void)
{
    const struct db_config c = {uv_default_loop(), pg_url(), 4};
    char command[256];
    struct buf why;

    buf_init(&why, 500);
    CHECK_INT(db_migrate(pg_url(), "sql", &why), ERR_NONE);
    buf_free(&why);
    CHECK_INT(db_open(&c, &db), ERR_NONE);
    for (unsigned i = 0; i < 2; i++) {
        snprintf(state[i], sizeof state[i], "/tmp/tr-test-log.%d.%u", (int)getpid(), i);
        mkdir(state[i], 0700);
    }
    CHECK_INT(log_open(0), ERR_NONE);
    /* A second instance has the same key: the operator copies it. */
    snprintf(command, sizeof command, "cp -p %s/log.key %s/log.key", state[0], state[1]);
    CHECK_INT(system(command), 0);
    CHECK_INT(log_open(1), ERR_NONE);
}

/* --- asking --- */

struct appended {
    unsigned fired;
    enum err e;
    uint64_t index;
};

static void appended_cb(void *cookie, enum err e, uint64_t index)
{
    struct appended *a = cookie;

    a->fired++;
    a->e = e;
    a->index = index;
}

static struct digest32 subject_of(const char *text)
{
    struct digest32 d;

    digest_sha256(view_str(text), &d);
    return d;
}

static struct appended append(unsigned i, enum translog_kind kind, const char *subject,
                              const char *statement)
{
    struct appended a = {0};
    struct digest32 d = subject_of(subject);

    translog_append(logs[i], kind, &d, view_str(statement), appended_cb, &a);
    CHECK_INT(a.fired, 0);
    run_until(&a.fired, 1);
    return a;
}

struct proof {
    unsigned fired;
    enum err e;
    struct proved p;
    struct buf text, statement;
};

static void proof_cb(void *cookie, enum err e, const struct proved *p)
{
    struct proof *a = cookie;

    a->fired++;
    a->e = e;
    if (e != ERR_NONE)
        return;
    a->p = *p;
    buf_init(&a->text, TLOG_PROOF_TEXT_MAX);
    buf_init(&a->statement, TRANSLOG_STATEMENT_MAX);
    CHECK_INT(tlog_proof_encode(&(struct tlog_proof_text){p->index, p->path, p->note}, &a->text),
              ERR_NONE);
    CHECK_INT(buf_append(&a->statement, p->statement), ERR_NONE);
}

static struct proof prove(uint64_t index, bool consistency)
{
    struct proof a = {0};

    if (consistency)
        prove_consistency(logs[0], index, proof_cb, &a);
    else
        prove_inclusion(logs[0], index, proof_cb, &a);
    CHECK_INT(a.fired, 0);
    run_until(&a.fired, 1);
    return a;
}

static void proof_free(struct proof *a)
{
    buf_free(&a->text);
    buf_free(&a->statement);
}

static unsigned violations(void)
{
    unsigned n = (unsigned)pg_number("SELECT count(*) FROM log_violations");

    if (n != 0)
        printf("# %s\n", pg_sql("SELECT * FROM log_violations LIMIT 5"));
    return n;
}

/* --- cases --- */

static void test_append(void)
{
    struct appended a;
    struct proof p = prove(0, false);

    CHECK_INT(p.e, ERR_NOT_FOUND); /* nothing is signed yet */
    a = append(0, TRANSLOG_BOOT, "one", "{\"n\":1}");
    CHECK_INT(a.e, ERR_NONE);
    CHECK_INT(a.index, 0);
    a = append(0, TRANSLOG_BOOT, "two", "{\"n\":2}");
    CHECK_INT(a.index, 1);
    /* The same again is the same entry, whoever says it and in whatever words. */
    a = append(1, TRANSLOG_BOOT, "one", "{\"n\":1,\"later\":1}");
    CHECK_INT(a.e, ERR_NONE);
    CHECK_INT(a.index, 0);
    a = append(0, TRANSLOG_RELEASE, "one", "{\"measurements\":[]}");
    CHECK_INT(a.index, 2);
    CHECK_INT(pg_number("SELECT count(*) FROM log_entry"), 3);
    CHECK_INT(violations(), 0);
}

/* A policy that comes back is a change, too. */
static void test_policy(void)
{
    CHECK_INT(append(0, TRANSLOG_POLICY, "A", "{\"p\":1}").index, 3);
    CHECK_INT(append(0, TRANSLOG_POLICY, "A", "{\"p\":1}").index, 3);
    CHECK_INT(append(0, TRANSLOG_POLICY, "B", "{\"p\":2}").index, 4);
    CHECK_INT(append(0, TRANSLOG_POLICY, "A", "{\"p\":3}").index, 5);
    CHECK_INT(violations(), 0);
}

static void test_limits(void)
{
    static char text[TRANSLOG_STATEMENT_MAX + 2];

    memset(text, 'x', sizeof text - 1);
    CHECK_INT(append(0, TRANSLOG_BOOT, "long", text).e, ERR_LIMIT);
    text[TRANSLOG_STATEMENT_MAX] = '\0';
    CHECK_INT(append(0, TRANSLOG_BOOT, "long", text).e, ERR_NONE);
}

/* Two instances at once: one tree, every statement in it once. */
static void test_together(void)
{
    enum { EACH = 40 };
    struct appended a[2][EACH] = {0};
    uint64_t before = (uint64_t)pg_number("SELECT count(*) FROM log_entry");

    for (unsigned k = 0; k < EACH; k++)
        for (unsigned i = 0; i < 2; i++) {
            char text[32];
            struct digest32 d;

            snprintf(text, sizeof text, "{\"i\":%u,\"k\":%u}", i, k);
            d = subject_of(text);
            translog_append(logs[i], TRANSLOG_BOOT, &d, view_str(text), appended_cb, &a[i][k]);
        }
    for (unsigned k = 0; k < EACH; k++)
        for (unsigned i = 0; i < 2; i++) {
            run_until(&a[i][k].fired, 1);
            CHECK_INT(a[i][k].e, ERR_NONE);
        }
    CHECK_INT(pg_number("SELECT count(*) FROM log_entry"), before + 2 * EACH);
    CHECK_INT(violations(), 0);
}

/* Whoever has the key can check each entry, and that the head continues every older tree. */
static void test_proofs(void)
{
    uint64_t n = (uint64_t)pg_number("SELECT max(size) FROM log_checkpoint");

    for (uint64_t i = 0; i < n; i += 7) {
        struct proof p = prove(i, false);
        uint64_t index;

        CHECK_INT(p.e, ERR_NONE);
        CHECK_INT(tlog_proof_check(buf_view(&p.text), buf_view(&p.statement), translog_key(logs[0]),
                                   &index, NULL),
                  ERR_NONE);
        CHECK_INT(index, i);
        proof_free(&p);
    }
    for (uint64_t old = 1; old <= n; old += 5) {
        struct proof p = prove(old, true);
        struct digest32 root;
        char sql[80];

        CHECK_INT(p.e, ERR_NONE);
        snprintf(sql, sizeof sql, "SELECT encode(log_root(%u), 'hex')", (unsigned)old);
        CHECK_INT(hex_decode(view_str(pg_sql(sql)), root.b, 32), ERR_NONE);
        CHECK(tlog_check_consistency(old, p.p.size, &root, &p.p.root, &p.p.path));
        root.b[0] ^= 1;
        CHECK(!tlog_check_consistency(old, p.p.size, &root, &p.p.root, &p.p.path));
        proof_free(&p);
    }
    CHECK_INT(prove(n, false).e, ERR_NOT_FOUND);
    CHECK_INT(prove(0, true).e, ERR_NOT_FOUND);
    CHECK_INT(prove(n + 1, true).e, ERR_NOT_FOUND);
}

/* --- boots --- */

struct boot_proof {
    unsigned fired;
    enum err e;
    struct buf statement, proof;
};

static void boot_cb(void *cookie, enum err e, struct view statement, struct view proof)
{
    struct boot_proof *b = cookie;

    b->fired++;
    b->e = e;
    buf_init(&b->statement, TRANSLOG_STATEMENT_MAX);
    buf_init(&b->proof, TLOG_PROOF_TEXT_MAX);
    CHECK_INT(buf_append(&b->statement, statement), ERR_NONE);
    CHECK_INT(buf_append(&b->proof, proof), ERR_NONE);
}

static bool says(const struct buf *text, const char *what)
{
    return memmem(text->ptr, text->len, what, strlen(what)) != NULL;
}

static uint64_t boot_log(const struct boots_entry *entry, const char *release)
{
    struct boot_proof b = {0};
    uint64_t index = UINT64_MAX;

    boots_log(logs[0], entry, boot_cb, &b);
    CHECK_INT(b.fired, 0);
    run_until(&b.fired, 1);
    CHECK_INT(b.e, ERR_NONE);
    CHECK_INT(tlog_proof_check(buf_view(&b.proof), buf_view(&b.statement), translog_key(logs[0]),
                               &index, NULL),
              ERR_NONE);
    CHECK(says(&b.statement, "\"purpose\":\"tr.boot.v1\""));
    CHECK(says(&b.statement, release));
    buf_free(&b.statement);
    buf_free(&b.proof);
    return index;
}

/* A boot names the logged release that has its measurement, and is logged once per policy. */
static void test_boots(void)
{
    struct boots_entry entry = {.identity = {.simulated = true}};
    char release[300], hex[97], want[120];
    uint64_t first;

    memset(entry.measurement, 0x5c, sizeof entry.measurement);
    entry.identity_sha256.b[0] = 1;
    first = boot_log(&entry, "\"release\":null");
    CHECK_INT(boot_log(&entry, "\"release\":null"), first);
    entry.policy_sha256.b[0] = 1; /* the same boot, under other rules */
    CHECK_INT(boot_log(&entry, "\"release\":null"), first + 1);

    hex_encode(entry.measurement, sizeof entry.measurement, hex);
    snprintf(release, sizeof release,
             "{\"measurements\":[{\"measurement\":\"00\"},{\"measurement\":\"%s\"}],"
             "\"version\":\"7.\\\"1\"}",
             hex);
    CHECK_INT(append(0, TRANSLOG_RELEASE, "boots", release).e, ERR_NONE);
    /* What could not be looked up again does not get in. */
    CHECK_INT(append(0, TRANSLOG_RELEASE, "bad", "no JSON").e, ERR_RANGE);
    CHECK_INT(append(0, TRANSLOG_RELEASE, "bad", "{\"measurements\":1}").e, ERR_RANGE);
    CHECK_INT(append(0, TRANSLOG_RELEASE, "bad", "{\"measurements\":[\"\\u0000\"]}").e, ERR_RANGE);
    snprintf(want, sizeof want, "\"version\":\"7.\\\"1\"}");
    entry.identity_sha256.b[0] = 2;
    CHECK_INT(boot_log(&entry, want), first + 3);
    entry.measurement[0] ^= 1; /* another program is not of this release */
    entry.identity_sha256.b[0] = 3;
    CHECK_INT(boot_log(&entry, "\"release\":null"), first + 4);
    CHECK_INT(violations(), 0);
}

#define ENTRY_INSERT(index, leaf)                                                                  \
    "INSERT INTO log_entry (index, kind, subject, statement, leaf) SELECT " index                  \
    ", 'boot', sha256('x'), '{}', " leaf

/* The database itself refuses, even to its owner. */
static void test_append_only(void)
{
    static const char *const refused[] = {
        "UPDATE log_entry SET kind = 'boot'",
        "DELETE FROM log_entry WHERE index = 0",
        "TRUNCATE log_entry",
        "UPDATE log_node SET hash = hash",
        "DELETE FROM log_node",
        "UPDATE log_checkpoint SET note = 'x'",
        "DELETE FROM log_checkpoint",
        /* an entry out of turn, one that lies about its hash, a false node, a false root */
        ENTRY_INSERT("log_size() + 1", "sha256('\\x00'::bytea || '{}')"),
        ENTRY_INSERT("log_size()", "sha256('{}')"),
        "INSERT INTO log_node (level, index, hash) SELECT 0, log_size(), sha256('x')",
        "INSERT INTO log_node (level, index, hash) VALUES (62, 0, sha256('x'))",
        "INSERT INTO log_checkpoint (size, root, note) SELECT log_size() + 1, sha256('x'), 'x'",
    };
    const char *want = "append-only";

    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        const char *said = pg_sql(refused[i]);
        bool ok = strstr(said, want) != NULL || strstr(said, "does not follow") != NULL ||
                  strstr(said, "violates check constraint") != NULL;

        if (!ok)
            printf("# %s: %s\n", refused[i], said);
        CHECK(ok);
    }
    CHECK_INT(violations(), 0);
}

/* Whoever switches the triggers off is seen by the view. */
static void test_violations(void)
{
    static const char *const tampered[] = {
        "UPDATE log_node SET hash = sha256('x') WHERE level = 1 AND index = 0",
        "UPDATE log_node SET hash = sha256('x') WHERE level = 0 AND index = 3",
        "DELETE FROM log_node WHERE level = 2 AND index = 1",
        "DELETE FROM log_entry WHERE index = 2",
        "INSERT INTO log_node SELECT 5, 100, sha256('x')",
        "UPDATE log_checkpoint SET root = sha256('x') WHERE size = log_size()",
    };
    char sql[600];

    for (size_t i = 0; i < sizeof tampered / sizeof tampered[0]; i++) {
        snprintf(sql, sizeof sql,
                 "BEGIN; SET LOCAL session_replication_role = replica; %s;"
                 " SELECT count(*) > 0 FROM log_violations; ROLLBACK;",
                 tampered[i]);
        CHECK(strcmp(pg_sql(sql), "t") == 0);
    }
    CHECK_INT(violations(), 0);
}

/* A restored backup: the database has less than was signed. Then one that has as much, but else. */
/* Looks at the database as health does; what it finds. */
static bool check_refuses(unsigned i)
{
    uint64_t end = uv_hrtime() / 1000000 + 300;

    translog_check(logs[i]);
    while (uv_hrtime() / 1000000 < end) {
        uv_run(uv_default_loop(), UV_RUN_NOWAIT);
        usleep(200);
    }
    return translog_refuses(logs[i]);
}

static void test_rewound(void)
{
    uint64_t n = (uint64_t)pg_number("SELECT log_size()");
    char sql[600];

    CHECK_INT(append(0, TRANSLOG_BOOT, "last", "{\"last\":1}").index, n);
    CHECK_INT(translog_signed_size(logs[0]), n + 1);
    CHECK(!check_refuses(0));
    snprintf(sql, sizeof sql,
             "BEGIN; SET LOCAL session_replication_role = replica;"
             " DELETE FROM log_node x WHERE (x.index + 1) << x.level > %u;"
             " DELETE FROM log_checkpoint WHERE size > %u; DELETE FROM log_entry WHERE index >= %u;"
             " COMMIT;",
             (unsigned)n, (unsigned)n, (unsigned)n);
    CHECK(strcmp(pg_sql(sql), "") == 0);
    CHECK_INT(violations(), 0); /* sound in itself: only memory can tell */
    CHECK(check_refuses(0));    /* without anybody appending */
    CHECK(!check_refuses(1));
    CHECK_INT(append(0, TRANSLOG_BOOT, "after", "{\"after\":1}").e, ERR_CONFLICT);
    /* Another instance, which had not signed that much, grows it: a fork for the first one. */
    CHECK_INT(append(1, TRANSLOG_BOOT, "fork", "{\"fork\":1}").e, ERR_NONE);
    CHECK_INT(append(1, TRANSLOG_BOOT, "fork2", "{\"fork\":2}").e, ERR_NONE);
    CHECK_INT(append(0, TRANSLOG_BOOT, "after", "{\"after\":1}").e, ERR_CONFLICT);
    /* It still knows after a restart. */
    translog_free(logs[0]);
    CHECK_INT(log_open(0), ERR_NONE);
    CHECK_INT(append(0, TRANSLOG_BOOT, "after", "{\"after\":1}").e, ERR_CONFLICT);
    CHECK_INT(append(1, TRANSLOG_BOOT, "good", "{\"good\":1}").e, ERR_NONE);
}

static void test_key_files(void)
{
    char command[256];

    translog_free(logs[0]);
    logs[0] = NULL;
    snprintf(command, sizeof command, "chmod 644 %s/log.key", state[0]);
    CHECK_INT(system(command), 0);
    CHECK_INT(log_open(0), ERR_CONFIG);
    snprintf(command, sizeof command, "chmod 600 %s/log.key; echo zz > %s/log.key", state[0],
             state[0]);
    CHECK_INT(system(command), 0);
    CHECK_INT(log_open(0), ERR_FORMAT);
    /* Another key: what was signed last is not its own. */
    snprintf(command, sizeof command, "rm %s/log.key", state[0]);
    CHECK_INT(system(command), 0);
    CHECK_INT(log_open(0), ERR_AUTH);
    snprintf(command, sizeof command, "rm %s/log.head", state[0]);
    CHECK_INT(system(command), 0);
    CHECK_INT(log_open(0), ERR_NONE);
}

static void closed_cb(void *cookie)
{
    ++*(unsigned *)cookie;
}

/* What is under way when the database closes comes back, all of it. */
static void test_close(void)
{
    struct appended a[3] = {0};
    unsigned closed = 0;
    char command[256];

    for (unsigned i = 0; i < 3; i++) {
        struct digest32 d = {{(uint8_t)i}};

        translog_append(logs[1], TRANSLOG_BOOT, &d, VIEW_LIT("{}"), appended_cb, &a[i]);
    }
    db_close(db, closed_cb, &closed);
    run_until(&closed, 1);
    for (unsigned i = 0; i < 3; i++) {
        CHECK_INT(a[i].fired, 1);
        CHECK_INT(a[i].e, ERR_CANCELLED);
    }
    for (unsigned i = 0; i < 2; i++) {
        translog_free(logs[i]);
        snprintf(command, sizeof command, "rm -r %s", state[i]);
        CHECK_INT(system(command), 0);
    }
}

/* The words of a statement are canonical JSON. */
/* Read back, a statement is about what it was written about. */
static void check_facts(struct view text, const struct boot_statement *s, bool policy)
{
    struct statement_facts f;
    struct digest32 subject;

    CHECK_INT(statement_facts(text, &f), ERR_NONE);
    CHECK_INT(f.kind, policy ? TRANSLOG_POLICY : TRANSLOG_BOOT);
    CHECK_INT(f.logged_at_s, policy ? 7 : 1790000000);
    statement_boot_subject(s, &subject);
    CHECK(policy || secret_equal(f.subject.b, subject.b, sizeof subject.b));
}

static void test_statements(void)
{
    struct identity who = {.simulated = true};
    struct boot_statement s = {.identity = &who, .logged_at_s = 1790000000};
    struct json_value root;
    struct buf out, again;

    buf_init(&out, 4096);
    buf_init(&again, 4096);
    s.identity_sha256.b[0] = 1;
    s.policy_sha256.b[0] = 2;
    for (unsigned i = 0; i < 3; i++) {
        buf_reset(&out);
        buf_reset(&again);
        s.has_release = i == 1;
        s.version = VIEW_LIT("1.2.3");
        if (i == 2)
            CHECK_INT(statement_policy(&(struct policy_statement){.version = VIEW_LIT("a\"b"),
                                                                  .trigger = "reload",
                                                                  .logged_at_s = 7},
                                       &out),
                      ERR_NONE);
        else
            CHECK_INT(statement_boot(&s, &out), ERR_NONE);
        CHECK_INT(json_check(buf_view(&out), &root, NULL), ERR_NONE);
        CHECK_INT(jcs_append(root, NULL, &again), ERR_NONE);
        CHECK_BYTES(out.ptr, out.len, again.ptr, again.len);
        check_facts(buf_view(&out), &s, i == 2);
    }
    buf_free(&out);
    buf_free(&again);
}

/* What cannot be read back is not guessed. */
static void test_facts_refused(void)
{
#define ZERO "0000000000000000000000000000000000000000000000000000000000000000"
    static const struct {
        const char *text;
        enum err e;
    } cases[] = {
        {"{\"purpose\":\"tr.release.v1\"}", ERR_NONE},
        {"{\"purpose\":\"tr.release.v2\"}", ERR_FORMAT},
        {"{\"purpose\":1}", ERR_FORMAT},
        {"{}", ERR_FORMAT},
        {"[]", ERR_FORMAT},
        {"{\"purpose\":\"tr.release.v1\"", ERR_FORMAT},
        {"{\"purpose\":\"tr.release.v1\",\"purpose\":\"tr.boot.v1\"}", ERR_FORMAT},
        {"{\"purpose\":\"tr.policy.v1\",\"policy_sha256\":\"" ZERO "\",\"providers_sha256\":\"" ZERO
         "\",\"logged_at\":1}",
         ERR_NONE},
        {"{\"purpose\":\"tr.policy.v1\",\"policy_sha256\":\"" ZERO "\",\"logged_at\":1}", ERR_FORMAT},
        {"{\"purpose\":\"tr.policy.v1\",\"policy_sha256\":\"" ZERO "\",\"providers_sha256\":\"00\","
         "\"logged_at\":1}",
         ERR_FORMAT},
        {"{\"purpose\":\"tr.policy.v1\",\"policy_sha256\":\"" ZERO "\",\"providers_sha256\":\"" ZERO
         "\"}",
         ERR_FORMAT},
        {"{\"purpose\":\"tr.boot.v1\"}", ERR_FORMAT},
    };
    struct statement_facts f;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        CHECK_INT(statement_facts(view_str(cases[i].text), &f), cases[i].e);
}

int main(int argc, char **argv)
{
    static const struct check_case cases[] = {
        {"translog_statements", test_statements}, {"translog_append", test_append},
        {"translog_policy", test_policy},         {"translog_limits", test_limits},
        {"translog_together", test_together},     {"translog_proofs", test_proofs},
        {"translog_boots", test_boots},           {"translog_append_only", test_append_only},
        {"translog_violations", test_violations}, {"translog_rewound", test_rewound},
        {"translog_key_files", test_key_files},   {"translog_close", test_close},
        {"translog_facts_refused", test_facts_refused},
    };

    if (secret_init() != ERR_NONE)
        return 1;
    setup();
    return check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
}
