/* Request bodies: one JSON object, read by a table of fields. Numbers are taken as they are
 * written, so that no amount of money ever passes through floating point. */
#include "call.h"
#include "money.h"

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

static enum err take_text(struct json_value v, uint64_t max, char out[static 257])
{
    struct buf text;
    enum err e;

    assert(max < 257);
    buf_init(&text, max);
    e = json_string_decode(v, &text);
    for (size_t i = 0; e == ERR_NONE && i < text.len; i++)
        if (text.ptr[i] < ' ' || text.ptr[i] == 0x7f)
            e = ERR_FORMAT;
    if (e == ERR_NONE && text.len == 0)
        e = ERR_FORMAT;
    if (e == ERR_NONE) {
        memcpy(out, text.ptr, text.len);
        out[text.len] = '\0';
    }
    buf_free(&text);
    return e;
}

static enum err take_usd(struct json_value v, int64_t *out)
{
    struct view text = v.text;

    if (v.kind != JSON_NUMBER && !json_string_plain(v, &text))
        return ERR_FORMAT;
    return money_parse_usd(text, out);
}

static enum err take_count(struct json_value v, uint64_t max, int64_t *out)
{
    uint64_t u;
    enum err e = v.kind == JSON_NUMBER ? json_u64(v, &u) : ERR_FORMAT;

    if (e == ERR_NONE && u > max)
        e = ERR_RANGE;
    if (e == ERR_NONE)
        *out = (int64_t)u;
    return e;
}

static enum err take_name(struct json_value v, const char *const *names, int64_t *out)
{
    for (int64_t i = 0; names[i] != NULL; i++)
        if (json_string_is(v, names[i])) {
            *out = i;
            return ERR_NONE;
        }
    return ERR_FORMAT;
}

static enum err take_value(const struct field *f, struct json_value v, struct value *out)
{
    struct view plain;

    switch (f->type) {
    case FIELD_TEXT:
        return v.kind == JSON_STRING ? take_text(v, f->max, out->text) : ERR_FORMAT;
    case FIELD_BOOL:
        out->number = v.kind == JSON_TRUE;
        return v.kind == JSON_TRUE || v.kind == JSON_FALSE ? ERR_NONE : ERR_FORMAT;
    case FIELD_USD:
        return take_usd(v, &out->number);
    case FIELD_COUNT:
        return take_count(v, f->max, &out->number);
    case FIELD_NAME:
        return take_name(v, f->names, &out->number);
    case FIELD_TIME:
        return json_string_plain(v, &plain) ? call_parse_time(plain, &out->number) : ERR_FORMAT;
    case FIELD_ID:
        return json_string_plain(v, &plain) ? id_parse(plain, &out->id) : ERR_FORMAT;
    }
    return ERR_BUG;
}

static const char *const sentences[] = {
    [FIELD_TEXT] = "This must be text of a sensible length without control characters.",
    [FIELD_BOOL] = "This must be true or false.",
    [FIELD_USD] = "This must be dollars, at most 9 decimals, no sign and no exponent.",
    [FIELD_COUNT] = "This must be a whole number in its range.",
    [FIELD_NAME] = "This is not one of the allowed values.",
    [FIELD_TIME] = "This must be a time as in RFC 3339.",
    [FIELD_ID] = "This must be an id.",
};

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
    if (out->state == VALUE_SET && take_value(f, v, out) != ERR_NONE) {
        call_fail(c, 400, "invalid_parameter", sentences[f->type], f->name);
        return false;
    }
    return true;
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
