/* Request bodies: one JSON object, read by a table of fields. Numbers are taken as they are
 * written, so that no amount of money ever passes through floating point. */
#include "call.h"
#include "clock.h"
#include "decimal.h"
#include "money.h"
#include "name.h"

#include <assert.h>
#include <time.h>

/* --- time --- */

static bool digits(struct view *v, size_t n, int *out)
{
    struct view d;
    uint64_t u;

    if (!view_take(v, n, &d) || !view_u64(d, &u))
        return false;
    *out = (int)u;
    return true;
}

static bool literal(struct view *v, char upper)
{
    struct view c;

    return view_take(v, 1, &c) &&
           (c.ptr[0] == upper || (upper >= 'A' && c.ptr[0] == (upper | 0x20)));
}

/* "Z" or "+hh:mm", as minutes east. */
static bool take_zone(struct view v, int *minutes)
{
    int h, m, sign;

    *minutes = 0;
    if (v.len == 1)
        return literal(&v, 'Z');
    if (v.len != 6 || (v.ptr[0] != '+' && v.ptr[0] != '-'))
        return false;
    sign = v.ptr[0] == '-' ? -1 : 1;
    v = view_from(v, 1);
    if (!digits(&v, 2, &h) || !literal(&v, ':') || !digits(&v, 2, &m) || h > 23 || m > 59)
        return false;
    *minutes = sign * (h * 60 + m);
    return true;
}

static bool take_fraction(struct view *v, int *ms)
{
    size_t n = 1;

    *ms = 0;
    if (v->len == 0 || v->ptr[0] != '.')
        return true;
    for (int scale = 100; n < v->len && v->ptr[n] >= '0' && v->ptr[n] <= '9'; n++, scale /= 10)
        *ms += (v->ptr[n] - '0') * scale;
    *v = view_from(*v, n);
    return n > 1;
}

enum err call_parse_time(struct view v, int64_t *out_ms)
{
    struct tm t = {0}, back;
    int year, month, day, ms, zone;
    time_t seconds;

    if (!digits(&v, 4, &year) || !literal(&v, '-') || !digits(&v, 2, &month) || !literal(&v, '-') ||
        !digits(&v, 2, &day) || !literal(&v, 'T') || !digits(&v, 2, &t.tm_hour) ||
        !literal(&v, ':') || !digits(&v, 2, &t.tm_min) || !literal(&v, ':') ||
        !digits(&v, 2, &t.tm_sec) || !take_fraction(&v, &ms) || !take_zone(v, &zone))
        return ERR_FORMAT;
    if (year < 1970 || month < 1 || month > 12 || day < 1 || t.tm_hour > 23 || t.tm_min > 59 ||
        t.tm_sec > 59)
        return ERR_FORMAT;
    t.tm_year = year - 1900;
    t.tm_mon = month - 1;
    t.tm_mday = day;
    seconds = timegm(&t);
    /* The 31st of April has become the 1st of May: no such day. */
    if (gmtime_r(&seconds, &back) == NULL || back.tm_mday != day)
        return ERR_FORMAT;
    *out_ms = ((int64_t)seconds - zone * 60) * 1000 + ms;
    return ERR_NONE;
}

/* --- values --- */

/* NULL: taken; otherwise the sentence that says why not. */
static const char *take_text(struct json_value v, uint64_t max, char out[static 257])
{
    const char *fault = "This must be text.";
    struct buf text;
    enum err e = ERR_FORMAT;

    assert(max < 257);
    buf_init(&text, max);
    if (v.kind == JSON_STRING)
        e = json_string_decode(v, &text);
    if (e == ERR_LIMIT)
        fault = "This text is too long.";
    else if (e == ERR_NONE)
        fault = name_fault(buf_view(&text));
    if (fault == NULL) {
        memcpy(out, text.ptr, text.len);
        out[text.len] = '\0';
    }
    buf_free(&text);
    return fault;
}

static const char *take_secret(struct json_value v, struct value *out)
{
    const char *fault = "This must be text of 1 to 256 bytes.";
    struct buf text;

    buf_init(&text, sizeof out->text - 1);
    if (v.kind == JSON_STRING && json_string_decode(v, &text) == ERR_NONE && text.len > 0) {
        fault = NULL;
        memcpy(out->text, text.ptr, text.len);
        out->text[text.len] = '\0';
        out->number = (int64_t)text.len;
    }
    buf_free(&text);
    return fault;
}

/* Dollars, or a whole number: as a JSON number in any spelling, or (dollars) as a string of the
 * same form. */
static const char *take_number(struct json_value v, bool dollars, int64_t *out)
{
    struct view text = v.text;
    enum err e = ERR_FORMAT;

    if (v.kind == JSON_NUMBER || (dollars && json_string_plain(v, &text)))
        e = dollars ? money_parse_usd(text, out) : decimal_parse(text, 0, out);
    if (e == ERR_LIMIT)
        return dollars ? "This is finer than a billionth of a dollar." : "This must be whole.";
    if (e == ERR_RANGE)
        return "This number is too large.";
    if (e != ERR_NONE)
        return dollars ? "This must be dollars, as a decimal number without a sign."
                       : "This must be a whole number without a sign.";
    return NULL;
}

static const char *take_count(struct json_value v, uint64_t max, int64_t *out)
{
    const char *fault = take_number(v, false, out);

    return fault == NULL && (uint64_t)*out > max ? "This number is too large." : fault;
}

static const char *take_name(struct json_value v, const char *const *names, int64_t *out)
{
    for (int64_t i = 0; names[i] != NULL; i++)
        if (json_string_is(v, names[i])) {
            *out = i;
            return NULL;
        }
    return "This is not one of the allowed values.";
}

/* 2101-01-01T00:00:00Z. A later end is a typing error, and a caller who wants none leaves it away. */
#define TIME_END_MS INT64_C(4133980800000)

static const char *take_future(struct json_value v, int64_t *out)
{
    struct view text;

    if (!json_string_plain(v, &text) || call_parse_time(text, out) != ERR_NONE)
        return "This must be a time as in RFC 3339.";
    if (*out <= (int64_t)clock_unix_ms())
        return "This time has passed.";
    return *out >= TIME_END_MS ? "This time is after the year 2100." : NULL;
}

static const char *take_list(struct json_value v, uint64_t max, struct json_value *out)
{
    struct json_member item;
    struct view plain;
    uint64_t n = 0;

    if (v.kind != JSON_ARRAY)
        return "This must be an array of texts.";
    for (struct json_iter it = json_iter(v); json_next(&it, &item); n++)
        if (!json_string_plain(item.value, &plain))
            return "This must be an array of texts without escapes.";
    *out = v;
    return n <= max ? NULL : "This has too many elements.";
}

/* NULL: taken; otherwise the sentence that says what is wrong with it. */
static const char *take_value(const struct field *f, struct json_value v, struct value *out)
{
    struct view plain;

    switch (f->type) {
    case FIELD_TEXT:
        return take_text(v, f->max, out->text);
    case FIELD_BOOL:
        out->number = v.kind == JSON_TRUE;
        return v.kind == JSON_TRUE || v.kind == JSON_FALSE ? NULL : "This must be true or false.";
    case FIELD_USD:
        return take_number(v, true, &out->number);
    case FIELD_COUNT:
        return take_count(v, f->max, &out->number);
    case FIELD_NAME:
        return take_name(v, f->names, &out->number);
    case FIELD_FUTURE:
        return take_future(v, &out->number);
    case FIELD_ID:
        return json_string_plain(v, &plain) && id_parse(plain, &out->id) == ERR_NONE
                   ? NULL
                   : "This must be an id.";
    case FIELD_LIST:
        return take_list(v, f->max, &out->list);
    case FIELD_SECRET:
        return take_secret(v, out);
    case FIELD_PLAIN:
        if (!json_string_plain(v, &out->plain))
            return "This must be text without escapes.";
        return out->plain.len <= f->max ? NULL : "This text is too long.";
    case FIELD_LINES:
        out->list = v;
        if (v.kind != JSON_STRING)
            return "This must be text.";
        return v.text.len <= f->max ? NULL : "This text is too long.";
    }
    return "This has no type.";
}

static const struct field *find_field(const struct field *fields, size_t n, struct view key)
{
    for (size_t i = 0; i < n; i++)
        if (json_key_is(key, fields[i].name))
            return &fields[i];
    return NULL;
}

/* true: taken; false: the call has been answered. */
static bool take_member(struct call *c, const struct field *f, struct json_value v,
                        struct value *out)
{
    const char *fault = NULL;

    if (f == NULL) {
        /* A misspelt limit must not make a key without one. */
        call_fail(c, 400, "unknown_parameter", "The body has a member that is not known here.",
                  NULL);
        return false;
    }
    if (out->state != VALUE_ABSENT) {
        call_fail(c, 400, "duplicate_parameter", "This is there twice.", f->name);
        return false;
    }
    out->state = v.kind == JSON_NULL && f->nullable ? VALUE_NULL : VALUE_SET;
    if (out->state == VALUE_SET)
        fault = take_value(f, v, out);
    if (fault != NULL)
        call_fail(c, 400, "invalid_parameter", fault, f->name);
    return fault == NULL;
}

bool call_body(struct call *c, const struct field *fields, size_t n, struct value *out)
{
    struct json_member members[CALL_MEMBERS_MAX];
    size_t n_members = 0;

    memset(out, 0, n * sizeof *out);
    if (json_object(buf_view(&c->body), members, CALL_MEMBERS_MAX, &n_members, NULL) != ERR_NONE) {
        call_fail(c, 400, "invalid_json", "The body must be one JSON object.", NULL);
        return false;
    }
    for (size_t i = 0; i < n_members; i++) {
        const struct field *f = find_field(fields, n, members[i].key);

        if (!take_member(c, f, members[i].value, f == NULL ? NULL : &out[f - fields]))
            return false;
    }
    for (size_t i = 0; i < n; i++)
        if (fields[i].required && out[i].state != VALUE_SET) {
            call_fail(c, 400, "missing_parameter", "This is needed.", fields[i].name);
            return false;
        }
    return true;
}
