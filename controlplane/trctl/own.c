/* The table of trctl's own commands, and the short ones. */
#include "own.h"

#include "show.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>
#include <unistd.h>

/* clang-format off */
static const struct own table[] = {
    {"login", "[URL] [--profile NAME] [--base-url URL] [--ca FILE] [--email ADDRESS | --key | --key-file FILE]",
     "Sign in by e-mail and password, or keep a key, in a profile", own_login},
    {"logout", "[--profile NAME]", "End the session and forget the profile", own_logout},
    {"profiles", "", "List the profiles", own_profiles},
    {"profiles use", "NAME", "Take this profile when none is named", own_use},
    {"byok add", "PROVIDER [--name TEXT] [--key-file FILE] [--disabled] [--is-fallback] [--always-use] [--sort-order N]",
     "Seal a provider's key to the data planes, here, and hand it in", own_byok_add},
    {"api", "METHOD PATH [--data BODY]", "Any call: PATH is what follows /v1", own_api},
    {"verify", "[TR-VERIFY OPTION]...", "Run tr-verify gateway on the profile's data plane", own_verify},
    {"commands", "", "List every command with its method and path", own_commands},
    {"complete", "[WORD]...", "Print what may follow, for the shells' completion", own_complete},
    {"manual", "", "Print the manual page", own_manual},
};
/* clang-format on */

const struct own *own_all(size_t *n)
{
    *n = sizeof table / sizeof table[0];
    return table;
}

const struct own *own_find(int argc, char **argv, int *used)
{
    const struct own *found = NULL;

    *used = 0;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        int n = words_match(table[i].words, argc, argv);

        if (n > *used) {
            *used = n;
            found = &table[i];
        }
    }
    return found;
}

/* --- asking --- */

/* The page of a list that name=value asks for, put behind o's. *rows: how many it has. */
static enum trctl_exit page_add(const struct profile *p, const struct question *q, const char *name, const char *value,
                                struct json_object *o, size_t *rows)
{
    struct question next = *q;
    struct answer a;
    struct buf target;
    struct json_object *page = NULL;
    enum trctl_exit x = TRCTL_FAILED;

    answer_init(&a);
    buf_init(&target, TARGET_MAX);
    if (buf_append(&target, view_str(q->target)) == ERR_NONE &&
        buf_appendf(&target, "%c%s=", strchr(q->target, '?') == NULL ? '?' : '&', name) == ERR_NONE &&
        url_append(&target, value) == ERR_NONE && buf_append_byte(&target, '\0') == ERR_NONE) {
        next.target = (const char *)target.ptr;
        x = ask(p, &next, &a);
    }
    if (x == TRCTL_DONE && ((page = show_parse(buf_view(&a.body))) == NULL || !show_join(o, page))) {
        complain("a page of the list cannot be read");
        x = TRCTL_FAILED;
    }
    *rows = page == NULL ? 0 : show_rows(page);
    json_object_put(page);
    buf_free(&target);
    answer_free(&a);
    return x;
}

/* The other pages of a list, behind the first: by cursors, or by how many to pass over, until a page is empty. */
static enum trctl_exit pages_add(const struct profile *p, const struct question *q, struct json_object *o)
{
    bool passes_over = q->passes_over && strstr(q->target, "offset=") == NULL && show_cursor(o) == NULL;
    size_t all = show_rows(o), rows = all;
    enum trctl_exit x = TRCTL_DONE;
    const char *cursor;
    char offset[24];

    while (x == TRCTL_DONE && (cursor = show_cursor(o)) != NULL)
        x = page_add(p, q, "cursor", cursor, o, &rows);
    while (passes_over && x == TRCTL_DONE && rows != 0) {
        snprintf(offset, sizeof offset, "%zu", all);
        x = page_add(p, q, "offset", offset, o, &rows);
        all += rows;
    }
    return x;
}

static enum trctl_exit answer_show(const struct profile *p, const struct common *common, const struct question *q,
                                   const struct answer *a, const char *columns)
{
    struct json_object *o;
    enum trctl_exit x = TRCTL_DONE;

    if (!a->json || a->body.len == 0)
        return TRCTL_DONE; /* it has been written as it came */
    o = show_parse(buf_view(&a->body));
    if (o == NULL) {
        complain("the answer is not JSON");
        return TRCTL_FAILED;
    }
    if (common->all && strcmp(q->method, "GET") == 0)
        x = pages_add(p, q, o);
    if (x == TRCTL_DONE && common->json)
        show_json(o, stdout);
    else if (x == TRCTL_DONE)
        show_table(o, columns, stdout);
    json_object_put(o);
    return x;
}

enum trctl_exit own_ask(const struct common *common, struct question *q, const char *columns)
{
    struct profiles profiles;
    const struct profile *p = NULL;
    struct answer a;
    enum trctl_exit x = TRCTL_FAILED;

    answer_init(&a);
    if (profiles_read(&profiles))
        p = profile_find(&profiles, common->profile);
    if (p != NULL) {
        q->workspace = common->workspace;
        q->idempotency_key = common->idempotency_key;
        x = ask(p, q, &a);
        if (x == TRCTL_DONE)
            x = answer_show(p, common, q, &a, columns);
        else if (common->json && a.json && a.body.len > 0)
            printf("%.*s\n", (int)a.body.len, (const char *)a.body.ptr);
    }
    answer_free(&a);
    profiles_wipe(&profiles);
    return x;
}

/* --- api --- */

static bool api_words(int argc, char **argv, struct common *common, const char *words[static 2])
{
    for (int i = 0, n = 0; i < argc; i++) {
        int taken = argv[i][0] == '-' ? common_take(common, argc, argv, &i) : 0;

        if (taken < 0)
            return false;
        if (taken > 0)
            continue;
        if (argv[i][0] == '-' || n == 2) {
            complain("%s is not known to trctl api", argv[i]);
            return false;
        }
        words[n++] = argv[i];
    }
    if (words[1] != NULL && words[1][0] == '/')
        return true;
    complain("trctl api needs a method and a path that begins with '/'");
    return false;
}

static bool is_one_of(const char *word, const char *list)
{
    const char *at = strstr(list, word);
    size_t n = strlen(word);

    return n != 0 && at != NULL && (at == list || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0');
}

enum trctl_exit own_api(int argc, char **argv)
{
    struct common common = {0};
    const char *words[2] = {NULL, NULL};
    struct question q = {0};
    struct buf body;
    enum trctl_exit x = TRCTL_USAGE;

    buf_init(&body, BODY_MAX);
    if (!api_words(argc, argv, &common, words))
        goto done;
    if (!is_one_of(words[0], "GET POST PUT PATCH DELETE")) {
        complain("%s is no method", words[0]);
        goto done;
    }
    if (common.data != NULL && !data_read(common.data, &body))
        goto done;
    q = (struct question){.method = words[0],
                          .target = words[1],
                          .bare = strncmp(words[1], "/v1/", 4) == 0 || strncmp(words[1], "/api/v1/", 8) == 0,
                          .type = "application/json",
                          .body = common.data != NULL ? &body : NULL};
    common.json = true;
    x = own_ask(&common, &q, "");
done:
    buf_free(&body);
    return x;
}

/* --- verify --- */

enum { VERIFY_ARGS_MAX = 64, BESIDE_MAX = 4096 };

/* The file of that name in the directory that this program is in. */
static bool beside(const char *name, char out[static BESIDE_MAX])
{
    ssize_t len = readlink("/proc/self/exe", out, BESIDE_MAX - 1);
    char *slash;

    if (len <= 0)
        return false;
    out[len] = '\0';
    slash = strrchr(out, '/');
    return slash != NULL &&
           snprintf(slash + 1, (size_t)(out + BESIDE_MAX - slash - 1), "%s", name) < out + BESIDE_MAX - slash - 1;
}

enum trctl_exit own_verify(int argc, char **argv)
{
    static const char gateway[] = "gateway", verifier[] = "tr-verify";
    struct profiles profiles;
    const struct profile *p = NULL;
    struct common common = {0};
    const char *args[VERIFY_ARGS_MAX + 6] = {verifier, gateway};
    char url[URL_TEXT_MAX], file[BESIDE_MAX];
    size_t n = 3;
    bool ca = false;

    for (int i = 0; i < argc && n < VERIFY_ARGS_MAX; i++) {
        if (strcmp(argv[i], "--profile") == 0 && i + 1 < argc) {
            common.profile = argv[++i];
            continue;
        }
        ca = ca || strncmp(argv[i], "--ca", 4) == 0;
        args[n++] = argv[i];
    }
    if (!profiles_read(&profiles) || (p = profile_find(&profiles, common.profile)) == NULL)
        return TRCTL_FAILED;
    if (p->base_url[0] == '\0') {
        complain("the profile %s has no base_url: trctl login, with --base-url", p->name);
        return TRCTL_FAILED;
    }
    snprintf(url, sizeof url, "%s", p->base_url);
    if (strlen(url) > 3 && strcmp(url + strlen(url) - 3, "/v1") == 0)
        url[strlen(url) - 3] = '\0';
    args[2] = url;
    if (p->ca[0] != '\0' && !ca) {
        args[n++] = "--ca";
        args[n++] = p->ca;
    }
    execvp(verifier, (char *const *)(uintptr_t)args);
    if (errno == ENOENT && beside(verifier, file)) /* run from where both were built */
        execv(file, (char *const *)(uintptr_t)args);
    complain("tr-verify is neither in PATH nor beside trctl");
    profiles_wipe(&profiles);
    return TRCTL_FAILED;
}

/* --- what there is --- */

enum trctl_exit own_commands(int argc, char **argv)
{
    size_t n;
    const struct command *all = commands_all(&n);

    if (argc != 0) {
        complain("%s is one argument too many", argv[0]);
        return TRCTL_USAGE;
    }
    for (size_t i = 0; i < n; i++)
        printf("%-34s %-6s %s\n", all[i].words, all[i].method, all[i].path);
    return TRCTL_DONE;
}
