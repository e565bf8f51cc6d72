/* tr-init while the data plane runs: what its loop calls works, anything else ends it, and its capabilities are two. Each
 * case is a process of its own, because there is no way back. */
#include "confine.h"

#include "check.h"
#include "clock.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* The status of a child that confines itself and then does it; it does what it may and exits with 0. */
static int alone(void (*act)(void))
{
    int status = -1;
    pid_t pid;

    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        if (confine_calls() != ERR_NONE)
            _exit(99);
        act();
        _exit(0);
    }
    CHECK_INT(waitpid(pid, &status, 0), pid);
    return status;
}

/* A sanitizer's run-time calls the system on its own account, and is ended for it. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* --- what it does */

static void must(bool ok)
{
    if (!ok)
        _exit(1);
}

static void do_dhcp(void)
{
    const struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
    struct pollfd p = {s, POLLIN, 0};
    char byte = 0;

    must(s >= 0 && setsockopt(s, SOL_SOCKET, SO_BROADCAST, &on, sizeof on) == 0);
    must(bind(s, (const struct sockaddr *)&any, sizeof any) == 0);
    must(getrandom(&byte, 1, 0) == 1 && poll(&p, 1, 1) == 0);
    must(sendto(s, &byte, 1, 0, (const struct sockaddr *)&any, sizeof any) < 0); /* port 0: no answer but an error */
    must(recv(s, &byte, 1, 0) < 0 && close(s) == 0);
}

static void do_watch(void)
{
    must(clock_mono_ms() != 0 && clock_unix_ms() != 0);
    must(waitpid(-1, NULL, WNOHANG) < 0);
    must(kill(getpid(), 0) == 0);
    must(write(2, "", 0) == 0);
    sync();
}

static void do_abort(void)
{
    abort();
}

static void what_it_does(void)
{
    int status;

    if (SANITIZED) {
        check_skip("a sanitizer's own system calls are refused");
        return;
    }
    status = alone(do_dhcp);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    status = alone(do_watch);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    status = alone(do_abort);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

/* --- what it must not */

static void do_open(void)
{
    (void)!open("/dev/null", O_RDONLY);
}
static void do_exec(void)
{
    char *const none[] = {NULL};

    execve("/bin/true", none, none);
}
static void do_fork(void)
{
    (void)!fork();
}
static void do_mount(void)
{
    (void)!mount("tmpfs", "/mnt", "tmpfs", 0, NULL);
}
static void do_map(void)
{
    (void)!mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}
static void do_connect(void)
{
    const struct sockaddr_in a = {.sin_family = AF_INET};

    (void)!connect(0, (const struct sockaddr *)&a, sizeof a);
}
static void do_listen(void)
{
    (void)!listen(0, 1);
}
static void do_setuid(void)
{
    (void)!setuid(0);
}

static void what_it_must_not(void)
{
    static void (*const acts[])(void) = {do_open, do_exec, do_fork, do_mount, do_map, do_connect, do_listen, do_setuid};

    for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++) {
        int status = alone(acts[i]);

        if (!WIFSIGNALED(status))
            printf("# act %zu: status %x\n", i, (unsigned)status);
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
    }
}

/* CapEff of /proc/self/status, after. */
static void two_capabilities(void)
{
    char line[256];
    unsigned long long got = 0;
    int ends[2], status;
    FILE *f;

    if (geteuid() != 0) {
        check_skip("it needs to be root, to have what it gives up");
        return;
    }
    CHECK_INT(pipe(ends), 0);
    fflush(stdout);
    if (fork() == 0) {
        if (confine_capabilities() != ERR_NONE || (f = fopen("/proc/self/status", "r")) == NULL)
            _exit(1);
        while (fgets(line, sizeof line, f) != NULL)
            if (sscanf(line, "CapEff: %llx", &got) == 1 && write(ends[1], &got, sizeof got) != (ssize_t)sizeof got)
                _exit(1);
        _exit(0);
    }
    CHECK(wait(&status) > 0 && status == 0);
    CHECK_INT(read(ends[0], &got, sizeof got), sizeof got);
    CHECK_INT(got, 1 << 5 | 1 << 22); /* CAP_KILL, CAP_SYS_BOOT */
    close(ends[0]);
    close(ends[1]);
}

static const struct check_case cases[] = {
    {"confine_what_it_does", what_it_does},
    {"confine_what_it_must_not", what_it_must_not},
    {"confine_two_capabilities", two_capabilities},
};
CHECK_MAIN(cases)
