/* A webhook, before anything about it is known: the signature's header and the event. Whatever is taken from an event
 * makes a JSON object again, and no signature fits that was not made with the secret. */
#include "controlplane/payments/rail.c"
#include "controlplane/payments/stripe_read.c"
#include "controlplane/payments/webhook.c"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_fact(const struct rail_fact *f)
{
    struct buf out;
    struct json_value root;

    buf_init(&out, 64 << 10);
    assert(rail_fact_json(f, &out) == ERR_NONE);
    assert(json_check(buf_view(&out), &root, NULL) == ERR_NONE && root.kind == JSON_OBJECT);
    buf_free(&out);
}

/* The first line is the header; the rest is the body, of an event, an answer and a list. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size == 0 ? NULL : memchr(data, '\n', size);
    struct view header = view_of(data, end == NULL ? size : (size_t)(end - data));
    struct view body = view_from(view_of(data, size), header.len + 1);
    const struct view secret = VIEW_LIT("whsec_nobody knows it");
    const struct rail_order order = {.payment = {{1}}};
    struct rail_answer answer;
    struct rail_fact f;
    bool found, more;

    assert(webhook_verify(header, body, &secret, 1, 1700000000) != ERR_NONE);
    if (stripe_read_event(body, &f) == ERR_NONE)
        check_fact(&f);
    stripe_read_answer(size % 2 == 0 ? 200 : 402, size % 3 == 0, body, &answer, &f);
    check_fact(&f);
    if (stripe_read_list(body, &order, &f, &found, &more) == ERR_NONE && found)
        check_fact(&f);
    return 0;
}
