/* (G) The Responses dialect: its row, and the snapshots of an answer with which a stream begins and ends. */
#include "responses.h"

#include "bill.h"
#include "clock.h"
#include "content_view.h"
#include "error_body.h"
#include "responses_internal.h"
#include "responses_read.h"
#include "responses_state.h"

#include <stdlib.h>

/* How an answer stands. */
enum standing { IN_PROGRESS, COMPLETED, INCOMPLETE, FAILED };
static const char *const standing_names[] = {"in_progress", "completed", "incomplete", "failed"};

/* What a snapshot says beside the items. */
struct snapshot {
    enum standing standing;
    const struct token_usage *usage;
    const char *cut;      /* why we ended it; "": we did not */
    struct view code, message; /* of a failure, both quoted */
};

static enum err responses_start(struct answer *a)
{
    struct responses_state *s = calloc(1, sizeof *s);

    if (s == NULL)
        return ERR_MEMORY;
    a->state = s;
    buf_init_charged(&s->echo, LIMIT_BODY_BYTES + 4096, a->budget);
    buf_init_charged(&s->names, LIMIT_BODY_BYTES, a->budget);
    buf_init_charged(&s->logprobs, LIMIT_RESPONSE_BYTES, a->budget);
    return responses_echo(s, a->prompt);
}

static void responses_close(struct answer *a)
{
    struct responses_state *s = responses_state(a);

    if (s == NULL)
        return;
    responses_free_items(s);
    buf_free(&s->echo);
    buf_free(&s->names);
    buf_free(&s->logprobs);
    free(s);
    a->state = NULL;
}

/* --- snapshots */

/* figures: NULL while there are none. */
static void put_usage(const struct answer *a, const struct token_usage *figures, struct pen *p)
{
    static const struct token_usage none;
    const struct token_usage *u = figures == NULL ? &none : figures;

    pen_text(p, ",\"usage\":{\"input_tokens\":");
    pen_number(p, u->prompt);
    pen_text(p, ",\"input_tokens_details\":{\"cached_tokens\":");
    pen_number(p, u->cached_read);
    pen_text(p, ",\"cache_write_tokens\":");
    pen_number(p, u->cache_write);
    pen_text(p, "},\"output_tokens\":");
    pen_number(p, u->completion);
    pen_text(p, ",\"output_tokens_details\":{\"reasoning_tokens\":");
    pen_number(p, u->reasoning);
    pen_text(p, "},\"total_tokens\":");
    pen_number(p, (uint64_t)u->prompt + u->completion);
    if (a->openrouter && figures != NULL)
        pen_cost(p, a->cost_nusd, u, "input", "output");
    pen_text(p, "}");
}

static void put_end(const struct responses_state *s, const struct snapshot *at, struct pen *p)
{
    pen_text(p, ",\"completed_at\":");
    if (at->standing == COMPLETED)
        pen_number(p, clock_unix_ms() / 1000);
    else
        pen_text(p, "null");
    pen_text(p, ",\"error\":");
    if (at->standing == FAILED) {
        pen_text(p, "{\"code\":");
        pen_put(p, at->code);
        pen_text(p, ",\"message\":");
        pen_put(p, at->message);
        pen_text(p, "}");
    } else {
        pen_text(p, "null");
    }
    pen_text(p, ",\"incomplete_details\":");
    if (at->standing != INCOMPLETE) {
        pen_text(p, "null");
        return;
    }
    pen_text(p, s->finish == FINISH_CONTENT_FILTER ? "{\"reason\":\"content_filter\""
                                                   : "{\"reason\":\"max_output_tokens\"");
    if (at->cut[0] != '\0') {
        pen_text(p, ",\"x_tr_end_reason\":");
        pen_string(p, view_str(at->cut));
    }
    pen_text(p, "}");
}

/* The answer as it stands, an object. */
static void put_snapshot(struct answer *a, const struct snapshot *at, struct pen *p)
{
    const struct responses_state *s = responses_state(a);

    pen_text(p, "{\"id\":\"resp_");
    pen_text(p, responses_digits(a));
    pen_text(p, "\",\"object\":\"response\",\"created_at\":");
    pen_number(p, a->created);
    pen_text(p, ",\"status\":\"");
    pen_text(p, standing_names[at->standing]);
    pen_text(p, "\"");
    put_end(s, at, p);
    pen_text(p, ",\"model\":");
    pen_string(p, a->model);
    if (a->openrouter) {
        pen_text(p, ",\"provider\":");
        pen_string(p, a->provider);
    }
    pen_text(p, ",\"output\":[");
    for (size_t i = 0; i < s->n_items; i++) {
        pen_text(p, i == 0 ? "" : ",");
        responses_item_json(a, i, p);
    }
    pen_text(p, "]");
    put_usage(a, at->usage, p);
    if (a->metadata.len != 0) {
        pen_text(p, ",\"openrouter_metadata\":");
        pen_json(p, a->metadata);
    }
    if (a->router.len != 0) {
        pen_text(p, ",\"trustedrouter\":");
        pen_json(p, a->router);
    }
    pen_put(p, buf_view(&s->echo));
    pen_text(p, "}");
}

static void snapshot_event(struct answer *a, const char *type, const struct snapshot *at, struct pen *p)
{
    responses_event_begin(responses_state(a), p, type);
    pen_text(p, ",\"response\":");
    put_snapshot(a, at, p);
    responses_event_end(p);
}

/* --- the row */

/* What a failed call appended is taken back. */
static enum err keep(struct pen *p, size_t mark, enum err e)
{
    if (e == ERR_NONE)
        e = p->e;
    if (e != ERR_NONE && p->out != NULL)
        p->out->len = mark;
    return e;
}

static enum err responses_begin(struct answer *a, struct buf *out)
{
    static const struct snapshot begun = {.standing = IN_PROGRESS, .cut = ""};
    struct pen p = {.out = out};
    size_t mark = out->len;

    snapshot_event(a, "response.created", &begun, &p);
    snapshot_event(a, "response.in_progress", &begun, &p);
    return keep(&p, mark, ERR_NONE);
}

static enum err responses_event(struct answer *a, const struct event *e, struct buf *out)
{
    struct pen p = {.out = out};
    size_t mark = out == NULL ? 0 : out->len;

    if (e->choice != 0) /* no request of this dialect can ask for more than one */
        return ERR_NONE;
    return keep(&p, mark, responses_take(a, e, &p));
}

/* How the answer ended. */
static struct snapshot ended(const struct answer *a, const struct token_usage *usage, const char *cut)
{
    enum usage_finish f = responses_state(a)->finish;
    bool whole = cut[0] == '\0' && f != FINISH_LENGTH && f != FINISH_CONTENT_FILTER;

    return (struct snapshot){.standing = whole ? COMPLETED : INCOMPLETE, .usage = usage, .cut = cut};
}

static enum err responses_end(struct answer *a, const struct token_usage *usage, const char *cut,
                              struct buf *out)
{
    struct snapshot at = ended(a, usage, cut);
    struct pen p = {.out = out};
    size_t mark = out->len;
    enum err e = responses_finish(a, at.standing == INCOMPLETE, &p);

    snapshot_event(a, at.standing == COMPLETED ? "response.completed" : "response.incomplete", &at, &p);
    pen_text(&p, "data: [DONE]\n\n");
    return keep(&p, mark, e);
}

static enum err responses_whole(struct answer *a, const struct token_usage *usage, struct buf *out)
{
    struct snapshot at = ended(a, usage, "");
    struct pen p = {.out = out}, silent = {.out = NULL};
    size_t mark = out->len;
    enum err e = responses_finish(a, at.standing == INCOMPLETE, &silent);

    put_snapshot(a, &at, &p);
    return keep(&p, mark, e);
}

/* Of the codes that an answer's error may have. */
static struct view failed_code(const struct api_failure *f)
{
    int status = errors_row(f->error)->status;

    return status == 429                    ? VIEW_LIT("\"rate_limit_exceeded\"")
           : status >= 400 && status < 500 ? VIEW_LIT("\"invalid_prompt\"")
                                            : VIEW_LIT("\"server_error\"");
}

static struct view member_of(struct json_value error, const char *name)
{
    struct json_value v;

    return json_get(error, name, &v) ? v.text : VIEW_LIT("null");
}

/* Some clients know the event "error", with its members inside of it or in an "error" of their own, and some
 * only "response.failed". */
static void put_failure(struct answer *a, const struct api_failure *f, struct json_value error,
                        struct pen *p)
{
    struct snapshot at = {.standing = FAILED, .cut = "", .code = failed_code(f),
                          .message = member_of(error, "message")};

    responses_event_begin(responses_state(a), p, "error");
    pen_text(p, ",\"code\":");
    pen_put(p, member_of(error, "code"));
    pen_text(p, ",\"message\":");
    pen_put(p, at.message);
    pen_text(p, ",\"param\":");
    pen_put(p, member_of(error, "param"));
    pen_text(p, ",\"error\":");
    pen_put(p, error.text);
    responses_event_end(p);
    snapshot_event(a, "response.failed", &at, p);
}

static enum err responses_fail(struct answer *a, const struct api_failure *f, struct buf *out)
{
    struct pen p = {.out = out}, silent = {.out = NULL};
    struct json_value error;
    size_t mark = out->len;
    struct buf body;
    enum err e;

    buf_init(&body, LIMIT_RESPONSE_BYTES);
    e = error_body(f, &body);
    if (e == ERR_NONE)
        e = responses_finish(a, true, &silent);
    if (e == ERR_NONE && !json_get((struct json_value){JSON_OBJECT, buf_view(&body)}, "error", &error))
        e = ERR_BUG;
    if (e == ERR_NONE)
        put_failure(a, f, error, &p);
    buf_free(&body);
    return keep(&p, mark, e);
}

static enum err responses_failure(const struct api_failure *f, const struct id *request,
                                  bool openrouter, struct buf *out)
{
    (void)request;
    return openrouter ? error_openrouter_body(f, out) : error_body(f, out);
}

/* An estimate: the providers' tokenisers are not here. */
static enum err responses_count(const struct prompt *p, struct buf *out)
{
    struct pen pen = {.out = out};
    size_t mark = out->len;

    pen_text(&pen, "{\"object\":\"response.input_tokens\",\"input_tokens\":");
    pen_number(&pen, p->prompt_bytes / BILL_BYTES_PER_TOKEN + p->media.floor);
    pen_text(&pen, "}");
    return keep(&pen, mark, ERR_NONE);
}

const struct dialect responses_dialect = {
    .name = "responses",
    .synth = true,
    .read = responses_read,
    .read_count = responses_read,
    .count = responses_count,
    .start = responses_start,
    .close = responses_close,
    .begin = responses_begin,
    .event = responses_event,
    .end = responses_end,
    .fail = responses_fail,
    .keep_alive = VIEW_LIT(": keep-alive\n\n"),
    .whole = responses_whole,
    .failure = responses_failure,
};
