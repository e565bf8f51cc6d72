#include "log_proof.h"

#include "bounds.h"

#include <pthread.h>
#include <stdlib.h>

struct log_proof {
    pthread_mutex_t lock; /* held for a copy of some KB, every few minutes and per attestation */
    struct buf statement, proof;
};

enum err log_proof_new(struct log_proof **out)
{
    struct log_proof *p = calloc(1, sizeof *p);

    if (p == NULL)
        return ERR_MEMORY;
    if (pthread_mutex_init(&p->lock, NULL) != 0) {
        free(p);
        return ERR_MEMORY;
    }
    buf_init(&p->statement, LIMIT_LOG_STATEMENT_BYTES);
    buf_init(&p->proof, LIMIT_LOG_PROOF_BYTES);
    *out = p;
    return ERR_NONE;
}

void log_proof_free(struct log_proof *p)
{
    if (p == NULL)
        return;
    buf_free(&p->statement);
    buf_free(&p->proof);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

enum err log_proof_set(struct log_proof *p, struct view statement, struct view proof)
{
    struct buf s, t;
    enum err e;

    buf_init(&s, LIMIT_LOG_STATEMENT_BYTES);
    buf_init(&t, LIMIT_LOG_PROOF_BYTES);
    e = buf_append(&s, statement);
    if (e == ERR_NONE)
        e = buf_append(&t, proof);
    if (e == ERR_NONE) {
        struct buf old_s, old_t;

        pthread_mutex_lock(&p->lock);
        old_s = p->statement;
        old_t = p->proof;
        p->statement = s;
        p->proof = t;
        pthread_mutex_unlock(&p->lock);
        s = old_s;
        t = old_t;
    }
    buf_free(&s);
    buf_free(&t);
    return e;
}

enum err log_proof_get(struct log_proof *p, struct buf *statement, struct buf *proof)
{
    size_t before = statement->len;
    enum err e = ERR_NOT_FOUND;

    pthread_mutex_lock(&p->lock);
    if (p->proof.len != 0)
        e = buf_append(statement, buf_view(&p->statement));
    if (e == ERR_NONE)
        e = buf_append(proof, buf_view(&p->proof));
    pthread_mutex_unlock(&p->lock);
    if (e != ERR_NONE && e != ERR_NOT_FOUND)
        statement->len = before;
    return e;
}
