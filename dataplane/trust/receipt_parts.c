/* An orchestration in its receipt: a line for each part, from the part's own facts. */
#include "receipt_document_internal.h"

#include "part_id.h"

#include <inttypes.h>

_Static_assert(PART_INDEXES <= 32, "a part is a bit of 32");

static void name(struct text *t, unsigned index)
{
    TEXT(t, "\"role\":\"%s\",\"place\":%u", usage_part_role_name((uint8_t)(index / USAGE_PART_PLACES)), index % USAGE_PART_PLACES);
}

/* Who was sent what, and what it cost. Of a part that asked nobody there is nothing to say. */
static void asked(struct text *t, const struct receipt_signer *s, const struct receipt_facts *part)
{
    const struct receipt_candidate *c = &part->candidate[part->answered];

    TEXT(t, ",\"provider\":\"%s\",\"endpoint\":%" PRIu32 ",\"upstream_model\":", receipt_provider(s, c)->id, c->endpoint_no);
    text_name(t, part->upstream_model);
    text_digest(t, "body_hash", &part->forwarded);
    if ((part->flags & RECEIPT_KEYED) != 0)
        text_digest(t, "tls_spki", &part->provider_key);
    TEXT(t, ",\"usage\":{");
    receipt_usage(t, part);
    TEXT(t, "},\"billing\":{");
    receipt_billing(t, part);
    TEXT(t, "}");
}

static void line(struct text *t, const struct receipt_signer *s, const struct receipt_facts *whole, unsigned index,
                 const struct receipt_facts *part)
{
    const char *finish = usage_finish_name((enum usage_finish)part->finish);
    char id[RECEIPT_ID_LEN + 1];

    receipt_id_text(&part->id, id);
    TEXT(t, "{");
    name(t, index);
    TEXT(t, ",\"receipt_id\":\"%s\",\"model\":", id);
    text_name(t, part->model);
    TEXT(t, ",\"result\":\"%s\",\"refused\":%s,\"chosen\":%s", err_name((enum err)part->outcome),
         truth((whole->refused >> index & 1) != 0), truth((whole->chosen >> index & 1) != 0));
    TEXT(t, *finish != '\0' ? ",\"finish_reason\":\"%s\"" : ",\"finish_reason\":null", finish);
    if ((part->flags & RECEIPT_FORWARDED) != 0)
        asked(t, s, part);
    TEXT(t, "}");
}

void receipt_orchestration(struct text *t, const struct receipt_signer *s, const struct receipt_facts *f)
{
    struct receipt_facts part;
    const char *between = "";
    struct id id;

    TEXT(t, ",{\"type\":\"orchestration\",\"lines\":[");
    for (unsigned i = 0; i < PART_INDEXES && t->e == ERR_NONE; i++) {
        if ((f->parts >> i & 1) == 0)
            continue;
        part_id(&f->id, i, &id);
        t->e = receipts_find(s->receipts, &id, &f->owner, &part);
        if (t->e != ERR_NONE)
            return;
        TEXT(t, "%s", between);
        line(t, s, f, i, &part);
        between = ",";
    }
    TEXT(t, "]},{\"type\":\"usage\",");
    receipt_usage(t, f);
    TEXT(t, "},{\"type\":\"billing\",");
    receipt_billing(t, f);
    TEXT(t, "}");
}

void receipt_part_of(struct text *t, const struct receipt_facts *f)
{
    char whole[RECEIPT_ID_LEN + 1];
    unsigned index = 0;
    struct id id;

    part_id(&f->whole, index, &id);
    while (!id_eq(&id, &f->id) && ++index < PART_INDEXES)
        part_id(&f->whole, index, &id);
    assert(index < PART_INDEXES); /* its id was made so */
    receipt_id_text(&f->whole, whole);
    TEXT(t, ",{\"type\":\"part\",\"of\":\"%s\",", whole);
    name(t, index);
    TEXT(t, "}");
}
