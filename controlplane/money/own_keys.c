/* Customers' own provider keys for the link: rows of byok_key become the entries of OWN_KEYS. */
#include "ledger.h"
#include "ledger_state.h"
#include "log.h"

#include <assert.h>
#include <stdlib.h>

struct own_op {
    struct ledger *l;
    struct id account;
    const struct providers *providers;
    void (*cb)(void *cookie, enum err e, const struct msg_own_keys *keys);
    void *cookie;
};

enum own_column { OWN_VERSION, OWN_ID, OWN_PROVIDER, OWN_FLAGS, OWN_SEAL_ID, OWN_SEALED, OWN_FEE, OWN_MARKUP };

/* False: its provider is not measured. */
static bool own_row(const struct own_op *op, const struct db_result *r, size_t row, struct msg_own_key *k)
{
    struct view name = db_get_text(r, row, OWN_PROVIDER), seal = db_get_text(r, row, OWN_SEAL_ID);
    const struct provider *p;
    char id[sizeof p->id];

    if (name.len >= sizeof id || seal.len != sizeof k->seal_id)
        return false;
    memcpy(id, name.ptr, name.len);
    id[name.len] = '\0';
    p = providers_find(op->providers, id);
    if (p == NULL)
        return false;
    k->id = db_get_id(r, row, OWN_ID);
    k->provider_no = p->no;
    k->flags = (uint8_t)db_get_i64(r, row, OWN_FLAGS);
    memcpy(k->seal_id, seal.ptr, seal.len);
    k->sealed = db_get_text(r, row, OWN_SEALED);
    return true;
}

static enum err own_read(const struct own_op *op, const struct db_result *r, struct buf *keys,
                         struct msg_own_keys *m)
{
    struct msg_own_key k;
    enum err e = ERR_NONE;

    *m = (struct msg_own_keys){.account = op->account, .version = (uint64_t)db_get_i64(r, 0, OWN_VERSION),
                                .fee_ppm = db_is_null(r, 0, OWN_FEE) ? LEDGER_FEE_CONFIGURED
                                                                     : (uint32_t)db_get_i64(r, 0, OWN_FEE),
                                .markup_ppm = (uint32_t)db_get_i64(r, 0, OWN_MARKUP)};
    for (size_t i = 0; i < db_rows(r) && e == ERR_NONE; i++) {
        if (db_is_null(r, i, OWN_ID))
            break; /* there is none */
        if (!own_row(op, r, i, &k)) {
            LOG("own_key_left_out", KV("account", op->account));
            continue;
        }
        e = msg_own_key_put(keys, &k);
        m->count++;
    }
    m->keys = buf_view(keys);
    return e;
}

static void own_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct own_op *op = cookie;
    struct msg_own_keys m;
    struct buf keys;

    buf_init(&keys, LIMIT_OWN_KEYS * (LIMIT_OWN_SEALED_BYTES + 64));
    if (e == ERR_NONE)
        e = own_read(op, r, &keys, &m);
    op->cb(op->cookie, e, e == ERR_NONE ? &m : NULL);
    buf_free(&keys);
    ledger_end(op->l);
    free(op);
}

void ledger_own_keys(struct ledger *l, const struct id *account, const struct providers *providers,
                     void (*cb)(void *cookie, enum err e, const struct msg_own_keys *keys), void *cookie)
{
    const struct db_param p[] = {db_id(account)};
    struct own_op *op = malloc(sizeof *op);

    assert(op != NULL);
    *op = (struct own_op){l, *account, providers, cb, cookie};
    ledger_begin(l);
    db_query(l->config.db, STMT_BYOK_SEALED, p, 1, 0, own_cb, op);
}
