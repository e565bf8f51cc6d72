/* (G) An attempt's beginning and end, and what its fetch tells. */
#include "attempt_internal.h"

#include "chat_account.h"
#include "chat_cut.h"
#include "chat_gather.h"
#include "chat_openrouter.h"
#include "chat_request.h"
#include "clock.h"
#include "content_view.h"
#include "row_edits.h"

#include <assert.h>

/* --- the outcome, reported once */

void attempt_report(struct attempt *a, const struct attempt_result *x)
{
    struct attempt_result told = *x;

    assert(!a->over);
    a->over = true;
    told.keys_refused = a->keys_refused;
    told.key_status = a->key_status;
    a->sink->over(a->cookie, &told, a->fetch != NULL);
}

/* A copy of the provider's sentence: it lies in a buffer that goes away before the client has it. NULL:
 * there is none that a client may have. */
static struct content *sentence(const struct attempt *a, struct view message)
{
    struct content *copy;

    if (message.len == 0 || message.len > ATTEMPT_ERROR_BODY_MAX ||
        credentials_quoted(a->credentials, a->provider->no, message) ||
        credential_quoted(a->own_key, message))
        return NULL;
    copy = content_new(ATTEMPT_ERROR_BODY_MAX, a->budget);
    if (copy != NULL && chat_account_mask(message, content_buf(copy)) != ERR_NONE)
        content_clear(copy);
    return copy;
}

struct attempt_result attempt_error(struct attempt *a, enum err e, const struct chat_error *error)
{
    attempt_key_refused(a, error->status);
    content_free(a->message);
    a->message = sentence(a, error->message);
    return (struct attempt_result){
        .e = e,
        .status = error->status,
        .client_fault = error->client_fault,
        .context_length = error->context_length,
        .own_limit = error->own_limit,
        .translated = a->translated,
        .invalid_request = error->invalid_request && a->message != NULL,
        .message = a->message,
    };
}

/* An answer over a limit of ours has been made and is billed, so it must not look like a failure that
 * another provider may mend. Behind the finish reason only an error that the provider tells is a failure:
 * the answer is here. */
void attempt_break(struct attempt *a, struct attempt_result x)
{
    if (x.e == ERR_LIMIT)
        x.e = ERR_PROVIDER_LARGE;
    attempt_cancel(a);
    if (x.e != ERR_PROVIDER_BODY && attempt_finished(a)) {
        attempt_stream_complete(a);
        return;
    }
    x.retry_after_ms = a->retry_after_ms;
    attempt_report(a, &x);
}

/* --- what fetch tells */

static void attempt_head_cb(void *cookie, const struct fetch_head *head)
{
    struct attempt *a = cookie;

    a->status = head->status;
    if (attempt_is_call(a))
        a->canon.type = head->type;
    a->retry_after_ms = head->retry_after_ms;
    if (attempt_status_good(a))
        a->begun_us = a->stream ? clock_mono_us() : a->started_us;
    if (fetch_body_let(a->fetch) && !attempt_may_repeat(a)) { /* an open stream does not hold what was asked */
        content_free(a->rendered);
        a->rendered = NULL;
    }
    if (attempt_status_good(a) && a->stream)
        return; /* the first bytes say whether it is one, whatever the label says */
    a->sink->hold(a->cookie);
    attempt_collect_begin(a);
    a->sink->let(a->cookie);
}

/* What came for a stream: events, or one document. False: the bytes do not say it yet. */
static bool attempt_shaped(struct attempt *a, struct view bytes)
{
    enum chat_shape shape;

    if (a->shaped || a->collecting)
        return true;
    shape = chat_shape_of(bytes);
    a->shaped = shape != CHAT_SHAPE_UNKNOWN;
    if (shape == CHAT_SHAPE_JSON)
        attempt_collect_begin(a);
    return a->shaped;
}

static void attempt_body_cb(void *cookie, struct view bytes)
{
    struct attempt *a = cookie;

    if (a->over)
        return; /* only the end of the response is awaited */
    a->sink->hold(a->cookie);
    if (attempt_shaped(a, bytes) && !a->over) {
        if (a->collecting)
            attempt_collect(a, bytes);
        else
            attempt_events(a, bytes);
    }
    a->sink->let(a->cookie);
}

/* The fetch is about to go: what is still asked about it. */
static void note_sent(struct attempt *a)
{
    const struct digest32 *key = fetch_peer_key(a->fetch);

    a->was_sent = fetch_sent(a->fetch);
    a->keyed = key != NULL;
    if (a->keyed)
        a->peer_key = *key;
}

static void attempt_done_cb(void *cookie, enum err e)
{
    struct attempt *a = cookie;

    note_sent(a);
    a->fetch = NULL; /* this attempt is over; nothing to cancel */
    if (a->over) {
        a->sink->closed(a->cookie);
        return;
    }
    a->sink->hold(a->cookie);
    if (a->collecting)
        attempt_collected(a, e);
    else
        attempt_stream_over(a, e);
    a->sink->let(a->cookie);
}

const struct fetch_events attempt_fetch_events = {
    .head = attempt_head_cb,
    .body = attempt_body_cb,
    .done = attempt_done_cb,
};

/* --- beginning and end */

void attempt_free(struct attempt *a)
{
    assert(a->fetch == NULL);
    content_free(a->rendered);
    content_free(a->received);
    content_free(a->message);
    content_free(a->answer);
    a->rendered = a->received = a->message = a->answer = NULL;
    buf_free(&a->canonical);
    sse_in_free(&a->in);
}

/* Forget the attempt before this one. */
static void attempt_reset(struct attempt *a, const struct attempt_task *task)
{
    const struct prompt *p = task->prompt;

    attempt_free(a);
    *a = (struct attempt){
        .serial = a->serial + 1,
        .adapter = adapter_of(task->to.provider, p->kind),
        .provider = task->to.provider,
        .credentials = task->credentials,
        .own_key = task->own_key,
        .upstreams = task->upstreams,
        .budget = task->budget,
        .stream = p->stream,
        .kind = p->kind,
        .n_choices = p->n_choices,
        .retry_after_ms = -1,
        .started_us = clock_mono_us(),
        .canon =
            {
                .created = task->created,
                .model = task->model,
                .provider = task->to.provider,
                .provider_name = task->provider_name,
                .own_key = task->own_key.len != 0,
                .want_usage = task->provider_name.len == 0 && (p->include_usage || !p->stream),
                .hide_reasoning = p->hide_reasoning,
                .functions = p->chat != NULL && p->chat->member[CHAT_KEY_FUNCTIONS].present,
                .embeddings = p->embeddings.form,
                .call = p->call.form,
            },
    };
    a->translated = p->kind == PROMPT_CHAT && (p->chat == NULL || a->adapter->list);
    assert(!a->stream || a->adapter->chunk != NULL);
    assert(strlen(task->id) < sizeof a->canon.id);
    memcpy(a->canon.id, task->id, strlen(task->id));
    buf_init_charged(&a->canonical, LIMIT_RESPONSE_BYTES + ATTEMPT_ERROR_BODY_MAX, task->budget);
    sse_in_init(&a->in, LIMIT_SSE_LINE_BYTES, task->budget);
}

static enum err attempt_render(struct attempt *a, const struct attempt_task *task)
{
    /* The adapter's bound is for what stands in the body. */
    const size_t room = a->adapter->room(task->prompt) + prompt_beyond(task->prompt) * ATTEMPT_BEYOND_GROWTH;
    struct buf *out;
    enum err e;

    a->rendered = content_new(ATTEMPT_PATH_MAX + ATTEMPT_TYPE_MAX + room + row_edits_room(&task->to, room),
                              task->budget);
    if (a->rendered == NULL)
        return ERR_MEMORY;
    out = content_buf(a->rendered);
    e = a->adapter->path(task->prompt, &task->to, out);
    a->path_len = out->len;
    if (e == ERR_NONE)
        e = a->adapter->type != NULL ? a->adapter->type(task->prompt, out)
                                     : buf_append(out, VIEW_LIT("application/json"));
    a->type_len = out->len - a->path_len;
    if (e == ERR_NONE)
        e = a->adapter->render(task->prompt, &task->to, task->max_output, out);
    return e == ERR_NONE ? row_edits_apply(&task->to, a->path_len + a->type_len, out) : e;
}

enum err attempt_begin(struct attempt *a, const struct attempt_task *task,
                       const struct attempt_sink *sink, void *cookie)
{
    enum err e;

    attempt_reset(a, task);
    a->sink = sink;
    a->cookie = cookie;
    e = attempt_render(a, task);
    if (e != ERR_NONE)
        return e;
    a->request = (struct fetch_request){
        .provider = task->to.provider,
        .credentials = task->credentials,
        .key = task->own_key,
        .model = view_str(task->to.endpoint->upstream_model),
        .path = view_of(content_bytes(a->rendered).ptr, a->path_len),
        .content_type = view_of(content_bytes(a->rendered).ptr + a->path_len, a->type_len),
        .headers = a->adapter->headers,
        .body = view_from(content_bytes(a->rendered), a->path_len + a->type_len),
        .last_candidate = task->last_candidate,
        .whole = !a->stream,
    };
    e = attempt_send(a);
    if (e == ERR_NONE) /* on its way, so this delays nobody */
        digest_sha256(a->request.body, &a->sent);
    return e;
}

void attempt_cancel(struct attempt *a)
{
    if (a->fetch == NULL)
        return;
    note_sent(a);
    fetch_cancel(a->fetch);
    a->fetch = NULL;
}

void attempt_pause(struct attempt *a)
{
    if (a->paused || a->fetch == NULL)
        return;
    a->paused = true;
    fetch_pause(a->fetch);
}

void attempt_resume(struct attempt *a)
{
    if (!a->paused || a->fetch == NULL)
        return;
    a->paused = false;
    fetch_resume(a->fetch);
}

/* --- what is known of it */

/* Of an answer that could not be relayed, or not yet: what is here of it. */
static uint64_t bytes_waiting(const struct attempt *a)
{
    if (!attempt_status_good(a))
        return 0;
    return a->collecting ? (a->received != NULL ? content_len(a->received) : 0) : a->in.carry.len;
}

void attempt_account(const struct attempt *a, struct attempt_account *out)
{
    bool forwarded = a->fetch != NULL && fetch_forwarded(a->fetch);

    *out = (struct attempt_account){
        .usage = a->canon.usage,
        .units = a->canon.units,
        .delivered_bytes = a->canon.content_bytes,
        .waiting_bytes = bytes_waiting(a),
        .finish = a->canon.finish,
        .chunks = a->canon.chunks,
        .begun_us = a->begun_us == 0 && !a->stream && forwarded ? a->started_us : a->begun_us,
        .shown_us = a->shown_us,
        .forwarded = forwarded,
        .status = a->status,
    };
}

bool attempt_useful(const struct attempt *a)
{
    return a->canon.useful;
}

uint64_t attempt_delivered(const struct attempt *a)
{
    return a->canon.content_bytes;
}

bool attempt_sent(const struct attempt *a, struct digest32 *out)
{
    if (!a->was_sent && (a->fetch == NULL || !fetch_sent(a->fetch)))
        return false;
    *out = a->sent;
    return true;
}

bool attempt_peer_key(const struct attempt *a, struct digest32 *out)
{
    bool pending = a->fetch != NULL && fetch_sent(a->fetch);
    const struct digest32 *key = pending ? fetch_peer_key(a->fetch) : a->keyed ? &a->peer_key : NULL;

    if (key != NULL)
        *out = *key;
    return key != NULL;
}

struct content *attempt_take_message(struct attempt *a)
{
    struct content *message = a->message;

    a->message = NULL;
    return message;
}

struct buf *attempt_answer(struct attempt *a)
{
    assert(a->answer != NULL);
    return content_buf(a->answer);
}

enum body_type attempt_answer_type(const struct attempt *a)
{
    return a->canon.type;
}

enum err attempt_put_cut(const struct attempt *a, const char *why, struct buf *out)
{
    return chat_cut_chunk(&a->canon, a->n_choices, why, out);
}

enum err attempt_put_usage(struct attempt *a, const struct token_usage *usage, int64_t cost_nusd,
                           struct buf *out)
{
    if (a->canon.provider_name.len != 0)
        return chat_openrouter_closing(&a->canon, usage, cost_nusd, out);
    a->canon.usage = *usage;
    return chat_canon_closing(&a->canon, out);
}

enum err attempt_put_failed(const struct attempt *a, struct view error, struct buf *out)
{
    return chat_openrouter_failed(&a->canon, error, out);
}
