/* A request is forwarded byte for byte but for the members we change: every way to remove, replace
 * and add members must give valid JSON and leave every other byte alone. */
#include "check.h"
#include "json.h"

#include <stdlib.h>

enum { MAX = 16 };
#define N(table) (sizeof(table) / sizeof(table)[0])

static void check_splice(struct view doc, const struct json_edit *edits, size_t n, const char *want)
{
    struct json_value root;
    struct buf out;

    buf_init(&out, 1000);
    CHECK_INT(json_splice(doc, edits, n, &out), ERR_NONE);
    CHECK_BYTES(out.ptr, out.len, want, strlen(want));
    CHECK_INT(json_check(buf_view(&out), &root, NULL), ERR_NONE);
    buf_free(&out);
}

static void splicing(void)
{
    struct view doc = VIEW_LIT("{\"a\":1}");
    struct json_edit edits[] = {{0, 0, VIEW_LIT(" ")},
                                {1, 0, VIEW_LIT("\"b\":2")},
                                {1, 0, VIEW_LIT(",")},
                                {5, 1, VIEW_LIT("[]")},
                                {7, 0, VIEW_LIT("\n")}};
    struct buf out;

    check_splice(doc, NULL, 0, "{\"a\":1}");
    check_splice(doc, edits, 5, " {\"b\":2,\"a\":[]}\n");
    buf_init(&out, 14);
    CHECK_INT(buf_append(&out, VIEW_LIT("k")), ERR_NONE);
    CHECK_INT(json_splice(doc, edits, 5, &out), ERR_LIMIT); /* 15 bytes and the one that is there */
    CHECK_BYTES(out.ptr, out.len, "k", 1);
    CHECK_INT(json_splice(doc, NULL, 0, &out), ERR_NONE);
    CHECK_BYTES(out.ptr, out.len, "k{\"a\":1}", 8);
    buf_free(&out);
    buf_init(&out, 0);
    CHECK_INT(json_splice(VIEW_EMPTY, NULL, 0, &out), ERR_NONE);
    buf_free(&out);
}

static void removing_one(void)
{
    static const struct {
        const char *doc;
        size_t member;
        const char *want;
    } table[] = {
        {"{\"a\":1}", 0, "{}"},
        {"{ \"a\" : 1 }", 0, "{  }"},
        {"{\"a\":1,\"b\":2,\"c\":3}", 0, "{\"b\":2,\"c\":3}"},
        {"{\"a\":1,\"b\":2,\"c\":3}", 1, "{\"a\":1,\"c\":3}"},
        {"{\"a\":1,\"b\":2,\"c\":3}", 2, "{\"a\":1,\"b\":2}"},
        {" {\n \"a\" : 1\n ,\r\"b\"\t: [2,3] ,\"c\":{} } ", 0,
         " {\n \r\"b\"\t: [2,3] ,\"c\":{} } "},
        {" {\n \"a\" : 1\n ,\r\"b\"\t: [2,3] ,\"c\":{} } ", 1, " {\n \"a\" : 1\n ,\r\"c\":{} } "},
        {" {\n \"a\" : 1\n ,\r\"b\"\t: [2,3] ,\"c\":{} } ", 2,
         " {\n \"a\" : 1\n ,\r\"b\"\t: [2,3]  } "},
        {"{\"a,\":\",\",\",b\":\"},\"}", 0, "{\",b\":\"},\"}"},
        {"{\"a,\":\",\",\",b\":\"},\"}", 1, "{\"a,\":\",\"}"},
        {"{\"\":0,\"\":1}", 0, "{\"\":1}"},
        {"{\"\":0,\"\":1}", 1, "{\"\":0}"},
    };

    for (size_t i = 0; i < N(table); i++) {
        struct view doc = view_str(table[i].doc);
        struct json_member m[MAX];
        struct json_edit edit;
        size_t n;

        CHECK_INT(json_object(doc, m, MAX, &n, NULL), ERR_NONE);
        edit = json_edit_remove(doc, &m[table[i].member]);
        check_splice(doc, &edit, 1, table[i].want);
    }
}

static void after_brace(void)
{
    CHECK_INT(json_after_brace(VIEW_LIT("{}")), 1);
    CHECK_INT(json_after_brace(VIEW_LIT(" \n{ \"a\":1}")), 3);
}

/* Every choice of keep, remove and replace for every member of objects of 0 to 4, with and without
 * something added, compact and with odd whitespace: against the same object built from scratch. */
static void build(const char *comma, size_t n_members, unsigned choice, bool adding)
{
    struct json_change changes[4];
    struct json_edit edits[6];
    struct json_member m[MAX];
    size_t n, n_changes = 0, n_edits = 0, n_got;
    char doc[100] = "{", want[100] = "";
    struct json_member got[MAX];
    struct buf out;

    for (size_t i = 0; i < n_members; i++) {
        sprintf(doc + strlen(doc), "%s\"%zu\":%zu", i > 0 ? comma : "", i, i);
    }
    strcat(doc, "}");
    strcat(want, adding ? "x=[7] y=8 " : "");
    for (size_t i = 0; i < n_members; i++, choice /= 3) {
        if (choice % 3 == 0) {
            sprintf(want + strlen(want), "%zu=%zu ", i, i);
            continue;
        }
        changes[n_changes++] = (struct json_change){i, choice % 3 == 1, VIEW_LIT("\"r\"")};
        if (choice % 3 == 2)
            sprintf(want + strlen(want), "%zu=\"r\" ", i);
    }
    CHECK_INT(json_object(view_str(doc), m, MAX, &n, NULL), ERR_NONE);
    CHECK_INT(json_edits_build(view_str(doc), m, n, changes, n_changes,
                               adding ? VIEW_LIT("\"x\":[7],\"y\":8") : VIEW_EMPTY, edits,
                               n_changes + 2, &n_edits),
              ERR_NONE);
    buf_init(&out, 200);
    CHECK_INT(json_splice(view_str(doc), edits, n_edits, &out), ERR_NONE);
    CHECK_INT(json_object(buf_view(&out), got, MAX, &n_got, NULL), ERR_NONE);
    doc[0] = '\0';
    for (size_t i = 0; i < n_got; i++)
        sprintf(doc + strlen(doc), "%.*s=%.*s ", (int)got[i].key.len, (const char *)got[i].key.ptr,
                (int)got[i].value.text.len, (const char *)got[i].value.text.ptr);
    CHECK_BYTES(doc, strlen(doc), want, strlen(want));
    buf_free(&out);
}

static void building_every_combination(void)
{
    static const unsigned choices[] = {1, 3, 9, 27, 81};

    for (size_t n = 0; n <= 4; n++)
        for (unsigned choice = 0; choice < choices[n]; choice++)
            for (int adding = 0; adding < 2; adding++) {
                build(",", n, choice, adding);
                build(" \n,\t ", n, choice, adding);
            }
}

static void building_within_a_limit(void)
{
    struct view doc = VIEW_LIT("{\"a\":1,\"b\":2,\"c\":3}");
    struct json_change changes[] = {{0, false, VIEW_LIT("0")}, {2, true, VIEW_EMPTY}};
    struct json_member m[3];
    struct json_edit edits[4];
    size_t n, n_edits = 77;

    CHECK_INT(json_object(doc, m, 3, &n, NULL), ERR_NONE);
    for (size_t max = 0; max < 4; max++) {
        CHECK_INT(
            json_edits_build(doc, m, n, changes, 2, VIEW_LIT("\"x\":1"), edits, max, &n_edits),
            ERR_LIMIT);
        CHECK_INT(n_edits, 77);
    }
    CHECK_INT(json_edits_build(doc, m, n, changes, 2, VIEW_LIT("\"x\":1"), edits, 4, &n_edits),
              ERR_NONE);
    check_splice(doc, edits, n_edits, "{\"x\":1,\"a\":0,\"b\":2}");
}

static const struct check_case cases[] = {
    {"json_edit_splicing", splicing},
    {"json_edit_removing_one", removing_one},
    {"json_edit_after_brace", after_brace},
    {"json_edit_building_every_combination", building_every_combination},
    {"json_edit_building_within_a_limit", building_within_a_limit},
};
CHECK_MAIN(cases)
