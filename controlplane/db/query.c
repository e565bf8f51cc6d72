#include "query.h"

#include <stdlib.h>

struct query *query_new(enum stmt stmt, const struct db_param *params, size_t n)
{
    size_t bytes = 0;
    struct query *q;
    uint8_t *at;

    for (size_t i = 0; i < n; i++)
        if (params[i].kind == DB_PARAM_BYTES)
            bytes += params[i].bytes.len;
    q = malloc(sizeof *q + n * sizeof *params + bytes);
    if (q == NULL)
        return NULL;
    *q = (struct query){.stmt = stmt, .n = n};
    at = (uint8_t *)&q->params[n];
    for (size_t i = 0; i < n; i++) {
        q->params[i] = params[i];
        if (params[i].kind != DB_PARAM_BYTES)
            continue;
        q->params[i].bytes.ptr = at;
        if (params[i].bytes.len > 0)
            memcpy(at, params[i].bytes.ptr, params[i].bytes.len);
        at += params[i].bytes.len;
    }
    return q;
}

void fifo_init(struct fifo *f)
{
    *f = (struct fifo){.tail = &f->head};
}

void fifo_push(struct fifo *f, struct query *q)
{
    q->next = NULL;
    *f->tail = q;
    f->tail = &q->next;
    f->n++;
}

struct query *fifo_pop(struct fifo *f)
{
    struct query *q = f->head;

    if (q == NULL)
        return NULL;
    f->head = q->next;
    if (f->head == NULL)
        f->tail = &f->head;
    f->n--;
    return q;
}
