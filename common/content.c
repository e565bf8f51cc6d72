#include "content.h"
#include "content_view.h"

#include <stdlib.h>

struct content {
    struct buf bytes;
};

struct content *content_new(size_t max, struct budget *budget)
{
    struct content *c = malloc(sizeof *c);

    if (c != NULL)
        buf_init_charged(&c->bytes, max, budget);
    return c;
}

void content_clear(struct content *c)
{
    buf_free(&c->bytes);
}

void content_free(struct content *c)
{
    if (c == NULL)
        return;
    content_clear(c);
    free(c);
}

size_t content_len(const struct content *c)
{
    return c->bytes.len;
}

struct view content_bytes(const struct content *c)
{
    return buf_view(&c->bytes);
}

struct buf *content_buf(struct content *c)
{
    return &c->bytes;
}
