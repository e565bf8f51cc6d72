/* trctl byok add: docs/byok.md. The key is sealed here, so that the control plane stores what it cannot open. */
#include "own.h"

#include "base64.h"
#include "bounds.h"
#include "secret.h"
#include "secret_input.h"
#include "show.h"

#include <json-c/json.h>
#include <sodium.h>
#include <string.h>

enum { KEY_MAX = 512, WORKSPACE_MAX = 64 };

struct seal_to {
    uint8_t public_key[crypto_box_PUBLICKEYBYTES];
    char id[17];
    char workspace[WORKSPACE_MAX];
};

static const char *text_in(struct json_object *o, const char *name)
{
    struct json_object *v = NULL;

    return json_object_object_get_ex(o, name, &v) && json_object_is_type(v, json_type_string)
               ? json_object_get_string(v)
               : NULL;
}

/* The parsed answer to a GET; NULL after saying why. */
static struct json_object *got(const struct profile *p, const struct common *common, enum plane plane, const char *target,
                               enum trctl_exit *x)
{
    const struct question q = {.method = "GET", .target = target, .plane = plane, .workspace = common->workspace};
    struct answer a;
    struct json_object *o = NULL;

    answer_init(&a);
    *x = ask(p, &q, &a);
    if (*x == TRCTL_DONE && (o = show_parse(buf_view(&a.body))) == NULL) {
        complain("the answer to GET %s is not JSON", target);
        *x = TRCTL_FAILED;
    }
    answer_free(&a);
    return o;
}

static enum trctl_exit seal_to_read(const struct profile *p, const struct common *common, struct seal_to *out)
{
    enum trctl_exit x;
    struct json_object *key = got(p, common, PLANE_DATA, "/byok/sealing-key", &x), *self = NULL, *data = NULL;
    const char *id, *pk, *workspace;

    if (x == TRCTL_DONE)
        self = got(p, common, PLANE_CONTROL, "/key", &x);
    if (x != TRCTL_DONE)
        goto done;
    json_object_object_get_ex(self, "data", &data);
    id = text_in(key, "id");
    pk = text_in(key, "public_key");
    workspace = common->account != NULL ? common->account : text_in(data, "workspace_id");
    if (id == NULL || strlen(id) != 16 || pk == NULL || workspace == NULL || strlen(workspace) >= WORKSPACE_MAX ||
        hex_decode(view_str(pk), out->public_key, sizeof out->public_key) != ERR_NONE) {
        complain("the sealing key or the workspace cannot be read");
        x = TRCTL_FAILED;
        goto done;
    }
    memcpy(out->id, id, sizeof out->id);
    snprintf(out->workspace, sizeof out->workspace, "%s", workspace);
done:
    json_object_put(key);
    json_object_put(self);
    return x;
}

static bool key_is_good(const struct buf *key)
{
    for (size_t i = 0; i < key->len; i++)
        if (key->ptr[i] <= ' ' || key->ptr[i] > '~' || key->ptr[i] == '"' || key->ptr[i] == '\\')
            return false;
    return key->len > 0 && key->len <= KEY_MAX;
}

/* {"v":1,"account","provider","key"}, sealed, in base64, appended to out. */
static bool seal(const struct seal_to *to, const char *provider, const struct buf *key, struct buf *out)
{
    uint8_t sealed[LIMIT_OWN_SEALED_BYTES];
    struct buf text;
    bool ok = false;

    buf_init(&text, sizeof sealed - crypto_box_SEALBYTES);
    if (buf_appendf(&text, "{\"v\":1,\"account\":\"%s\",\"provider\":", to->workspace) == ERR_NONE &&
        buf_append_json_string(&text, view_str(provider)) == ERR_NONE &&
        buf_append(&text, VIEW_LIT(",\"key\":\"")) == ERR_NONE && buf_append(&text, buf_view(key)) == ERR_NONE &&
        buf_append(&text, VIEW_LIT("\"}")) == ERR_NONE &&
        crypto_box_seal(sealed, text.ptr, text.len, to->public_key) == 0)
        ok = base64_append(view_of(sealed, text.len + crypto_box_SEALBYTES), out) == ERR_NONE;
    buf_free(&text);
    if (!ok)
        complain("the key cannot be sealed: it is too long");
    return ok;
}

/* --- the command line --- */

struct wanted {
    struct common common;
    const char *provider, *key_file;
    struct buf members; /* those of the body that stand in the options, with a comma before each */
};

static const struct param options[] = {
    {"name", "name", PARAM_TEXT, IN_BODY, false, "", ""},         {"disabled", "disabled", PARAM_FLAG, IN_BODY, false, "", ""},
    {"is_fallback", "is_fallback", PARAM_FLAG, IN_BODY, false, "", ""},  {"always_use", "always_use", PARAM_FLAG, IN_BODY, false, "", ""},
    {"sort_order", "sort_order", PARAM_NUMBER, IN_BODY, false, "", ""},
};
/* What the options say, as options_read() reads them; --key-file and the provider are taken out before. */
static const struct command rest = {
    "byok add", "POST", "/byok", "", "", PLANE_CONTROL, false, "application/json", options, sizeof options / sizeof options[0],
};

static bool wanted_read(int argc, char **argv, struct wanted *w, struct request *r)
{
    char *left[PARAMS_MAX];
    int n = 0;

    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--key-file") == 0 && i + 1 < argc)
            w->key_file = argv[++i];
        else if (argv[i][0] != '-' && w->provider == NULL && (i == 0 || argv[i - 1][0] != '-' || strchr(argv[i - 1], '=') != NULL))
            w->provider = argv[i];
        else if (n < PARAMS_MAX)
            left[n++] = argv[i];
    }
    if (w->provider == NULL) {
        complain("trctl byok add needs the provider's id first (trctl providers)");
        return false;
    }
    if (!options_read(&rest, n, left, &w->common, r))
        return false;
    if (w->common.data != NULL) {
        complain("trctl byok add makes the body itself; trctl api POST /byok --data sends one of yours");
        return false;
    }
    return true;
}

/* r's body, {...}, with the provider and what was sealed. */
static bool body_make(const struct wanted *w, const struct seal_to *to, const struct buf *key, const struct request *r,
                      struct buf *out)
{
    bool more = r->body.len > 2;

    return buf_append(out, VIEW_LIT("{\"provider\":")) == ERR_NONE &&
           buf_append_json_string(out, view_str(w->provider)) == ERR_NONE &&
           buf_append(out, VIEW_LIT(",\"sealing_key_id\":")) == ERR_NONE &&
           buf_append_json_string(out, view_str(to->id)) == ERR_NONE &&
           buf_append(out, VIEW_LIT(",\"sealed_key\":\"")) == ERR_NONE && seal(to, w->provider, key, out) &&
           buf_append(out, more ? VIEW_LIT("\",") : VIEW_LIT("\"")) == ERR_NONE &&
           buf_append(out, view_from(buf_view(&r->body), 1)) == ERR_NONE;
}

static enum trctl_exit hand_in(const struct wanted *w, const struct request *r, const struct profile *p)
{
    struct seal_to to;
    struct buf key, body;
    enum trctl_exit x = TRCTL_FAILED;
    struct question q = {.method = "POST", .target = (const char *)r->target.ptr, .type = "application/json"};

    buf_init(&key, SECRET_INPUT_MAX);
    buf_init(&body, BODY_MAX);
    if (!secret_input("provider's key", w->key_file, &key))
        goto done;
    if (!key_is_good(&key)) {
        complain("a provider's key is 1 to %d visible ASCII characters without quotes and backslashes", KEY_MAX);
        goto done;
    }
    x = seal_to_read(p, &w->common, &to);
    if (x == TRCTL_DONE && !body_make(w, &to, &key, r, &body))
        x = TRCTL_FAILED;
    if (x == TRCTL_DONE) {
        q.body = &body;
        x = own_ask(&w->common, &q, "");
    }
done:
    buf_free(&key);
    buf_free(&body);
    return x;
}

enum trctl_exit own_byok_add(int argc, char **argv)
{
    struct wanted w = {.provider = NULL};
    struct request r;
    struct profiles profiles;
    const struct profile *p;
    enum trctl_exit x = TRCTL_USAGE;

    request_init(&r);
    if (wanted_read(argc, argv, &w, &r)) {
        x = TRCTL_FAILED;
        if (profiles_read(&profiles) && (p = profile_find(&profiles, w.common.profile)) != NULL)
            x = hand_in(&w, &r, p);
        profiles_wipe(&profiles);
    }
    request_free(&r);
    return x;
}
