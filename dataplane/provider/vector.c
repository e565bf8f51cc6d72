/* (G) Reads and writes the two forms of a vector. */
#include "vector.h"

#include "base64.h"
#include "content_view.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

_Static_assert(sizeof(float) == 4 && FLT_MANT_DIG == 24, "a float is IEEE 754 binary32");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a float32 is copied as it lies in memory");

enum { NUMBER_MAX = 24 }; /* bytes of a float32 with nine digits: -1.17549435e-38 has 15 */

/* --- numbers */

/* m / 10^places is one correctly rounded operation while both are exact in a double. Rounding it again to a
 * float is right too, but where the double lies exactly between two floats and the number may not: false,
 * as for everything unusual. */
static bool quick_number(struct view t, float *out)
{
    static const double ten[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,
                                 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17};
    bool minus = t.len != 0 && t.ptr[0] == '-', fraction = false;
    uint64_t m = 0, bits;
    size_t places = 0;
    double d;

    for (size_t i = minus; i < t.len; i++) {
        if (t.ptr[i] == '.') {
            fraction = true;
            continue;
        }
        if (t.ptr[i] < '0' || t.ptr[i] > '9' || m > (UINT64_C(1) << 53) / 10 - 1 ||
            places == sizeof ten / sizeof ten[0] - 1)
            return false;
        m = m * 10 + (uint64_t)(t.ptr[i] - '0');
        places += fraction;
    }
    d = (double)m / ten[places];
    memcpy(&bits, &d, sizeof bits);
    if ((bits & 0x1fffffff) == 0x10000000 || (m != 0 && d < (double)FLT_MIN))
        return false;
    *out = (float)(minus ? -d : d);
    return true;
}

/* The text of a number is not its buffer's end: the array's bracket follows, at which strtof() stops. */
static enum err read_number(struct json_value v, float *out)
{
    if (v.kind != JSON_NUMBER)
        return ERR_PROVIDER_PROTOCOL;
    if (!quick_number(v.text, out))
        *out = strtof((const char *)v.text.ptr, NULL);
    return isfinite(*out) ? ERR_NONE : ERR_PROVIDER_PROTOCOL;
}

/* Appends the floats' bytes. */
static enum err read_numbers(struct json_value array, struct buf *out)
{
    struct json_iter it = json_iter(array);
    struct json_member m;
    enum err e = ERR_NONE;
    float f;

    while (e == ERR_NONE && json_next(&it, &m)) {
        e = read_number(m.value, &f);
        if (e == ERR_NONE)
            e = buf_append(out, view_of(&f, sizeof f));
    }
    return e;
}

static enum err write_numbers(struct view floats, struct buf *out)
{
    enum err e = buf_append_byte(out, '[');
    char text[NUMBER_MAX + 1];
    float f;
    int n;

    for (size_t i = 0; e == ERR_NONE && i < floats.len; i += sizeof f) {
        memcpy(&f, floats.ptr + i, sizeof f);
        n = snprintf(text, sizeof text, i == 0 ? "%.9g" : ",%.9g", (double)f);
        e = buf_append(out, view_of(text, (size_t)n));
    }
    return e == ERR_NONE ? buf_append_byte(out, ']') : e;
}

/* --- base64 */

static enum err read_base64(struct json_value string, struct buf *out)
{
    struct view text;
    struct buf plain; /* some servers escape the slash */
    enum err e = ERR_NONE;
    float f;

    buf_init_charged(&plain, out->max, out->budget);
    if (!json_string_plain(string, &text)) {
        e = json_string_decode(string, &plain);
        text = buf_view(&plain);
    }
    if (e == ERR_NONE)
        e = base64_decode(text, out);
    if (e == ERR_FORMAT || (e == ERR_NONE && out->len % sizeof f != 0))
        e = ERR_PROVIDER_PROTOCOL;
    for (size_t i = 0; e == ERR_NONE && i < out->len; i += sizeof f) {
        memcpy(&f, out->ptr + i, sizeof f);
        if (!isfinite(f))
            e = ERR_PROVIDER_PROTOCOL;
    }
    buf_free(&plain);
    return e;
}

static enum err write_base64(struct view floats, struct buf *out)
{
    enum err e = buf_append_byte(out, '"');

    if (e == ERR_NONE)
        e = base64_append(floats, out);
    return e == ERR_NONE ? buf_append_byte(out, '"') : e;
}

/* --- either */

/* Every element is looked at, also of an array that stays as it is: 1e39 is a number, but no float32. */
enum err vector_write(struct json_value v, bool base64, struct buf *scratch, struct buf *out, size_t *count)
{
    enum err e = ERR_PROVIDER_PROTOCOL;

    buf_reset(scratch);
    if (v.kind == JSON_ARRAY)
        e = read_numbers(v, scratch);
    else if (v.kind == JSON_STRING)
        e = read_base64(v, scratch);
    *count = scratch->len / sizeof(float);
    if (e == ERR_NONE && *count == 0)
        e = ERR_PROVIDER_PROTOCOL;
    if (e != ERR_NONE)
        return e;
    if (base64)
        return write_base64(buf_view(scratch), out);
    return v.kind == JSON_ARRAY ? buf_append(out, v.text) : write_numbers(buf_view(scratch), out);
}
