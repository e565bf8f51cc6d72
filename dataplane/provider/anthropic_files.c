/* (G) Whether a file's base64 is a text, decided for each endpoint that could be asked: piece by piece, without memory of
 * its own, because no budget is at hand there and a file may be as large as the body. */
#include "anthropic_body.h"
#include "base64.h"
#include "content_view.h"
#include "utf8.h"

#include <string.h>

enum {
    PIECE_DIGITS = 4096,    /* base64 that is decoded at once: whole groups of four */
    SEQUENCE_LEFT_MAX = 3,  /* bytes of a UTF-8 sequence that the next piece goes on with */
};

struct text_check {
    uint8_t digits[PIECE_DIGITS];
    size_t n;
    uint8_t plain[SEQUENCE_LEFT_MAX + PIECE_DIGITS / 4 * 3];
    size_t left; /* bytes at the front of plain that are not looked at yet */
};

/* The next character that is not a space or an escape of a line break, which base64 may be broken by. False: none. */
static bool next_digit(struct view *data, uint8_t *out)
{
    while (data->len != 0) {
        uint8_t c = data->ptr[0];
        bool slash = c == '\\' && data->len >= 2 && data->ptr[1] == '/';

        *data = view_from(*data, c == '\\' && !slash && data->len >= 2 ? 2 : 1);
        if (c == ' ' || c == '\\')
            continue;
        *out = c;
        return true;
    }
    return false;
}

/* What the piece stands for goes behind what is left in plain. */
static bool decode_piece(struct text_check *t, bool last)
{
    size_t padding = 0, bytes;

    while (padding < 2 && padding < t->n && t->digits[t->n - 1 - padding] == '=')
        padding++;
    if (t->n % 4 != 0 || (!last && padding != 0))
        return false;
    bytes = t->n / 4 * 3 - padding;
    if (base64_exact(view_of(t->digits, t->n), t->plain + t->left, bytes) != ERR_NONE)
        return false;
    t->left += bytes;
    t->n = 0;
    return true;
}

/* False: it is no UTF-8, or ends within a sequence. */
static bool check_piece(struct text_check *t, bool last)
{
    struct view rest;
    size_t n, bad;

    if (!decode_piece(t, last))
        return false;
    for (rest = view_of(t->plain, t->left); rest.len != 0; rest = view_from(rest, n)) {
        n = utf8_sequence(rest.ptr, rest.len, &bad);
        if (n == 0 && (last || bad != rest.len))
            return false;
        if (n == 0)
            break;
    }
    memmove(t->plain, rest.ptr, rest.len);
    t->left = rest.len;
    return true;
}

bool anthropic_is_text_file(struct view data)
{
    struct text_check t = {.n = 0, .left = 0};
    uint8_t c;

    while (next_digit(&data, &c)) {
        if (t.n == PIECE_DIGITS && !check_piece(&t, false))
            return false;
        t.digits[t.n++] = c;
    }
    return check_piece(&t, true);
}
