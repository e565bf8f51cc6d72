/* (G) Puts reasoning_details together. */
#include "details.h"

#include "content_view.h"

void details_init(struct details *d, size_t max, struct budget *budget)
{
    *d = (struct details){.pieces = false};
    buf_init_charged(&d->whole, max, budget);
    buf_init_charged(&d->last, max, budget);
    buf_init_charged(&d->text, max, budget);
}

void details_free(struct details *d)
{
    buf_free(&d->whole);
    buf_free(&d->last);
    buf_free(&d->text);
    d->pieces = false;
}

/* The member that has the text of an element of this type; NULL: it has none. */
static const char *text_name(struct json_value element)
{
    struct json_value type;

    if (!json_get(element, "type", &type))
        return NULL;
    return json_string_is(type, "reasoning.text")      ? "text"
           : json_string_is(type, "reasoning.summary") ? "summary"
                                                       : NULL;
}

static bool same_member(struct json_value a, struct json_value b, const char *name)
{
    struct json_value x = {JSON_NULL, VIEW_EMPTY}, y = x;

    (void)json_get(a, name, &x);
    (void)json_get(b, name, &y);
    return view_eq(x.text, y.text);
}

bool details_are_few(struct view element)
{
    struct json_iter it = json_iter((struct json_value){JSON_OBJECT, element});
    struct json_member m;
    size_t n = 0;

    while (n <= DETAILS_MEMBERS_MAX && json_next(&it, &m))
        n++;
    return n <= DETAILS_MEMBERS_MAX;
}

static bool goes_on(const struct details *d, struct json_value element)
{
    struct json_value last = {JSON_OBJECT, buf_view(&d->last)};

    if (d->last.len == 0 || (d->pieces && d->last.len > DETAILS_JOINED_MAX))
        return false;
    return text_name(element) != NULL && same_member(last, element, "type") &&
           same_member(last, element, "index") && details_are_few(last.text) &&
           details_are_few(element.text);
}

/* Members of the element that the last one does not have, but for its text and what is null. */
static enum err add_members(struct details *d, struct json_value element, const char *text)
{
    struct json_iter it = json_iter(element);
    struct json_member m;
    enum err e = ERR_NONE;

    while (e == ERR_NONE && json_next(&it, &m)) {
        struct json_iter own = json_iter((struct json_value){JSON_OBJECT, buf_view(&d->last)});
        struct json_member had;
        bool known = json_key_is(m.key, text) || m.value.kind == JSON_NULL;

        while (!known && json_next(&own, &had))
            known = view_eq(had.key, m.key);
        if (known)
            continue;
        d->last.len--; /* the closing brace */
        if (d->last.len > 1)
            e = buf_append_byte(&d->last, ',');
        if (e == ERR_NONE)
            e = buf_append_byte(&d->last, '"');
        if (e == ERR_NONE)
            e = buf_append(&d->last, m.key);
        if (e == ERR_NONE)
            e = buf_append(&d->last, VIEW_LIT("\":"));
        if (e == ERR_NONE)
            e = buf_append(&d->last, m.value.text);
        if (e == ERR_NONE)
            e = buf_append_byte(&d->last, '}');
    }
    return e;
}

static enum err add_text(struct details *d, struct json_value element, const char *name)
{
    struct json_value text;

    return json_get(element, name, &text) && text.kind == JSON_STRING
               ? buf_append(&d->text, view_of(text.text.ptr + 1, text.text.len - 2))
               : ERR_NONE;
}

/* The last one came whole so far: from here on its text is apart. */
static enum err take_apart(struct details *d, const char *name)
{
    struct buf was = d->last;
    struct json_value element = {JSON_OBJECT, buf_view(&was)};
    enum err e;

    buf_init_charged(&d->last, was.max, was.budget);
    e = buf_append(&d->last, VIEW_LIT("{}"));
    if (e == ERR_NONE)
        e = add_members(d, element, name);
    if (e == ERR_NONE)
        e = add_text(d, element, name);
    d->pieces = true;
    buf_free(&was);
    return e;
}

/* The last one is over. */
static enum err end_last(struct details *d)
{
    struct json_value last = {JSON_OBJECT, buf_view(&d->last)};
    const char *name = text_name(last);
    enum err e = ERR_NONE;

    if (d->last.len == 0)
        return ERR_NONE;
    if (d->whole.len != 0)
        e = buf_append_byte(&d->whole, ',');
    if (e == ERR_NONE)
        e = buf_append(&d->whole, view_of(d->last.ptr, d->last.len - (d->pieces ? 1 : 0)));
    if (e == ERR_NONE && d->pieces) { /* it has a type before */
        e = buf_append(&d->whole, VIEW_LIT(",\""));
        if (e == ERR_NONE)
            e = buf_append(&d->whole, view_str(name));
        if (e == ERR_NONE)
            e = buf_append(&d->whole, VIEW_LIT("\":\""));
        if (e == ERR_NONE)
            e = buf_append(&d->whole, buf_view(&d->text));
        if (e == ERR_NONE)
            e = buf_append(&d->whole, VIEW_LIT("\"}"));
    }
    buf_reset(&d->last);
    buf_reset(&d->text);
    d->pieces = false;
    return e;
}

enum err details_add(struct details *d, struct view element)
{
    struct json_value v = {JSON_OBJECT, element};
    const char *name = text_name(v);
    enum err e;

    if (!goes_on(d, v)) {
        e = end_last(d);
        return e == ERR_NONE ? buf_append(&d->last, element) : e;
    }
    e = d->pieces ? ERR_NONE : take_apart(d, name);
    if (e == ERR_NONE)
        e = add_text(d, v, name);
    return e == ERR_NONE ? add_members(d, v, name) : e;
}

enum err details_end(struct details *d, struct view *out)
{
    enum err e = end_last(d);

    *out = buf_view(&d->whole);
    return e;
}
