/* (G) Follows the arguments of a tool call from piece to piece. */
#include "arguments.h"

#include "content_view.h"

/* One decoded byte of the arguments. */
static void arguments_step(struct arguments *a, uint8_t b)
{
    if (a->in_string) {
        if (a->escaped)
            a->escaped = false;
        else if (b == '\\')
            a->escaped = true;
        else if (b == '"')
            a->in_string = false;
        return;
    }
    if (b == ' ' || b == '\t' || b == '\n' || b == '\r')
        return;
    if (!a->begun)
        a->object = b == '{';
    a->begun = true;
    if (b == '"')
        a->in_string = true;
    else if ((b == '{' || b == '[') && a->depth < UINT16_MAX)
        a->depth++;
    else if ((b == '}' || b == ']') && a->depth != 0)
        a->depth--;
}

/* The byte that an escape stands for; 'x' for a character that means nothing here. *at is behind the
 * backslash and moves to the escape's last byte. */
static uint8_t unescape(struct view text, size_t *at)
{
    static const char digits[] = "0123456789abcdef";
    unsigned n = 0;

    switch (text.ptr[*at]) {
    case 'n':
    case 't':
    case 'r':
        return ' ';
    case 'u':
        for (size_t i = 1; i <= 4; i++) { /* checked: four hexadecimal digits */
            uint8_t b = text.ptr[*at + i] | 0x20;
            const char *digit = memchr(digits, b, sizeof digits - 1);

            n = n * 16 + (unsigned)(digit == NULL ? 0 : digit - digits);
        }
        *at += 4;
        return n < 128 ? (uint8_t)n : 'x';
    case '"':
    case '\\':
        return text.ptr[*at];
    default:
        return 'x';
    }
}

void arguments_take(struct arguments *a, struct view text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '\\') {
            arguments_step(a, text.ptr[i]);
            continue;
        }
        i++;
        arguments_step(a, unescape(text, &i));
    }
}

bool arguments_over(const struct arguments *a)
{
    return a->begun && a->depth == 0 && !a->in_string;
}
