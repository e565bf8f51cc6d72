/* A change of one entry must leave every other byte of catalog.conf as it was, and must not be able to bring a second line
 * or section along. */
#include "catalog_edit.h"

#include "catalog_text.h"
#include "check.h"

#include <stdlib.h>

#define CHECK_VIEW(v, text) CHECK_BYTES((v).ptr, (v).len, text, strlen(text))

static const char before[] = "# a comment\n[model a/b]\nname = B # not one\ncontext_length = 10\n\n"
                             "[endpoint a/b@p]\r\nupstream_model = b\nprompt = 1\n# prompt = 7\n tier = above 5: prompt 2\n"
                             "tier = above 9: prompt 3\ncompletion = 2\n[alias x]\nmodels = a/b";

struct edit_case {
    const char *kind, *name, *fields;
    bool create;
    enum err e;
    const char *removed, *added; /* of the text before; the text after has them so */
};

static void replace(const char *removed, const char *added, char *out, size_t cap)
{
    const char *at = strstr(before, removed);

    CHECK(at != NULL);
    snprintf(out, cap, "%.*s%s%s\n", (int)(at - before), before, added, at + strlen(removed));
}

static void edits(void)
{
    static const struct edit_case cases[] = {
        {"endpoint", "a/b@p", "{\"prompt\":1.5}", false, ERR_NONE, "[endpoint a/b@p]\r\nupstream_model = b\nprompt = 1\n",
         "[endpoint a/b@p]\r\nprompt = 1.5\nupstream_model = b\n"},
        {"endpoint", "a/b@p", "{\"tier\":null}", false, ERR_NONE, " tier = above 5: prompt 2\ntier = above 9: prompt 3\n", ""},
        {"endpoint", "a/b@p", "{\"weight\":7,\"retains_data\":true}", false, ERR_NONE, "[endpoint a/b@p]\r\n",
         "[endpoint a/b@p]\r\nweight = 7\nretains_data = yes\n"},
        {"model", "a/b", "{\"fallbacks\":[\"c/d\",\"e/f\"],\"efforts\":[]}", false, ERR_NONE, "[model a/b]\n",
         "[model a/b]\nfallbacks = c/d e/f\n"},
        {"endpoint", "a/b@p", "{\"tier\":[\"above 1: prompt 2\",\"above 2: prompt 3\"]}", false, ERR_NONE,
         "[endpoint a/b@p]\r\nupstream_model = b\nprompt = 1\n# prompt = 7\n tier = above 5: prompt 2\ntier = above 9: prompt 3\n",
         "[endpoint a/b@p]\r\ntier = above 1: prompt 2\ntier = above 2: prompt 3\nupstream_model = b\nprompt = 1\n# prompt = 7\n"},
        {"alias", "y", "{\"models\":[\"a/b\"]}", true, ERR_NONE, "models = a/b", "models = a/b\n\n[alias y]\nmodels = a/b"},
        {"alias", "y", "{\"models\":[\"a/b\"]}", false, ERR_NOT_FOUND, NULL, NULL},
        {"synth", "a/s", "{\"panel\":[\"a/b\",\"x\"],\"code\":true,\"panel_tokens\":9}", true, ERR_NONE, "models = a/b",
         "models = a/b\n\n[synth a/s]\npanel = a/b x\ncode = yes\npanel_tokens = 9"},
        {"endpoint", "a/b@q", "{}", false, ERR_NOT_FOUND, NULL, NULL},
        {"model", "a/b", "{\"name\":\"x\\n[model c/d]\"}", false, ERR_FORMAT, NULL, NULL},
        {"model", "a/b", "{\"name\\nx\":1}", false, ERR_FORMAT, NULL, NULL},
        {"model", "a/b", "{\"name = y\":1}", false, ERR_FORMAT, NULL, NULL},
        {"model", "a/b", "{\"fallbacks\":[1]}", false, ERR_FORMAT, NULL, NULL},
        {"model", "a/b", "{\"name\":{}}", false, ERR_FORMAT, NULL, NULL},
        {"model", "a/b", "[]", false, ERR_FORMAT, NULL, NULL},
        {"alias", "y]\n[model z/z", "{\"models\":\"a/b\"}", true, ERR_FORMAT, NULL, NULL},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct edit_case *c = &cases[i];
        struct json_value fields;
        struct buf out;
        char want[1024];

        buf_init(&out, 4096);
        CHECK_INT(json_check(view_str(c->fields), &fields, NULL), ERR_NONE);
        CHECK_INT(catalog_edit(view_str(before), view_str(c->kind), view_str(c->name), fields, c->create, &out), c->e);
        if (c->e == ERR_NONE) {
            replace(c->removed, c->added, want, sizeof want);
            CHECK_VIEW(buf_view(&out), want);
        }
        buf_free(&out);
    }
}

static void removal(void)
{
    struct buf out;
    char want[1024];

    buf_init(&out, 4096);
    CHECK_INT(catalog_edit_remove(view_str(before), VIEW_LIT("model"), VIEW_LIT("a/b"), &out), ERR_NONE);
    replace("[model a/b]\nname = B # not one\ncontext_length = 10\n\n", "", want, sizeof want);
    CHECK_VIEW(buf_view(&out), want);
    buf_reset(&out);
    CHECK_INT(catalog_edit_remove(view_str(before), VIEW_LIT("model"), VIEW_LIT("a/c"), &out), ERR_NOT_FOUND);
    buf_free(&out);
}

static enum err from_json(const char *json, struct buf *out)
{
    struct json_value root;

    CHECK_INT(json_check(view_str(json), &root, NULL), ERR_NONE);
    return catalog_edit_from_json(root, out);
}

static void json_becomes_a_text(void)
{
    static const char *const bad[] = {"[]", "{\"models\":{}}", "{\"models\":[1]}", "{\"models\":[{\"name\":\"x\"}]}",
                                      "{\"endpoints\":[{\"model\":\"a/b\"}]}", "{\"models\":[],\"models\":[]}",
                                      "{\"aliases\":[{\"id\":\"a b\"}]}"};
    struct buf out;

    buf_init(&out, 4096);
    CHECK_INT(from_json("{\"models\":[{\"id\":\"a/b\",\"name\":\"B\",\"context_length\":10}],\"note\":\"n\","
                        "\"endpoints\":[{\"model\":\"a/b\",\"provider\":\"p\",\"prompt\":0.1}],\"aliases\":[]}",
                        &out),
              ERR_NONE);
    CHECK_VIEW(buf_view(&out), "[model a/b]\nname = B\ncontext_length = 10\n\n[endpoint a/b@p]\nprompt = 0.1\n\n");
    buf_reset(&out);
    CHECK_INT(from_json("{\"synths\":[{\"id\":\"a/s\",\"name\":\"S\",\"panel\":[\"a/b\",\"c/d\"],\"generic\":true}]}", &out),
              ERR_NONE);
    CHECK_VIEW(buf_view(&out), "[synth a/s]\nname = S\npanel = a/b c/d\ngeneric = yes\n\n");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK_INT(from_json(bad[i], &out), ERR_FORMAT);
    buf_free(&out);
}

/* The parser's sentence and the lint's are findings with the line that they are about. */
static void findings(void)
{
    static const struct {
        const char *text;
        enum err e;
        const char *says;
    } cases[] = {
        {"[model a/b]\nname = B\n", ERR_CONFIG, "[{\"line\":1,\"error\":true,\"message\":\"context_length is missing\"}]"},
        {"[model a/b]\nname = B\ncontext_length = 1\nmax_output = 1\nwrong = 1\n", ERR_CONFIG, "{\"line\":5,\"error\":true"},
        {"# \xff\n", ERR_CONFIG, "[{\"line\":1,\"error\":true,\"message\":\"this line is not UTF-8\"}]"},
        {"[model a/b]\nname = B\ncontext_length = 1\nmax_output = 1\n[endpoint a/b@nobody]\nupstream_model = b\nprompt = 1\n"
         "completion = 1\n", ERR_CONFIG, "its provider is not in providers.conf"},
    };
    struct providers *p = calloc(1, sizeof *p);
    struct catalog_text t;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_INT(catalog_text_read(view_str(cases[i].text), p, &t), cases[i].e);
        CHECK(memmem(t.findings.ptr, t.findings.len, cases[i].says, strlen(cases[i].says)) != NULL);
        if (memmem(t.findings.ptr, t.findings.len, cases[i].says, strlen(cases[i].says)) == NULL)
            printf("# %.*s\n", (int)t.findings.len, (const char *)t.findings.ptr);
        CHECK(t.errors > 0);
        catalog_text_free(&t);
    }
    CHECK_INT(catalog_text_read(VIEW_LIT("[model a/b]\nname = B\ncontext_length = 2\nmax_output = 1\n"), p, &t), ERR_NONE);
    CHECK(t.errors == 0 && t.warnings > 0);
    catalog_text_free(&t);
    free(p);
}

int main(int argc, char **argv)
{
    static const struct check_case cases[] = {
        {"catalog_edit_one_entry", edits},
        {"catalog_edit_removes_one", removal},
        {"catalog_edit_from_json", json_becomes_a_text},
        {"catalog_text_findings", findings},
    };

    return check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
}
