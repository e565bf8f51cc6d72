/* trctl login, logout, profiles: who asks, and where. */
#include "own.h"

#include "secret.h"
#include "secret_input.h"
#include "show.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

struct login {
    const char *url, *profile, *base_url, *ca, *email, *key_file;
    bool key;
};

static bool login_read(int argc, char **argv, struct login *l)
{
    const struct {
        const char *option, **value;
    } table[] = {
        {"--profile", &l->profile}, {"--base-url", &l->base_url},  {"--ca", &l->ca},
        {"--email", &l->email},     {"--key-file", &l->key_file},
    };

    for (int i = 0; i < argc; i++) {
        size_t k = 0;

        while (k < sizeof table / sizeof table[0] && strcmp(argv[i], table[k].option) != 0)
            k++;
        if (k < sizeof table / sizeof table[0] && i + 1 < argc) {
            *table[k].value = argv[++i];
        } else if (strcmp(argv[i], "--key") == 0) {
            l->key = true;
        } else if ((argv[i][0] != '-' && l->key && l->url != NULL) || strncmp(argv[i], "sk-", 3) == 0 ||
                   strncmp(argv[i], "--key=", 6) == 0) { /* it is not repeated here */
            complain("a key is not given as an argument, which others can see: --key asks for it, --key-file FILE reads it");
            return false;
        } else if (argv[i][0] != '-' && l->url == NULL) {
            l->url = argv[i];
        } else {
            complain("%s is not known to trctl login, or needs a value", argv[i]);
            return false;
        }
    }
    return true;
}

static bool text_set(const char *what, const char *value, char *out, size_t size)
{
    if (value == NULL)
        return true;
    if (strlen(value) >= size || strpbrk(value, "\r\n") != NULL) {
        complain("%s is too long", what);
        return false;
    }
    snprintf(out, size, "%s", value);
    return true;
}

static bool url_set(const char *what, const char *value, char *out, size_t size)
{
    if (value != NULL && strncmp(value, "https://", 8) != 0) {
        complain("%s begins with https://", what);
        return false;
    }
    return text_set(what, value, out, size);
}

/* The file's own path: the profile is used from other directories, too. */
static bool ca_set(const char *value, char *out, size_t size)
{
    char *whole = value == NULL ? NULL : realpath(value, NULL);
    bool ok = value == NULL || (whole != NULL && text_set("--ca", whole, out, size));

    if (value != NULL && whole == NULL)
        complain("there is no file %s", value);
    free(whole);
    return ok;
}

/* --- by a key, by a password --- */

static bool key_keep(const struct buf *key, struct profile *p)
{
    if (key->len == 0 || key->len >= sizeof p->key) {
        complain("this is no key of the service");
        return false;
    }
    memcpy(p->key, key->ptr, key->len);
    p->key[key->len] = '\0';
    return true;
}

static bool key_take(const struct login *l, struct profile *p)
{
    struct buf key;
    bool ok;

    buf_init(&key, SECRET_INPUT_MAX);
    ok = secret_input("key", l->key_file, &key) && key_keep(&key, p);
    buf_free(&key);
    return ok;
}

/* The session's text out of the answer to POST /auth/login. */
static bool session_keep(struct answer *a, struct profile *p)
{
    struct json_object *o = show_parse(buf_view(&a->body)), *data = NULL, *v = NULL;
    struct buf text;
    bool ok = false;

    buf_init(&text, SECRET_TEXT_MAX);
    if (o != NULL && json_object_object_get_ex(o, "data", &data) && json_object_object_get_ex(data, "token", &v) &&
        json_object_is_type(v, json_type_string) &&
        buf_append(&text, view_str(json_object_get_string(v))) == ERR_NONE)
        ok = key_keep(&text, p);
    else
        complain("the answer has no session");
    json_object_put(o);
    buf_free(&text);
    return ok;
}

static bool credentials_write(const struct buf *email, const struct buf *password, struct buf *out)
{
    return buf_append(out, VIEW_LIT("{\"email\":")) == ERR_NONE &&
           buf_append_json_string(out, buf_view(email)) == ERR_NONE &&
           buf_append(out, VIEW_LIT(",\"password\":")) == ERR_NONE &&
           buf_append_json_string(out, buf_view(password)) == ERR_NONE &&
           buf_append(out, VIEW_LIT(",\"token\":true}")) == ERR_NONE;
}

static enum trctl_exit session_take(const struct login *l, struct profile *p)
{
    struct buf email, password, body;
    struct answer a;
    struct question q = {.method = "POST", .target = "/auth/login", .type = "application/json", .body = &body};
    enum trctl_exit x = TRCTL_FAILED;

    buf_init(&email, 512);
    buf_init(&password, SECRET_INPUT_MAX);
    buf_init(&body, 32 << 10);
    answer_init(&a);
    secret_wipe(p->key, sizeof p->key); /* who signs in anew is nobody yet */
    if ((l->email != NULL ? buf_append(&email, view_str(l->email)) == ERR_NONE : line_input("e-mail", &email)) &&
        secret_input("password", NULL, &password) && credentials_write(&email, &password, &body))
        x = ask(p, &q, &a);
    if (x == TRCTL_DONE && !session_keep(&a, p))
        x = TRCTL_FAILED;
    answer_free(&a);
    buf_free(&email);
    buf_free(&password);
    buf_free(&body);
    return x;
}

/* Is the key good? It says so itself. */
static enum trctl_exit tried(const struct profile *p)
{
    const struct question q = {.method = "GET", .target = "/key"};
    struct answer a;
    enum trctl_exit x;

    answer_init(&a);
    x = ask(p, &q, &a);
    answer_free(&a);
    return x;
}

static enum trctl_exit signed_in(const struct login *l, struct profile *p)
{
    if (!url_set("URL", l->url, p->control_url, sizeof p->control_url) ||
        !url_set("--base-url", l->base_url, p->base_url, sizeof p->base_url) || !ca_set(l->ca, p->ca, sizeof p->ca))
        return TRCTL_USAGE;
    if (p->control_url[0] == '\0') {
        complain("trctl login needs the control plane's URL");
        return TRCTL_USAGE;
    }
    if (l->key || l->key_file != NULL)
        return key_take(l, p) ? tried(p) : TRCTL_FAILED;
    return session_take(l, p);
}

enum trctl_exit own_login(int argc, char **argv)
{
    struct login l = {.url = NULL};
    struct profiles profiles;
    struct profile *p = NULL;
    enum trctl_exit x = TRCTL_FAILED;

    if (!login_read(argc, argv, &l))
        return TRCTL_USAGE;
    if (profiles_read(&profiles))
        p = profile_make(&profiles, l.profile != NULL ? l.profile : profiles.current[0] != '\0' ? profiles.current : "default");
    if (p != NULL)
        x = signed_in(&l, p);
    if (x == TRCTL_DONE) {
        if (profiles.current[0] == '\0')
            snprintf(profiles.current, sizeof profiles.current, "%s", p->name);
        x = profiles_write(&profiles) ? TRCTL_DONE : TRCTL_FAILED;
    }
    if (x == TRCTL_DONE)
        fprintf(stderr, "signed in: profile %s\n", p->name);
    profiles_wipe(&profiles);
    return x;
}

/* --- the others --- */

static void forget(struct profiles *all, struct profile *p)
{
    size_t i = (size_t)(p - all->list);

    if (strcmp(all->current, p->name) == 0)
        all->current[0] = '\0';
    memmove(p, p + 1, (all->n - i - 1) * sizeof *p);
    secret_wipe(&all->list[--all->n], sizeof *p);
}

enum trctl_exit own_logout(int argc, char **argv)
{
    const struct question q = {.method = "POST", .target = "/auth/logout"};
    struct profiles profiles;
    struct profile *p = NULL;
    struct common common = {0};
    struct answer a;
    enum trctl_exit x = TRCTL_FAILED;

    for (int i = 0; i < argc; i++)
        if (common_take(&common, argc, argv, &i) <= 0) {
            complain("%s is not known to trctl logout", argv[i]);
            return TRCTL_USAGE;
        }
    answer_init(&a);
    if (profiles_read(&profiles) && (p = profile_find(&profiles, common.profile)) != NULL) {
        /* A session is ended there, too; one that has ended already is no fault. */
        x = strncmp(p->key, SESSION_PREFIX, strlen(SESSION_PREFIX)) == 0 ? ask(p, &q, &a) : TRCTL_DONE;
        if (x == TRCTL_DONE || x == TRCTL_DENIED) {
            forget(&profiles, p);
            x = profiles_write(&profiles) ? TRCTL_DONE : TRCTL_FAILED;
        }
    }
    answer_free(&a);
    profiles_wipe(&profiles);
    return x;
}

enum trctl_exit own_profiles(int argc, char **argv)
{
    struct profiles profiles;
    bool ok;

    if (argc != 0) {
        complain("%s is one argument too many", argv[0]);
        return TRCTL_USAGE;
    }
    ok = profiles_read(&profiles);
    for (size_t i = 0; ok && i < profiles.n; i++)
        printf("%s %-20s %s\n", strcmp(profiles.current, profiles.list[i].name) == 0 ? "*" : " ", profiles.list[i].name,
               profiles.list[i].control_url);
    profiles_wipe(&profiles);
    return ok ? TRCTL_DONE : TRCTL_FAILED;
}

enum trctl_exit own_use(int argc, char **argv)
{
    struct profiles profiles;
    const struct profile *p = NULL;
    bool ok = false;

    if (argc != 1) {
        complain("trctl profiles use needs a name");
        return TRCTL_USAGE;
    }
    if (profiles_read(&profiles) && (p = profile_find(&profiles, argv[0])) != NULL) {
        snprintf(profiles.current, sizeof profiles.current, "%s", p->name);
        ok = profiles_write(&profiles);
    }
    profiles_wipe(&profiles);
    return ok ? TRCTL_DONE : TRCTL_FAILED;
}
