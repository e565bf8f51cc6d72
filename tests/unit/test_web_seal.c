/* An answer that is sealed on its way out: a byte that leaves past the seal is a prompt in clear, a Content-Length that
 * does not count the seals ends connections, a piece that is freed too early leaves as something else. The seal here
 * is one that can be read: '<', the bytes with their case turned, '>'. */
#include "web.h"

#include "check.h"
#include "secret.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct {
    uv_loop_t loop;
    uv_async_t stop;
    struct web_server *web;
    pthread_t thread;
    atomic_uint gone, freed, released;
    struct web_request *streaming; /* loop thread only */
    unsigned writes;
} S;

static int fail_at; /* the number of the piece that cannot be sealed; 0: none */

/* --- the seal */

struct turned {
    struct web_seal seal;
    int pieces;
};

static void turn(struct view v, uint8_t *out)
{
    for (size_t i = 0; i < v.len; i++)
        out[i] = v.ptr[i] >= 'A' ? v.ptr[i] ^ 0x20 : v.ptr[i];
}

static enum err turned_seal(struct web_seal *s, struct view piece, uint8_t *out)
{
    struct turned *t = (struct turned *)s;

    if (++t->pieces == fail_at)
        return ERR_CRYPTO;
    out[0] = '<';
    turn(piece, out + 1);
    out[1 + piece.len] = '>';
    return ERR_NONE;
}

static void turned_free(struct web_seal *s)
{
    memset(s, 0xdd, sizeof(struct turned)); /* who looks at it later reads that */
    free(s);
    atomic_fetch_add(&S.freed, 1);
}

static void seal(struct web_request *r)
{
    struct turned *t = calloc(1, sizeof *t);

    t->seal = (struct web_seal){.header = {VIEW_LIT("x-sealed"), VIEW_LIT("turned")},
                                .grows = 2,
                                .seal = turned_seal,
                                .free = turned_free};
    web_seal_answer(r, &t->seal);
}

/* --- the server */

static const struct web_header plain[] = {{VIEW_LIT("content-type"), VIEW_LIT("text/plain")}};

static void gone_cb(void *cookie)
{
    (void)cookie;
    atomic_fetch_add(&S.gone, 1);
}

static void released_cb(void *cookie)
{
    (void)cookie;
    atomic_fetch_add(&S.released, 1);
}

static void writable_cb(void *cookie)
{
    (void)cookie;
    if (++S.writes < 3)
        web_stream_write(S.streaming, VIEW_LIT("piece"));
    else if (S.writes == 3) { /* an end that waits for the write in flight */
        web_stream_write(S.streaming, VIEW_LIT("fourth"));
        web_stream_end(S.streaming, VIEW_LIT("last"), released_cb, NULL);
    }
}

static void trailer_cb(void *cookie, struct buf *lines)
{
    (void)cookie;
    CHECK_INT(buf_append(lines, VIEW_LIT("x-late: news\r\n")), ERR_NONE);
}

static void handler(void *cookie, struct web_request *r)
{
    struct view path = web_path(r), body = web_body(r);

    (void)cookie;
    if (view_eq(path, VIEW_LIT("/open"))) { /* the handler decodes the body where it lies */
        uint8_t *bytes = web_body_bytes(r);

        CHECK(bytes == body.ptr && body.len == 7 && bytes[0] == '<' && bytes[6] == '>');
        turn(view_of(bytes + 1, 5), bytes + 1);
        web_body_narrow(r, view_of(bytes + 1, 5));
        web_respond(r, 200, plain, 1, web_body(r));
        return;
    }
    seal(r);
    if (view_eq(path, VIEW_LIT("/whole"))) {
        web_respond(r, 200, plain, 1, VIEW_LIT("whole"));
    } else if (view_eq(path, VIEW_LIT("/empty"))) {
        web_respond(r, 204, plain, 1, VIEW_EMPTY);
    } else if (view_eq(path, VIEW_LIT("/large"))) {
        struct buf large;

        buf_init(&large, 1 << 20);
        while (large.len < 200000)
            CHECK_INT(buf_append_byte(&large, 'a'), ERR_NONE);
        web_respond_taking(r, 200, plain, 1, &large);
    } else {
        S.streaming = r;
        S.writes = 0;
        web_set_gone(r, gone_cb, NULL);
        web_stream_start(r, 200, plain, 1, writable_cb, NULL);
        if (view_eq(path, VIEW_LIT("/trailer")))
            CHECK(web_stream_trailer(r, trailer_cb, NULL));
        web_stream_write(r, VIEW_LIT("first"));
    }
}

static void drained_cb(void *cookie)
{
    (void)cookie;
    uv_close((uv_handle_t *)&S.stop, NULL);
    uv_stop(&S.loop);
}

static void stop_cb(uv_async_t *a)
{
    (void)a;
    web_stop(S.web, drained_cb, NULL);
}

static void *serve(void *arg)
{
    uv_run(&S.loop, UV_RUN_DEFAULT);
    return arg;
}

static void server_start(void)
{
    struct web_config config = {.loop = &S.loop,
                                .host = "127.0.0.1",
                                .limits = {.body_max = 1000,
                                           .connections_max = 10,
                                           .request_timeout_ms = 5000,
                                           .write_stall_ms = 5000,
                                           .sweep_ms = 50},
                                .handler = handler};

    memset(&S, 0, sizeof S);
    uv_loop_init(&S.loop);
    uv_async_init(&S.loop, &S.stop, stop_cb);
    CHECK_INT(web_start(&config, &S.web), ERR_NONE);
    pthread_create(&S.thread, NULL, serve, NULL);
}

static void server_stop(void)
{
    uv_async_send(&S.stop);
    pthread_join(S.thread, NULL);
    web_free(S.web);
    uv_run(&S.loop, UV_RUN_NOWAIT);
    CHECK_INT(uv_loop_close(&S.loop), 0);
}

/* --- a client: one request on a connection of its own, and all that comes back */

static char got[1 << 19];

static size_t ask(const char *method, const char *path, const char *body)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons(web_port(S.web)),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct timeval patience = {10, 0};
    char text[512];
    size_t n = 0;
    ssize_t r;

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    CHECK_INT(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: %zu\r\n\r\n%s", method,
             path, strlen(body), body);
    CHECK_INT(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
    while (n < sizeof got - 1 && (r = recv(fd, got + n, sizeof got - 1 - n, 0)) > 0)
        n += (size_t)r;
    got[n] = '\0';
    close(fd);
    return n;
}

static const char *body_of(void)
{
    const char *end = strstr(got, "\r\n\r\n");

    return end != NULL ? end + 4 : "";
}

static bool has(const char *part)
{
    if (strstr(got, part) != NULL)
        return true;
    printf("# no \"%s\" in \"%.300s\"\n", part, got);
    return false;
}

#define BODY_IS(want) CHECK_BYTES(body_of(), strlen(body_of()), (want), strlen(want))

static void whole_answers(void)
{
    server_start();
    ask("POST", "/whole", "x");
    CHECK(has("x-sealed: turned\r\n") && has("Content-Length: 7\r\n"));
    BODY_IS("<WHOLE>");
    ask("GET", "/empty", "");
    CHECK(has("HTTP/1.1 204") && has("x-sealed: turned\r\n"));
    BODY_IS("");
    ask("HEAD", "/whole", "");
    CHECK(has("Content-Length: 7\r\n"));
    BODY_IS("");
    server_stop();
    CHECK_INT(S.freed, 3);
}

/* 200,000 bytes are three pieces of 64 KiB and one of 3,392: each is sealed when the client has taken the one
 * before. */
static void large_answers(void)
{
    static const size_t pieces[] = {65536, 65536, 65536, 3392};
    const char *at;

    server_start();
    ask("POST", "/large", "x");
    CHECK(has("Content-Length: 200008\r\n"));
    at = body_of();
    CHECK_INT(strlen(at), 200008);
    for (size_t i = 0; i < 4 && strlen(at) >= pieces[i] + 2; i++) {
        CHECK_INT(at[0], '<');
        CHECK_INT(strspn(at + 1, "A"), pieces[i]);
        CHECK_INT(at[pieces[i] + 1], '>');
        at += pieces[i] + 2;
    }
    CHECK_INT(strlen(at), 0);
    server_stop();
    CHECK_INT(S.freed, 1);
}

static void streams(void)
{
    server_start();
    ask("POST", "/stream", "x");
    CHECK(has("x-sealed: turned\r\n") && has("transfer-encoding: chunked\r\n"));
    BODY_IS("7\r\n<FIRST>\r\n7\r\n<PIECE>\r\n7\r\n<PIECE>\r\n8\r\n<FOURTH>\r\n6\r\n<LAST>\r\n0\r\n\r\n");
    ask("POST", "/trailer", "x");
    BODY_IS("7\r\n<FIRST>\r\n7\r\n<PIECE>\r\n7\r\n<PIECE>\r\n8\r\n<FOURTH>\r\n6\r\n<LAST>\r\n0\r\nx-late: news\r\n\r\n");
    server_stop();
    CHECK_INT(S.freed, 2);
    CHECK_INT(S.released, 2);
    CHECK_INT(S.gone, 0);
}

/* A piece that cannot be sealed does not leave, nor anything behind it. */
static void what_cannot_be_sealed(void)
{
    static const struct {
        const char *path, *body;
        int piece;
        unsigned gone, released;
    } cases[] = {
        {"/whole", "", 1, 0, 0},
        {"/stream", "", 1, 1, 0},
        {"/stream", "7\r\n<FIRST>\r\n7\r\n<PIECE>\r\n", 3, 1, 0},
        {"/stream", "7\r\n<FIRST>\r\n7\r\n<PIECE>\r\n7\r\n<PIECE>\r\n8\r\n<FOURTH>\r\n", 5, 0, 1},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fail_at = cases[i].piece;
        server_start();
        ask("POST", cases[i].path, "x");
        BODY_IS(cases[i].body);
        CHECK(strstr(got, "whole") == NULL && strstr(got, "piece") == NULL && strstr(got, "last") == NULL);
        CHECK(strstr(got, "0\r\n\r\n") == NULL);
        server_stop();
        CHECK_INT(S.freed, 1);
        CHECK_INT(S.gone, cases[i].gone);
        CHECK_INT(S.released, cases[i].released);
    }
    fail_at = 2;
    server_start();
    ask("POST", "/large", "x");
    CHECK_INT(strlen(body_of()), 65538);
    server_stop();
    CHECK_INT(S.freed, 1);
    fail_at = 0;
}

static void a_body_is_decoded_where_it_lies(void)
{
    server_start();
    ask("POST", "/open", "<hELLO>");
    BODY_IS("Hello");
    CHECK(strstr(got, "x-sealed") == NULL);
    server_stop();
    CHECK_INT(S.freed, 0);
}

static const struct check_case cases[] = {
    {"web_seal_whole_answers", whole_answers},
    {"web_seal_large_answers", large_answers},
    {"web_seal_streams", streams},
    {"web_seal_what_cannot_be_sealed", what_cannot_be_sealed},
    {"web_seal_a_body_is_decoded_where_it_lies", a_body_is_decoded_where_it_lies},
};

/* h2o keeps pool memory for each thread and never gives it back. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:h2o_mem_alloc_recycle";
}

int main(int argc, char **argv)
{
    if (secret_init() != ERR_NONE)
        return 1;
    return check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
}
