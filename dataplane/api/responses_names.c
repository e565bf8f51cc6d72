/* (G) Names of tools at a provider, and back. */
#include "content_view.h"
#include "responses_internal.h"

enum { NAME_HASH_DIGITS = 16 };

/* Tells apart what is cut; a client that makes two of its own names collide confuses nobody but itself. */
static uint64_t name_hash(struct view v, uint64_t hash)
{
    for (size_t i = 0; i < v.len; i++)
        hash = (hash ^ v.ptr[i]) * UINT64_C(0x100000001b3);
    return hash;
}

/* At most `room` bytes of the name, those that not every provider takes replaced. */
static enum err append_safe(struct view name, size_t *room, struct buf *out)
{
    enum err e = ERR_NONE;

    for (size_t i = 0; e == ERR_NONE && i < name.len && *room != 0; i++, --*room) {
        uint8_t c = name.ptr[i];
        bool safe = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '_' || c == '-';

        e = buf_append_byte(out, safe ? c : '_');
    }
    return e;
}

enum err responses_name(struct view space, struct view name, struct buf *out)
{
    static const char digits[] = "0123456789abcdef";
    size_t whole = space.len + (space.len == 0 ? 0 : 2) + name.len, room = RESPONSES_NAME_MAX;
    uint64_t hash;
    enum err e;

    if (space.len == 0 && name.len <= RESPONSES_NAME_MAX)
        return buf_append(out, name);
    if (whole > RESPONSES_NAME_MAX)
        room -= NAME_HASH_DIGITS + 1;
    e = append_safe(space, &room, out);
    if (e == ERR_NONE && space.len != 0)
        e = append_safe(VIEW_LIT("__"), &room, out);
    if (e == ERR_NONE)
        e = append_safe(name, &room, out);
    if (e != ERR_NONE || whole <= RESPONSES_NAME_MAX)
        return e;
    hash = name_hash(name, name_hash(VIEW_LIT("__"), name_hash(space, UINT64_C(0xcbf29ce484222325))));
    e = buf_append_byte(out, '_');
    for (int i = NAME_HASH_DIGITS - 1; e == ERR_NONE && i >= 0; i--)
        e = buf_append_byte(out, (uint8_t)digits[hash >> (4 * i) & 15]);
    return e;
}

enum err responses_keep_name(struct responses_reader *r, struct view space, struct json_value object,
                             const char *message, struct view *out)
{
    struct view name = responses_text(object, "name");
    struct buf made;
    enum err e;

    if (space.len == 0)
        space = responses_text(object, "namespace");
    if (name.len == 0)
        return responses_refuse(r, message, ERR_FORMAT);
    *out = name;
    if (space.len == 0 && name.len <= RESPONSES_NAME_MAX)
        return ERR_NONE;
    buf_init(&made, RESPONSES_NAME_MAX);
    e = responses_name(space, name, &made);
    if (e == ERR_NONE)
        e = prompt_keep(&r->p->list, buf_view(&made), out);
    buf_free(&made);
    return e;
}

static bool name_is(struct view space, struct json_value tool, struct view name)
{
    struct buf made;
    bool same;

    buf_init(&made, RESPONSES_NAME_MAX);
    same = responses_name(space, responses_text(tool, "name"), &made) == ERR_NONE &&
           view_eq(buf_view(&made), name);
    buf_free(&made);
    return same;
}

static bool find_in(struct json_value tools, struct view name, struct view space,
                    struct json_value *tool)
{
    struct json_iter it = json_iter(tools);
    struct json_member m;

    while (tools.kind == JSON_ARRAY && json_next(&it, &m)) {
        if (name_is(space, m.value, name)) {
            *tool = m.value;
            return true;
        }
    }
    return false;
}

bool responses_name_find(struct json_value tools, struct view name, struct view *space,
                         struct json_value *tool)
{
    struct json_iter it = json_iter(tools);
    struct json_member m;

    *space = VIEW_EMPTY;
    if (find_in(tools, name, VIEW_EMPTY, tool))
        return true;
    while (tools.kind == JSON_ARRAY && json_next(&it, &m)) {
        struct json_value inner;

        *space = responses_text(m.value, "name");
        if (json_get(m.value, "tools", &inner) && find_in(inner, name, *space, tool))
            return true;
    }
    *space = VIEW_EMPTY;
    return false;
}
