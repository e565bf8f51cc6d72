#include "json.h"
#include "json_string.h"

#include <assert.h>

_Static_assert(JSON_MAX_DEPTH == 64, "the open containers are one bit each in scan.objects");

/* One walk over a document. Containers that are open are bits, not stack frames. */
struct scan {
    const uint8_t *p, *end; /* p: the next byte; on failure the first bad one */
    uint64_t objects;       /* bit 0: the innermost open container is an object, and so on out */
    unsigned depth;         /* containers open */

    /* Where the values of the two outermost levels began, and the key of an outer member. */
    const uint8_t *start[2];
    struct view key;
    struct json_value root;
    struct json_member *members; /* NULL: nobody wants them */
    size_t n, max;
};

static void skip_space(struct scan *s)
{
    while (s->p < s->end && json_is_space(*s->p))
        s->p++;
}

/* The byte at p is not what the grammar wants; nothing there means more bytes could. */
static enum err refuse(const struct scan *s)
{
    return s->p == s->end ? ERR_SHORT : ERR_FORMAT;
}

static bool next_is(const struct scan *s, uint8_t c)
{
    return s->p < s->end && *s->p == c;
}

static enum err scan_literal(struct scan *s, const char *word)
{
    for (; *word != '\0'; word++, s->p++)
        if (!next_is(s, (uint8_t)*word))
            return refuse(s);
    return ERR_NONE;
}

static enum err scan_digits(struct scan *s)
{
    const uint8_t *from = s->p;

    while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
        s->p++;
    return s->p != from ? ERR_NONE : refuse(s);
}

static enum err scan_number(struct scan *s)
{
    enum err e = ERR_NONE;

    if (next_is(s, '-'))
        s->p++;
    if (next_is(s, '0'))
        s->p++; /* no digit may follow: what comes next will refuse it */
    else
        e = scan_digits(s);
    if (e == ERR_NONE && next_is(s, '.')) {
        s->p++;
        e = scan_digits(s);
    }
    if (e == ERR_NONE && (next_is(s, 'e') || next_is(s, 'E'))) {
        s->p++;
        if (next_is(s, '+') || next_is(s, '-'))
            s->p++;
        e = scan_digits(s);
    }
    return e;
}

/* A value has ended at p, `depth` containers are still open around it. */
static enum err complete(struct scan *s)
{
    struct json_value v;

    if (s->depth > 1)
        return ERR_NONE;
    v.text = view_of(s->start[s->depth], (size_t)(s->p - s->start[s->depth]));
    v.kind = json_kind_of(v.text.ptr[0]);
    if (s->depth == 0) {
        s->root = v;
    } else if (s->members != NULL) {
        if (s->n == s->max)
            return ERR_LIMIT;
        s->members[s->n++] = (struct json_member){s->key, v};
    }
    return ERR_NONE;
}

static enum err pop(struct scan *s)
{
    assert(s->depth > 0);
    s->p++;
    s->depth--;
    s->objects >>= 1;
    return complete(s);
}

static uint8_t closer(const struct scan *s)
{
    return (s->objects & 1) != 0 ? '}' : ']';
}

/* Opens the container at p. *done: it was empty and is closed again. */
static enum err push(struct scan *s, bool *done)
{
    if (s->depth == JSON_MAX_DEPTH)
        return ERR_LIMIT;
    s->objects = s->objects << 1 | (*s->p == '{');
    s->depth++;
    s->p++;
    skip_space(s);
    *done = next_is(s, closer(s));
    return *done ? pop(s) : ERR_NONE;
}

/* A scalar in full, or the opening of a container. *done: a whole value lies behind p. */
static enum err scan_start(struct scan *s, bool *done)
{
    enum err e;

    if (s->p == s->end)
        return ERR_SHORT;
    if (s->depth < 2)
        s->start[s->depth] = s->p;
    *done = true;
    switch (*s->p) {
    case '{':
    case '[':
        return push(s, done);
    case '"':
        s->p++;
        e = json_string_scan(&s->p, s->end);
        break;
    case 't':
        e = scan_literal(s, "true");
        break;
    case 'f':
        e = scan_literal(s, "false");
        break;
    case 'n':
        e = scan_literal(s, "null");
        break;
    default:
        e = scan_number(s);
        break;
    }
    return e == ERR_NONE ? complete(s) : e;
}

static enum err scan_key(struct scan *s)
{
    const uint8_t *from;
    enum err e;

    if (!next_is(s, '"'))
        return refuse(s);
    from = ++s->p;
    e = json_string_scan(&s->p, s->end);
    if (e != ERR_NONE)
        return e;
    if (s->depth == 1)
        s->key = view_of(from, (size_t)(s->p - 1 - from));
    skip_space(s);
    if (!next_is(s, ':'))
        return refuse(s);
    s->p++;
    skip_space(s);
    return ERR_NONE;
}

/* Behind a value inside a container: a comma (*done false: another element must follow) or the end
 * of the container (*done stays true: the container is now the value that ended). */
static enum err scan_after(struct scan *s, bool *done)
{
    skip_space(s);
    if (next_is(s, closer(s)))
        return pop(s);
    if (!next_is(s, ','))
        return refuse(s);
    s->p++;
    skip_space(s);
    *done = false;
    return ERR_NONE;
}

/* One value at p, with all that is nested in it. */
static enum err scan_value(struct scan *s)
{
    for (;;) {
        bool done;
        enum err e = scan_start(s, &done);

        while (e == ERR_NONE && done && s->depth > 0)
            e = scan_after(s, &done);
        if (e != ERR_NONE || s->depth == 0)
            return e;
        if ((s->objects & 1) != 0)
            e = scan_key(s);
        if (e != ERR_NONE)
            return e;
    }
}

static enum err scan_document(struct scan *s)
{
    enum err e;

    skip_space(s);
    if (s->members != NULL && s->p < s->end && *s->p != '{')
        return ERR_FORMAT; /* json_object() reads nothing else */
    e = scan_value(s);
    if (e != ERR_NONE)
        return e;
    skip_space(s);
    return s->p == s->end ? ERR_NONE : ERR_FORMAT;
}

static struct scan scan_of(struct view doc)
{
    return (struct scan){.p = doc.ptr, .end = doc.len != 0 ? doc.ptr + doc.len : doc.ptr};
}

enum err json_check(struct view doc, struct json_value *root, size_t *at_out)
{
    struct scan s = scan_of(doc);
    enum err e = scan_document(&s);

    if (e == ERR_NONE)
        *root = s.root;
    else if (at_out != NULL)
        *at_out = doc.len - (size_t)(s.end - s.p);
    return e;
}

enum err json_object(struct view doc, struct json_member *members, size_t max, size_t *n_out,
                     size_t *at_out)
{
    struct scan s = scan_of(doc);
    enum err e;

    assert(members != NULL);
    s.members = members;
    s.max = max;
    e = scan_document(&s);
    if (e == ERR_NONE)
        *n_out = s.n;
    else if (at_out != NULL)
        *at_out = doc.len - (size_t)(s.end - s.p);
    return e;
}

/* --- reading what was validated --- */

enum err json_find(const struct json_member *m, size_t n, const char *name, struct json_value *out)
{
    const struct json_member *found = NULL;

    for (size_t i = 0; i < n; i++) {
        if (!json_key_is(m[i].key, name))
            continue;
        if (found != NULL)
            return ERR_DUPLICATE;
        found = &m[i];
    }
    if (found == NULL)
        return ERR_NOT_FOUND;
    *out = found->value;
    return ERR_NONE;
}

bool json_get(struct json_value v, const char *name, struct json_value *out)
{
    struct json_iter it = json_iter(v);
    struct json_member m;

    while (it.object && json_next(&it, &m)) {
        if (json_key_is(m.key, name)) {
            *out = m.value;
            return true;
        }
    }
    return false;
}

enum err json_only(struct json_value v, const char *name, struct json_value *out)
{
    struct json_value found = {.kind = JSON_NULL};
    struct json_iter it = json_iter(v);
    struct json_member m;
    unsigned n = 0;

    while (n < 2 && it.object && json_next(&it, &m)) {
        if (!json_key_is(m.key, name))
            continue;
        found = m.value;
        n++;
    }
    if (n != 1)
        return n == 0 ? ERR_NOT_FOUND : ERR_DUPLICATE;
    *out = found;
    return ERR_NONE;
}

/* The digits of an integer literal and its sign. */
static enum err integer(struct json_value v, bool *negative, uint64_t *magnitude)
{
    struct view digits = v.text;

    if (v.kind != JSON_NUMBER)
        return ERR_FORMAT;
    *negative = view_starts(digits, VIEW_LIT("-"));
    digits = view_from(digits, *negative);
    if (digits.len == 0)
        return ERR_FORMAT;
    for (size_t i = 0; i < digits.len; i++)
        if (digits.ptr[i] < '0' || digits.ptr[i] > '9')
            return ERR_FORMAT;
    return view_u64(digits, magnitude) ? ERR_NONE : ERR_RANGE;
}

enum err json_i64(struct json_value v, int64_t *out)
{
    uint64_t magnitude;
    bool negative;
    enum err e = integer(v, &negative, &magnitude);

    if (e != ERR_NONE)
        return e;
    if (magnitude > (uint64_t)INT64_MAX + negative)
        return ERR_RANGE;
    /* 2^63 itself only as INT64_MIN, which -1 - (2^63 - 1) reaches without overflow. */
    *out = negative && magnitude != 0 ? -1 - (int64_t)(magnitude - 1) : (int64_t)magnitude;
    return ERR_NONE;
}

enum err json_u64(struct json_value v, uint64_t *out)
{
    uint64_t magnitude;
    bool negative;
    enum err e = integer(v, &negative, &magnitude);

    if (e != ERR_NONE)
        return e;
    if (negative && magnitude != 0)
        return ERR_RANGE;
    *out = magnitude;
    return ERR_NONE;
}
