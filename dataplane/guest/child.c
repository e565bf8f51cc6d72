/* Fork, give everything up, exec. */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/securebits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEV_GUEST "/dev/sev-guest"

/* Of the pipe: some 7000 lines, while tr-init waits for a DHCP server and does not read. */
enum { PIPE_BYTES = 1 << 20 };

enum err child_give_device(void)
{
    if (chown(SEV_GUEST, GUEST_USER, GUEST_USER) == 0)
        return chmod(SEV_GUEST, 0600) == 0 ? ERR_NONE : ERR_IO;
    return errno == ENOENT ? ERR_NONE : ERR_IO; /* tr-dataplane says that it has none, and ends */
}

static bool limit(int resource, rlim_t n)
{
    struct rlimit r = {n, n};

    return setrlimit(resource, &r) == 0;
}

/* EINVAL: the kernel knows no capability of this number, nor of a higher one. */
static bool drop_bounds(void)
{
    for (int cap = 0; cap < 64; cap++) {
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0)
            return errno == EINVAL && cap > 0;
    }
    return true;
}

static bool give_up(void)
{
    return limit(RLIMIT_CORE, 0) && limit(RLIMIT_MEMLOCK, RLIM_INFINITY) && limit(RLIMIT_NOFILE, 1 << 18) &&
           drop_bounds() &&
           prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP_LOCKED |
                                        SECBIT_KEEP_CAPS_LOCKED,
                 0, 0, 0) == 0 &&
           setgroups(0, NULL) == 0 && setresgid(GUEST_USER, GUEST_USER, GUEST_USER) == 0 &&
           setresuid(GUEST_USER, GUEST_USER, GUEST_USER) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

static void become(const char *const argv[], int out)
{
    static char *const nothing[] = {NULL};
    int in = open("/dev/null", O_RDONLY);
    sigset_t none;

    sigemptyset(&none);
    /* dup2() clears close-on-exec; every other descriptor of ours has it. */
    if (in < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0 || setsid() < 0 || chdir("/") != 0 ||
        sigprocmask(SIG_SETMASK, &none, NULL) != 0 || !give_up())
        return;
    if (in > 2)
        close(in);
    execve(argv[0], (char *const *)argv, nothing);
}

enum err child_start(const char *const argv[], pid_t *pid, int *out)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0)
        return ERR_IO;
    (void)!fcntl(ends[0], F_SETPIPE_SZ, PIPE_BYTES); /* a smaller one works as well */
    *pid = fork();
    if (*pid == 0) {
        become(argv, ends[1]);
        _exit(127);
    }
    close(ends[1]);
    if (*pid < 0) {
        close(ends[0]);
        return ERR_IO;
    }
    *out = ends[0];
    return ERR_NONE;
}
