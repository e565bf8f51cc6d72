/* A provider's name has addresses that are dead, mute or gone, and name servers that hang. Whoever waits
 * for one of them pays with a customer's time: the others must be tried in time, what was learnt must
 * be kept, and nobody else may wait. Real sockets on 127.0.0.x; the name server is this file. */
#include "upstream.h"

#include "check.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    CONNECT_MS = 2000,
    FAST_MS = 200, /* less than UPSTREAM_STEP_MS: nothing mute was tried before */
};

/* --- the name server: "127.0.0.9,127.0.0.1.test" has these two addresses --- */

static _Atomic bool names_hang; /* those that begin with "hung" */
static _Atomic unsigned names_asked;

static struct addrinfo *name_add(struct addrinfo *list, const char *text, const char *service)
{
    struct addrinfo *a = calloc(1, sizeof *a), **end = &list;
    union resolve_address *to = calloc(1, sizeof *to);

    a->ai_addr = &to->any;
    if (inet_pton(AF_INET, text, &to->v4.sin_addr) == 1) {
        to->v4.sin_family = AF_INET;
        to->v4.sin_port = htons((uint16_t)atoi(service));
        a->ai_addrlen = sizeof to->v4;
    } else {
        CHECK_INT(inet_pton(AF_INET6, text, &to->v6.sin6_addr), 1);
        to->v6.sin6_family = AF_INET6;
        to->v6.sin6_port = htons((uint16_t)atoi(service));
        a->ai_addrlen = sizeof to->v6;
    }
    a->ai_family = to->any.sa_family;
    while (*end != NULL)
        end = &(*end)->ai_next;
    *end = a;
    return list;
}

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **out)
{
    char names[256], *save = NULL;

    (void)hints;
    names_asked++;
    while (names_hang && strncmp(host, "hung", 4) == 0)
        usleep(1000);
    snprintf(names, sizeof names, "%s", strncmp(host, "hung,", 5) == 0 ? host + 5 : host);
    if (strstr(names, ".test") == NULL)
        return EAI_NONAME;
    *strstr(names, ".test") = '\0';
    *out = NULL;
    for (char *a = strtok_r(names, ",", &save); a != NULL; a = strtok_r(NULL, ",", &save))
        *out = name_add(*out, a, service);
    return 0;
}

void freeaddrinfo(struct addrinfo *list)
{
    while (list != NULL) {
        struct addrinfo *next = list->ai_next;

        free(list->ai_addr);
        free(list);
        list = next;
    }
}

/* --- who listens --- */

struct listener {
    int fd, full[4];
    atomic_uint accepts;
};

static uint16_t port; /* the same for all addresses */
static struct listener alive, second, mute[3];

static int bound(const char *address, int backlog)
{
    union resolve_address a;
    int fd, on = 1;

    CHECK(resolve_literal(address, port, &a));
    fd = socket(a.any.sa_family, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    CHECK_INT(bind(fd, &a.any, a.any.sa_family == AF_INET ? sizeof a.v4 : sizeof a.v6), 0);
    CHECK_INT(listen(fd, backlog), 0);
    if (port == 0) {
        socklen_t len = sizeof a;

        getsockname(fd, &a.any, &len);
        port = ntohs(a.v4.sin_port);
    }
    return fd;
}

/* Answers every connection with one response, and closes it: each request connects anew. */
static void *serve(void *cookie)
{
    static const char text[] = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
    struct listener *l = cookie;
    char request[4096];
    int fd;

    while ((fd = accept(l->fd, NULL, NULL)) >= 0) {
        atomic_fetch_add(&l->accepts, 1);
        if (recv(fd, request, sizeof request, 0) > 0)
            (void)!send(fd, text, sizeof text - 1, MSG_NOSIGNAL);
        close(fd);
    }
    return NULL;
}

static void serve_start(struct listener *l, const char *address)
{
    pthread_t t;

    l->fd = bound(address, 16);
    CHECK_INT(pthread_create(&t, NULL, serve, l), 0);
    pthread_detach(t);
}

/* A full queue: the kernel drops every further SYN, as a black hole does. */
static void mute_start(struct listener *l, const char *address)
{
    union resolve_address a;

    l->fd = bound(address, 0);
    CHECK(resolve_literal(address, port, &a));
    for (unsigned i = 0; i < sizeof l->full / sizeof l->full[0]; i++) {
        l->full[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(l->full[i], &a.any, sizeof a.v4);
    }
}

static void unmute(struct listener *l)
{
    pthread_t t;

    for (unsigned i = 0; i < sizeof l->full / sizeof l->full[0]; i++)
        close(l->full[i]);
    CHECK_INT(pthread_create(&t, NULL, serve, l), 0);
    pthread_detach(t);
}

/* --- the client --- */

static uv_loop_t loop;
static struct providers providers;
static struct upstreams *ups;

static struct provider *named(const char *host)
{
    struct provider *p = &providers.list[providers.n];

    *p = (struct provider){.no = (uint16_t)providers.n++,
                           .port = port,
                           .path = "/v1",
                           .auth = AUTH_NONE,
                           .connect_ms = CONNECT_MS,
                           .tls_ms = 500,
                           .first_byte_ms = 2000,
                           .idle_ms = 2000,
                           .total_ms = 9000};
    snprintf(p->host, sizeof p->host, "%s", host);
    return p;
}

static void begin(void)
{
    providers.n = 0;
    names_asked = 0;
    CHECK_INT(uv_loop_init(&loop), 0);
}

static void opened(void)
{
    struct buf why;

    buf_init(&why, 1000);
    CHECK_INT(upstreams_new(&loop, &providers, &ups, &why), ERR_NONE);
    buf_free(&why);
}

static void end(void)
{
    upstreams_free(ups);
    uv_run(&loop, UV_RUN_DEFAULT);
    CHECK_INT(uv_loop_close(&loop), 0); /* whatever was tried is closed, too */
}

struct run {
    bool done;
    enum err e;
    uint64_t began_ms, took_ms;
};

static uint64_t now_ms(void)
{
    return uv_hrtime() / 1000000;
}

static void on_head(void *cookie, const struct fetch_head *head)
{
    (void)cookie;
    CHECK_INT(head->status, 200);
}

static void on_body(void *cookie, struct view bytes)
{
    (void)cookie;
    (void)bytes;
}

static void on_done(void *cookie, enum err e)
{
    struct run *r = cookie;

    r->done = true;
    r->e = e;
    r->took_ms = now_ms() - r->began_ms;
}

static const struct fetch_events events = {on_head, on_body, on_done};

static void go(struct run *r, unsigned provider)
{
    struct fetch_request request = {.provider = &providers.list[provider],
                                    .path = VIEW_LIT("/x"),
                                    .content_type = VIEW_LIT("application/json"),
                                    .body = VIEW_LIT("{}")};
    struct fetch *f;

    *r = (struct run){.began_ms = now_ms()};
    uv_update_time(&loop);
    CHECK_INT(fetch_start(ups, &request, &events, r, &f), ERR_NONE);
}

static void until(const bool *done)
{
    while (!*done)
        CHECK(uv_run(&loop, UV_RUN_ONCE) != 0 || *done);
}

static struct run get(unsigned provider)
{
    struct run r;

    go(&r, provider);
    until(&r.done);
    return r;
}

/* --- cases --- */

static void test_mute_first(void)
{
    struct run r;

    begin();
    named("127.0.0.9,127.0.0.1.test");
    opened();
    r = get(0);
    CHECK_INT(r.e, ERR_NONE);
    CHECK(r.took_ms >= UPSTREAM_STEP_MS - 10 && r.took_ms < CONNECT_MS);
    for (int i = 0; i < 3; i++) { /* remembered */
        r = get(0);
        CHECK_INT(r.e, ERR_NONE);
        CHECK(r.took_ms < FAST_MS);
    }
    ups->sites[0].fresh_until = 0; /* and past the next lookup, which has the same order again */
    r = get(0);
    CHECK_INT(r.e, ERR_NONE);
    CHECK(r.took_ms < FAST_MS);
    CHECK_INT(names_asked, 2);
    ups->sites[0].addresses[0].avoid_until = 0; /* a minute later it has its chance again */
    r = get(0);
    CHECK_INT(r.e, ERR_NONE);
    CHECK(r.took_ms >= UPSTREAM_STEP_MS - 10);
    end();
}

static void test_many_mute(void)
{
    struct run r;

    begin();
    named("127.0.0.9,127.0.0.8,127.0.0.7,127.0.0.1.test");
    named("127.0.0.9,127.0.0.8,127.0.0.1.test")->connect_ms = 400; /* shares of 133 ms */
    named("127.0.0.9,127.0.0.8.test")->connect_ms = 400;
    opened();
    r = get(0);
    CHECK_INT(r.e, ERR_NONE);
    CHECK(r.took_ms < CONNECT_MS);
    r = get(1);
    CHECK_INT(r.e, ERR_NONE);
    CHECK(r.took_ms < 400);
    r = get(2);
    CHECK_INT(r.e, ERR_CONNECT_TIMEOUT); /* nobody answers: the deadline is the deadline */
    CHECK(r.took_ms >= 390);
    r = get(2);
    CHECK_INT(r.e, ERR_CONNECT_TIMEOUT); /* both are to be avoided, and tried all the same */
    end();
}

static void test_refused_first(void)
{
    struct run r;

    begin();
    named("127.0.0.3,127.0.0.4,127.0.0.1.test"); /* nobody listens at the first two */
    named("127.0.0.3,127.0.0.4.test");
    opened();
    r = get(0);
    CHECK_INT(r.e, ERR_NONE);
    CHECK(r.took_ms < FAST_MS); /* the next one at once */
    r = get(1);
    CHECK_INT(r.e, ERR_CONNECT);
    CHECK(r.took_ms < FAST_MS);
    end();
}

/* A TLS handshake that fails says as much about an address as a refused connection. */
static void test_tls_failure_avoids(void)
{
    union resolve_address order[RESOLVE_ADDRESSES_MAX], first;
    struct run r;

    begin();
    named("127.0.0.1,127.0.0.2.test")->tls = true;
    opened();
    r = get(0);
    CHECK_INT(r.e, ERR_TLS);
    CHECK_INT(upstream_name_order(&ups->sites[0], order), 2);
    CHECK(resolve_literal("127.0.0.2", port, &first));
    CHECK(resolve_same(&order[0], &first));
    end();
}

static void test_hung_name_server(void)
{
    enum { HUNG = 12 }; /* more than libuv's pool has threads */
    struct run r, hung[HUNG];

    begin();
    named("127.0.0.1.test");
    for (int i = 0; i < HUNG; i++)
        named("hung,127.0.0.1.test")->connect_ms = 600;
    named("127.0.0.2.test");
    opened();
    names_hang = true;
    for (unsigned i = 0; i < HUNG; i++)
        go(&hung[i], 1 + i);
    r = get(1 + HUNG); /* another name is not kept waiting */
    CHECK_INT(r.e, ERR_NONE);
    CHECK(r.took_ms < FAST_MS);
    for (unsigned i = 0; i < HUNG; i++)
        until(&hung[i].done);
    CHECK_INT(hung[0].e, ERR_CONNECT_TIMEOUT);
    names_hang = false;
    end();
}

/* Addresses that are known are used while the name server hangs, and the name is not asked for again
 * and again. */
static void test_stale_addresses(void)
{
    struct upstream_site *s;
    struct run r, more[8];

    begin();
    named("hung,127.0.0.1.test");
    opened();
    s = &ups->sites[0];
    CHECK_INT(get(0).e, ERR_NONE);
    names_hang = true;
    s->fresh_until = 0;
    r = get(0);
    CHECK_INT(r.e, ERR_NONE);
    CHECK(r.took_ms >= UPSTREAM_STALE_WAIT_MS - 10); /* an answer had its chance */
    for (int i = 0; i < 8; i++)
        go(&more[i], 0);
    for (int i = 0; i < 8; i++) {
        until(&more[i].done);
        CHECK_INT(more[i].e, ERR_NONE);
        CHECK(more[i].took_ms < FAST_MS); /* nobody waits for a lookup that is known to be late */
    }
    CHECK_INT(names_asked, 2);
    s->lookup_at = uv_now(&loop) - UPSTREAM_LOOKUP_MS; /* hung: one more may try, and no more */
    CHECK_INT(get(0).e, ERR_NONE);
    s->lookup_at = uv_now(&loop) - UPSTREAM_LOOKUP_MS;
    CHECK_INT(get(0).e, ERR_NONE);
    CHECK_INT(names_asked, 1 + UPSTREAM_LOOKUPS_MAX);
    s->stale_until = 0; /* too old: nothing to connect to */
    providers.list[0].connect_ms = 300;
    r = get(0);
    CHECK_INT(r.e, ERR_CONNECT_TIMEOUT);
    go(&r, 0);
    names_hang = false; /* it answers: whoever waits goes on */
    until(&r.done);
    CHECK_INT(r.e, ERR_NONE);
    CHECK(uv_now(&loop) < s->fresh_until);
    end();
}

/* The end does not wait for a name server. */
static void test_end_while_hung(void)
{
    struct run r;

    begin();
    named("hung,127.0.0.1.test")->connect_ms = 50;
    opened();
    names_hang = true;
    r = get(0);
    CHECK_INT(r.e, ERR_CONNECT_TIMEOUT);
    end();
    names_hang = false; /* the thread comes back to nobody */
    usleep(50000);
}

/* Without a descriptor nothing can be connected to, and that is not the provider's failure: it must not
 * close the provider to anybody. */
static void test_no_descriptor(void)
{
    struct rlimit before, none;
    struct run r;

    begin();
    named("127.0.0.1,127.0.0.2.test");
    opened();
    CHECK_INT(get(0).e, ERR_NONE);
    CHECK_INT(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){0, before.rlim_max};
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &none), 0);
    r = get(0);
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &before), 0);
    CHECK_INT(r.e, ERR_OVERLOAD);
    CHECK_INT(get(0).e, ERR_NONE);
    end();
}

static void test_families_alternate(void)
{
    static const struct {
        const char *name, *order;
    } cases[] = {
        {"::1,::2,::3,127.0.0.1,127.0.0.2.test", "64646"},
        {"127.0.0.1,::1,::2.test", "466"},
        {"127.0.0.1,127.0.0.2.test", "44"},
        {"::1,::2,::3,::4,::5,::6,::7,::8,::9,127.0.0.1.test", "64666666"},
        {"::1.test", "6"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct resolve_answer answer = {.n = 0};
        struct resolve *r;
        char got[RESOLVE_ADDRESSES_MAX + 1] = "";

        CHECK_INT(resolve_start(cases[i].name, 1, NULL, NULL, &r), ERR_NONE);
        while (resolve_poll(r, &answer) == ERR_SHORT)
            usleep(1000);
        resolve_free(r);
        for (unsigned a = 0; a < answer.n; a++)
            got[a] = answer.list[a].any.sa_family == AF_INET ? '4' : '6';
        CHECK_BYTES(got, strlen(got), cases[i].order, strlen(cases[i].order));
    }
}

/* A slow address is not given up when the next one is tried: without that, one that needs more than
 * its share could never be reached. Last, because it is not mute afterwards: the kernel sends its SYN
 * again after a second, and by then there is room in the queue. */
static void test_slow_one_may_win(void)
{
    struct run r;

    begin();
    named("127.0.0.9,127.0.0.8.test")->connect_ms = 3000;
    opened();
    go(&r, 0);
    while (now_ms() - r.began_ms < 2 * UPSTREAM_STEP_MS)
        uv_run(&loop, UV_RUN_NOWAIT), usleep(1000); /* both are being tried */
    unmute(&mute[0]);
    until(&r.done);
    CHECK_INT(r.e, ERR_NONE);
    CHECK(r.took_ms >= 2 * UPSTREAM_STEP_MS);
    end();
}

int main(int argc, char **argv)
{
    static const struct check_case cases[] = {
        {"dial_mute_first", test_mute_first},
        {"dial_many_mute", test_many_mute},
        {"dial_refused_first", test_refused_first},
        {"dial_tls_failure_avoids", test_tls_failure_avoids},
        {"dial_hung_name_server", test_hung_name_server},
        {"dial_stale_addresses", test_stale_addresses},
        {"dial_end_while_hung", test_end_while_hung},
        {"dial_no_descriptor", test_no_descriptor},
        {"dial_families_alternate", test_families_alternate},
        {"dial_slow_one_may_win", test_slow_one_may_win},
    };

    serve_start(&alive, "127.0.0.1");
    serve_start(&second, "127.0.0.2");
    mute_start(&mute[0], "127.0.0.9");
    mute_start(&mute[1], "127.0.0.8");
    mute_start(&mute[2], "127.0.0.7");
    return check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
}
