/* trctl: what a command line becomes (path, query, body), what is refused, and how answers are shown. The table is one of
 * this test's own, so that an operation more changes nothing here. */
#define COMMANDS_FILE "tests/unit/trctl_commands.inc"
#include "controlplane/trctl/commands.c"
#include "controlplane/trctl/options.c"
#include "controlplane/trctl/secret_input.c"
#include "controlplane/trctl/show.c"

#include "check.h"

/* One command line, split at spaces ('~' stands for a space inside of a word). */
struct line {
    char text[512], *argv[32];
    int argc;
};

static void split(const char *text, struct line *l)
{
    char *save = NULL;

    snprintf(l->text, sizeof l->text, "%s", text);
    l->argc = 0;
    for (char *w = strtok_r(l->text, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save)) {
        for (char *p = w; *p != '\0'; p++)
            if (*p == '~')
                *p = ' ';
        l->argv[l->argc++] = w;
    }
}

/* False: refused. */
static bool read_line(const char *text, struct request *r, struct common *common)
{
    struct line l;
    int used;
    const struct command *c;

    split(text, &l);
    c = command_find(l.argc, l.argv, &used);
    CHECK(c != NULL);
    memset(common, 0, sizeof *common);
    return options_read(c, l.argc - used, l.argv + used, common, r);
}

static void lines(void)
{
    static const struct {
        const char *line, *target, *body; /* target NULL: refused; body NULL: none */
    } cases[] = {
        {"keys", "/keys", NULL},
        {"keys --offset 3", "/keys?offset=3", NULL},
        {"keys --find=a~b&c --offset=1", "/keys?offset=1&q=a%20b%26c", NULL},
        {"keys --account 7", "/keys?account_id=7", NULL},
        {"keys --offset 3 --account 7", "/keys?offset=3&account_id=7", NULL},
        {"drafts --data x~=~1", "/drafts", "x = 1"},
        {"drafts -d {}", "/drafts", "{}"},
        {"drafts", NULL, NULL}, /* an empty one would be a catalog without models */
        {"keys --q x", NULL, NULL}, /* its option has another name */
        {"keys --offset x", NULL, NULL},
        {"keys --offset", NULL, NULL},
        {"keys --ofset 3", NULL, NULL},
        {"keys --offset 3 --offset 4", NULL, NULL},
        {"keys --data {}", NULL, NULL}, /* a GET sends none */
        {"keys more", NULL, NULL},
        {"keys create --name x", "/keys", "{\"name\":\"x\"}"},
        {"keys create x", "/keys", "{\"name\":\"x\"}"},
        {"keys create", NULL, NULL},
        {"keys create x y", NULL, NULL},
        {"keys create x\"\\ --limit 1e-05", "/keys", "{\"name\":\"x\\\"\\\\\",\"limit\":1e-05}"},
        {"keys create x --limit 1,2", NULL, NULL},
        {"keys create x --limit {}", NULL, NULL},
        {"keys create x --no-limit", "/keys", "{\"name\":\"x\",\"limit\":null}"},
        {"keys create x --no-limit --limit 3", NULL, NULL},
        {"keys create x --no-models", "/keys", "{\"name\":\"x\",\"models\":null}"},
        {"keys create x --limit-reset daily", "/keys", "{\"name\":\"x\",\"limit_reset\":\"daily\"}"},
        {"keys create x --limit-reset dail", NULL, NULL},
        {"keys create x --limit-reset daily|weekly", NULL, NULL},
        {"keys create x --disabled", "/keys", "{\"name\":\"x\",\"disabled\":true}"},
        {"keys create x --disabled=false", "/keys", "{\"name\":\"x\",\"disabled\":false}"},
        {"keys create x --disabled=no", NULL, NULL},
        {"keys create x --models a --models b", "/keys", "{\"name\":\"x\",\"models\":[\"a\",\"b\"]}"},
        {"keys create x --rules {\"a\":[1]}", "/keys", "{\"name\":\"x\",\"rules\":{\"a\":[1]}}"},
        {"keys create x --rules {\"a\":", NULL, NULL},
        {"keys create -d {\"name\":\"y\"}", "/keys", "{\"name\":\"y\"}"},
        {"keys create x -d {}", NULL, NULL},
        {"keys create -d @/nowhere/at/all", NULL, NULL},
        {"keys show ab/../cd", "/keys/ab%2F..%2Fcd", NULL},
        {"keys show", NULL, NULL},
        {"keys show a b", NULL, NULL},
        {"members role 1 2 x", "/orgs/1/members/2", "{\"name\":\"x\"}"},
        {"members role 1 --name x", NULL, NULL},
        {"tile 0/x001/234", "/tile/0/x001/234", NULL},
        {"sessions create --password hunter2", NULL, NULL},
        {"sessions create --password=hunter2", NULL, NULL},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct request r;
        struct common common;
        bool ok;

        request_init(&r);
        ok = read_line(cases[i].line, &r, &common);
        if (ok != (cases[i].target != NULL))
            fprintf(stderr, "%s\n", cases[i].line);
        CHECK(ok == (cases[i].target != NULL));
        if (ok && cases[i].target != NULL) {
            if (strcmp((const char *)r.target.ptr, cases[i].target) != 0)
                fprintf(stderr, "%s: %s\n", cases[i].line, (const char *)r.target.ptr);
            CHECK(strcmp((const char *)r.target.ptr, cases[i].target) == 0);
            CHECK(r.has_body == (cases[i].body != NULL));
            CHECK(!r.has_body || view_eq(buf_view(&r.body), view_str(cases[i].body)));
            CHECK(r.type == NULL || strcmp(r.type, cases[i].body[0] == '{' ? "application/json" : "text/plain") == 0);
        }
        request_free(&r);
    }
}

static void secret_from_file(void)
{
    char path[] = "/tmp/tr-trctl-XXXXXX", line[128];
    int fd = mkstemp(path);
    struct request r;
    struct common common;

    CHECK(fd >= 0 && write(fd, "hun\"ter\nmore", 12) == 12);
    close(fd);
    snprintf(line, sizeof line, "sessions create --password-file %s", path);
    request_init(&r);
    CHECK(read_line(line, &r, &common));
    CHECK(view_eq(buf_view(&r.body), VIEW_LIT("{\"password\":\"hun\\\"ter\"}")));
    request_free(&r);
    unlink(path);
    request_init(&r);
    CHECK(!read_line(line, &r, &common));
    request_free(&r);
}

static void longest_words_win(void)
{
    struct line l;
    int used;

    split("keys create x", &l);
    CHECK(strcmp(command_find(l.argc, l.argv, &used)->words, "keys create") == 0 && used == 2);
    split("keys x", &l);
    CHECK(strcmp(command_find(l.argc, l.argv, &used)->words, "keys") == 0 && used == 1);
    split("key", &l);
    CHECK(command_find(l.argc, l.argv, &used) == NULL);
}

static void tables(void)
{
    static const struct {
        const char *json, *columns, *want;
    } cases[] = {
        {"{\"data\":[{\"a\":1,\"b\":\"x\"},{\"a\":22,\"b\":null}],\"next_cursor\":null}", "a b",
         "a   b\n1   x\n22  -\n"},
        {"{\"data\":[{\"a\":1}],\"next_cursor\":\"x\"}", "a", "a\n1\nnext_cursor  x\n"},
        {"{\"data\":{\"a\":1,\"text\":\"b\\nc\\u001b\\n\",\"d\":2}}", "", "a     1\ntext  \n    b\n    c?\nd     2\n"},
        {"{\"data\":[{\"a\":\"\xc3\xa4\xc3\xb6\",\"b\":1}]}", "", "a   b\n\xc3\xa4\xc3\xb6  1\n"},
        {"{\"data\":{\"a\":1,\"long\":0.00001},\"key\":\"k\"}", "", "a     1\nlong  0.00001\nkey   k\n"},
        {"{\"data\":{\"a\":1,\"rows\":[{\"b\":2,\"c\":{},\"d\":3}],\"none\":[]}}", "b d x",
         "a     1\nnone  []\n\nrows\nb  d\n2  3\n"},
        {"{\"data\":{\"rows\":[{\"b\":2}]}}", "", "rows  [{\"b\":2}]\n"},
        {"{\"data\":[]}", "a b", "a  b\n"},
        {"{\"data\":[]}", "", "nothing\n"},
        {"{\"data\":[{\"a\":\"\\u001b[2J\\n\",\"b\":1}]}", "a b", "a      b\n?[2J?  1\n"},
        {"{\"a\":\"\\u009b31m\"}", "", "a  ?\x9b" "31m\n"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct json_object *o = show_parse(view_str(cases[i].json));
        char *text = NULL;
        size_t n = 0;
        FILE *f = open_memstream(&text, &n);

        CHECK(o != NULL && f != NULL);
        show_table(o, cases[i].columns, f);
        fclose(f);
        if (strcmp(text, cases[i].want) != 0)
            fprintf(stderr, "%s\n%s", cases[i].json, text);
        CHECK(strcmp(text, cases[i].want) == 0);
        free(text);
        json_object_put(o);
    }
    CHECK(show_parse(VIEW_LIT("{\"a\":")) == NULL);
}

static void pages_are_joined(void)
{
    struct json_object *a = show_parse(VIEW_LIT("{\"data\":[1],\"next_cursor\":\"n\"}"));
    struct json_object *b = show_parse(VIEW_LIT("{\"data\":[2],\"next_cursor\":null}"));
    struct json_object *c = show_parse(VIEW_LIT("{\"data\":{}}"));

    CHECK(strcmp(show_cursor(a), "n") == 0);
    CHECK(!show_join(a, c));
    CHECK(show_join(a, b) && show_cursor(a) == NULL);
    CHECK(strcmp(json_object_to_json_string_ext(a, JSON_C_TO_STRING_PLAIN), "{\"data\":[1,2],\"next_cursor\":null}") == 0);
    json_object_put(a);
    json_object_put(b);
    json_object_put(c);
}

static const struct check_case cases[] = {
    {"trctl_lines", lines},
    {"trctl_secret_from_file", secret_from_file},
    {"trctl_longest_words_win", longest_words_win},
    {"trctl_tables", tables},
    {"trctl_pages_are_joined", pages_are_joined},
};
CHECK_MAIN(cases)
