/* What the data plane's own code costs per chunk of a stream and per request, in each dialect of a client: the real
 * exchange, attempt and adapter between a fake client and a fake provider, so no kernel, TLS or HTTP, which are
 * the same for all dialects. It prints nanoseconds: the least of several runs, which a busy machine disturbs little.
 * With DIALECT SHAPE N it runs one row, N chunks, once: for callgrind, which counts instructions (../README.md). */
#include "lib/chat_sides.h"
#include "completions.h"
#include "messages.h"
#include "responses.h"

#include <stdlib.h>
#include <time.h>

enum {
    CHUNKS = 2000,   /* of a stream that is timed */
    REQUESTS = 1000, /* in a row, that are timed */
    RUNS = 15,
    DIGITS = 5,
};

static const struct row {
    const char *name;
    const struct dialect *dialect;
    enum receipt_endpoint at;
    const char *ask; /* without its last brace */
} rows[] = {
    {"chat", &chat_dialect, RECEIPT_CHAT_V1,
     "{\"model\":\"demo/echo\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"max_tokens\":100000"},
    {"messages", &messages_2023, RECEIPT_MESSAGES_V1,
     "{\"model\":\"demo/echo\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"max_tokens\":100000"},
    {"responses", &responses_dialect, RECEIPT_RESPONSES_V1,
     "{\"model\":\"demo/echo\",\"input\":\"hi\",\"max_output_tokens\":100000"},
    {"completions", &completions_dialect, RECEIPT_COMPLETIONS_V1,
     "{\"model\":\"demo/echo\",\"prompt\":\"hi\",\"max_tokens\":100000"},
};
enum { ROWS = sizeof rows / sizeof rows[0] };

#define HEAD "{\"id\":\"up\",\"object\":\"chat.completion"
#define MODEL ",\"model\":\"up-echo\",\"choices\":[{\"index\":0,"
#define FIGURES "\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2,\"total_tokens\":11}"
#define CHUNK(created, delta)                                                                      \
    "data: " HEAD ".chunk\",\"created\":" created MODEL "\"delta\":" delta ",\"finish_reason\":null}]}\n\n"
#define END                                                                                        \
    "data: " HEAD ".chunk\",\"created\":1" MODEL "\"delta\":{},\"finish_reason\":\"stop\"}]," FIGURES "}\n\n" \
    "data: [DONE]\n\n"
#define WHOLE                                                                                      \
    HEAD "\",\"created\":1" MODEL "\"message\":{\"role\":\"assistant\",\"content\":\"hello\"},"           \
    "\"finish_reason\":\"stop\"}]," FIGURES "}"

/* Five digits that count are put into the place of the #: a text that differs, or a chunk that must be parsed. */
static const struct shape {
    const char *name, *first, *chunk;
} shapes[] = {
    {"text", CHUNK("1", "{\"role\":\"assistant\",\"content\":\"\"}"), CHUNK("1", "{\"content\":\" w#####\"}")},
    {"parsed", CHUNK("1", "{\"role\":\"assistant\",\"content\":\"\"}"), CHUNK("1#####", "{\"content\":\" w00000\"}")},
    {"reasoning", CHUNK("1", "{\"role\":\"assistant\",\"content\":\"\"}"),
     CHUNK("1", "{\"reasoning_content\":\" w#####\"}")},
    {"tool", CHUNK("1", "{\"role\":\"assistant\",\"tool_calls\":[{\"index\":0,\"id\":\"call_1\",\"type\":\"function\","
                        "\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":\\\"\"}}]}"),
     CHUNK("1", "{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\" w#####\"}}]}")},
};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static void provider_says(const char *text)
{
    up_bytes(view_str(text), strlen(text));
}

static void client_takes(void)
{
    client_reads();
    client.out_len = 0;
}

static void begin(const struct row *r, bool stream)
{
    static char body[512];

    (void)snprintf(body, sizeof body, "%s%s}", r->ask, stream ? ",\"stream\":true" : "");
    client.status = 0;
    client.out_len = 0;
    client.n_taken = 0;
    client.started = client.busy = client.ended = client.responded = false;
    client.released = NULL;
    client.fill = NULL;
    digest_stream_begin(&client.taken);
    up.started = 0;
    spoken = r->dialect;
    spoken_at = r->at;
    ask(body);
    up_head(200);
}

static void over(void)
{
    up_done(ERR_NONE);
    client_reads();
    if (client.status != 200 || records == 0 || chats.request.requests != NULL) {
        (void)printf("chunk_cost: the request has failed\n");
        exit(1);
    }
}

/* The part that is measured: not inlined, so that callgrind can be told to collect in it alone. */
static __attribute__((noipa)) void chunks(const struct shape *s, unsigned n)
{
    char text[512];
    char *digits;

    (void)snprintf(text, sizeof text, "%s", s->chunk);
    digits = strchr(text, '#');
    for (unsigned i = 0; i < n; i++) {
        for (unsigned place = DIGITS, rest = i; place-- != 0; rest /= 10)
            digits[place] = (char)('0' + rest % 10);
        provider_says(text);
        client_takes();
    }
}

static __attribute__((noipa)) void requests(const struct row *r, bool stream, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        begin(r, stream);
        provider_says(stream ? END : WHOLE);
        over();
    }
}

static uint64_t cpu_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* CPU time of n chunks of a stream, and of what they come to for the client in *bytes. */
static uint64_t run_stream(const struct row *r, const struct shape *s, unsigned n, uint64_t *bytes)
{
    uint64_t before;

    reset();
    begin(r, true);
    provider_says(s->first);
    client_takes();
    *bytes = client.n_taken;
    before = cpu_ns();
    chunks(s, n);
    before = cpu_ns() - before;
    *bytes = client.n_taken - *bytes;
    provider_says(END);
    over();
    return before;
}

static uint64_t run_requests(const struct row *r, bool stream, unsigned n)
{
    uint64_t before;

    reset();
    requests(r, stream, 1);
    before = cpu_ns();
    requests(r, stream, n);
    return cpu_ns() - before;
}

static uint64_t run(const struct row *r, const char *shape, unsigned n, uint64_t *bytes)
{
    *bytes = 0;
    for (size_t i = 0; i < SHAPES; i++)
        if (strcmp(shapes[i].name, shape) == 0)
            return run_stream(r, &shapes[i], n, bytes);
    return run_requests(r, strcmp(shape, "whole") != 0, n);
}

static void print_row(const char *shape, unsigned n, const char *unit)
{
    (void)printf("  %-10s", shape);
    for (size_t i = 0; i < ROWS; i++) {
        uint64_t least = UINT64_MAX, bytes = 0;

        for (unsigned k = 0; k < RUNS; k++) {
            uint64_t ns = run(&rows[i], shape, n, &bytes);

            least = ns < least ? ns : least;
        }
        (void)printf(" %8llu (%3llu B)", (unsigned long long)(least / n), (unsigned long long)(bytes / n));
    }
    (void)printf("   ns per %s\n", unit);
    (void)fflush(stdout);
}

int main(int argc, char **argv)
{
    uint64_t bytes;

    if (freopen("/dev/null", "w", stderr) == NULL) /* a line of log per request */
        return 1;
    content_max = SIZE_MAX / 4;
    context_length = 10000000;
    lease = 0;
    if (argc == 4) {
        for (size_t i = 0; i < ROWS; i++)
            if (strcmp(rows[i].name, argv[1]) == 0)
                (void)run(&rows[i], argv[2], (unsigned)atoi(argv[3]), &bytes);
        return 0;
    }
    (void)printf("\n  own code, without HTTP, TLS and the kernel; in parentheses what the client is sent\n  %-10s", "");
    for (size_t i = 0; i < ROWS; i++)
        (void)printf(" %16s", rows[i].name);
    (void)printf("\n");
    for (size_t i = 0; i < SHAPES; i++)
        print_row(shapes[i].name, CHUNKS, "chunk");
    print_row("stream", REQUESTS, "request of one chunk");
    print_row("whole", REQUESTS, "request");
    return 0;
}
