/* Which characters a name may have, by code point (Unicode 15). */
#include "name.h"

#include "utf8.h"

#include <stdbool.h>

struct range {
    uint32_t first, last;
};

/* Never in a name. */
static const struct range controls[] = {
    {0x00, 0x1f},     {0x7f, 0x9f},     /* C0, DEL, C1 */
    {0x2028, 0x2029},                   /* line and paragraph separators */
    {0xfff9, 0xfffb},                   /* interlinear annotation */
    {0xfdd0, 0xfdef}, {0xfffe, 0xffff}, /* noncharacters */
};
/* What makes the text after it appear in another order or place than it has (UAX 9; Trojan Source). */
static const struct range bidi[] = {
    {0x061c, 0x061c}, /* Arabic letter mark */
    {0x200e, 0x200f}, /* left-to-right and right-to-left marks */
    {0x202a, 0x202e}, /* embeddings, overrides and their end */
    {0x2066, 0x206f}, /* isolates and their end; deprecated shaping controls */
};
/* What shows nothing. Some of it is needed between visible characters (joiners, variation
 * selectors), so a name may have it but may not consist of it. */
static const struct range blank[] = {
    {0x20, 0x20},       {0xa0, 0xa0},     {0xad, 0xad},     {0x034f, 0x034f}, {0x115f, 0x1160},
    {0x1680, 0x1680},   {0x17b4, 0x17b5}, {0x180b, 0x180f}, {0x2000, 0x200d}, {0x202f, 0x202f},
    {0x205f, 0x2065},   {0x2800, 0x2800}, {0x3000, 0x3000}, {0x3164, 0x3164}, {0xfe00, 0xfe0f},
    {0xfeff, 0xfeff},   {0xffa0, 0xffa0}, {0xfff0, 0xfff8}, {0x1bca0, 0x1bca3},
    {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
};

static bool in(const struct range *r, size_t n, uint32_t cp)
{
    for (size_t i = 0; i < n; i++)
        if (cp >= r[i].first && cp <= r[i].last)
            return true;
    return false;
}
#define IN(table, cp) in(table, sizeof table / sizeof table[0], cp)

/* Takes one code point; false: no UTF-8. */
static bool take_code_point(struct view *v, uint32_t *cp)
{
    static const uint8_t lead_mask[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    size_t bad, len = utf8_sequence(v->ptr, v->len, &bad);

    if (len == 0)
        return false;
    *cp = v->ptr[0] & lead_mask[len];
    for (size_t i = 1; i < len; i++)
        *cp = *cp << 6 | (v->ptr[i] & 0x3f);
    *v = view_from(*v, len);
    return true;
}

const char *name_fault(struct view name)
{
    bool visible = false;
    uint32_t cp;

    while (name.len > 0) {
        if (!take_code_point(&name, &cp))
            return "This must be text in UTF-8.";
        if (IN(controls, cp) || (cp & 0xfffe) == 0xfffe)
            return "This must not have control characters or line breaks.";
        if (IN(bidi, cp))
            return "This must not have characters that change the direction of text.";
        visible |= !IN(blank, cp);
    }
    return visible ? NULL : "This must have at least one visible character.";
}
