#include "receipt_answer.h"

#include "query.h"
#include "reply.h"

typedef enum err maker(const struct receipt_signer *s, const struct receipt_facts *f,
                       struct buf *out);

static int answer(const struct receipt_context *x, struct web_request *r, struct view text,
                  const struct digest32 *who, maker *make)
{
    struct id id, own = id_new();
    struct receipt_facts facts;
    struct reply p;
    struct buf body;
    int status = 200;
    enum err e;

    buf_init(&body, RECEIPT_SIGNATURE_MAX);
    reply_init(&p, &own);
    reply_add(&p, VIEW_LIT("cache-control"), VIEW_LIT("no-store"));
    e = receipt_id_parse(text, &id);
    if (e == ERR_NONE)
        e = receipts_find(x->receipts, &id, who, &facts);
    if (e == ERR_NONE)
        e = make(x->signer, &facts, &body);
    if (e == ERR_NONE) {
        reply_json(&p, r, status, buf_view(&body));
    } else {
        bool none = e == ERR_FORMAT || e == ERR_NOT_FOUND;
        struct api_failure f = {.error = none ? API_NO_RECEIPT : API_INTERNAL};

        status = errors_row(f.error)->status;
        reply_failure(&p, r, &f);
    }
    buf_free(&body);
    return status;
}

static int refuse_algo(struct web_request *r)
{
    const struct api_failure f = {.error = API_BAD_REQUEST,
                                  .param = "signing_algo",
                                  .message = "The only signing_algo is ed25519."};
    struct id own = id_new();
    struct reply p;

    reply_init(&p, &own);
    reply_add(&p, VIEW_LIT("cache-control"), VIEW_LIT("no-store"));
    reply_failure(&p, r, &f);
    return errors_row(f.error)->status;
}

int receipt_answer(const struct receipt_context *x, struct web_request *r, struct view id,
                   const struct digest32 *who)
{
    return answer(x, r, id, who, receipt_document);
}

int receipt_answer_signature(const struct receipt_context *x, struct web_request *r, struct view id,
                             const struct digest32 *who)
{
    if (!query_ed25519(web_query(r)))
        return refuse_algo(r);
    return answer(x, r, id, who, receipt_signature);
}
