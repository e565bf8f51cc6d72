#include "operator_keys.h"

#include "log.h"
#include "secret.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>

/* The database's keys of one provider, behind those of the configuration. */
struct slot {
    uint16_t len; /* 0: none */
    uint8_t text[PROVIDER_KEY_MAX];
};
struct note {
    struct id id;
    uint8_t weight;
};

struct operator_keys {
    struct operator_keys_config config;
    struct slot (*slots)[PROVIDER_KEYS_MAX]; /* LIMIT_PROVIDERS times, from sodium_malloc */
    struct note notes[LIMIT_PROVIDERS][PROVIDER_KEYS_MAX];
    uint8_t n[LIMIT_PROVIDERS];
    struct digest32 seen; /* of the rows as they are here */
    bool looking, again;
};

enum { COLUMN_ID, COLUMN_PROVIDER, COLUMN_WEIGHT, COLUMN_MASTER, COLUMN_SEALED };

enum err operator_keys_new(const struct operator_keys_config *c, struct operator_keys **out)
{
    struct operator_keys *k = calloc(1, sizeof *k);

    if (k == NULL)
        return ERR_MEMORY;
    k->config = *c;
    k->slots = sodium_malloc(LIMIT_PROVIDERS * sizeof *k->slots);
    if (k->slots == NULL) {
        free(k);
        return ERR_MEMORY;
    }
    memset(k->slots, 0, LIMIT_PROVIDERS * sizeof *k->slots);
    digest_sha256(VIEW_EMPTY, &k->seen);
    sodium_mprotect_readonly(k->slots);
    *out = k;
    return ERR_NONE;
}

void operator_keys_free(struct operator_keys *k)
{
    if (k == NULL)
        return;
    assert(!k->looking);
    sodium_free(k->slots); /* wipes */
    free(k);
}

/* --- what the database has */

static void rows_digest(const struct db_result *r, struct digest32 *out)
{
    struct buf all;

    buf_init(&all, (size_t)LIMIT_PROVIDERS * PROVIDER_KEYS_MAX * 1024);
    for (size_t i = 0; i < db_rows(r); i++) {
        struct id id = db_get_id(r, i, COLUMN_ID);

        if (buf_append(&all, view_of(id.b, sizeof id.b)) != ERR_NONE ||
            buf_appendf(&all, "%lld ", (long long)db_get_i64(r, i, COLUMN_WEIGHT)) != ERR_NONE ||
            buf_append(&all, db_get_text(r, i, COLUMN_SEALED)) != ERR_NONE)
            break;
    }
    digest_sha256(buf_view(&all), out);
    buf_free(&all);
}

static void take_row(struct operator_keys *k, const struct db_result *r, size_t row)
{
    struct view name = db_get_text(r, row, COLUMN_PROVIDER);
    const struct vault_bound bound = {db_get_id(r, row, COLUMN_ID), name};
    const struct provider *p;
    char id[32];
    struct buf plain;
    enum err e = ERR_NOT_FOUND;

    buf_init(&plain, PROVIDER_KEY_MAX);
    if (name.len < sizeof id) {
        memcpy(id, name.ptr, name.len);
        id[name.len] = '\0';
        p = providers_find(k->config.providers, id);
        if (p != NULL)
            e = provider_keys_of(k->config.files, p->no) + k->n[p->no] < PROVIDER_KEYS_MAX ? ERR_NONE : ERR_LIMIT;
        if (e == ERR_NONE)
            e = vault_open(k->config.vault, db_get_text(r, row, COLUMN_MASTER), &bound, db_get_text(r, row, COLUMN_SEALED),
                           &plain);
        if (e == ERR_NONE && plain.len != 0) {
            struct slot *s = &k->slots[p->no][k->n[p->no]];

            s->len = (uint16_t)plain.len;
            memcpy(s->text, plain.ptr, plain.len);
            k->notes[p->no][k->n[p->no]++] = (struct note){bound.key, (uint8_t)db_get_i64(r, row, COLUMN_WEIGHT)};
        }
    }
    if (e != ERR_NONE)
        LOG("provider_key_left_out", KV("key", bound.key), KV("error", log_err((int)e)));
    buf_free(&plain); /* wipes */
}

static void read_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct operator_keys *k = cookie;
    struct digest32 now;
    bool again = k->again;

    k->looking = k->again = false;
    if (e == ERR_NONE) {
        rows_digest(r, &now);
        if (memcmp(now.b, k->seen.b, sizeof now.b) != 0) {
            sodium_mprotect_readwrite(k->slots);
            sodium_memzero(k->slots, LIMIT_PROVIDERS * sizeof *k->slots);
            memset(k->n, 0, sizeof k->n);
            for (size_t i = 0; i < db_rows(r); i++)
                take_row(k, r, i);
            sodium_mprotect_readonly(k->slots);
            k->seen = now;
            LOG("provider_keys_changed", KV("rows", (uint64_t)db_rows(r)));
            k->config.changed(k->config.cookie);
        }
    }
    if (again && e == ERR_NONE)
        operator_keys_look(k);
}

void operator_keys_look(struct operator_keys *k)
{
    if (k->looking) {
        k->again = true;
        return;
    }
    k->looking = true;
    db_query(k->config.db, STMT_PROVIDER_KEYS_READ, NULL, 0, 0, read_cb, k);
}

/* --- both together */

size_t operator_keys_count(const struct operator_keys *k, uint16_t provider_no)
{
    return provider_keys_of(k->config.files, provider_no) + (provider_no < LIMIT_PROVIDERS ? k->n[provider_no] : 0);
}

/* The place among the database's; false: it is not one of these. */
static bool place_of(const struct operator_keys *k, uint16_t provider_no, size_t index, size_t *out)
{
    size_t files = provider_keys_of(k->config.files, provider_no);

    if (provider_no >= LIMIT_PROVIDERS || index < files || index - files >= k->n[provider_no])
        return false;
    *out = index - files;
    return true;
}

bool operator_keys_get(const struct operator_keys *k, uint16_t provider_no, size_t index, struct view *key)
{
    size_t at;

    if (!place_of(k, provider_no, index, &at))
        return provider_keys_get(k->config.files, provider_no, index, key);
    *key = view_of(k->slots[provider_no][at].text, k->slots[provider_no][at].len);
    return true;
}

uint8_t operator_keys_weight(const struct operator_keys *k, uint16_t provider_no, size_t index)
{
    size_t at;

    return place_of(k, provider_no, index, &at) ? k->notes[provider_no][at].weight : 1;
}

bool operator_keys_id(const struct operator_keys *k, uint16_t provider_no, size_t index, struct id *out)
{
    size_t at;

    if (!place_of(k, provider_no, index, &at))
        return false;
    *out = k->notes[provider_no][at].id;
    return true;
}
