/* A request is forwarded byte for byte but for the members we change: what is put in place of bytes or
 * between them must leave every other byte alone. */
#include "check.h"
#include "json.h"

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

static void after_brace(void)
{
    CHECK_INT(json_after_brace(VIEW_LIT("{}")), 1);
    CHECK_INT(json_after_brace(VIEW_LIT(" \n{ \"a\":1}")), 3);
}

static const struct check_case cases[] = {
    {"json_edit_splicing", splicing},
    {"json_edit_after_brace", after_brace},
};
CHECK_MAIN(cases)
