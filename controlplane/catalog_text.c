#include "catalog_text.h"

#include "catalog_lint.h"
#include "clock.h"
#include "utf8.h"

enum { DAY_MS = 86400 * 1000, WHY_MAX = 1024 };

static const char file_name[] = "catalog";

static enum err put_finding(struct catalog_text *t, bool error, unsigned line, struct view sentence)
{
    size_t before = t->findings.len;
    enum err e = buf_appendf(&t->findings, "%s{\"line\":%u,\"error\":%s,\"message\":", before == 1 ? "" : ",", line,
                             error ? "true" : "false");

    if (e == ERR_NONE)
        e = buf_append_json_string(&t->findings, sentence);
    return e == ERR_NONE ? buf_append_byte(&t->findings, '}') : e;
}

static void note(struct catalog_text *t, bool error, unsigned line, struct view sentence)
{
    size_t len = t->findings.len;

    if (error)
        t->errors++;
    else
        t->warnings++;
    if (len + sentence.len * 6 + 128 > CATALOG_FINDINGS_MAX || put_finding(t, error, line, sentence) != ERR_NONE)
        t->findings.len = len; /* counted all the same */
}

static void found_cb(void *cookie, bool error, unsigned line, const char *sentence)
{
    note(cookie, error, line, view_str(sentence));
}

/* "catalog:12: what": the parser's one sentence. */
static void note_parser(struct catalog_text *t, struct view why)
{
    struct view rest = why;
    unsigned line = 0;

    if (view_starts(rest, view_str(file_name)) && rest.len > sizeof file_name && rest.ptr[sizeof file_name - 1] == ':') {
        size_t at = sizeof file_name;

        while (at < rest.len && rest.ptr[at] >= '0' && rest.ptr[at] <= '9' && line < 100000000)
            line = line * 10 + (unsigned)(rest.ptr[at++] - '0');
        if (at < rest.len && rest.ptr[at] == ':')
            rest = view_trim(view_from(rest, at + 1));
        else
            line = 0;
    }
    note(t, true, line, line == 0 ? why : rest);
}

/* PostgreSQL takes no other bytes, not even in a comment. */
static bool is_utf8(struct view text, unsigned *line)
{
    size_t bad;

    *line = 1;
    for (size_t i = 0; i < text.len;) {
        size_t n = utf8_sequence(text.ptr + i, text.len - i, &bad);

        if (n == 0 || text.ptr[i] == '\0')
            return false;
        *line += text.ptr[i] == '\n';
        i += n;
    }
    return true;
}

enum err catalog_text_read(struct view text, const struct providers *providers, struct catalog_text *out)
{
    struct catalog_lint lint = {found_cb, out, (uint32_t)(clock_unix_ms() / DAY_MS), 0, 0};
    struct catalog_file f = {0};
    struct buf why;
    unsigned line;
    enum err e;

    *out = (struct catalog_text){.errors = 0};
    for (unsigned i = 0; i < CATALOG_JSON_PARTS; i++)
        buf_init(&out->part[i], 1);
    buf_init(&out->findings, CATALOG_FINDINGS_MAX + 1);
    buf_init(&why, WHY_MAX);
    e = buf_append_byte(&out->findings, '[');
    if (e == ERR_NONE && !is_utf8(text, &line)) {
        note(out, true, line, VIEW_LIT("this line is not UTF-8"));
        e = ERR_CONFIG;
    }
    if (e == ERR_NONE) {
        e = catalog_file_parse(text, file_name, providers, &f, &why);
        if (e == ERR_CONFIG)
            note_parser(out, buf_view(&why));
    }
    if (e == ERR_NONE) {
        catalog_lint(&f, &lint);
        e = lint.errors != 0 ? ERR_CONFIG : catalog_json(&f, out->part);
    }
    if (buf_append_byte(&out->findings, ']') != ERR_NONE)
        e = ERR_MEMORY;
    buf_free(&why);
    catalog_file_free(&f);
    return e;
}

void catalog_text_free(struct catalog_text *t)
{
    for (unsigned i = 0; i < CATALOG_JSON_PARTS; i++)
        buf_free(&t->part[i]);
    buf_free(&t->findings);
}
