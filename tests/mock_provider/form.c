/* A multipart form as the JSON object that the readers of the wires take: a file is the number of its bytes, a field
 * that is JSON itself is that value, another one is a string. */
#include "form.h"

#include "json.h"

static struct view upto(struct view v, const char *end, size_t n, struct view *rest)
{
    const uint8_t *at = memmem(v.ptr, v.len, end, n);
    struct view before = at != NULL ? view_of(v.ptr, (size_t)(at - v.ptr)) : v;

    *rest = at != NULL ? view_from(v, before.len + n) : VIEW_EMPTY;
    return before;
}

static void put_string(struct bytes *out, struct view v)
{
    BYTES_LIT(out, "\"");
    for (size_t i = 0; i < v.len; i++) {
        if (v.ptr[i] == '"' || v.ptr[i] == '\\' || v.ptr[i] < ' ')
            bytes_printf(out, "\\u%04x", v.ptr[i]);
        else
            bytes_put(out, v.ptr + i, 1);
    }
    BYTES_LIT(out, "\"");
}

static void put_field(struct bytes *out, struct view head, struct view value, bool first)
{
    struct view rest, name;
    struct json_value v;
    bool file = memmem(head.ptr, head.len, "filename=", 9) != NULL;

    (void)upto(head, "name=\"", 6, &rest);
    name = upto(rest, "\"", 1, &rest);
    bytes_str(out, first ? "" : ",");
    put_string(out, name);
    BYTES_LIT(out, ":");
    if (file)
        bytes_u64(out, value.len);
    else if (json_check(value, &v, NULL) == ERR_NONE)
        bytes_put(out, value.ptr, value.len);
    else
        put_string(out, value);
}

void form_as_json(struct view body, struct bytes *out)
{
    struct bytes divider = {0};
    struct view line, head, value, rest;
    bool first = true;

    line = upto(body, "\r\n", 2, &rest);
    BYTES_LIT(&divider, "\r\n");
    bytes_put(&divider, line.ptr, line.len);
    BYTES_LIT(out, "{");
    while (rest.len != 0 && !view_starts(rest, VIEW_LIT("--"))) {
        head = upto(rest, "\r\n\r\n", 4, &rest);
        value = upto(rest, divider.ptr, divider.len, &rest);
        put_field(out, head, value, first);
        first = false;
        rest = view_starts(rest, VIEW_LIT("\r\n")) ? view_from(rest, 2) : rest;
    }
    BYTES_LIT(out, "}");
    bytes_free(&divider);
}
