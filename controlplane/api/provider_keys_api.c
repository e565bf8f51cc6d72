/* /provider-keys: the operator's keys for providers. They come in clear over TLS, are encrypted before they are stored,
 * and are never shown. */
#include "handlers.h"

#include "operator.h"
#include "provider_keys.h"
#include "vault.h"

#include <stdlib.h>

enum { LABEL, WEIGHT, DISABLED, N_PATCH, PROVIDER = N_PATCH, KEY, N_CREATE };
#define CHANGEABLE                                                                                                     \
    [LABEL] = {"label", FIELD_TEXT, false, false, 128, NULL},                                                          \
    [WEIGHT] = {"weight", FIELD_COUNT, false, false, 100, NULL},                                                       \
    [DISABLED] = {"disabled", FIELD_BOOL, false, false, 0, NULL}
static const struct field create_fields[N_CREATE] = {
    CHANGEABLE,
    [PROVIDER] = {"provider", FIELD_PLAIN, true, false, 31, NULL},
    [KEY] = {"key", FIELD_PLAIN, true, false, PROVIDER_KEY_MAX, NULL},
};
static const struct field patch_fields[N_PATCH] = {CHANGEABLE};

void handle_provider_keys(struct call *c)
{
    struct view provider;
    const struct db_param p[] = {call_query(c, "provider", &provider) ? db_bytes(provider) : db_null()};

    db_query(call_db(c), STMT_PROVIDER_KEY_LIST, p, 1, 0, operator_list_cb, c);
}

static void show(struct call *c)
{
    const struct db_param p[] = {db_id(&c->made_id)};

    db_query(call_db(c), STMT_PROVIDER_KEY_GET, p, 1, 0, operator_object_cb, c);
}

static bool take_target(struct call *c)
{
    if (id_parse(c->segment, &c->made_id) == ERR_NONE)
        return true;
    call_fail(c, 404, "not_found", "There is no such provider key.", NULL);
    return false;
}

void handle_provider_key(struct call *c)
{
    if (take_target(c))
        show(c);
}

/* --- a new one */

static const char *member_fault(const struct call *c, const struct value *v, const char **param)
{
    char id[32];

    memcpy(id, v[PROVIDER].plain.ptr, v[PROVIDER].plain.len);
    id[v[PROVIDER].plain.len] = '\0';
    *param = "provider";
    if (memchr(id, '\0', v[PROVIDER].plain.len) != NULL || providers_find(call_providers(c), id) == NULL)
        return "There is no such provider in providers.conf.";
    *param = "key";
    if (v[KEY].plain.len == 0)
        return "A key has at least one character.";
    for (size_t i = 0; i < v[KEY].plain.len; i++)
        if (v[KEY].plain.ptr[i] <= ' ' || v[KEY].plain.ptr[i] > '~')
            return "A key is visible ASCII: no header can carry anything else.";
    *param = "weight";
    return v[WEIGHT].state == VALUE_SET && v[WEIGHT].number == 0 ? "A weight is 1 to 100; disabled switches a key off." : NULL;
}

static void created_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (e == ERR_CONFLICT)
        call_fail(c, 409, "conflict", "This key is there already.", "key");
    else if (e != ERR_NONE)
        call_fail_db(c, e);
    else if (!db_get_bool(r, 0, 0))
        call_fail(c, 409, "too_many", "A provider may have 8 keys.", NULL);
    else
        show(c);
}

void handle_provider_key_create(struct call *c)
{
    struct value v[N_CREATE];
    char author[OPERATOR_AUTHOR_MAX], fingerprint[2 * 32 + 1];
    const char *fault, *param;
    struct digest32 digest;
    struct buf sealed;
    enum err e;

    if (!call_body(c, create_fields, N_CREATE, v))
        return;
    fault = member_fault(c, v, &param);
    if (fault != NULL) {
        call_fail(c, 400, "invalid_parameter", fault, param);
        return;
    }
    c->made_id = id_new();
    digest_sha256(v[KEY].plain, &digest);
    hex_encode(digest.b, sizeof digest.b, fingerprint);
    buf_init(&sealed, PROVIDER_KEY_MAX + VAULT_OVERHEAD_BYTES);
    e = vault_seal(call_vault(c), &(struct vault_bound){c->made_id, v[PROVIDER].plain}, v[KEY].plain, &sealed);
    if (e == ERR_NONE) {
        const struct db_param p[] = {
            db_id(&c->made_id),
            db_bytes(v[PROVIDER].plain),
            db_bytes(view_str(v[LABEL].text)),
            db_i64(v[WEIGHT].state == VALUE_SET ? v[WEIGHT].number : 1),
            db_bytes(view_of(vault_id(call_vault(c)), VAULT_ID_BYTES)),
            db_bytes(buf_view(&sealed)),
            db_bytes(view_of(fingerprint, 8)),
            db_bytes(operator_author(c, author)),
        };
        db_query(call_db(c), STMT_PROVIDER_KEY_CREATE, p, sizeof p / sizeof p[0], 0, created_cb, c);
    } else {
        call_fail(c, 409, "no_master_key",
                  "This control plane has no master key (master_key_file, master_key_command), so it stores no provider key.",
                  NULL);
    }
    buf_free(&sealed);
}

/* --- changes */

static void changed_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (e != ERR_NONE)
        call_fail_db(c, e);
    else if (db_rows(r) == 0)
        call_fail(c, 404, "not_found", "There is no such provider key.", NULL);
    else
        show(c);
}

void handle_provider_key_patch(struct call *c)
{
    struct value v[N_PATCH];

    if (!take_target(c) || !call_body(c, patch_fields, N_PATCH, v))
        return;
    const struct db_param p[] = {
        db_id(&c->made_id),
        v[LABEL].state == VALUE_SET ? db_bytes(view_str(v[LABEL].text)) : db_null(),
        v[WEIGHT].state == VALUE_SET ? db_i64(v[WEIGHT].number) : db_null(),
        v[DISABLED].state == VALUE_SET ? db_bool(v[DISABLED].number != 0) : db_null(),
    };
    db_query(call_db(c), STMT_PROVIDER_KEY_PATCH, p, sizeof p / sizeof p[0], 0, changed_cb, c);
}

static void deleted_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (e != ERR_NONE)
        call_fail_db(c, e);
    else if (db_rows(r) == 0)
        call_fail(c, 404, "not_found", "There is no such provider key.", NULL);
    else
        call_reply(c, 200, VIEW_LIT("{\"deleted\":true}"));
}

void handle_provider_key_delete(struct call *c)
{
    if (take_target(c)) {
        const struct db_param p[] = {db_id(&c->made_id)};

        db_query(call_db(c), STMT_PROVIDER_KEY_DELETE, p, 1, 0, deleted_cb, c);
    }
}

/* --- another master key */

enum { ROW_ID, ROW_PROVIDER, ROW_WEIGHT, ROW_MASTER, ROW_SEALED };
enum { REWRAP_MAX = 4 << 20 };

static void rewrapped_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    struct buf out;

    if (e != ERR_NONE) {
        call_fail_db(c, e);
        return;
    }
    buf_init(&out, 128);
    if (buf_appendf(&out, "{\"rewrapped\":%lld,\"unreadable\":%u}", (long long)db_get_i64(r, 0, 0), c->count) == ERR_NONE)
        call_reply_data(c, 200, buf_view(&out));
    else
        call_fail(c, 500, "internal_error", "Out of memory.", NULL);
    buf_free(&out);
}

/* One row under the master key in use. ERR_NOT_FOUND: it is already. */
static enum err rewrap(const struct vault *v, const struct db_result *r, size_t row, struct buf *out)
{
    const struct vault_bound bound = {db_get_id(r, row, ROW_ID), db_get_text(r, row, ROW_PROVIDER)};
    struct view master = db_get_text(r, row, ROW_MASTER);
    struct buf plain;
    enum err e = view_eq(master, view_of(vault_id(v), VAULT_ID_BYTES)) ? ERR_NOT_FOUND : ERR_NONE;

    buf_init(&plain, PROVIDER_KEY_MAX);
    if (e == ERR_NONE)
        e = vault_open(v, master, &bound, db_get_text(r, row, ROW_SEALED), &plain);
    if (e == ERR_NONE)
        e = vault_seal(v, &bound, buf_view(&plain), out);
    buf_free(&plain); /* wipes */
    return e;
}

static void all_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    const struct vault *v = call_vault(c);
    struct buf *sealed = NULL, ids, before, after;
    size_t rows = e == ERR_NONE ? db_rows(r) : 0, n = 0;

    buf_init(&ids, REWRAP_MAX);
    buf_init(&before, REWRAP_MAX);
    buf_init(&after, REWRAP_MAX);
    if (e == ERR_NONE && (sealed = calloc(rows + 1, sizeof *sealed)) == NULL)
        e = ERR_MEMORY;
    for (size_t i = 0; e == ERR_NONE && i < rows; i++) {
        enum err one;

        buf_init(&sealed[i], PROVIDER_KEY_MAX + VAULT_OVERHEAD_BYTES);
        one = rewrap(v, r, i, &sealed[i]);
        n += one == ERR_NONE;
        c->count += one != ERR_NONE && one != ERR_NOT_FOUND; /* its master key is not here any more */
    }
    if (e == ERR_NONE)
        e = db_array_begin(&ids, DB_ELEMENT_ID, n);
    if (e == ERR_NONE)
        e = db_array_begin(&before, DB_ELEMENT_BYTES, n);
    if (e == ERR_NONE)
        e = db_array_begin(&after, DB_ELEMENT_BYTES, n);
    for (size_t i = 0; e == ERR_NONE && i < rows; i++) {
        struct id id = db_get_id(r, i, ROW_ID);

        if (sealed[i].len == 0)
            continue;
        e = db_array_put(&ids, view_of(id.b, sizeof id.b));
        if (e == ERR_NONE)
            e = db_array_put(&before, db_get_text(r, i, ROW_SEALED));
        if (e == ERR_NONE)
            e = db_array_put(&after, buf_view(&sealed[i]));
    }
    if (e == ERR_NONE) {
        const struct db_param p[] = {db_bytes(buf_view(&ids)), db_bytes(buf_view(&before)), db_bytes(buf_view(&after)),
                                     db_bytes(view_of(vault_id(v), VAULT_ID_BYTES))};

        db_query(call_db(c), STMT_PROVIDER_KEY_REWRAP, p, 4, 0, rewrapped_cb, c);
    } else {
        call_fail_db(c, e);
    }
    for (size_t i = 0; sealed != NULL && i < rows; i++)
        buf_free(&sealed[i]);
    free(sealed);
    buf_free(&ids);
    buf_free(&before);
    buf_free(&after);
}

void handle_provider_keys_rewrap(struct call *c)
{
    if (vault_id(call_vault(c)) == NULL)
        call_fail(c, 409, "no_master_key", "This control plane has no master key.", NULL);
    else
        db_query(call_db(c), STMT_PROVIDER_KEYS_ALL, NULL, 0, 0, all_cb, c);
}
