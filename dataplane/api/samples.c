#include "samples.h"

#include "audit.h"
#include "query.h"
#include "reply.h"

enum { SAMPLES_ENTRIES = 256 }; /* of the chain, when the question does not say: 17 KB of leaves */

static int answer(struct web_request *r, struct buf *body, struct api_failure *f)
{
    struct id id = id_new();
    struct reply p;
    int status = errors_row(f->error)->status;

    reply_init(&p, &id);
    reply_add(&p, VIEW_LIT("cache-control"), VIEW_LIT("no-store"));
    if (f->error == API_OK)
        reply_json(&p, r, status, buf_view(body));
    else
        reply_failure(&p, r, f);
    buf_free(body);
    return status;
}

int samples_head(struct audit *a, struct web_request *r)
{
    struct api_failure f = {.error = API_OK};
    struct buf body;

    buf_init(&body, AUDIT_HEAD_BYTES);
    if (audit_head(a, &body) != ERR_NONE)
        f.error = API_INTERNAL;
    return answer(r, &body, &f);
}

/* An optional decimal number. False: not one, out of its range, or there twice. */
static bool read_number(struct view query, const char *name, uint64_t least, uint64_t most,
                        bool *there, uint64_t *out)
{
    struct view text;
    enum query_found found = query_find(query, name, &text);

    *there = found != QUERY_ABSENT;
    return found == QUERY_ABSENT ||
           (found == QUERY_ONE && view_u64(text, out) && *out >= least && *out <= most);
}

static bool read_question(struct view query, struct audit_question *q, struct api_failure *f)
{
    static const char *const names[] = {"from", "limit"};
    uint64_t limit = SAMPLES_ENTRIES;
    bool ignored;

    f->error = API_BAD_REQUEST;
    if (!query_only(query, names, sizeof names / sizeof names[0])) {
        f->message = "Parameters are from and limit.";
        return false;
    }
    if (!read_number(query, "from", 0, UINT64_MAX, &q->has_from, &q->from)) {
        f->param = "from";
        f->message = "from must be the number of a sample.";
        return false;
    }
    if (!read_number(query, "limit", 1, AUDIT_WINDOW_MAX, &ignored, &limit)) {
        f->param = "limit";
        f->message = "limit must be a number from 1 to 1024.";
        return false;
    }
    q->entries = (size_t)limit;
    return true;
}
_Static_assert(AUDIT_WINDOW_MAX == 1024, "the sentence above says so");

int samples_list(struct audit *a, struct web_request *r, const struct digest32 *who)
{
    struct audit_question q = {.owner = *who};
    struct api_failure f = {.error = API_OK};
    struct buf body;
    enum err e;

    buf_init(&body, AUDIT_DOCUMENT_BYTES);
    if (!read_question(web_query(r), &q, &f))
        return answer(r, &body, &f);
    e = audit_samples(a, &q, &body);
    f.error = e == ERR_NONE ? API_OK : e == ERR_RANGE ? API_BAD_REQUEST : API_INTERNAL;
    if (e == ERR_RANGE) {
        f.param = "from";
        f.message = "from is beyond the end of the chain; the head says its count.";
    }
    return answer(r, &body, &f);
}
