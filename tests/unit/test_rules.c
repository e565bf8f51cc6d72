/* A change of the rules that is in force and not in the log is a change that nobody can find out. The
 * log is played here, so that its answers can be late, wrong or missing; the files are real, and so is the database of
 * those who share one. */
#include "rules.c"

#include "check.h"
#include "db.h"
#include "lib/pg.h"

#include <stdio.h>
#include <unistd.h>

/* --- the log: keeps the statement, answers when told */

static struct {
    unsigned asked;
    char statement[STATEMENT_MAX + 1];
    struct digest32 subject;
    translog_append_cb *cb;
    void *cookie;
} tlog;

void translog_append(struct translog *t, enum translog_kind kind, const struct digest32 *subject,
                     struct view statement, translog_append_cb *cb, void *cookie)
{
    (void)t;
    CHECK_INT(kind, TRANSLOG_POLICY);
    CHECK(tlog.cb == NULL); /* one at a time */
    tlog.asked++;
    tlog.subject = *subject;
    snprintf(tlog.statement, sizeof tlog.statement, "%.*s", (int)statement.len,
             (const char *)statement.ptr);
    tlog.cb = cb;
    tlog.cookie = cookie;
}

static void answer(enum err e)
{
    translog_append_cb *cb = tlog.cb;

    CHECK(cb != NULL);
    tlog.cb = NULL;
    if (cb != NULL)
        cb(tlog.cookie, e, 7);
}

/* --- who watches */

static unsigned started, changed;
static enum err started_with;
static const struct attest_policy *in_force;

static void on_started(void *cookie, enum err e, uint64_t index)
{
    (void)cookie;
    CHECK_INT(index, 7);
    started++;
    started_with = e;
}

static void on_changed(void *cookie, const struct attest_policy *now)
{
    (void)cookie;
    changed++;
    in_force = now;
}

/* --- files */

static char path[64];

static void file_put(const char *top, const char *measured)
{
    FILE *f = fopen(path, "w");

    fprintf(f,
            "audience = a\nroots = amd\nproducts = genoa\n%s%s\n[floor genoa]\nsnp = 27\n"
            "[measurement m]\nsha384 = %s"
            "00000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
            "00000000\n[chip c]\nid = "
            "11111111111111111111111111111111111111111111111111111111111111111111111111111111111111"
            "111111111111111111111111111111111111111111\n",
            strstr(top, "expires") == NULL ? "expires = 2099-01-01T00:00:00Z\n" : "", top, measured);
    fclose(f);
}

static bool says(const char *text)
{
    return strstr(tlog.statement, text) != NULL;
}

static bool version_is(const struct rules *r, const char *version)
{
    return strcmp(attest_policy_version(rules_policy(r)), version) == 0;
}

static struct rules *begin(enum err at_start)
{
    const struct rules_watch w = {(struct translog *)&tlog, {{9}}, on_started, on_changed, NULL, NULL, "/nonexistent"};
    struct rules *r = NULL;
    struct buf why;

    memset(&tlog, 0, sizeof tlog);
    started = changed = 0;
    buf_init(&why, 512);
    file_put("version = one", "aa");
    CHECK_INT(rules_new(path, &r, &why), ERR_NONE);
    buf_free(&why);
    rules_reload(r); /* not started: nothing to do */
    CHECK_INT(tlog.asked, 0);
    rules_start(r, &w);
    CHECK_INT(started, 0);
    CHECK(says("\"trigger\":\"start\"") && says("\"policy_version\":\"one\""));
    answer(at_start);
    CHECK(started == 1 && started_with == at_start);
    return r;
}

static void in_the_log_before_it_counts(void)
{
    struct rules *r = begin(ERR_NONE);
    struct digest32 first = tlog.subject;

    rules_reload(r); /* the same file */
    CHECK_INT(tlog.asked, 1);
    file_put("version = two", "aa");
    rules_reload(r);
    CHECK_INT(tlog.asked, 2);
    CHECK(says("\"trigger\":\"reload\"") && says("\"policy_version\":\"two\""));
    CHECK(memcmp(&first, &tlog.subject, sizeof first) != 0);
    CHECK(changed == 0 && version_is(r, "one"));
    answer(ERR_NONE);
    CHECK(changed == 1 && version_is(r, "two") && in_force == rules_policy(r));
    CHECK_INT(started, 1);
    rules_free(r);
}

static void what_cannot_be_logged_does_not_count(void)
{
    static const enum err errors[] = {ERR_DB, ERR_CONFLICT, ERR_OVERLOAD, ERR_LIMIT};
    struct rules *r = begin(ERR_NONE);

    file_put("version = two", "aa");
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        rules_reload(r);
        answer(errors[i]);
        CHECK(changed == 0 && version_is(r, "one"));
    }
    rules_reload(r); /* asked again, and the log is back */
    answer(ERR_NONE);
    CHECK(changed == 1 && version_is(r, "two"));
    rules_free(r);
}

static void a_broken_file_changes_nothing(void)
{
    static const char *const broken[] = {"version = two\nversion = two", "unknown = 1",
                                         "products = rome", "expires = tomorrow"};
    struct rules *r = begin(ERR_NONE);

    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        file_put(broken[i], "aa");
        rules_reload(r);
    }
    file_put("version = two", "aaa"); /* 97 digits */
    rules_reload(r);
    CHECK_INT(truncate(path, 0), 0);
    rules_reload(r);
    unlink(path);
    rules_reload(r);
    CHECK(tlog.asked == 1 && changed == 0 && version_is(r, "one"));
    file_put("version = two", "aa");
    rules_reload(r);
    answer(ERR_NONE);
    CHECK(changed == 1 && version_is(r, "two"));
    rules_free(r);
}

/* Signals do not queue up: however many come while one is under way, once more is enough, and the file
 * as it is then counts. */
static void asked_while_under_way(void)
{
    struct rules *r = begin(ERR_NONE);

    file_put("version = two", "aa");
    rules_reload(r);
    file_put("version = three", "aa");
    for (int i = 0; i < 5; i++)
        rules_reload(r);
    CHECK_INT(tlog.asked, 2);
    answer(ERR_NONE);
    CHECK(changed == 1 && version_is(r, "two"));
    CHECK_INT(tlog.asked, 3);
    answer(ERR_NONE);
    CHECK(changed == 2 && version_is(r, "three"));
    CHECK_INT(tlog.asked, 3);
    rules_free(r);
}

/* The start's entry was refused: the same rules are tried again when asked. */
static void logged_late(void)
{
    struct rules *r = begin(ERR_DB);

    rules_reload(r);
    CHECK_INT(tlog.asked, 2);
    CHECK(says("\"trigger\":\"reload\"") && says("\"policy_version\":\"one\""));
    answer(ERR_DB);
    rules_reload(r);
    answer(ERR_NONE);
    CHECK_INT(tlog.asked, 3);
    rules_reload(r);
    CHECK_INT(tlog.asked, 3);
    rules_free(r);
}

static void ended_in_the_middle(void)
{
    struct rules *r = begin(ERR_NONE);

    file_put("version = two", "aa");
    rules_reload(r);
    rules_free(r); /* the database went first, and with it the answer: nothing leaks */
    rules_free(NULL);
    unlink(path);
}

/* --- several control planes of one database */

static struct db *db;

static bool turn(bool (*done)(void))
{
    for (int i = 0; i < 10000 && !done(); i++) {
        uv_run(uv_default_loop(), UV_RUN_NOWAIT);
        usleep(1000);
    }
    return done();
}

static bool log_asked(void)
{
    return tlog.cb != NULL;
}

static bool has_started(void)
{
    return started == 1;
}

static bool has_changed(void)
{
    return changed == 1;
}

/* An instance whose file gives itself this version starts; it has `want` in force then. dir: what it keeps. */
static struct rules *instance_in(const char *dir, const char *file, const char *want)
{
    struct rules_watch w = {(struct translog *)&tlog, {{9}}, on_started, on_changed, NULL, db, dir};
    struct rules *r = NULL;
    struct buf why;

    memset(&tlog, 0, sizeof tlog);
    started = changed = 0;
    buf_init(&why, 512);
    file_put(file, "aa");
    CHECK_INT(rules_new(path, &r, &why), ERR_NONE);
    buf_free(&why);
    rules_start(r, &w);
    CHECK(turn(log_asked));
    answer(ERR_NONE);
    CHECK(turn(has_started));
    CHECK(version_is(r, want));
    return r;
}

/* One that keeps nothing between its starts. */
static struct rules *instance(const char *file, const char *want)
{
    return instance_in("/nonexistent", file, want);
}

static void closed_cb(void *cookie)
{
    *(bool *)cookie = true;
}

/* An operator puts an earlier file back and restarts; then the other instance is given that file, too, which undoes nothing
 * that came after it. */
static void an_earlier_file_is_put_back(void)
{
    char a[] = "/tmp/tr-rules-a-XXXXXX", b[] = "/tmp/tr-rules-b-XXXXXX", mark[64];

    CHECK(mkdtemp(a) != NULL && mkdtemp(b) != NULL);
    rules_free(instance_in(a, "version = five", "five"));
    rules_free(instance_in(b, "version = five", "five"));
    rules_free(instance_in(a, "version = six", "six"));
    rules_free(instance_in(b, "version = five", "six")); /* older, and the same as before */
    rules_free(instance_in(a, "version = five", "five"));
    rules_free(instance_in(a, "version = seven", "seven"));
    rules_free(instance_in(b, "version = six", "six")); /* it had five, which counted later */
    rules_free(instance_in(a, "version = seven", "six"));
    rules_free(instance_in(b, "version = seven", "seven")); /* it had six, which counted later */
    rules_free(instance_in(a, "version = six", "six"));
    rules_free(instance_in(b, "version = six", "six")); /* on to what another has brought */
    for (unsigned i = 0; i < 2; i++) {
        snprintf(mark, sizeof mark, "%s/policy.started", i == 0 ? a : b);
        CHECK_INT(unlink(mark), 0);
        CHECK_INT(rmdir(i == 0 ? a : b), 0);
    }
}

/* Files of three instances differ in age: the restart of one with an older file changes nothing for the fleet. */
static void an_old_file_does_not_come_back(void)
{
    struct db_config c = {uv_default_loop(), pg_url(), 3};
    bool closed = false;
    struct rules *r;
    struct buf why;

    buf_init(&why, 512);
    CHECK_INT(db_migrate(pg_url(), "sql", &why), ERR_NONE);
    buf_free(&why);
    CHECK_INT(db_open(&c, &db), ERR_NONE);
    rules_free(instance("version = one", "one"));
    rules_free(instance("version = two", "two"));
    rules_free(instance("version = one", "two"));
    rules_free(instance("version = two", "two"));
    r = instance("version = one", "two");
    file_put("version = three", "aa");
    rules_reload(r); /* a changed file counts */
    CHECK(turn(log_asked));
    answer(ERR_NONE);
    CHECK(turn(has_changed) && version_is(r, "three"));
    changed = 0;
    file_put("version = one", "aa");
    rules_reload(r); /* also when it has counted before: somebody asks for it */
    CHECK(turn(log_asked));
    answer(ERR_NONE);
    CHECK(turn(has_changed) && version_is(r, "one"));
    rules_free(r);
    rules_free(instance("version = three", "one"));
    rules_free(instance("version = four", "four"));
    an_earlier_file_is_put_back();
    db_close(db, closed_cb, &closed);
    while (!closed)
        uv_run(uv_default_loop(), UV_RUN_ONCE);
    unlink(path);
}

int main(int argc, char **argv)
{
    static const struct check_case cases[] = {
        {"rules_in_the_log_before_they_count", in_the_log_before_it_counts},
        {"rules_what_cannot_be_logged_does_not_count", what_cannot_be_logged_does_not_count},
        {"rules_a_broken_file_changes_nothing", a_broken_file_changes_nothing},
        {"rules_asked_while_under_way", asked_while_under_way},
        {"rules_logged_late", logged_late},
        {"rules_ended_in_the_middle", ended_in_the_middle},
        {"rules_an_old_file_does_not_come_back", an_old_file_does_not_come_back},
    };

    CHECK_INT(secret_init(), ERR_NONE);
    snprintf(path, sizeof path, "/tmp/tr-test-rules.%d", (int)getpid());
    return check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
}
