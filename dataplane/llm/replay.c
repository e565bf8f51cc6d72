/* (G) Seals and opens what a model thought. */
#include "replay.h"

#include "base64.h"
#include "content_view.h"

enum {
    SEALED_MEMBERS = 4,
    MAKER_MAX = 2 * LIMIT_MODEL_ID_BYTES, /* escaped; each element of the text is compared with it */
};
static const char *const names[SEALED_MEMBERS] = {"tr", "maker", "text", "details"};

/* All sealed texts begin so: base64 of {"tr":1, is the same whatever follows. */
#define SEALED_BEGIN "eyJ0ciI6MSwi"

static enum err append_plain(struct view maker, struct view text, struct view details, struct buf *out)
{
    enum err e = buf_append(out, VIEW_LIT("{\"tr\":1,\"maker\":"));

    if (e == ERR_NONE)
        e = buf_append_json_string(out, maker);
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT(",\"text\":\""));
    if (e == ERR_NONE)
        e = buf_append(out, text);
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT("\",\"details\":["));
    if (e == ERR_NONE)
        e = buf_append(out, details);
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT("]}"));
    return e;
}

/* Standard base64 from `from` on becomes the alphabet that no JSON writer escapes, without padding. */
static void to_url(struct buf *b, size_t from)
{
    while (b->len > from && b->ptr[b->len - 1] == '=')
        b->len--;
    for (size_t i = from; i < b->len; i++)
        b->ptr[i] = b->ptr[i] == '+' ? '-' : b->ptr[i] == '/' ? '_' : b->ptr[i];
}

enum err replay_seal(struct view maker, struct view text, struct view details, struct buf *out)
{
    size_t mark = out->len;
    struct buf plain;
    enum err e;

    buf_init_charged(&plain, out->max, out->budget);
    e = append_plain(maker, text, details, &plain);
    if (e == ERR_NONE)
        e = base64_append(buf_view(&plain), out);
    if (e == ERR_NONE)
        to_url(out, mark);
    else
        out->len = mark;
    buf_free(&plain);
    return e;
}

bool replay_is_sealed(struct view sealed)
{
    return view_starts(sealed, VIEW_LIT(SEALED_BEGIN));
}

static enum err decode(struct view sealed, struct buf *plain)
{
    struct buf standard;
    enum err e;

    buf_init(&standard, sealed.len + 4);
    e = buf_append(&standard, sealed);
    for (size_t i = 0; e == ERR_NONE && i < standard.len; i++) {
        uint8_t *c = &standard.ptr[i];

        if (*c == '+' || *c == '/' || *c == '=')
            e = ERR_FORMAT; /* one spelling only */
        *c = *c == '-' ? '+' : *c == '_' ? '/' : *c;
    }
    while (e == ERR_NONE && standard.len % 4 != 0)
        e = buf_append_byte(&standard, '=');
    if (e == ERR_NONE)
        e = base64_decode(buf_view(&standard), plain);
    buf_free(&standard);
    return e;
}

static struct view inside(struct json_value string)
{
    return view_of(string.text.ptr + 1, string.text.len - 2);
}

/* Each element is an object with one type, and that is one of reasoning. */
static bool details_good(struct json_value details)
{
    struct json_iter it = json_iter(details);
    struct json_member m;
    struct json_value type;
    struct view plain;

    while (json_next(&it, &m))
        if (json_only(m.value, "type", &type) != ERR_NONE || !json_string_plain(type, &plain) ||
            !view_starts(plain, VIEW_LIT("reasoning.")))
            return false;
    return true;
}

static enum err read_plain(struct replay *r)
{
    struct json_member m[SEALED_MEMBERS];
    size_t n = 0;
    enum err e = json_object(buf_view(&r->plain), m, SEALED_MEMBERS, &n, NULL);

    if (e != ERR_NONE || n != SEALED_MEMBERS)
        return ERR_FORMAT;
    for (size_t i = 0; i < SEALED_MEMBERS; i++)
        if (!json_key_is(m[i].key, names[i]))
            return ERR_FORMAT;
    if (!view_eq(m[0].value.text, VIEW_LIT("1")) || m[1].value.kind != JSON_STRING ||
        m[1].value.text.len > MAKER_MAX || m[2].value.kind != JSON_STRING ||
        m[3].value.kind != JSON_ARRAY || !details_good(m[3].value))
        return ERR_FORMAT;
    r->maker = inside(m[1].value);
    r->text = inside(m[2].value);
    r->details = m[3].value;
    return ERR_NONE;
}

enum err replay_open(struct view sealed, struct replay *out)
{
    enum err e;

    *out = (struct replay){0};
    buf_init(&out->plain, sealed.len);
    if (!replay_is_sealed(sealed))
        return ERR_FORMAT;
    e = decode(sealed, &out->plain);
    return e == ERR_NONE ? read_plain(out) : e;
}

void replay_close(struct replay *r)
{
    buf_free(&r->plain);
    *r = (struct replay){0};
}

/* The member that the element's thoughts were taken out of, NULL when they are there or it has none. */
static const char *missing(struct json_value element)
{
    struct json_value type, any;
    const char *name = NULL;

    if (json_get(element, "type", &type))
        name = json_string_is(type, "reasoning.text")      ? "text"
               : json_string_is(type, "reasoning.summary") ? "summary"
                                                           : NULL;
    return name == NULL || json_get(element, name, &any) ? NULL : name;
}

static enum err append_with(struct json_value element, const char *name, struct view text,
                            struct buf *out)
{
    enum err e = buf_append(out, VIEW_LIT("{\""));

    if (e == ERR_NONE)
        e = buf_append(out, view_str(name));
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT("\":\""));
    if (e == ERR_NONE)
        e = buf_append(out, text);
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT("\",")); /* the type follows */
    return e == ERR_NONE ? buf_append(out, view_from(element.text, 1)) : e;
}

enum err replay_details(const struct replay *r, struct view text, struct buf *out)
{
    struct json_iter it = json_iter(r->details);
    struct json_member m;
    enum err e = ERR_NONE;
    bool given = false; /* once, or a short body could become a long one */

    for (size_t n = 0; e == ERR_NONE && json_next(&it, &m); n++) {
        const char *name = given ? NULL : missing(m.value);

        given = given || name != NULL;
        if (n != 0)
            e = buf_append_byte(out, ',');
        if (e == ERR_NONE)
            e = name == NULL ? buf_append(out, m.value.text)
                             : append_with(m.value, name, text.len != 0 ? text : r->text, out);
    }
    return e;
}

static enum err add_item(struct prompt_list *l, enum prompt_item_kind kind, struct prompt_text text)
{
    struct prompt_item *item;
    enum err e = prompt_add_item(l, kind, &item);

    if (e == ERR_NONE)
        item->text = text;
    return e;
}

static enum err add_thoughts(struct prompt_list *l, struct view inside_text, struct view beside)
{
    enum err e = ERR_NONE;

    if (beside.len == 0 && inside_text.len != 0)
        e = prompt_keep(l, inside_text, &beside);
    return e == ERR_NONE && beside.len != 0
               ? add_item(l, ITEM_REASONING, (struct prompt_text){beside, false})
               : e;
}

/* One item for each element, all in one piece of kept bytes. */
static enum err add_elements(struct prompt_list *l, const struct replay *r, struct view beside)
{
    struct json_iter it;
    struct json_member m;
    struct view kept, maker = VIEW_EMPTY;
    struct buf list;
    enum err e;

    buf_init(&list, r->plain.len + beside.len + sizeof "[\"summary\":\"\",]");
    e = buf_append_byte(&list, '[');
    if (e == ERR_NONE)
        e = replay_details(r, beside, &list);
    if (e == ERR_NONE)
        e = buf_append_byte(&list, ']');
    if (e == ERR_NONE)
        e = prompt_keep(l, buf_view(&list), &kept);
    if (e == ERR_NONE && r->maker.len != 0)
        e = prompt_keep(l, r->maker, &maker);
    buf_free(&list);
    if (e != ERR_NONE)
        return e;
    it = json_iter((struct json_value){JSON_ARRAY, kept});
    while (e == ERR_NONE && json_next(&it, &m)) {
        e = add_item(l, ITEM_DETAIL, (struct prompt_text){m.value.text, true});
        if (e == ERR_NONE)
            l->item[l->n_items - 1].name = maker;
    }
    return e;
}

enum err replay_add_opened(struct prompt_list *l, const struct replay *r, bool with_text,
                           struct view beside, uint64_t *bound)
{
    enum err e = with_text ? add_thoughts(l, r->text, beside) : ERR_NONE;

    if (e == ERR_NONE)
        e = add_elements(l, r, beside);
    /* the thoughts may be in an element once more */
    *bound += beside.len != 0 ? beside.len : r->text.len;
    return e;
}

enum err replay_add(struct prompt_list *l, struct view sealed, struct view beside, uint64_t *bound)
{
    struct replay r;
    enum err e = replay_open(sealed, &r);

    if (e == ERR_NONE)
        e = replay_add_opened(l, &r, true, beside, bound);
    else if (e == ERR_FORMAT)
        e = add_thoughts(l, VIEW_EMPTY, beside);
    replay_close(&r);
    return e;
}
