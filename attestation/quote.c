#include "quote.h"

#include "secret.h"

void quote_init(struct quote *q)
{
    memset(q->report, 0, sizeof q->report);
    buf_init(&q->vek, QUOTE_CERT_MAX);
    buf_init(&q->ask, QUOTE_CERT_MAX);
}

void quote_free(struct quote *q)
{
    buf_free(&q->vek);
    buf_free(&q->ask);
}
