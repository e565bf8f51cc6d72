#include "rules.h"

#include "clock.h"
#include "conf.h"
#include "file_mark.h"
#include "log.h"
#include "statement.h"

#include <assert.h>
#include <stdlib.h>

enum { STATEMENT_MAX = 1024, WHY_MAX = 1024 };
#define MARK "policy" /* file_mark.h */

/* Why rules are being changed. */
enum reason { REASON_START, REASON_RELOAD, REASON_REST };

struct rules {
    const char *path;
    struct attest_policy *now;
    struct attest_policy *next; /* being announced and logged; NULL between changes, and when a start logs `now` */
    bool logged; /* `now` is; false when the log refused it at start */
    bool logging, again, syncing;
    struct digest32 file; /* of the text of attestation.conf that counted last, or is `next` */
    struct buf file_text; /* as it was read last; kept until it is in the database */
    enum reason reason;
    int64_t version; /* of `next` in the database; 0: it is not there */
    int64_t base;    /* that must be in force still; 0: any */
    uint64_t index;
    enum err outcome;
    rules_cb *proposed;
    void *cookie;
    struct rules_watch watch;
};

/* --- the file */

/* Parses the file into *out, and keeps its text. */
static enum err file_read(struct rules *r, struct attest_policy **out, struct buf *why)
{
    enum err e;

    buf_free(&r->file_text);
    buf_init(&r->file_text, POLICY_FILE_MAX);
    e = conf_read_file(r->path, POLICY_FILE_MAX, &r->file_text);
    if (e == ERR_NONE)
        return attest_policy_parse_link(buf_view(&r->file_text), out, why);
    buf_reset(why);
    if (buf_append(why, VIEW_LIT("attestation.conf: cannot be read")) != ERR_NONE)
        buf_reset(why);
    return e;
}

enum err rules_new(const char *path, struct rules **out, struct buf *why)
{
    struct rules *r = calloc(1, sizeof *r);
    enum err e = ERR_MEMORY;

    if (r == NULL)
        return e;
    r->path = path;
    buf_init(&r->file_text, POLICY_FILE_MAX);
    e = file_read(r, &r->now, why);
    if (e != ERR_NONE) {
        buf_free(&r->file_text);
        free(r);
        return e;
    }
    r->file = attest_policy_digest(r->now);
    *out = r;
    return ERR_NONE;
}

void rules_free(struct rules *r)
{
    if (r == NULL)
        return;
    attest_policy_free(r->now);
    attest_policy_free(r->next);
    buf_free(&r->file_text);
    free(r);
}

const struct attest_policy *rules_policy(const struct rules *r)
{
    return r->now;
}

/* --- a change: announced in the database, logged, then in force */

static void rules_logged(struct rules *r)
{
    bool again = r->again;

    r->logging = r->again = false;
    if (again)
        rules_reload(r);
}

/* Simulators vouch for nothing: nobody shall overlook that they are let in. */
static void say_simulated(const struct rules *r)
{
    if (attest_policy_simulated(r->now))
        LOG("simulated_data_planes_allowed", KV("policy_version", r->version));
}

static void adopt(struct rules *r)
{
    struct attest_policy *former = r->now;

    assert(r->next != NULL);
    r->now = r->next;
    r->next = NULL;
    r->logged = true;
    LOG("policy_changed", KV("index", r->index));
    say_simulated(r);
    if (r->watch.changed != NULL)
        r->watch.changed(r->watch.cookie, r->now);
    attest_policy_free(former);
}

static void rules_kept(struct rules *r, enum err e)
{
    attest_policy_free(r->next);
    r->next = NULL;
    LOG("policy_kept", KV("error", log_err((int)e)));
}

static bool is_zero(const struct digest32 *d)
{
    return memcmp(d->b, (const uint8_t[sizeof d->b]){0}, sizeof d->b) == 0;
}

/* The change has come to its end. */
static void change_end(struct rules *r, enum err e)
{
    rules_cb *proposed = r->proposed;

    r->proposed = NULL;
    r->base = 0;
    if (r->reason == REASON_RELOAD && e == ERR_NONE && r->next != NULL)
        r->file = attest_policy_digest(r->next);
    if (r->reason != REASON_REST && e == ERR_NONE && r->watch.db != NULL && !is_zero(&r->file))
        file_mark_set(r->watch.state_dir, MARK, &r->file);
    if (r->reason == REASON_START) {
        r->logged = e == ERR_NONE;
        if (e != ERR_NONE)
            r->file = (struct digest32){{0}}; /* it counts as another one when it is read again */
        LOG("policy_logged", KV("index", r->index), KV("error", log_err((int)e)));
        say_simulated(r);
        r->watch.started(r->watch.cookie, e, r->index);
    } else if (e == ERR_NONE && r->next != NULL) {
        adopt(r);
    } else {
        rules_kept(r, e);
    }
    if (proposed != NULL)
        proposed(r->cookie, e, r->version);
    rules_logged(r);
}

static void ended_cb(void *cookie, enum err e, const struct db_result *res)
{
    struct rules *r = cookie;

    if (r->outcome != ERR_NONE)
        e = r->outcome; /* it was not logged, whatever the database has of that */
    else if (e == ERR_NONE && !db_get_bool(res, 0, 0))
        e = ERR_CONFLICT; /* given up by another control plane meanwhile */
    change_end(r, e);
}

static void logged_cb(void *cookie, enum err e, uint64_t index)
{
    struct rules *r = cookie;

    r->index = index;
    r->outcome = e;
    if (r->version != 0 && r->watch.db != NULL) {
        const struct db_param p[] = {db_i64(r->version), e == ERR_NONE ? db_i64((int64_t)index) : db_null()};

        db_query(r->watch.db, STMT_POLICY_END, p, 2, 0, ended_cb, r);
    } else {
        change_end(r, e);
    }
}

/* Callbacks of the log come later. */
static void rules_log(struct rules *r)
{
    static const char *const triggers[] = {"start", "reload", "rest"};
    const struct attest_policy *p = r->next != NULL ? r->next : r->now;
    struct digest32 digest = attest_policy_digest(p), subject;
    struct policy_statement s = {.policy_sha256 = digest,
                                 .providers_sha256 = r->watch.providers_sha256,
                                 .version = view_str(attest_policy_version(p)),
                                 .trigger = triggers[r->reason],
                                 .logged_at_s = clock_unix_ms() / 1000};
    struct buf statement;
    enum err e;

    buf_init(&statement, STATEMENT_MAX);
    e = statement_policy(&s, &statement);
    digest_sha256_2(view_of(digest.b, 32), view_of(r->watch.providers_sha256.b, 32), &subject);
    if (e == ERR_NONE)
        translog_append(r->watch.log, TRANSLOG_POLICY, &subject, buf_view(&statement), logged_cb, r);
    else
        logged_cb(r, e, 0);
    buf_free(&statement);
}

enum { STATE_VERSION, STATE_TEXT, STATE_INDEX, STATE_SHA256, STATE_FILE_SEEN };

/* The policy in force there, and whether r->file has counted before. */
static void state_ask(struct rules *r, db_cb *cb)
{
    struct digest32 former;
    bool known = file_mark_get(r->watch.state_dir, MARK, &former);
    const struct db_param p[] = {db_bytes(view_of(r->file.b, sizeof r->file.b)),
                                 known ? db_bytes(view_of(former.b, sizeof former.b)) : db_null()};

    db_query(r->watch.db, STMT_POLICY_STATE, p, 2, 0, cb, r);
}

/* While `next` is announced no other policy comes into force. */
static void base_cb(void *cookie, enum err e, const struct db_result *res)
{
    struct rules *r = cookie;

    if (e == ERR_NONE && (db_is_null(res, 0, STATE_VERSION) || db_get_i64(res, 0, STATE_VERSION) != r->base))
        e = ERR_VERSION;
    if (e == ERR_NONE)
        rules_log(r);
    else
        logged_cb(r, e, 0);
}

/* outcome, version */
static void begun_cb(void *cookie, enum err e, const struct db_result *res)
{
    struct rules *r = cookie;
    struct view outcome = e == ERR_NONE ? db_get_text(res, 0, 0) : VIEW_EMPTY;

    if (e == ERR_NONE && view_eq(outcome, VIEW_LIT("busy")))
        e = ERR_CONFLICT;
    r->version = e == ERR_NONE ? db_get_i64(res, 0, 1) : 0;
    if (e == ERR_NONE && view_eq(outcome, VIEW_LIT("same"))) {
        const int64_t version = r->version;

        r->version = 0; /* there is nothing to end */
        if (r->reason == REASON_START) {
            rules_log(r);
            return;
        }
        r->version = version;
        change_end(r, ERR_NONE);
    } else if (e == ERR_NONE && r->base != 0) {
        state_ask(r, base_cb);
    } else if (e == ERR_NONE || r->reason == REASON_START) {
        rules_log(r); /* at start the file counts, though another control plane is announcing it just now */
    } else {
        change_end(r, e);
    }
}

/* r->next, or at start r->now, whose text this is. */
static void change(struct rules *r, enum reason reason, struct view text, struct view author, struct view note)
{
    const struct attest_policy *p = r->next != NULL ? r->next : r->now;
    struct digest32 digest = attest_policy_digest(p);

    r->logging = true;
    r->reason = reason;
    r->version = 0;
    r->index = 0;
    if (r->watch.db == NULL) {
        rules_log(r);
    } else {
        const struct db_param params[] = {
            db_bytes(reason == REASON_REST ? VIEW_LIT("rest") : VIEW_LIT("file")),
            db_bytes(view_of(digest.b, sizeof digest.b)),
            db_bytes(view_str(attest_policy_version(p))),
            db_bool(attest_policy_simulated(p)),
            db_bytes(text),
            db_bytes(author),
            db_bytes(note),
        };

        db_query(r->watch.db, STMT_POLICY_BEGIN, params, sizeof params / sizeof params[0], 0, begun_cb, r);
    }
}

/* --- what the database has, at start and later */

static bool in_force_is(const struct db_result *res, const struct digest32 *d)
{
    return view_eq(db_get_text(res, 0, STATE_SHA256), view_of(d->b, sizeof d->b));
}

/* The policy in force there, parsed. */
static enum err stored(const struct db_result *res, struct attest_policy **out)
{
    struct buf why;
    enum err e;

    buf_init(&why, WHY_MAX);
    e = attest_policy_parse_link(db_get_text(res, 0, STATE_TEXT), out, &why);
    buf_free(&why);
    return e;
}

static void start_cb(void *cookie, enum err e, const struct db_result *res)
{
    struct rules *r = cookie;
    struct attest_policy *there = NULL;

    /* A file that has counted before may be older than what is in force. */
    if (e == ERR_NONE && !db_is_null(res, 0, STATE_VERSION) && db_get_bool(res, 0, STATE_FILE_SEEN)) {
        e = stored(res, &there);
        if (e == ERR_NONE) { /* which is in the log; the log says so if providers.conf is the same, too */
            const struct digest32 file = attest_policy_digest(r->now);

            if (!in_force_is(res, &file)) { /* an operator who has put an older file back wants to know */
                LOG("policy_file_counted_before", KV("in_force", db_get_i64(res, 0, STATE_VERSION)));
                file_mark_set(r->watch.state_dir, MARK, &r->file);
                r->file = (struct digest32){0}; /* and may put it in force by SIGHUP */
            }
            attest_policy_free(r->now);
            r->now = there;
            r->version = 0;
            r->reason = REASON_START;
            rules_log(r);
            return;
        }
        LOG("policy_unreadable", KV("version", db_get_i64(res, 0, STATE_VERSION)));
    }
    if (e == ERR_NONE || e == ERR_CONFIG)
        change(r, REASON_START, buf_view(&r->file_text), VIEW_EMPTY, VIEW_LIT("attestation.conf"));
    else
        change_end(r, e);
}

void rules_start(struct rules *r, const struct rules_watch *w)
{
    assert(!r->logging && r->watch.log == NULL);
    r->watch = *w;
    r->logging = true;
    r->reason = REASON_START;
    if (w->db != NULL)
        state_ask(r, start_cb);
    else
        change(r, REASON_START, buf_view(&r->file_text), VIEW_EMPTY, VIEW_EMPTY);
}

static void sync_cb(void *cookie, enum err e, const struct db_result *res)
{
    struct rules *r = cookie;
    struct digest32 now = attest_policy_digest(r->now);

    r->syncing = false;
    if (e != ERR_NONE || r->logging || db_is_null(res, 0, STATE_VERSION) || in_force_is(res, &now))
        return; /* a change under way here decides; the next look comes after it */
    e = stored(res, &r->next);
    r->version = db_get_i64(res, 0, STATE_VERSION);
    r->index = (uint64_t)db_get_i64(res, 0, STATE_INDEX);
    if (e == ERR_NONE)
        adopt(r);
    else
        LOG("policy_unreadable", KV("version", r->version));
}

void rules_sync(struct rules *r)
{
    if (r->watch.db == NULL || r->logging || r->syncing)
        return;
    r->syncing = true;
    state_ask(r, sync_cb);
}

/* --- the file again */

void rules_reload(struct rules *r)
{
    struct digest32 next;
    struct buf why;
    enum err e;

    if (r->logging || r->watch.log == NULL) {
        r->again = r->logging; /* before the start there is nothing that could be out of date */
        return;
    }
    buf_init(&why, WHY_MAX);
    e = file_read(r, &r->next, &why);
    buf_free(&why); /* the sentence quotes the file: --check-config says it */
    if (e != ERR_NONE) {
        r->next = NULL;
        rules_kept(r, e);
        return;
    }
    next = attest_policy_digest(r->next);
    if (memcmp(r->file.b, next.b, sizeof next.b) == 0) {
        rules_kept(r, ERR_NONE);
        return;
    }
    change(r, REASON_RELOAD, buf_view(&r->file_text), VIEW_EMPTY, VIEW_LIT("attestation.conf"));
}

/* --- by an operator */

enum err rules_propose(struct rules *r, const struct rules_proposal *proposal, rules_cb *cb, void *cookie,
                       struct buf *why)
{
    enum err e;

    if (r->watch.db == NULL || r->logging)
        return ERR_OVERLOAD;
    assert(r->next == NULL);
    e = attest_policy_parse_link(proposal->text, &r->next, why);
    if (e != ERR_NONE) {
        r->next = NULL;
        return e;
    }
    r->base = proposal->base;
    r->proposed = cb;
    r->cookie = cookie;
    change(r, REASON_REST, proposal->text, proposal->author, proposal->note);
    return ERR_NONE;
}
