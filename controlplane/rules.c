#include "rules.h"

#include "clock.h"
#include "log.h"
#include "statement.h"

#include <assert.h>
#include <stdlib.h>

enum { STATEMENT_MAX = 1024, WHY_MAX = 1024 };

struct rules {
    const char *path;
    struct attest_policy *now;
    struct attest_policy *next; /* read, being logged; NULL at start and between reloads */
    bool logged; /* `now` is; false when the log refused it at start */
    bool logging, again;
    struct rules_watch watch;
};

enum err rules_new(const char *path, struct rules **out, struct buf *why)
{
    struct rules *r = calloc(1, sizeof *r);
    enum err e = r == NULL ? ERR_MEMORY : attest_policy_load(path, &r->now, why);

    if (e != ERR_NONE) {
        free(r);
        return e;
    }
    r->path = path;
    *out = r;
    return ERR_NONE;
}

void rules_free(struct rules *r)
{
    if (r == NULL)
        return;
    attest_policy_free(r->now);
    attest_policy_free(r->next);
    free(r);
}

const struct attest_policy *rules_policy(const struct rules *r)
{
    return r->now;
}

/* Callbacks of the log come later, so the flag is set before any of them. */
static enum err rules_log(struct rules *r, const struct attest_policy *p, const char *trigger,
                          translog_append_cb *cb)
{
    struct digest32 digest = attest_policy_digest(p), subject;
    struct policy_statement s = {.policy_sha256 = digest,
                                 .providers_sha256 = r->watch.providers_sha256,
                                 .version = view_str(attest_policy_version(p)),
                                 .trigger = trigger,
                                 .logged_at_s = clock_unix_ms() / 1000};
    struct buf statement;
    enum err e;

    buf_init(&statement, STATEMENT_MAX);
    e = statement_policy(&s, &statement);
    digest_sha256_2(view_of(digest.b, 32), view_of(r->watch.providers_sha256.b, 32), &subject);
    if (e == ERR_NONE) {
        r->logging = true;
        translog_append(r->watch.log, TRANSLOG_POLICY, &subject, buf_view(&statement), cb, r);
    }
    buf_free(&statement);
    return e;
}

static void rules_logged(struct rules *r)
{
    bool again = r->again;

    r->logging = r->again = false;
    if (again)
        rules_reload(r);
}

/* --- start */

static void rules_started_cb(void *cookie, enum err e, uint64_t index)
{
    struct rules *r = cookie;

    r->logged = e == ERR_NONE;
    LOG("policy_logged", KV("index", index), KV("error", log_err((int)e)));
    r->watch.started(r->watch.cookie, e, index);
    rules_logged(r);
}

void rules_start(struct rules *r, const struct rules_watch *w)
{
    enum err e;

    assert(!r->logging && r->watch.log == NULL);
    r->watch = *w;
    e = rules_log(r, r->now, "start", rules_started_cb);
    if (e != ERR_NONE)
        rules_started_cb(r, e, 0);
}

/* --- reload */

static void rules_kept(struct rules *r, enum err e)
{
    attest_policy_free(r->next);
    r->next = NULL;
    LOG("policy_kept", KV("error", log_err((int)e)));
}

static void rules_reloaded_cb(void *cookie, enum err e, uint64_t index)
{
    struct rules *r = cookie;
    struct attest_policy *former = r->now;

    assert(r->next != NULL);
    if (e != ERR_NONE) {
        rules_kept(r, e); /* what is not in the log is not in force */
    } else {
        r->now = r->next;
        r->next = NULL;
        r->logged = true;
        LOG("policy_changed", KV("index", index));
        r->watch.changed(r->watch.cookie, r->now);
        attest_policy_free(former);
    }
    rules_logged(r);
}

void rules_reload(struct rules *r)
{
    struct digest32 now, next;
    struct buf why;
    enum err e;

    if (r->logging || r->watch.log == NULL) {
        r->again = r->logging; /* before the start there is nothing that could be out of date */
        return;
    }
    buf_init(&why, WHY_MAX);
    e = attest_policy_load(r->path, &r->next, &why);
    buf_free(&why); /* the sentence quotes the file: --check-config says it */
    if (e != ERR_NONE) {
        r->next = NULL;
        rules_kept(r, e);
        return;
    }
    now = attest_policy_digest(r->now);
    next = attest_policy_digest(r->next);
    if (r->logged && memcmp(now.b, next.b, sizeof now.b) == 0) {
        rules_kept(r, ERR_NONE);
        return;
    }
    e = rules_log(r, r->next, "reload", rules_reloaded_cb);
    if (e != ERR_NONE)
        rules_kept(r, e);
}
