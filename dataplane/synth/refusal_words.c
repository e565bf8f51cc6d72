/* (G) The beginning of an answer as words. */
#include "refusal_words.h"

#include "content_view.h"
#include "utf8.h"

#include <string.h>

/* --- characters */

/* The letters U+00C0 to U+00FF without their accents; 0: no letter. */
static const char latin[] = "aaaaaaaceeeeiiiidnooooo\0ouuuuytsaaaaaaaceeeeiiiidnooooo\0ouuuuyty";

static uint32_t hex4(struct view v)
{
    uint32_t n = 0;

    for (size_t i = 0; i < 4; i++) {
        uint8_t c = i < v.len ? v.ptr[i] : 'x', low = c | 0x20;

        if (c >= '0' && c <= '9')
            n = n << 4 | (uint32_t)(c - '0');
        else if (low >= 'a' && low <= 'f')
            n = n << 4 | (uint32_t)(low - 'a' + 10);
        else
            return 0xfffd;
    }
    return n;
}

/* Takes one escape; a half of a surrogate pair is a character of its own, which no pattern has. */
static uint32_t take_escape(struct view *v)
{
    uint8_t c = v->len > 1 ? v->ptr[1] : '\\';
    uint32_t code = c == 'n' || c == 'r' ? '\n' : c == 't' || c == 'b' || c == 'f' ? ' ' : c;

    if (c == 'u') {
        code = hex4(view_from(*v, 2));
        *v = view_from(*v, 4);
    }
    *v = view_from(*v, 2);
    return code;
}

static uint32_t take_character(struct view *v)
{
    size_t bad, n = utf8_sequence(v->ptr, v->len, &bad);
    uint32_t c = v->ptr[0];

    if (c == '\\')
        return take_escape(v);
    if (n > 1) {
        c &= 0xffu >> (n + 1);
        for (size_t i = 1; i < n; i++)
            c = c << 6 | (v->ptr[i] & 0x3fu);
    }
    *v = view_from(*v, n == 0 ? 1 : n);
    return n == 0 ? 0xfffd : c;
}

/* Lower case, no accents, one apostrophe, one pair of quotation marks, one full stop. */
static uint32_t fold(uint32_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c + 32;
    if (c >= 0xc0 && c <= 0xff && latin[c - 0xc0] != 0)
        return (uint8_t)latin[c - 0xc0];
    switch (c) {
    case 0x2019: /* right single quotation mark, which is also the apostrophe */
    case 0x02bc:
        return '\'';
    case 0x201c:
    case 0x201e:
    case 0xab:
    case 0x300c:
    case 0x300e:
        return 0x201c; /* opens */
    case 0x201d:
    case 0xbb:
    case 0x300d:
    case 0x300f:
        return 0x201d; /* closes */
    case 0x3002:
    case 0xff01:
    case 0xff1f:
        return '.';
    case 0xff0c:
    case 0x3001:
        return ',';
    default:
        return c;
    }
}

static bool is_letter(uint32_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c >= 0x100 && c != 0x201c && c != 0x201d && c != 0xfffd);
}

/* --- words */

struct walk {
    struct refusal_words *w;
    struct view rest;
    uint32_t before; /* the character before the next one */
    bool in_word;
    uint8_t sentence;
    bool said; /* the sentence has a word */
};

static void end_word(struct walk *k)
{
    k->in_word = false;
}

static void add_letter(struct walk *k, uint32_t c)
{
    struct refusal_words *w = k->w;
    uint8_t text[4];
    size_t n = utf8_encode(c >= 0xd800 && c <= 0xdfff ? 0xfffd : c, text);

    if (!k->in_word) {
        if (w->n == REFUSAL_WORDS_MAX)
            return;
        w->word[w->n++] = (struct refusal_word){.at = (uint16_t)w->used, .sentence = k->sentence};
        w->sentences = (uint8_t)(k->sentence + 1);
        k->in_word = k->said = true;
    }
    if (n > sizeof w->bytes - w->used)
        return;
    memcpy(w->bytes + w->used, text, n);
    w->used += n;
    w->word[w->n - 1].len = (uint16_t)(w->word[w->n - 1].len + n);
}

static void end_sentence(struct walk *k)
{
    end_word(k);
    if (k->said && k->sentence < UINT8_MAX - 1)
        k->sentence++;
    k->said = false;
}

static uint32_t peek(const struct walk *k)
{
    struct view v = k->rest;

    return v.len == 0 ? '\n' : fold(take_character(&v));
}

/* From behind an opening mark to behind the closing one. A quotation that does not close within the opening is none. */
static void skip_quoted(struct walk *k, uint32_t closing)
{
    struct view v = k->rest;
    uint32_t before = 0;

    end_word(k);
    while (v.len != 0) {
        struct view next = v;
        uint32_t c = fold(take_character(&next));
        bool inside = closing == '\'' && next.len != 0 && next.ptr[0] != '\\' && is_letter(fold(next.ptr[0]));

        v = next;
        if (c == closing && !inside && before != 0) {
            k->rest = v;
            add_letter(k, '0'); /* stands for what was quoted: a word, so that none is joined over it */
            end_word(k);
            return;
        }
        if (closing == '\'' && c == '\n')
            return;
        before = c;
    }
}

static void skip_code(struct walk *k)
{
    if (view_starts(k->rest, VIEW_LIT("``"))) {
        k->w->code = true;
        k->rest = VIEW_EMPTY; /* what is behind a block of code is no opening */
        return;
    }
    skip_quoted(k, '`');
}

static void take(struct walk *k)
{
    uint32_t c = fold(take_character(&k->rest)), next = peek(k);
    bool begins = !is_letter(k->before) && k->before != '\'';

    if (is_letter(c)) {
        add_letter(k, c);
    } else if (c == '\'' && k->in_word && is_letter(next)) {
        add_letter(k, c);
    } else if (c == '\'' && begins) {
        skip_quoted(k, '\'');
    } else if (c == '"' || c == 0x201c) {
        skip_quoted(k, c == '"' ? '"' : 0x201d);
    } else if (c == '`') {
        skip_code(k);
    } else if (c == '\n' || c == '!' || c == '?' || (c == '.' && !(next >= '0' && next <= '9') && !(next >= 'a' && next <= 'z'))) {
        end_sentence(k);
    } else {
        if (c == ',' && k->w->n != 0)
            k->w->word[k->w->n - 1].comma = true;
        end_word(k);
    }
    k->before = c;
}

void refusal_words_read(struct refusal_words *w, struct view escaped)
{
    struct walk k = {.w = w, .rest = escaped, .before = '\n'};

    memset(w, 0, sizeof *w);
    if (k.rest.len > REFUSAL_OPENING_BYTES)
        k.rest.len = REFUSAL_OPENING_BYTES;
    while (k.rest.len != 0)
        take(&k);
}

struct view refusal_word(const struct refusal_words *w, size_t i)
{
    return view_of(w->bytes + w->word[i].at, w->word[i].len);
}
