/* The span reader against itself: the three scanners agree on every input, the member reader agrees
 * with the checker, walking finds what recording found, splices keep every byte they were not asked
 * to change, and nothing reads beyond the input (which lies in a block of its exact size). */
#include "json.h"

#include <stdlib.h>

enum { MEMBERS = 64, OUT_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(c)                                                                                    \
    do {                                                                                           \
        if (!(c))                                                                                  \
            abort();                                                                               \
    } while (0)

static void check_value(struct json_value v, unsigned depth)
{
    struct json_iter it = json_iter(v);
    struct json_member m;
    struct json_value again;
    struct view plain;
    struct buf out;
    int64_t i;
    uint64_t u;

    MUST(depth <= JSON_MAX_DEPTH);
    MUST(json_check(v.text, &again, NULL) == ERR_NONE);
    MUST(again.kind == v.kind && view_eq(again.text, v.text));
    buf_init(&out, OUT_MAX);
    if (json_string_decode(v, &out) == ERR_NONE) {
        MUST(v.kind == JSON_STRING && out.len <= v.text.len - 2);
        /* Encoding what was decoded must be a string that decodes to the same. */
        struct buf text, twice;

        buf_init(&text, OUT_MAX);
        buf_init(&twice, OUT_MAX);
        MUST(buf_append_json_string(&text, buf_view(&out)) == ERR_NONE);
        MUST(json_check(buf_view(&text), &again, NULL) == ERR_NONE);
        MUST(json_string_decode(again, &twice) == ERR_NONE);
        MUST(view_eq(buf_view(&twice), buf_view(&out)));
        buf_free(&text);
        buf_free(&twice);
    }
    if (json_string_plain(v, &plain))
        MUST(view_eq(plain, buf_view(&out)));
    buf_free(&out);
    if (json_i64(v, &i) == ERR_NONE)
        MUST(v.kind == JSON_NUMBER);
    if (json_i64(v, &i) == ERR_NONE && i >= 0)
        MUST(json_u64(v, &u) == ERR_NONE && u == (uint64_t)i);
    (void)json_string_is(v, "model");
    while (json_next(&it, &m)) {
        (void)json_key_is(m.key, "model");
        check_value(m.value, depth + 1);
    }
}

/* Which values to replace, and whether to add a member, comes from the input, too. */
static void check_edits(struct view doc, const struct json_member *m, size_t n, uint8_t seed)
{
    struct json_edit edits[MEMBERS + 1];
    struct json_member got[MEMBERS + 1];
    size_t n_edits = 0, n_got, added = seed & 1;
    struct json_value v;
    struct buf out;

    if (added != 0)
        edits[n_edits++] = (struct json_edit){json_after_brace(doc), 0, n == 0 ? VIEW_LIT("\"~\":1") : VIEW_LIT("\"~\":1,")};
    for (size_t i = 0; i < n; i++)
        if ((seed >> (i % 7) & 1) != 0)
            edits[n_edits++] = (struct json_edit){(size_t)(m[i].value.text.ptr - doc.ptr),
                                                  m[i].value.text.len, VIEW_LIT("[0]")};
    buf_init(&out, OUT_MAX);
    MUST(json_splice(doc, edits, n_edits, &out) == ERR_NONE);
    MUST(json_object(buf_view(&out), got, MEMBERS + 1, &n_got, NULL) == ERR_NONE);
    MUST(n_got == n + added);
    for (size_t i = 0; i < n; i++) {
        bool changed = (seed >> (i % 7) & 1) != 0;

        MUST(view_eq(got[i + added].key, m[i].key));
        MUST(view_eq(got[i + added].value.text, changed ? VIEW_LIT("[0]") : m[i].value.text));
    }
    buf_reset(&out);
    MUST(json_splice(doc, NULL, 0, &out) == ERR_NONE);
    MUST(view_eq(buf_view(&out), doc));
    MUST(json_check(buf_view(&out), &v, NULL) == ERR_NONE);
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const implementations[] = {"scalar", "sse2", "avx2"};
    struct json_member m[MEMBERS];
    struct json_value root = {.kind = JSON_NULL}, v;
    size_t at = size, at_k, n = 0, end = 0;
    enum err e = ERR_NONE, object;
    uint8_t *copy = malloc(size != 0 ? size : 1);
    struct view doc = view_of(copy, size);

    if (size != 0)
        memcpy(copy, data, size);
    for (size_t k = 0; k < 3; k++) {
        if (!json_use(implementations[k]))
            continue;
        at_k = size;
        enum err e_k = json_check(doc, &v, &at_k);

        MUST(k == 0 || (e_k == e && at_k == at));
        e = e_k;
        at = at_k;
        root = v;
    }
    MUST(e == ERR_NONE || e == ERR_SHORT || e == ERR_FORMAT || e == ERR_LIMIT);
    MUST(e != ERR_SHORT || at == size);
    object = json_object(doc, m, MEMBERS, &n, &at_k);
    while (end < size && memchr(" \t\r\n", doc.ptr[end], 4) != NULL)
        end++;
    if (end < size && doc.ptr[end] != '{')
        MUST(object == ERR_FORMAT);
    else
        MUST(object == e || object == ERR_LIMIT);
    if (e == ERR_NONE)
        check_value(root, 0);
    if (object == ERR_NONE) {
        struct json_iter it = json_iter(root);
        struct json_member walked;

        for (size_t i = 0; i < n; i++) {
            MUST(json_next(&it, &walked));
            MUST(walked.key.ptr == m[i].key.ptr && walked.key.len == m[i].key.len);
            MUST(walked.value.text.ptr == m[i].value.text.ptr);
            MUST(walked.value.text.len == m[i].value.text.len);
        }
        MUST(!json_next(&it, &walked));
        check_edits(doc, m, n, size != 0 ? data[size / 2] : 0);
    }
    /* A decoder handed bytes that nobody validated must still stay inside them. */
    if (size >= 2) {
        struct buf out;

        v = (struct json_value){JSON_STRING, doc};
        buf_init(&out, OUT_MAX);
        if (json_string_decode(v, &out) != ERR_NONE)
            MUST(out.len == 0);
        (void)json_string_is(v, "a\"b");
        (void)json_key_is(doc, "model");
        buf_free(&out);
    }
    free(copy);
    return 0;
}
