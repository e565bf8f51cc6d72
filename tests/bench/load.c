/* The load generator: one thread, loopback, keep-alive, TLS or plain, JSON or streams. Closed loop
 * (each connection asks again at once) or open loop (--rate: absolute schedule, latency counted
 * from when a request was due, so a slow server cannot hide behind waiting clients). Prints one
 * JSON line. */
#include "load_client.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>

enum { CONNECTIONS_MAX = 20000, PIDS_MAX = 16, BATCH = 512 };

struct options {
    int port, connections;
    uint64_t requests; /* stop after so many; 0: only --seconds counts */
    double seconds, rate, warm_up;
    double ramp; /* connections opened per second; 0: all at once */
    const char *path, *key, *keys_file, *body_file, *ca;
    bool hold;
    int pids[PIDS_MAX];
    size_t n_pids;
};

static struct load load;
static struct client *clients;
static struct client *idle_list;

static char *file_read(const char *name, size_t *n)
{
    enum { FILE_MAX = 64 << 20 };
    char *text = malloc(FILE_MAX);
    FILE *f = fopen(name, "r");

    if (f == NULL || text == NULL) {
        perror(name);
        exit(1);
    }
    *n = fread(text, 1, FILE_MAX, f);
    fclose(f);
    return text;
}

/* Lines of equal length, without their ends, one behind the other. */
static void keys_read(const char *name)
{
    size_t n, len;
    char *text = file_read(name, &n);

    len = strcspn(text, "\n");
    load.key_len = len;
    for (size_t at = 0; len > 0 && at + len < n && text[at + len] == '\n'; at += len + 1)
        memmove(text + len * load.keys_n++, text + at, len);
    if (load.keys_n == 0) {
        fprintf(stderr, "%s has no keys\n", name);
        exit(1);
    }
    load.keys = text;
}

static void request_make(const struct options *o)
{
    size_t n = 0;
    char *body = o->body_file == NULL ? NULL : file_read(o->body_file, &n);
    const char *key = o->key;
    char first[256] = "";

    if (o->keys_file != NULL) {
        keys_read(o->keys_file);
        snprintf(first, sizeof first, "%.*s", (int)load.key_len, load.keys);
        key = first;
    }
    load.request = malloc(n + 2048);
    int head = snprintf(load.request, 2048,
                        "%s %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n"
                        "Content-Type: application/json\r\nAccept: application/json\r\n"
                        "User-Agent: load/1\r\nContent-Length: %zu\r\n\r\n",
                        body == NULL ? "GET" : "POST", o->path, key, n);
    if (head < 0 || head >= 2048)
        exit(2);
    if (n != 0)
        memcpy(load.request + head, body, n);
    free(body);
    load.request_len = (size_t)head + n;
    load.key_at = (size_t)(strstr(load.request, "Bearer ") + 7 - load.request);
}

static void options_read(int argc, char **argv, struct options *o)
{
    static const struct option names[] = {
        {"port", 1, NULL, 'p'},    {"tls", 0, NULL, 'T'},     {"connections", 1, NULL, 'c'},
        {"seconds", 1, NULL, 'd'}, {"rate", 1, NULL, 'r'},    {"body", 1, NULL, 'b'},
        {"stream", 0, NULL, 's'},  {"path", 1, NULL, 'u'},    {"key", 1, NULL, 'k'},
        {"pid", 1, NULL, 'P'},     {"warm-up", 1, NULL, 'w'}, {"hold", 0, NULL, 'h'},
        {"ca", 1, NULL, 'a'},      {"abort", 0, NULL, 'A'},   {"requests", 1, NULL, 'n'},
        {"ramp", 1, NULL, 'R'},    {"keys", 1, NULL, 'K'},
        {NULL, 0, NULL, 0},
    };
    bool tls = false;
    int c;

    *o = (struct options){
        .connections = 8, .seconds = 5, .path = "/v1/chat/completions", .key = "none"};
    while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (c) {
        case 'p':
            o->port = atoi(optarg);
            break;
        case 'T':
            tls = true;
            break;
        case 'c':
            o->connections = atoi(optarg);
            break;
        case 'd':
            o->seconds = atof(optarg);
            break;
        case 'r':
            o->rate = atof(optarg);
            break;
        case 'b':
            o->body_file = optarg;
            break;
        case 's':
            load.stream = true;
            break;
        case 'u':
            o->path = optarg;
            break;
        case 'k':
            o->key = optarg;
            break;
        case 'K':
            o->keys_file = optarg;
            break;
        case 'w':
            o->warm_up = atof(optarg);
            break;
        case 'h':
            o->hold = load.stream = true;
            break;
        case 'A':
            load.abort_streams = load.stream = true;
            break;
        case 'n':
            o->requests = (uint64_t)atoll(optarg);
            break;
        case 'R':
            o->ramp = atof(optarg);
            break;
        case 'a':
            o->ca = optarg;
            break;
        case 'P':
            if (o->n_pids < PIDS_MAX)
                o->pids[o->n_pids++] = atoi(optarg);
            break;
        default:
            exit(2);
        }
    }
    if (o->port == 0 || o->connections < 1 ||
        o->connections > CONNECTIONS_MAX) {
        fprintf(stderr,
                "usage: load --port P [--body FILE] [--tls] [--ca FILE] [--key K | --keys FILE] [--path P]\n"
                "  [--connections N] [--seconds S] [--warm-up S] [--rate R] [--stream]\n"
                "  [--hold] [--abort] [--requests N] [--ramp R] [--pid PID]...\n");
        exit(2);
    }
    load.address = (struct sockaddr_in){.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)o->port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (!tls)
        return;
    load.tls = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_mode(load.tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_RELEASE_BUFFERS |
                                   SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (o->ca != NULL) {
        if (SSL_CTX_load_verify_locations(load.tls, o->ca, NULL) != 1)
            exit(2);
        SSL_CTX_set_verify(load.tls, SSL_VERIFY_PEER, NULL);
    }
}

/* What an idle connection does next; next_due: the schedule of the open loop. */
static void go_on(const struct options *o, struct client *c)
{
    if (c->state == CLIENT_CLOSED) {
        if (!o->hold)
            client_open(c, &load);
    } else if (c->state == CLIENT_IDLE) {
        if (o->rate > 0) {
            c->next_idle = idle_list;
            idle_list = c;
        } else {
            client_begin(c, now_ns());
        }
    }
}

static struct client *idle_take(void)
{
    while (idle_list != NULL) {
        struct client *c = idle_list;
        idle_list = c->next_idle;
        if (c->state == CLIENT_IDLE)
            return c;
    }
    return NULL;
}

static void reset_counts(void)
{
    memset(&load.total, 0, sizeof load.total);
    memset(&load.first, 0, sizeof load.first);
    memset(&load.added, 0, sizeof load.added);
    memset(&load.transit, 0, sizeof load.transit);
    load.requests = load.errors = load.chunks = load.bytes = 0;
}

static void report(const struct options *o, double seconds, uint64_t cpu)
{
    double per = load.requests != 0 ? (double)cpu / 1000.0 / (double)load.requests : 0;
    double per_chunk = load.chunks != 0 ? (double)cpu / 1000.0 / (double)load.chunks : 0;

    printf(
        "{\"connections\":%d,\"seconds\":%.3f,\"requests\":%llu,\"errors\":%llu,\"rps\":%.1f,"
        "\"p50_us\":%.1f,\"p90_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,"
        "\"first_p50_us\":%.1f,\"first_p99_us\":%.1f,\"added_p50_us\":%.1f,\"added_p99_us\":%.1f,"
        "\"chunks\":%llu,\"transit_p50_us\":%.1f,\"transit_p99_us\":%.1f,\"cpu_us\":%.1f,"
        "\"cpu_us_per_request\":%.2f,\"cpu_us_per_chunk\":%.2f,\"bytes\":%llu,\"connects\":%llu}\n",
        o->connections, seconds, (unsigned long long)load.requests, (unsigned long long)load.errors,
        (double)load.requests / seconds, histogram_us(&load.total, .5),
        histogram_us(&load.total, .9), histogram_us(&load.total, .99),
        histogram_us(&load.total, .999), histogram_us(&load.first, .5),
        histogram_us(&load.first, .99), histogram_us(&load.added, .5),
        histogram_us(&load.added, .99), (unsigned long long)load.chunks,
        histogram_us(&load.transit, .5), histogram_us(&load.transit, .99), (double)cpu / 1000.0,
        per, per_chunk, (unsigned long long)load.bytes, (unsigned long long)load.connects);
}

static void turn(const struct options *o, uint64_t wait_until)
{
    struct epoll_event events[BATCH];
    uint64_t now = now_ns(), left = wait_until > now ? wait_until - now : 0;
    struct timespec wait = {(time_t)(left / 1000000000), (long)(left % 1000000000)};
    int n = epoll_pwait2(load.epoll_fd, events, BATCH, &wait, NULL);

    for (int i = 0; i < n; i++) {
        struct client *c = events[i].data.ptr;
        bool was_idle = c->state == CLIENT_IDLE;
        client_ready(c, events[i].events);
        if (c->state == CLIENT_CLOSED || (c->state == CLIENT_IDLE && !was_idle))
            go_on(o, c);
    }
}

int main(int argc, char **argv)
{
    struct options o;
    struct rlimit files;

    signal(SIGPIPE, SIG_IGN);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    options_read(argc, argv, &o);
    request_make(&o);
    load.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    clients = calloc((size_t)o.connections, sizeof *clients);
    int opened = 0;

    uint64_t start = now_ns(), warm = start + (uint64_t)(o.warm_up * 1e9);
    uint64_t end = warm + (uint64_t)(o.seconds * 1e9), due = start, cpu = 0;
    uint64_t step = o.rate > 0 ? (uint64_t)(1e9 / o.rate) : 0;
    bool warmed = false, said = false;
    for (uint64_t now = start; now < end; now = now_ns()) {
        if (o.requests != 0 && load.requests >= o.requests)
            break;
        if (!warmed && now >= warm) {
            warmed = true;
            reset_counts();
            warm = now;
            cpu = cpu_ns(o.pids, o.n_pids);
        }
        while (opened < o.connections &&
               (o.ramp <= 0 || (double)(now - start) * o.ramp >= opened * 1e9))
            client_open(&clients[opened++], &load);
        struct client *c;
        while (step != 0 && due <= now && (c = idle_take()) != NULL) {
            client_begin(c, due);
            due += step;
        }
        if (o.hold && !said && load.with_event >= (unsigned)o.connections) {
            said = true;
            printf("{\"holding\":%u}\n", load.with_event);
            fflush(stdout);
        }
        uint64_t until = step != 0 && due > now && due < end ? due : warmed ? end : warm;
        turn(&o, opened < o.connections && until > now + 1000000 ? now + 1000000 : until);
    }
    report(&o, (double)(now_ns() - warm) / 1e9, cpu_ns(o.pids, o.n_pids) - cpu);
    return load.requests == 0 && load.chunks == 0;
}
