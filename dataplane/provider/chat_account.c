/* (G) Finds ids of accounts in a provider's sentence by what stands in front of them. */
#include "chat_account.h"

#include "content_view.h"

#include <ctype.h>

enum { ID_MIN = 6, SEPARATORS_MAX = 4 }; /* bytes */

/* What begins an id, or the word in front of one. */
static const struct {
    struct view text; /* lower case */
    bool part;        /* of the id itself */
} leads[] = {
    {VIEW_LIT("org-"), true},      {VIEW_LIT("org_"), true},      {VIEW_LIT("proj-"), true},
    {VIEW_LIT("proj_"), true},     {VIEW_LIT("acct-"), true},     {VIEW_LIT("acct_"), true},
    {VIEW_LIT("team-"), true},     {VIEW_LIT("team_"), true},     {VIEW_LIT("user-"), true},
    {VIEW_LIT("wrkspc_"), true},   {VIEW_LIT("organization"), false},
    {VIEW_LIT("organisation"), false}, {VIEW_LIT("organizations/"), false},
    {VIEW_LIT("project"), false},  {VIEW_LIT("projects/"), false}, {VIEW_LIT("account"), false},
    {VIEW_LIT("accounts/"), false}, {VIEW_LIT("account id"), false}, {VIEW_LIT("project id"), false},
    {VIEW_LIT("organization id"), false}, {VIEW_LIT("workspace"), false}, {VIEW_LIT("tenant"), false},
    {VIEW_LIT("subscription"), false},
};

static bool id_byte(uint8_t c)
{
    return isalnum(c) || c == '-' || c == '_';
}

/* Length of the id that begins at text[at]; 0: a word, not an id. */
static size_t id_len(struct view text, size_t at)
{
    size_t n = 0;
    bool digit = false;

    while (at + n < text.len && id_byte(text.ptr[at + n])) {
        digit = digit || isdigit(text.ptr[at + n]);
        n++;
    }
    return n >= ID_MIN && digit ? n : 0;
}

/* Where the id behind this lead at text[at] begins. */
static size_t id_begin(struct view text, size_t at, size_t lead)
{
    size_t i = at + leads[lead].text.len, end = i + SEPARATORS_MAX;

    if (leads[lead].part)
        return at;
    while (i < text.len && i < end && strchr(" `'\"\\:#=([/", text.ptr[i]) != NULL)
        i++;
    return i;
}

/* The id whose lead begins at text[at]: its first byte and its length. */
static bool id_find(struct view text, size_t at, size_t *begin, size_t *len)
{
    struct view rest = view_from(text, at), word;

    if (at != 0 && id_byte(text.ptr[at - 1]))
        return false;
    for (size_t i = 0; i < sizeof leads / sizeof leads[0]; i++) {
        struct view v = rest;

        if (!view_take(&v, leads[i].text.len, &word) || !view_eq_nocase(word, leads[i].text))
            continue;
        *begin = id_begin(text, at, i);
        *len = id_len(text, *begin);
        if (*len != 0)
            return true;
    }
    return false;
}

enum err chat_account_mask(struct view sentence, struct buf *out)
{
    size_t copied = 0, begin, len;
    enum err e = ERR_NONE;

    for (size_t at = 0; e == ERR_NONE && at < sentence.len; at++) {
        if (!id_find(sentence, at, &begin, &len))
            continue;
        e = buf_append(out, view_of(sentence.ptr + copied, begin - copied));
        if (e == ERR_NONE)
            e = buf_append(out, VIEW_LIT("***"));
        copied = begin + len;
        at = copied - 1;
    }
    return e == ERR_NONE ? buf_append(out, view_from(sentence, copied)) : e;
}
