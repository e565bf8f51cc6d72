#include "form.h"

enum err form_escape(struct buf *out, struct view v)
{
    enum err e = ERR_NONE;

    for (size_t i = 0; e == ERR_NONE && i < v.len; i++) {
        const uint8_t c = v.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                     c == '_' || c == '.';

        e = plain ? buf_append_byte(out, c) : buf_appendf(out, "%%%02X", c);
    }
    return e;
}

void form_put(struct form *f, const char *name, struct view value)
{
    if (f->e == ERR_NONE && f->out->len > 0)
        f->e = buf_append_byte(f->out, '&');
    if (f->e == ERR_NONE)
        f->e = form_escape(f->out, view_str(name));
    if (f->e == ERR_NONE)
        f->e = buf_append_byte(f->out, '=');
    if (f->e == ERR_NONE)
        f->e = form_escape(f->out, value);
}

void form_put_text(struct form *f, const char *name, const char *value)
{
    form_put(f, name, view_str(value));
}
