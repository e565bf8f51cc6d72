/* The demo provider: models behind the APIs of OpenAI and Anthropic that always say the same and misbehave on
 * command. For demonstrations and tests; README.md has the commands. */
#include "control.h"
#include "secret.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static volatile bool stop;

static void on_signal(int signal_no)
{
    (void)signal_no;
    stop = true;
}

static void die(const char *why)
{
    perror(why);
    exit(1);
}

static void listener_accept_late(struct timer *t)
{
    struct listener *l = CONTAINER(t, struct listener, timer);

    loop_add(l->fd, EPOLLIN, &l->watch);
    conn_accept(l);
}

static void listener_ready(struct watch *w, uint32_t events)
{
    struct listener *l = CONTAINER(w, struct listener, watch);

    (void)events;
    if (l->accept_us == 0) {
        conn_accept(l);
        return;
    }
    loop_remove(l->fd);
    loop_timer_set(&l->timer, loop_now_ns() + (uint64_t)l->accept_us * 1000);
}

static SSL_CTX *tls_load(const char *cert, const char *key)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    if (ctx == NULL || SSL_CTX_use_certificate_chain_file(ctx, cert) != 1 ||
        SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1) {
        fprintf(stderr, "mock_provider: cannot use the certificate or its key\n");
        exit(1);
    }
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    return ctx;
}

/* NAME:PORT or NAME:ADDRESS:PORT */
static void listener_open(const char *arg, SSL_CTX *tls)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    struct listener *l = &listeners[n_listeners];
    const char *colon = strchr(arg, ':'), *last = strrchr(arg, ':');
    static const int one = 1;
    char address[64] = "";

    if (n_listeners == NAMES_MAX || colon == NULL || colon - arg >= 32 ||
        last - colon >= (long)sizeof address) {
        fprintf(stderr, "mock_provider: --listen NAME:PORT\n");
        exit(2);
    }
    memcpy(listener_names[n_listeners], arg, (size_t)(colon - arg));
    if (last != colon) {
        memcpy(address, colon + 1, (size_t)(last - colon) - 1);
        if (inet_pton(AF_INET, address, &a.sin_addr) != 1)
            die("address");
    }
    a.sin_port = htons((uint16_t)atoi(last + 1));
    *l = (struct listener){.no = n_listeners, .name = listener_names[n_listeners], .tls = tls};
    l->watch.ready = listener_ready;
    l->timer.fire = listener_accept_late;
    spec_init(&l->spec);
    l->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (l->fd < 0 || bind(l->fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(l->fd, 4096) != 0)
        die("listen");
    if (getsockname(l->fd, (struct sockaddr *)&a, &len) != 0)
        die("getsockname");
    l->port = ntohs(a.sin_port);
    loop_add(l->fd, EPOLLIN, &l->watch);
    printf("%s %u\n", l->name, l->port);
    n_listeners++;
}

int main(int argc, char **argv)
{
    struct rlimit files;
    SSL_CTX *tls = NULL;

    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    if (secret_init() != ERR_NONE)
        return 1;
    loop_init();
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--tls") == 0 && i + 2 < argc) {
            tls = tls_load(argv[i + 1], argv[i + 2]);
            i += 2;
        } else if (strcmp(argv[i], "--plain") == 0) {
            tls = NULL;
        } else if (strcmp(argv[i], "--listen") == 0 && i + 1 < argc) {
            listener_open(argv[++i], tls);
        } else {
            fprintf(stderr,
                    "usage: mock_provider { [--tls CERT KEY | --plain] --listen NAME:PORT }...\n");
            return 2;
        }
    }
    fflush(stdout);
    loop_run(&stop);
    return 0;
}
