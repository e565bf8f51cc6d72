#include "boots.h"

#include "clock.h"
#include "prove.h"
#include "statement.h"
#include "tlog_proof.h"

#include <assert.h>
#include <stdlib.h>

enum { BOOT_STATEMENT_MAX = 4096 };

struct boots {
    struct translog *log;
    struct boots_entry entry;
    boots_cb *cb;
    void *cookie;
};

static void boots_end(struct boots *b, enum err e, struct view statement, struct view proof)
{
    b->cb(b->cookie, e, statement, proof);
    free(b);
}

static void proved_cb(void *cookie, enum err e, const struct proved *p)
{
    struct boots *b = cookie;
    struct buf text;

    buf_init(&text, TLOG_PROOF_TEXT_MAX);
    if (e == ERR_NONE)
        e = tlog_proof_encode(&(struct tlog_proof_text){p->index, p->path, p->note}, &text);
    if (e == ERR_NONE)
        boots_end(b, e, p->statement, buf_view(&text));
    else
        boots_end(b, e, VIEW_EMPTY, VIEW_EMPTY);
    buf_free(&text);
}

static void appended_cb(void *cookie, enum err e, uint64_t index)
{
    struct boots *b = cookie;

    if (e == ERR_NONE)
        prove_inclusion(b->log, index, proved_cb, b);
    else
        boots_end(b, e, VIEW_EMPTY, VIEW_EMPTY);
}

static void release_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct boots *b = cookie;
    struct boot_statement s = {.identity = &b->entry.identity,
                               .identity_sha256 = b->entry.identity_sha256,
                               .policy_sha256 = b->entry.policy_sha256,
                               .logged_at_s = clock_unix_ms() / 1000};
    struct digest32 subject;
    struct buf statement;

    memcpy(s.measurement, b->entry.measurement, sizeof s.measurement);
    if (e == ERR_NONE && db_rows(r) == 1 && db_get_text(r, 0, 0).len == 32) {
        s.has_release = true;
        memcpy(s.release_leaf.b, db_get_text(r, 0, 0).ptr, 32);
        s.version = db_get_text(r, 0, 1);
    }
    buf_init(&statement, BOOT_STATEMENT_MAX);
    if (e == ERR_NONE)
        e = statement_boot(&s, &statement);
    statement_boot_subject(&s, &subject);
    if (e == ERR_NONE)
        translog_append(b->log, TRANSLOG_BOOT, &subject, buf_view(&statement), appended_cb, b);
    else
        boots_end(b, e, VIEW_EMPTY, VIEW_EMPTY);
    buf_free(&statement);
}

void boots_log(struct translog *t, const struct boots_entry *entry, boots_cb *cb, void *cookie)
{
    struct boots *b = calloc(1, sizeof *b);
    char hex[2 * sizeof entry->measurement + 1];
    struct db_param p[1];

    assert(b != NULL);
    *b = (struct boots){t, *entry, cb, cookie};
    hex_encode(entry->measurement, sizeof entry->measurement, hex);
    p[0] = db_bytes(view_str(hex));
    db_query(translog_db(t), STMT_LOG_RELEASE, p, 1, 0, release_cb, b);
}
