/* Recorded provider traffic, broken in every way that a network has: cut at any byte, fed in pieces
 * of any size, with any ending. Whatever happens, an answer ends complete or as a failure, never as a
 * false success, and its bill is the provider's figures or a flagged estimate. What is right is said
 * by a reader of its own (below), on json-c, which shares no code with the product. TR_SEEDS=N runs N
 * seeds, TR_SEED=N the one; each seed cuts a recording that is shorter than EVERY_CUT_BYTES at each
 * byte (a sanitizer at each second one), a longer one at some. A case that fails is made smaller
 * before it is printed. TR_SIM_LOG=1 shows the log. */
#include "lib/chat_sides.h"
#include "lib/quiet.h"
#include "provider_fixtures.h"

/* The product has a function of that name. */
#define json_object json_c_object
#include <json-c/json.h>
#undef json_object


#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

enum {
    STRIDE = SANITIZED ? 2 : 1, /* one of so many cuts is tried */
    EVERY_CUT_BYTES = 800,
    EVERY_CUT_WHOLE_BYTES = 300, /* of a whole answer: there are more, and each is one event */
    CUTS = 12,          /* of a longer recording, per seed, at any byte */
    CUTS_NEAR_END = 12, /* and so many among its last LAST_BYTES, with the finish and the figures */
    LAST_BYTES = 1500,
    CHOICES_MAX = 16,
    CALLS_MAX = 64,
    BYTES_MAX = 128 << 10, /* the longest recording and what is put behind it */
    FAILURES_MAX = 5,      /* printed; then the run is over */
};

/* --- what is right: a reader of event streams and chunks of its own --- */

struct said {
    bool done;      /* "[DONE]" */
    bool error;     /* the provider tells of an error */
    bool broken;    /* an event that is no JSON object, and nothing behind it counts */
    bool strange;   /* an event that is neither a chunk, nor figures, nor a heartbeat */
    bool finished;  /* every choice that has begun has a finish reason, and there is one */
    bool any_finish;
    bool began[CHOICES_MAX], ended[CHOICES_MAX];
    int64_t text; /* bytes of content, reasoning and arguments */
    bool called;  /* the name of a tool's call */
    bool figures;
    int64_t prompt, completion, total, reasoning, cached;
    char *arguments[CALLS_MAX]; /* of each call, as far as they came */
    bool implied; /* where a whole answer was asked for, a choice without a finish reason has ended */
    bool says;    /* content of any kind */
};

static void said_free(struct said *s)
{
    for (size_t i = 0; i < CALLS_MAX; i++)
        free(s->arguments[i]);
}

static json_c_object *member(json_c_object *o, const char *name)
{
    return json_object_is_type(o, json_type_object) ? json_object_object_get(o, name) : NULL;
}

static int64_t string_len(json_c_object *o)
{
    return json_object_is_type(o, json_type_string) ? json_object_get_string_len(o) : 0;
}

static json_c_object *parse(const char *text, size_t len)
{
    struct json_tokener *t = json_tokener_new();
    json_c_object *o = json_tokener_parse_ex(t, text, (int)len);
    bool whole = json_tokener_get_error(t) == json_tokener_success;

    for (size_t i = whole ? json_tokener_get_parse_end(t) : len; i < len; i++)
        whole = whole && strchr(" \t\r\n", text[i]) != NULL;
    if (!whole) {
        json_object_put(o);
        o = NULL;
    }
    json_tokener_free(t);
    return o;
}

static void grow_to(int64_t *most, json_c_object *o)
{
    if (json_object_get_int64(o) > *most)
        *most = json_object_get_int64(o);
}

static void read_usage(struct said *s, json_c_object *u)
{
    if (!json_object_is_type(u, json_type_object))
        return;
    s->figures = true;
    grow_to(&s->prompt, member(u, "prompt_tokens"));
    grow_to(&s->completion, member(u, "completion_tokens"));
    grow_to(&s->total, member(u, "total_tokens"));
    grow_to(&s->reasoning, member(member(u, "completion_tokens_details"), "reasoning_tokens"));
    grow_to(&s->cached, member(member(u, "prompt_tokens_details"), "cached_tokens"));
}

static void read_call(struct said *s, json_c_object *call, unsigned choice)
{
    json_c_object *index = member(call, "index");
    json_c_object *text = member(member(call, "function"), "arguments");
    unsigned no = (choice * 16 + (unsigned)json_object_get_int64(index)) % CALLS_MAX;
    size_t had = s->arguments[no] != NULL ? strlen(s->arguments[no]) : 0;

    s->text += string_len(text);
    s->called = s->called || string_len(member(member(call, "function"), "name")) != 0;
    if (string_len(text) == 0)
        return;
    s->arguments[no] = realloc(s->arguments[no], had + (size_t)string_len(text) + 1);
    strcpy(s->arguments[no] + had, json_object_get_string(text));
}

/* Content of any kind: a word that is not the role, or a list. */
static bool says_something(json_c_object *delta)
{
    struct json_object_iterator it, end;
    bool says = false;

    if (!json_object_is_type(delta, json_type_object))
        return false;
    it = json_object_iter_begin(delta);
    end = json_object_iter_end(delta);
    for (; !json_object_iter_equal(&it, &end); json_object_iter_next(&it)) {
        json_c_object *v = json_object_iter_peek_value(&it);

        says = says || json_object_is_type(v, json_type_array) ||
               (string_len(v) != 0 && strcmp(json_object_iter_peek_name(&it), "role") != 0);
    }
    return says;
}

static void read_choice(struct said *s, json_c_object *choice, bool whole)
{
    json_c_object *said = member(choice, whole ? "message" : "delta");
    json_c_object *calls = member(said, "tool_calls");
    int64_t reasoning = string_len(member(said, "reasoning"));
    unsigned no = (unsigned)json_object_get_int64(member(choice, "index")) % CHOICES_MAX;

    s->began[no] = true;
    if (s->implied || string_len(member(choice, "finish_reason")) != 0)
        s->ended[no] = true;
    if (string_len(member(said, "reasoning_content")) > reasoning)
        reasoning = string_len(member(said, "reasoning_content"));
    s->text += string_len(member(said, "content")) + reasoning;
    s->says = s->says || says_something(said);
    if (json_object_is_type(calls, json_type_array))
        for (size_t i = 0; i < json_object_array_length(calls); i++)
            read_call(s, json_object_array_get_idx(calls, i), no);
    s->error = s->error || json_object_is_type(member(choice, "error"), json_type_object);
    read_usage(s, member(choice, "usage"));
}

static bool is_heartbeat(json_c_object *o)
{
    const char *type = json_object_get_string(member(o, "type"));

    return (type != NULL && strcmp(type, "ping") == 0) || json_object_object_length(o) == 0;
}

/* One chunk, or one whole completion. */
static void read_document(struct said *s, const char *text, size_t len, bool whole)
{
    json_c_object *o = parse(text, len), *choices = member(o, "choices");
    const char *type = json_object_get_string(member(o, "type"));

    if (!json_object_is_type(o, json_type_object)) {
        s->broken = true;
        json_object_put(o);
        return;
    }
    s->error = s->error || member(o, "error") != NULL ||
               (type != NULL && strcmp(type, "error") == 0);
    if (json_object_is_type(choices, json_type_array))
        for (size_t i = 0; i < json_object_array_length(choices); i++)
            read_choice(s, json_object_array_get_idx(choices, i), whole);
    else if (member(o, "usage") == NULL && !is_heartbeat(o))
        s->strange = true;
    read_usage(s, member(o, "usage"));
    read_usage(s, member(member(o, "x_groq"), "usage"));
    s->finished = s->any_finish = false;
    for (size_t i = 0; i < CHOICES_MAX; i++)
        s->any_finish = s->any_finish || s->ended[i];
    s->finished = s->any_finish;
    for (size_t i = 0; i < CHOICES_MAX; i++)
        s->finished = s->finished && (s->ended[i] || !s->began[i]);
    json_object_put(o);
}

/* A stream, until [DONE], an error or what is no chunk. The lines at its end are an event too. */
static void read_stream(struct said *s, const char *text, size_t len)
{
    static char data[BYTES_MAX];
    size_t n = 0, at = 0;
    bool any = false, error = false;

    while (at <= len && !s->done && !s->error && !s->broken) {
        size_t end = at;

        while (end < len && text[end] != '\n' && text[end] != '\r')
            end++;
        if (end == at) { /* a blank line, or the end */
            if (n != 0) {
                if (n == 6 && memcmp(data, "[DONE]", 6) == 0)
                    s->done = true;
                else
                    read_document(s, data, n, false);
                s->error = s->error || (error && !s->done);
            }
            n = 0;
            any = error = false;
        } else if (end - at >= 5 && memcmp(text + at, "data:", 5) == 0) {
            size_t from = at + 5 + (end - at > 5 && text[at + 5] == ' ');

            if (any)
                data[n++] = '\n';
            memcpy(data + n, text + from, end - from);
            n += end - from;
            any = true;
        } else if (end - at >= 6 && memcmp(text + at, "event:", 6) == 0) {
            error = memmem(text + at, end - at, "error", 5) != NULL;
        }
        if (end >= len) {
            if (end == at)
                break;
            at = end; /* once more, for what the last line ends */
            continue;
        }
        at = end + 1 + (text[end] == '\r' && end + 1 < len && text[end + 1] == '\n');
    }
}

static bool calls_are_whole(const struct said *s)
{
    bool whole = true;

    for (size_t i = 0; i < CALLS_MAX && whole; i++) {
        const char *text = s->arguments[i];
        json_c_object *o = text != NULL ? parse(text, strlen(text)) : NULL;

        whole = text == NULL || o != NULL;
        json_object_put(o);
    }
    return whole;
}

enum verdict { MUST_FAIL, MUST_COMPLETE, EITHER };

/* What the bytes come to, whatever happened to the connection behind them. EITHER: the provider
 * says that it is done and has told no finish reason; the product may supply one. */
static enum verdict verdict_of(const struct said *s)
{
    if (s->error)
        return MUST_FAIL;
    if (s->finished)
        return MUST_COMPLETE;
    if (!s->done || s->any_finish || s->strange || !s->says || !calls_are_whole(s))
        return MUST_FAIL;
    return EITHER;
}

/* --- one case --- */

static const struct {
    const char *bytes; /* behind the cut */
} tails[] = {
    {""},     {""},           {"\n\n"},     {"\n"},
    {": ping\n\n: ping\n\n"}, {"\n\n: ping\n\ndata: {\"type\":\"ping\"}\n\n"},
    {"\n\ndata: [DONE]\n\n"}, {"data: [DONE]\n\n"}, {"\n\ndata: [DONE]"},
    {"\n\ndata: {\"half\":"}, {"\n\ndata: nonsense\n\n"},
    {"\n\ndata: {\"error\":{\"message\":\"late\"}}\n\n"},
};
enum { TAILS = sizeof tails / sizeof tails[0] };

static const enum err endings[] = {ERR_NONE,         ERR_PROVIDER_TRUNCATED, ERR_PROVIDER_PROTOCOL,
                                   ERR_IDLE_TIMEOUT, ERR_TOTAL_TIMEOUT,      ERR_TLS};
enum { ENDINGS = sizeof endings / sizeof endings[0] };

struct plan {
    const char *path;
    uint64_t seed;
    size_t cut; /* bytes of the recording */
    unsigned tail, ending;
    uint64_t pieces; /* seed of their sizes; 0: one piece */
    bool ask_stream, sent_stream; /* what the client wants, and what the provider sends */
    bool foreign;                 /* of another API: its figures have other names */
};

static uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static void feed(const char *bytes, size_t len, uint64_t pieces)
{
    size_t at = 0;

    while (at < len) {
        uint64_t r = pieces != 0 ? random_next(&pieces) : 0;
        size_t n = len - at, most = r % 4 == 0 ? 8 : 400;

        if (r != 0 && n > 1 + r / 16 % most)
            n = 1 + r / 16 % most;
        up_bytes(view_of(bytes + at, n), n);
        if (r % 3 != 0 || current()->paused)
            client_reads();
        at += n;
    }
}

static const char *check_bill(const struct plan *p, const struct said *sent, const struct said *got,
                              bool complete)
{
    const struct usage_record *u = &last_record;
    bool estimated = (u->flags & USAGE_ESTIMATED) != 0, clamped = (u->flags & USAGE_CLAMPED) != 0;
    bool apart = sent->reasoning != 0 &&
                 sent->total == sent->prompt + sent->completion + sent->reasoning;
    int64_t completion = sent->completion + (apart ? sent->reasoning : 0);
    bool odd = sent->cached > sent->prompt || (!apart && sent->reasoning > sent->completion);

    if (u->cost_nusd != -balance || receipt.facts.cost_nusd != u->cost_nusd)
        return "the record, the receipt and the reservation agree on the cost";
    if (u->cost_nusd != (int64_t)u->tokens_prompt - u->tokens_cached_read - u->tokens_cache_write +
                            u->tokens_completion)
        return "the cost is that of the tokens";
    if (((receipt.facts.flags & RECEIPT_ESTIMATED) != 0) != estimated)
        return "the receipt is flagged as the record is";
    if ((got->text != 0 || got->called) &&
        (u->cost_nusd == 0 || u->tokens_completion == 0 || u->tokens_prompt == 0))
        return "what was delivered is not free";
    if (p->foreign || client.status != 200)
        return NULL;
    if (!sent->figures)
        return !estimated ? "without figures the bill is a flagged estimate"
               : (int64_t)u->tokens_completion * 4 < got->text ? "the estimate covers what was delivered"
                                                               : NULL;
    if (clamped && !odd)
        return "figures that are in order are not corrected";
    if (u->tokens_completion < completion || u->tokens_prompt < sent->prompt)
        return "no less than the provider's figures";
    if (!estimated && (u->tokens_completion != completion || u->tokens_prompt != sent->prompt))
        return "the bill is the provider's figures";
    if (estimated && complete && sent->prompt != 0 && completion * 64 >= sent->text + got->text)
        return "with all figures the bill is no estimate";
    return NULL;
}

/* The hologram is of a kind whose tokens nobody can guess, so the prompt may have any number. */
#define RECORDED_ASK                                                                               \
    "{\"model\":\"demo/echo\",\"messages\":[{\"role\":\"user\",\"content\":["                        \
    "{\"type\":\"hologram\",\"hologram\":{}},{\"type\":\"text\",\"text\":\"hi there\"}]}],"            \
    "\"max_tokens\":100000,\"provider\":{\"only\":[\"demo-a\"]}"

/* NULL: it holds. Else what does not. */
static const char *run_case(const struct plan *p, const char *bytes, size_t len)
{
    struct said sent = {.implied = !p->sent_stream && !p->ask_stream}, got = {0};
    enum verdict verdict;
    const char *what = NULL;
    unsigned failed = check_failed_;
    bool complete;

    if (p->sent_stream)
        read_stream(&sent, bytes, len);
    else
        read_document(&sent, bytes, len, true);
    verdict = sent.broken && !sent.finished ? MUST_FAIL : verdict_of(&sent);

    reset();
    ask(p->ask_stream
            ? RECORDED_ASK ",\"stream\":true,\"stream_options\":{\"include_usage\":true}}"
            : RECORDED_ASK "}");
    up_head(200);
    feed(bytes, len, p->pieces);
    client_reads();
    up_done(endings[p->ending]);
    client_reads();

    if (client.started)
        read_stream(&got, client.out, client.out_len);
    else
        read_document(&got, client.out, client.out_len, true);
    complete = client.started ? got.done : client.status == 200;
    if (check_failed_ != failed)
        what = "a fake was called in a wrong way";
    else if (up.started != 1 || chats.request.requests != NULL || records != 1 || receipt.n != 1 ||
             the_key.refs != 0)
        what = "one attempt, one record, one receipt, and nothing is left";
    else if (client.started ? !client.ended || client.aborted || client.status != 200
                            : !client.responded)
        what = "the answer ends";
    else if (complete == got.error || (client.started && got.broken))
        what = "complete or an error, and not both";
    else if (client.started && got.error &&
             (memmem(client.out, client.out_len, "[DONE]", 6) != NULL ||
              strcmp(client.out + client.out_len - 2, "\n\n") != 0))
        what = "no [DONE] beside an error";
    else if (complete && verdict == MUST_FAIL)
        what = "not complete: the finish reason has not come, or an error has";
    else if (!complete && verdict == MUST_COMPLETE)
        what = "complete: the finish reason has come";
    else if (complete && got.text < sent.text)
        what = "nothing of a complete answer is lost";
    else if (complete && !got.finished)
        what = "a complete answer tells its finish reason";
    else if (complete != (client.status == 200 && (receipt.facts.flags & RECEIPT_COMPLETE) != 0 &&
                          receipt.facts.error == API_OK))
        what = "the receipt says how it ended";
    else
        what = check_bill(p, &sent, &got, complete);
    said_free(&sent);
    said_free(&got);
    return what;
}

/* --- failures, made smaller --- */

static void print_bytes(const char *bytes, size_t len)
{
    printf("# ");
    for (size_t i = 0; i < len; i++)
        if (bytes[i] == '\n')
            printf("\\n");
        else if (bytes[i] == '\r')
            printf("\\r");
        else
            putchar(bytes[i]);
    printf("\n");
}

/* The event from `at` on, with the blank line behind it. */
static size_t event_len(const char *bytes, size_t at, size_t len)
{
    const char *end = memmem(bytes + at, len - at, "\n\n", 2);

    return end != NULL ? (size_t)(end + 2 - (bytes + at)) : len - at;
}

/* Leaves out each event without which it fails in the same way. */
static size_t smaller(const struct plan *p, char *bytes, size_t len, const char *what)
{
    static char without[BYTES_MAX];
    size_t at = 0;

    while (at < len) {
        size_t n = event_len(bytes, at, len);
        const char *now;

        memcpy(without, bytes, at);
        memcpy(without + at, bytes + at + n, len - at - n);
        now = run_case(p, without, len - n);
        if (now != NULL && strcmp(now, what) == 0) {
            memcpy(bytes, without, len - n);
            len -= n;
        } else {
            at += n;
        }
    }
    return len;
}

static unsigned failures, runs, streams, wholes;

static void report(const struct plan *p, const char *bytes, size_t len, const char *what)
{
    static char small[BYTES_MAX];
    struct plan one = *p;
    const char *now;

    failures++;
    one.pieces = 0;
    now = run_case(&one, bytes, len);
    if (now == NULL || strcmp(now, what) != 0)
        one = *p;
    memcpy(small, bytes, len);
    if (p->sent_stream)
        len = smaller(&one, small, len, what);
    (void)run_case(&one, small, len);
    printf("# %s\n# does not hold: %s\n# seed %" PRIu64 ", cut %zu, tail %u, ends with %s, %s; asked "
           "for a %s\n# of these %zu bytes:\n",
           p->path, what, p->seed, p->cut, p->tail, err_name(endings[p->ending]),
           one.pieces != 0 ? "in pieces" : "in one piece",
           p->ask_stream ? "stream" : "whole answer", len);
    print_bytes(small, len);
    printf("# the client has, with status %d (%u + %u tokens, flags %#x):\n", client.status,
           last_record.tokens_prompt, last_record.tokens_completion, last_record.flags);
    print_bytes(client.out, client.out_len);
    CHECK(!"the property");
}

static void try_case(struct plan *p, const char *bytes, size_t len, uint64_t *random)
{
    static char fed[BYTES_MAX];
    const char *tail, *what;

    if (failures >= FAILURES_MAX)
        return;
    p->tail = p->sent_stream ? (unsigned)(random_next(random) % TAILS) : 0;
    p->ending = (unsigned)(random_next(random) % ENDINGS);
    p->pieces = random_next(random) % 4 == 0 ? 0 : random_next(random) | 1;
    tail = tails[p->tail].bytes;
    if (p->cut > len || p->cut + strlen(tail) >= sizeof fed) {
        CHECK(!"a recording has room");
        return;
    }
    memcpy(fed, bytes, p->cut);
    memcpy(fed + p->cut, tail, strlen(tail));
    runs++;
    what = run_case(p, fed, p->cut + strlen(tail));
    if (what != NULL)
        report(p, fed, p->cut + strlen(tail), what);
}

/* --- the recordings --- */

static uint64_t seed;

static uint64_t hash_of(const char *text)
{
    uint64_t h = UINT64_C(14695981039346656037);

    for (; *text != '\0'; text++)
        h = (h ^ (uint8_t)*text) * UINT64_C(1099511628211);
    return h;
}

/* At each byte when it is short, else at some, of which half are near its end and half are behind an
 * event; and uncut. */
static void cut_recording(struct plan *p, const char *bytes, size_t len)
{
    const char *name = strrchr(p->path, '/');
    uint64_t random = seed ^ hash_of(name) ^ (uint64_t)p->ask_stream << 40;
    size_t last = len < LAST_BYTES ? len : LAST_BYTES;

    p->seed = seed;
    if (len <= (p->sent_stream ? EVERY_CUT_BYTES : EVERY_CUT_WHOLE_BYTES))
        for (p->cut = seed % STRIDE; p->cut < len; p->cut += STRIDE)
            try_case(p, bytes, len, &random);
    else
        for (unsigned i = 0; i < (CUTS + CUTS_NEAR_END) / STRIDE; i++) {
            p->cut = i % 2 == 0 ? random_next(&random) % len : len - random_next(&random) % last;
            if (i % 4 >= 2) /* behind the event */
                p->cut += event_len(bytes, p->cut, len);
            try_case(p, bytes, len, &random);
        }
    for (unsigned i = 0; i < 4; i++) {
        p->cut = len;
        try_case(p, bytes, len, &random);
    }
}

static bool asked_stream;

static bool is_chat(const char *bytes, size_t len)
{
    return memmem(bytes, len, "\"choices\"", 9) != NULL;
}

static void stream_sse(const char *path, const uint8_t *bytes, size_t len)
{
    struct plan p = {.path = path,
                     .ask_stream = asked_stream,
                     .sent_stream = true,
                     .foreign = !is_chat((const char *)bytes, len)};

    cut_recording(&p, (const char *)bytes, len);
    streams++;
}

static void stream_lines(const char *path, const uint8_t *bytes, size_t len)
{
    static char framed[BYTES_MAX];

    stream_sse(path, (const uint8_t *)framed, fixture_framed(bytes, len, framed, sizeof framed));
}

static void whole_json(const char *path, const uint8_t *bytes, size_t len)
{
    struct plan p = {.path = path,
                     .ask_stream = asked_stream,
                     .foreign = !is_chat((const char *)bytes, len)};

    cut_recording(&p, (const char *)bytes, len);
    wholes++;
}

static void each_seed(bool stream, const char *end, fixture_fn *fn)
{
    const char *n = getenv("TR_SEEDS"), *one = getenv("TR_SEED");
    uint64_t first = one != NULL ? strtoull(one, NULL, 10) : 1;
    uint64_t seeds = one != NULL ? 1 : n != NULL ? strtoull(n, NULL, 10) : 1;

    asked_stream = stream;
    context_length = 2000000; /* recorded prompts have up to 100,000 tokens */
    for (seed = first; seed < first + seeds; seed++)
        CHECK(fixtures_each(end, fn) != 0 || strstr(end, "jsonl") != NULL);
}

static void test_streams(void)
{
    streams = runs = failures = 0;
    each_seed(true, ".resp.sse", stream_sse);
    each_seed(true, ".resp.chunks.jsonl", stream_lines);
    printf("# %u recorded streams, %u cases\n", streams, runs);
}

/* A whole answer was asked for and a stream came: its chunks are gathered. */
static void test_streams_gathered(void)
{
    streams = runs = failures = 0;
    each_seed(false, ".resp.sse", stream_sse);
    each_seed(false, ".resp.chunks.jsonl", stream_lines);
    printf("# %u recorded streams, %u cases\n", streams, runs);
}

static void test_wholes(void)
{
    wholes = runs = failures = 0;
    each_seed(false, ".resp.json", whole_json);
    printf("# %u recorded whole answers, %u cases\n", wholes, runs);
}

/* A stream was asked for and a whole answer came. */
static void test_wholes_streamed(void)
{
    wholes = runs = failures = 0;
    each_seed(true, ".resp.json", whole_json);
    printf("# %u recorded whole answers, %u cases\n", wholes, runs);
}

static const struct check_case cases[] = {
    {"recordings_streams", test_streams},
    {"recordings_streams_gathered", test_streams_gathered},
    {"recordings_wholes", test_wholes},
    {"recordings_wholes_streamed", test_wholes_streamed},
};

int main(int argc, char **argv)
{
    if (getenv("TR_SIM_LOG") == NULL)
        quiet();
    return check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
}
