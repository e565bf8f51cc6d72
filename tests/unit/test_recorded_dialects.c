/* Every recorded answer of a provider through every dialect of a client: what an SDK puts together from it has the
 * text, thoughts, calls, finish reason and figures that the recording has, or is the right error, however the
 * provider's bytes were cut; and all dialects say the same as chat, whose bytes are not translated. What is right
 * is said by two readers of their own on json-c: of the recording (below) and of each dialect
 * (lib/client_reads.h). Recorded requests of Anthropic's and Responses' clients are read and rendered. With
 * TR_FOLDER=gemini that folder alone is played; with TR_WRITTEN=FILE what was written goes there, one JSON object a
 * line, for e2e/written.py, which holds it to the writer definitions. */
#define SENT_MAX (1 << 18)
#include "lib/chat_sides.h"
#include "completions.h"
#include "lib/client_reads.h"
#include "messages.h"
#include "lib/quiet.h"
#include "lib/recording.h"
#include "provider_fixtures.h"
#include "responses.h"

#include <ctype.h>

enum {
    BYTES_MAX = 256 << 10, /* the longest recording, with CR LF */
    FAILURES_MAX = 12,     /* printed */
    PROMPT_TOKENS_FREE = 400, /* of a recorded prompt: no more of ours is needed for the figures to be believed */
};

/* --- the rows */

static const struct row {
    const char *name, *path;
    const struct dialect *dialect;
    enum receipt_endpoint at;
    enum meant_dialect reads;
    const char *ask; /* up to the prompt, which ends with a quote */
    const char *rest, *stream;
} rows[] = {
    {"chat", "/v1/chat/completions", &chat_dialect, RECEIPT_CHAT_V1, READS_CHAT,
     "{\"messages\":[{\"role\":\"user\",\"content\":\"", "}],\"max_tokens\":100000",
     ",\"stream\":true,\"stream_options\":{\"include_usage\":true}"},
    {"api/chat", "/api/v1/chat/completions", &chat_dialect, RECEIPT_CHAT_API_V1, READS_CHAT,
     "{\"messages\":[{\"role\":\"user\",\"content\":\"", "}],\"max_tokens\":100000", ",\"stream\":true"},
    {"messages", "/v1/messages", &messages_2023, RECEIPT_MESSAGES_V1, READS_MESSAGES,
     "{\"messages\":[{\"role\":\"user\",\"content\":\"",
     "}],\"max_tokens\":100000,\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024}", ",\"stream\":true"},
    {"responses", "/v1/responses", &responses_dialect, RECEIPT_RESPONSES_V1, READS_RESPONSES, "{\"input\":\"",
     ",\"max_output_tokens\":100000,\"reasoning\":{\"summary\":\"auto\"}", ",\"stream\":true"},
    {"api/messages", "/api/v1/messages", &messages_2023, RECEIPT_MESSAGES_API_V1, READS_MESSAGES,
     "{\"messages\":[{\"role\":\"user\",\"content\":\"",
     "}],\"max_tokens\":100000,\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024}", ",\"stream\":true"},
    {"api/responses", "/api/v1/responses", &responses_dialect, RECEIPT_RESPONSES_API_V1, READS_RESPONSES, "{\"input\":\"",
     ",\"max_output_tokens\":100000,\"reasoning\":{\"summary\":\"auto\"}", ",\"stream\":true"},
    {"completions", "/v1/completions", &completions_dialect, RECEIPT_COMPLETIONS_V1, READS_COMPLETIONS,
     "{\"prompt\":\"", ",\"max_tokens\":100000", ",\"stream\":true,\"stream_options\":{\"include_usage\":true}"},
};
enum { ROWS = sizeof rows / sizeof rows[0] };

enum way { ONE_PIECE, EACH_BYTE, SEVENS, SPLIT_CHARACTERS, WITH_CR_LF, WAYS };
static const char *const way_names[] = {"one piece", "each byte", "seven bytes", "split UTF-8", "CR LF in sevens"};

/* --- what is compared */

/* Of a tool whose input is free text, a dialect that has none says {"raw": "..."}. */
static bool same_json(const struct meant_words *a, const struct meant_words *b)
{
    json_c_object *x = jc_parse(a->n != 0 ? a->s : "{}", a->n != 0 ? a->n : 2);
    json_c_object *y = jc_parse(b->n != 0 ? b->s : "{}", b->n != 0 ? b->n : 2);
    bool same = x != NULL ? json_object_equal(x, y) : meant_same(a, b) || (a->n != 0 && jc_is(jc(y, "raw"), a->s));

    json_object_put(x);
    json_object_put(y);
    return same;
}

static bool is_made(const struct meant_words *id)
{
    return id->n > 9 && memcmp(id->s, "call_gen-", 9) == 0;
}

/* Anthropic's ids have few characters; one that the provider did not give is made of the answer's. */
static bool same_id(const struct meant_words *want, const struct meant_words *got, enum meant_dialect d)
{
    bool same = want->n == got->n;

    if (is_made(want) && is_made(got))
        return true;
    for (size_t i = 0; same && i < want->n; i++)
        same = want->s[i] == got->s[i] || (d == READS_MESSAGES && got->s[i] == '_' && !isalnum((unsigned char)want->s[i]));
    return want->n == 0 || same;
}

/* A refusal is text too where SDKs look for nothing else. */
static bool same_text(const struct meaning *want, const struct meaning *got, enum meant_dialect d)
{
    bool joined = d == READS_MESSAGES || d == READS_COMPLETIONS;
    struct meant_words all = {0};
    bool same;

    if (want->text.n != 0)
        meant_add(&all, want->text.s, want->text.n);
    if (joined && want->refusal.n != 0)
        meant_add(&all, want->refusal.s, want->refusal.n);
    same = meant_same(&all, &got->text);
    free(all.s);
    return same;
}

/* Messages has a block for each part of a summary, where others have a paragraph. */
static bool same_thoughts(const struct meant_words *want, const struct meant_words *got, enum meant_dialect d)
{
    size_t i = 0, k = 0;

    if (d != READS_MESSAGES)
        return meant_same(want, got);
    for (;; i++, k++) {
        while (i < want->n && want->s[i] == '\n')
            i++;
        while (k < got->n && got->s[k] == '\n')
            k++;
        if (i == want->n || k == got->n)
            return i == want->n && k == got->n;
        if (want->s[i] != got->s[k])
            return false;
    }
}

/* NULL: the client has what it should have. want: the recording, or what the client of chat has. */
static const char *differs(const struct meaning *want, const struct meaning *got, enum meant_dialect d)
{
    enum meant_finish finish = want->finish;

    if (!same_text(want, got, d))
        return "the text";
    if (d == READS_COMPLETIONS) /* thoughts and calls have no place there */
        finish = finish == MEANT_CALL ? MEANT_STOP : finish;
    else if (!same_thoughts(&want->reasoning, &got->reasoning, d))
        return "the reasoning";
    else if (want->n_calls != got->n_calls)
        return "the number of calls";
    for (unsigned i = 0; d != READS_COMPLETIONS && i < want->n_calls; i++)
        if (!same_id(&want->call[i].id, &got->call[i].id, d) || !meant_same(&want->call[i].name, &got->call[i].name) ||
            !same_json(&want->call[i].input, &got->call[i].input))
            return "a call";
    if (d != READS_COMPLETIONS && !meant_same(&want->refusal, &got->refusal) && d != READS_MESSAGES)
        return "the refusal";
    if (finish != MEANT_NONE && finish != got->finish)
        return "the finish reason";
    return NULL;
}

/* Chat's client has what the provider told, the others (OpenRouter's chat too) what is billed. */
static bool right_figures(const struct recording *r, const struct meaning *got, const struct row *row)
{
    bool told = row == &rows[0];

    if (!r->m.figures) /* an estimate, which chat's client is not told */
        return told || (got->prompt != 0 && got->completion != 0);
    return got->figures && got->prompt == r->m.prompt && got->completion == (told ? r->m.completion : r->completion) &&
           got->cached == (told ? r->m.cached : r->cached) && got->thought == (told ? r->m.thought : r->thought);
}

/* --- one run */

static FILE *written; /* TR_WRITTEN; NULL: not asked for */

static void write_down(const char *path, const struct row *row, const char *what, const char *body)
{
    json_c_object *o;

    if (written == NULL)
        return;
    o = json_object_new_object();
    json_object_object_add(o, "recording", json_object_new_string(path));
    json_object_object_add(o, "dialect", json_object_new_string(row->name));
    json_object_object_add(o, "what", json_object_new_string(what));
    json_object_object_add(o, "status", json_object_new_int(client.status));
    json_object_object_add(o, "body", json_object_new_string(body));
    fprintf(written, "%s\n", json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
    json_object_put(o);
}

/* The prompt is as long as the recorded one must have been at least, else nobody would believe its figures. */
static const char *body_of(const struct row *row, const struct recording *r, bool stream)
{
    static char body[SENT_MAX];
    size_t fill = r->m.prompt > PROMPT_TOKENS_FREE ? (size_t)r->m.prompt : 10;
    int n = sprintf(body, "%s", row->ask);

    CHECK(fill < sizeof body / 2);
    memset(body + n, 'x', fill);
    sprintf(body + n + fill, "\"%s,\"model\":\"demo/echo\",\"provider\":{\"only\":[\"demo-a\"]}%s}", row->rest,
            stream ? row->stream : "");
    return body;
}

static void feed(const char *bytes, size_t len, enum way way)
{
    size_t at = 0;

    while (at < len) {
        size_t n = way == EACH_BYTE ? 1 : way == ONE_PIECE ? len : 7;

        if (way == SPLIT_CHARACTERS) /* up to the first byte of the next character of several */
            for (n = 1; at + n < len && ((uint8_t)bytes[at + n - 1] & 0xc0) != 0xc0; n++)
                ;
        n = n < len - at ? n : len - at;
        up_bytes(view_of(bytes + at, n), n);
        client_reads();
        at += n;
    }
}

static size_t with_cr(const char *bytes, size_t len, char *out)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        if (bytes[i] == '\n' && (i == 0 || bytes[i - 1] != '\r'))
            out[n++] = '\r';
        out[n++] = bytes[i];
    }
    return n;
}

static void ask_as(const struct row *row, const char *body)
{
    reset();
    spoken = row->dialect;
    spoken_at = row->at;
    client.path = row->path;
    ask(body);
}

static void play(const struct row *row, const struct recording *r, bool stream, enum way way)
{
    static char crs[BYTES_MAX];
    bool cr = way == WITH_CR_LF;

    CHECK(r->len < sizeof crs / 2);
    providers.list[0].dialect = r->dialect;
    ask_as(row, body_of(row, r, stream));
    up_head(r->status);
    if (cr)
        feed(crs, with_cr(r->bytes, r->len, crs), way);
    else
        feed(r->bytes, r->len, way);
    up_done(ERR_NONE);
    client_reads();
}

/* The provider's status is not the client's: what is our fault is not told as the client's. 0: a body with an error
 * under 200, of which the error says whose fault it is. Gemini says 400 when our key is wrong. */
static int right_status(const struct recording *r)
{
    if (r->status == 200)
        return 0;
    return (r->status == 400 || r->status == 429) && memmem(r->bytes, r->len, "API_KEY_INVALID", 15) == NULL ? r->status : 502;
}

static bool must_fail(const struct recording *r, bool stream)
{
    return r->error || (!r->finished && (r->stream ? !r->done : stream));
}

/* NULL: it holds. chat: what the client of chat has of the same; of itself in its own row. */
static const char *judge(const struct row *row, const struct recording *r, bool stream, const struct meaning *got,
                         const struct meaning *chat, int chat_status)
{
    int status = right_status(r);

    if (check_failed_ != 0)
        return "a fake was called in a wrong way";
    if (got->odd != NULL)
        return got->odd;
    if (client.started ? !client.ended || client.aborted : !client.responded)
        return "the answer ends";
    if (client.status == 401 || client.status == 403 || client.status != chat_status)
        return "the status is chat's";
    if (!client.started && (client.status == 200) != got->complete)
        return "the status says whether it failed";
    if (must_fail(r, stream) != got->failed)
        return got->failed ? "an answer, not a failure" : "a failure, not an answer";
    if (got->failed && client.started)
        return got->text.n > r->m.text.n || memcmp(got->text.s == NULL ? "" : got->text.s, r->m.text.s == NULL ? "" : r->m.text.s, got->text.n) != 0
                   ? "the text before the failure"
                   : NULL;
    if (got->failed)
        return status != 0 && client.status != status ? "the right status for the failure" : NULL;
    if (differs(&r->m, got, row->reads) != NULL)
        return differs(&r->m, got, row->reads);
    if (!right_figures(r, got, row))
        return "the figures";
    if (row->reads != READS_MESSAGES && (strstr(client.out, "\"provider\":\"Demo A\"") != NULL && strstr(client.out, "\"cost\":") != NULL) !=
                                            (strncmp(row->path, "/api/", 5) == 0))
        return "provider and cost are told under /api/v1 alone";
    if (differs(chat, got, row->reads) != NULL)
        return "it says what chat's says";
    return NULL;
}

/* --- all runs */

enum outcome { OK, RIGHT_ERROR, OTHER_API, NO_PLACE, WRONG, OUTCOMES };
static struct folder {
    char name[32];
    unsigned n, count[ROWS][OUTCOMES];
} folders[32];
static unsigned n_folders, n_recordings, n_runs, n_wrong, n_cut;

static struct folder *folder_of(const char *path)
{
    char name[32] = "";
    const char *end = strrchr(path, '/'), *from = end;

    while (from > path && from[-1] != '/')
        from--;
    snprintf(name, sizeof name, "%.*s", (int)(end - from), from);
    for (unsigned i = 0; i < n_folders; i++)
        if (strcmp(folders[i].name, name) == 0)
            return &folders[i];
    CHECK(n_folders < sizeof folders / sizeof folders[0]);
    strcpy(folders[n_folders].name, name);
    return &folders[n_folders++];
}

static void print_some(const char *label, const char *s, size_t n)
{
    printf("#   %s: %.*s\n", label, (int)(n < 400 ? n : 400), s != NULL ? s : "");
}

static void complain(const struct row *row, const struct recording *r, bool stream, enum way way, const char *what,
                     const struct meaning *got)
{
    CHECK(!"a recording in a dialect");
    if (n_wrong++ >= FAILURES_MAX)
        return;
    printf("# %s: %s, asked for a %s, in %s: does not hold: %s\n", r->path, row->name, stream ? "stream" : "whole answer",
           way_names[way], what);
    printf("#   status %d; finish %d for %d; figures %lld %lld %lld %lld for %lld %lld %lld %lld; calls %u for %u\n", client.status,
           got->finish, r->m.finish, (long long)got->prompt, (long long)got->completion, (long long)got->cached,
           (long long)got->thought, (long long)r->m.prompt, (long long)r->m.completion, (long long)r->m.cached,
           (long long)r->m.thought, got->n_calls, r->m.n_calls);
    print_some("text", got->text.s, got->text.n);
    print_some("of", r->m.text.s, r->m.text.n);
    print_some("client", client.out, client.out_len);
}

/* One recording in one form, for the clients of all dialects. */
static void in_every_dialect(const struct recording *r, bool stream, enum way way, bool wrong[ROWS])
{
    struct meaning chat = {0};
    int chat_status = 0;

    for (size_t i = 0; i < ROWS; i++) {
        struct meaning got = {0};
        unsigned failed = check_failed_;
        const char *what;

        check_failed_ = 0;
        play(&rows[i], r, stream, way);
        if (client.started)
            meant_read_stream(&got, rows[i].reads, client.out, client.out_len);
        else
            meant_read_whole(&got, rows[i].reads, client.out, client.out_len);
        what = judge(&rows[i], r, stream, &got, i == 0 ? &got : &chat, i == 0 ? client.status : chat_status);
        check_failed_ = failed + (check_failed_ != 0);
        if (what != NULL)
            complain(&rows[i], r, stream, way, what, &got);
        wrong[i] = wrong[i] || what != NULL;
        n_runs++;
        if (way == ONE_PIECE)
            write_down(r->path, &rows[i], client.started ? "stream" : got.failed ? "error" : "whole", client.out);
        if (i == 0) {
            chat = got;
            chat_status = client.status;
        } else {
            meaning_free(&got);
        }
    }
    meaning_free(&chat);
}

static void count(const struct recording *r, const bool wrong[ROWS])
{
    struct folder *f = folder_of(r->path);

    f->n++;
    n_recordings++;
    for (size_t i = 0; i < ROWS; i++)
        f->count[i][wrong[i]                                                        ? WRONG
                    : r->other_api                                                  ? OTHER_API
                    : must_fail(r, r->stream)                                       ? RIGHT_ERROR
                    : rows[i].reads == READS_COMPLETIONS && r->m.n_calls != 0       ? NO_PLACE
                                                                                    : OK]++;
}

static int status_of(const char *path)
{
    char meta[1100];
    size_t len = 0;
    uint8_t *bytes;
    json_c_object *o;
    int status = 200;

    snprintf(meta, sizeof meta, "%.*s.meta.json", (int)(strstr(path, ".resp.") - path), path);
    bytes = fixture_read(meta, &len);
    if (bytes == NULL)
        return status;
    o = jc_parse((char *)bytes, len);
    if (jc(o, "status") != NULL)
        status = json_object_get_int(jc(o, "status"));
    json_object_put(o);
    free(bytes);
    return status;
}

/* The first half of a stream, up to the end of an event: its provider's connection is over before the finish reason. */
static void cut_stream(const char *path, const char *bytes, size_t len, bool wrong[ROWS])
{
    const char *end = memmem(bytes + len / 2, len - len / 2, "\n\n", 2);
    struct recording r = {.path = path, .bytes = bytes, .stream = true, .status = status_of(path)};

    r.len = end != NULL ? (size_t)(end + 2 - bytes) : len / 2;
    recording_read(&r);
    n_cut += must_fail(&r, true) && !r.error;
    in_every_dialect(&r, true, ONE_PIECE, wrong);
    in_every_dialect(&r, true, SEVENS, wrong);
    in_every_dialect(&r, false, SEVENS, wrong);
    meaning_free(&r.m);
}

static void recording(const char *path, const char *bytes, size_t len, bool stream)
{
    struct recording r = {.path = path, .bytes = bytes, .len = len, .stream = stream, .status = status_of(path)};
    const char *only = getenv("TR_FOLDER");
    bool wrong[ROWS] = {false};

    if (only != NULL && strcmp(only, folder_of(path)->name) != 0)
        return;

    recording_read(&r);
    for (enum way w = ONE_PIECE; w < WAYS; w++) {
        if (w == WITH_CR_LF && !stream)
            continue;
        in_every_dialect(&r, stream, w, wrong);
        if (w == ONE_PIECE || w == SEVENS) /* gathered, or a whole answer as a stream */
            in_every_dialect(&r, !stream, w, wrong);
    }
    if (stream)
        cut_stream(path, bytes, len, wrong);
    count(&r, wrong);
    meaning_free(&r.m);
}

static void recorded_sse(const char *path, const uint8_t *bytes, size_t len)
{
    recording(path, (const char *)bytes, len, true);
}

static void recorded_lines(const char *path, const uint8_t *bytes, size_t len)
{
    static char framed[BYTES_MAX];

    recording(path, framed, fixture_framed(bytes, len, framed, sizeof framed), true);
}

static void recorded_whole(const char *path, const uint8_t *bytes, size_t len)
{
    recording(path, (const char *)bytes, len, false);
}

/* Lines that tests/run shows. */
static void print_table(void)
{
    printf("#| recorded answers by folder, each in up to %u forms: ok + right errors (- calls, which have no place there)\n",
           (unsigned)WAYS + 2);
    printf("#| %-16s %4s", "", "all");
    for (size_t i = 0; i < ROWS; i++)
        printf(" %13s", rows[i].name);
    printf("  of another API, an error in all dialects\n");
    for (unsigned k = 0; k < n_folders; k++) {
        printf("#| %-16s %4u", folders[k].name, folders[k].n);
        for (size_t i = 0; i < ROWS; i++) {
            const unsigned *c = folders[k].count[i];
            char cell[64];

            if (c[WRONG] != 0)
                snprintf(cell, sizeof cell, "%u WRONG", c[WRONG]);
            else if (c[NO_PLACE] != 0)
                snprintf(cell, sizeof cell, "%u + %u - %u", c[OK], c[RIGHT_ERROR], c[NO_PLACE]);
            else
                snprintf(cell, sizeof cell, "%u + %u", c[OK], c[RIGHT_ERROR]);
            printf(" %13s", cell);
        }
        printf("  %u\n", folders[k].count[0][OTHER_API]);
    }
    printf("#| %u recordings (%u of them cut in the middle as well, an error in all dialects), %u answers read, %u wrong\n",
           n_recordings, n_cut, n_runs, n_wrong);
}

static bool full(void)
{
    return strncmp(fixtures_root(), "tests/", 6) != 0;
}

static void ready(void)
{
    providers.list[0].dialect = DIALECT_OPENAI;
    capabilities = CAP_TOOLS | CAP_IMAGES | CAP_JSON_SCHEMA | CAP_REASONING;
    context_length = 2000000;
}

static void recorded_answers(void)
{
    ready();
    fixtures_each(".resp.sse", recorded_sse);
    fixtures_each(".resp.chunks.jsonl", recorded_lines);
    fixtures_each(".resp.json", recorded_whole);
    print_table();
    CHECK(n_recordings >= (full() ? 281 : 10) || getenv("TR_FOLDER") != NULL);
}

/* --- recorded requests: what clients of translated dialects sent, as it reaches a provider */

static struct {
    unsigned n, rendered, refused;
} requests[ROWS];

/* Of the dialect whose endpoint it was sent to; NULL: another API's. */
static const struct row *row_of_request(const char *path, json_c_object *o)
{
    if (strstr(path, "/anthropic/") != NULL)
        return &rows[2];
    if (jc(o, "input") != NULL && strstr(path, "embed") == NULL)
        return &rows[3];
    return NULL;
}

/* The model is the catalog's, everything else as it came. */
static void recorded_request(const char *path, const uint8_t *bytes, size_t len)
{
    json_c_object *o = jc_parse((const char *)bytes, len), *sent;
    const struct row *row = row_of_request(path, o);
    size_t i = row == NULL ? 0 : (size_t)(row - rows);

    if (row == NULL) {
        json_object_put(o);
        return;
    }
    requests[i].n++;
    json_object_object_add(o, "model", json_object_new_string("demo/echo"));
    json_object_object_add(o, "provider", json_tokener_parse("{\"only\":[\"demo-a\"]}"));
    ask_as(row, json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
    if (up.started == 1) {
        requests[i].rendered++;
        sent = jc_parse(up.sent[0], strlen(up.sent[0]));
        CHECK(jc_is(jc(sent, "model"), "up-echo") && jc_count(jc(sent, "messages")) != 0);
        json_object_put(sent);
        write_down(path, row, "request", up.sent[0]);
        up_head(400);
        up_done(ERR_NONE);
    } else {
        requests[i].refused++;
        printf("# refused: %s: %d %s\n", path, client.status, client.out);
    }
    client_reads();
    json_object_put(o);
}

static void recorded_requests(void)
{
    ready();
    fixtures_each(".req.json", recorded_request);
    for (size_t i = 0; i < ROWS; i++)
        if (requests[i].n != 0)
            printf("#| %u recorded requests of %s, %u of them rendered for a provider, %u refused by name\n", requests[i].n,
                   rows[i].name, requests[i].rendered, requests[i].refused);
    if (!full())
        check_skip("the recordings are not here");
    else
        CHECK(requests[2].rendered == 16 && requests[3].rendered == 22);
}

static const struct check_case cases[] = {
    {"recorded_answers", recorded_answers},
    {"recorded_requests", recorded_requests},
};

int main(int argc, char **argv)
{
    const char *path = getenv("TR_WRITTEN");

    if (path != NULL && (written = fopen(path, "w")) == NULL)
        abort();
    if (getenv("TR_SIM_LOG") == NULL)
        quiet();
    return check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
}
