/* Limits, memory locking and the system call filter. */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <malloc.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PROCESS_FILES_MAX = 1 << 18 }; /* descriptors; a loop's table costs 8 bytes for each */

static bool process_limit(int resource, rlim_t want)
{
    struct rlimit now, all = {want, want};

    if (setrlimit(resource, &all) == 0) /* works for root, and downwards for everyone */
        return true;
    if (getrlimit(resource, &now) != 0)
        return false;
    now.rlim_cur = want < now.rlim_max ? want : now.rlim_max;
    return setrlimit(resource, &now) == 0;
}

/* Only without a limit: under one, MCL_FUTURE would make a later allocation fail at a moment nobody
 * chose. On fault: locking whole thread stacks would cost 8 MiB each. */
static bool process_lock_memory(void)
{
    struct rlimit now;

    process_limit(RLIMIT_MEMLOCK, RLIM_INFINITY);
    return getrlimit(RLIMIT_MEMLOCK, &now) == 0 && now.rlim_cur == RLIM_INFINITY &&
           mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0;
}

/* glibc gives freed memory above 128 KiB back at once and faults it in again for the next body: six
 * times the cost of the 300 KB upload itself. So blocks up to 4 MiB come from the heap, and the
 * heap keeps 16 MiB before it shrinks. Advice only: its result does not matter. */
static void process_keep_memory(void)
{
    mallopt(M_MMAP_THRESHOLD, 4 << 20);
    mallopt(M_TRIM_THRESHOLD, 16 << 20);
}

enum err process_harden(struct process_state *out)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    *out = (struct process_state){0};
    process_keep_memory();
    if (!process_limit(RLIMIT_CORE, 0) || !process_limit(RLIMIT_NOFILE, PROCESS_FILES_MAX) ||
        sigaction(SIGPIPE, &ignore, NULL) != 0)
        return ERR_IO;
    out->undumpable = prctl(PR_SET_DUMPABLE, 0) == 0 && prctl(PR_GET_DUMPABLE) == 0;
    out->memory_locked = process_lock_memory();
    return out->undumpable ? ERR_NONE : ERR_IO;
}

/* --- the filter: a table of what a running data plane calls, with conditions on one argument */

enum process_test {
    ANY,        /* no condition */
    NONE_OF,    /* argument & value == 0 */
    ALL_OF,     /* argument & value == value */
    EQUAL,      /* argument == value */
    EQUAL_SELF, /* argument == our process id */
};

struct process_rule {
    int call;
    enum process_test test;
    unsigned argument;
    uint64_t value;
};

/* What makes an open one that changes the file system. O_TMPFILE's own bit is the one next to
 * O_DIRECTORY's. */
#define OPEN_CHANGES (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND | (O_TMPFILE & ~O_DIRECTORY))

static const struct process_rule process_rules[] = {
    /* bytes in and out of what is already open */
    {SCMP_SYS(read), ANY, 0, 0},
    {SCMP_SYS(readv), ANY, 0, 0},
    {SCMP_SYS(pread64), ANY, 0, 0},
    {SCMP_SYS(write), ANY, 0, 0},
    {SCMP_SYS(writev), ANY, 0, 0},
    {SCMP_SYS(lseek), ANY, 0, 0},
    {SCMP_SYS(close), ANY, 0, 0},
    {SCMP_SYS(dup), ANY, 0, 0},
    {SCMP_SYS(fcntl), ANY, 0, 0},
    {SCMP_SYS(ioctl), EQUAL, 1, FIONBIO},
    {SCMP_SYS(ioctl), EQUAL, 1, FIOCLEX},
    {SCMP_SYS(ioctl), EQUAL, 1, FIONREAD},
    /* files: looked at and read (hosts, resolv.conf, certificates), never written or created */
    {SCMP_SYS(open), NONE_OF, 1, OPEN_CHANGES},
    {SCMP_SYS(openat), NONE_OF, 2, OPEN_CHANGES},
    {SCMP_SYS(stat), ANY, 0, 0},
    {SCMP_SYS(lstat), ANY, 0, 0},
    {SCMP_SYS(fstat), ANY, 0, 0},
    {SCMP_SYS(newfstatat), ANY, 0, 0},
    {SCMP_SYS(statx), ANY, 0, 0},
    {SCMP_SYS(access), ANY, 0, 0},
    {SCMP_SYS(faccessat), ANY, 0, 0},
    {SCMP_SYS(faccessat2), ANY, 0, 0},
    {SCMP_SYS(readlink), ANY, 0, 0},
    {SCMP_SYS(readlinkat), ANY, 0, 0},
    {SCMP_SYS(getdents64), ANY, 0, 0},
    {SCMP_SYS(getcwd), ANY, 0, 0},
    /* memory: nothing new becomes executable */
    {SCMP_SYS(brk), ANY, 0, 0},
    {SCMP_SYS(mmap), NONE_OF, 2, PROT_EXEC},
    {SCMP_SYS(mprotect), NONE_OF, 2, PROT_EXEC},
    {SCMP_SYS(munmap), ANY, 0, 0},
    {SCMP_SYS(mremap), ANY, 0, 0},
    {SCMP_SYS(madvise), ANY, 0, 0},
    {SCMP_SYS(mlock), ANY, 0, 0},
    {SCMP_SYS(mlock2), ANY, 0, 0},
    {SCMP_SYS(munlock), ANY, 0, 0},
    /* waiting */
    {SCMP_SYS(epoll_create1), ANY, 0, 0},
    {SCMP_SYS(epoll_ctl), ANY, 0, 0},
    {SCMP_SYS(epoll_wait), ANY, 0, 0},
    {SCMP_SYS(epoll_pwait), ANY, 0, 0},
    {SCMP_SYS(poll), ANY, 0, 0},
    {SCMP_SYS(ppoll), ANY, 0, 0},
    {SCMP_SYS(select), ANY, 0, 0},
    {SCMP_SYS(eventfd2), ANY, 0, 0},
    {SCMP_SYS(pipe2), ANY, 0, 0},
    {SCMP_SYS(futex), ANY, 0, 0},
    {SCMP_SYS(nanosleep), ANY, 0, 0},
    {SCMP_SYS(clock_nanosleep), ANY, 0, 0},
    /* the network, and the name service's own sockets */
    {SCMP_SYS(socket), EQUAL, 0, AF_INET},
    {SCMP_SYS(socket), EQUAL, 0, AF_INET6},
    {SCMP_SYS(socket), EQUAL, 0, AF_UNIX},
    {SCMP_SYS(socket), EQUAL, 0, AF_NETLINK},
    {SCMP_SYS(socketpair), ANY, 0, 0},
    {SCMP_SYS(connect), ANY, 0, 0},
    {SCMP_SYS(bind), ANY, 0, 0},
    {SCMP_SYS(listen), ANY, 0, 0},
    {SCMP_SYS(accept), ANY, 0, 0},
    {SCMP_SYS(accept4), ANY, 0, 0},
    {SCMP_SYS(getsockname), ANY, 0, 0},
    {SCMP_SYS(getpeername), ANY, 0, 0},
    {SCMP_SYS(getsockopt), ANY, 0, 0},
    {SCMP_SYS(setsockopt), ANY, 0, 0},
    {SCMP_SYS(shutdown), ANY, 0, 0},
    {SCMP_SYS(sendto), ANY, 0, 0},
    {SCMP_SYS(sendmsg), ANY, 0, 0},
    {SCMP_SYS(sendmmsg), ANY, 0, 0},
    {SCMP_SYS(recvfrom), ANY, 0, 0},
    {SCMP_SYS(recvmsg), ANY, 0, 0},
    {SCMP_SYS(recvmmsg), ANY, 0, 0},
    /* threads of this process (libuv starts its pool at the first name lookup) */
    {SCMP_SYS(clone), ALL_OF, 0, CLONE_THREAD | CLONE_VM | CLONE_SIGHAND},
    {SCMP_SYS(set_robust_list), ANY, 0, 0},
    {SCMP_SYS(rseq), ANY, 0, 0},
    {SCMP_SYS(sched_yield), ANY, 0, 0},
    {SCMP_SYS(sched_getaffinity), ANY, 0, 0},
    {SCMP_SYS(sched_getparam), ANY, 0, 0},
    {SCMP_SYS(sched_getscheduler), ANY, 0, 0},
    {SCMP_SYS(membarrier), ANY, 0, 0},
    {SCMP_SYS(getcpu), ANY, 0, 0},
    {SCMP_SYS(prctl), EQUAL, 0, PR_SET_NAME},
    {SCMP_SYS(exit), ANY, 0, 0},
    {SCMP_SYS(exit_group), ANY, 0, 0},
    /* signals; our own abort() */
    {SCMP_SYS(rt_sigaction), ANY, 0, 0},
    {SCMP_SYS(rt_sigprocmask), ANY, 0, 0},
    {SCMP_SYS(rt_sigreturn), ANY, 0, 0},
    {SCMP_SYS(sigaltstack), ANY, 0, 0},
    {SCMP_SYS(restart_syscall), ANY, 0, 0},
    {SCMP_SYS(tgkill), EQUAL_SELF, 0, 0},
    /* who and when */
    {SCMP_SYS(getrandom), ANY, 0, 0},
    {SCMP_SYS(clock_gettime), ANY, 0, 0},
    {SCMP_SYS(clock_getres), ANY, 0, 0},
    {SCMP_SYS(gettimeofday), ANY, 0, 0},
    {SCMP_SYS(time), ANY, 0, 0},
    {SCMP_SYS(getpid), ANY, 0, 0},
    {SCMP_SYS(gettid), ANY, 0, 0},
    {SCMP_SYS(getuid), ANY, 0, 0},
    {SCMP_SYS(geteuid), ANY, 0, 0},
    {SCMP_SYS(getgid), ANY, 0, 0},
    {SCMP_SYS(getegid), ANY, 0, 0},
    {SCMP_SYS(getrusage), ANY, 0, 0},
    {SCMP_SYS(sysinfo), ANY, 0, 0},
    {SCMP_SYS(uname), ANY, 0, 0},
};

/* Answered with an error instead: libraries ask for these and have another way. */
static const struct {
    int call;
    int error;
    enum process_test test;
    unsigned argument;
    uint64_t value;
} process_declined[] = {
    /* its flags are in memory, where no filter can look; pthread_create then uses clone */
    {SCMP_SYS(clone3), ENOSYS, ANY, 0, 0},
    /* dlopen of a name service module fails and the next one is asked */
    {SCMP_SYS(mmap), EPERM, ALL_OF, 2, PROT_EXEC},
    {SCMP_SYS(mprotect), EACCES, ALL_OF, 2, PROT_EXEC},
    {SCMP_SYS(prlimit64), EPERM, ANY, 0, 0},
};

static bool process_add(scmp_filter_ctx f, uint32_t action, int call, enum process_test test,
                        unsigned argument, uint64_t value)
{
    struct scmp_arg_cmp c = {.arg = argument};

    switch (test) {
    case ANY:
        return seccomp_rule_add_array(f, action, call, 0, NULL) == 0;
    case NONE_OF:
        c.op = SCMP_CMP_MASKED_EQ;
        c.datum_a = value;
        c.datum_b = 0;
        break;
    case ALL_OF:
        c.op = SCMP_CMP_MASKED_EQ;
        c.datum_a = c.datum_b = value;
        break;
    case EQUAL:
    case EQUAL_SELF:
        /* Arguments that are ints are compared as such: the kernel ignores the upper half. */
        c.op = SCMP_CMP_MASKED_EQ;
        c.datum_a = UINT32_MAX;
        c.datum_b = test == EQUAL ? value : (uint64_t)getpid();
        break;
    }
    return seccomp_rule_add_array(f, action, call, 1, &c) == 0;
}

static bool process_fill(scmp_filter_ctx f)
{
    for (size_t i = 0; i < sizeof process_rules / sizeof process_rules[0]; i++) {
        const struct process_rule *r = &process_rules[i];

        if (!process_add(f, SCMP_ACT_ALLOW, r->call, r->test, r->argument, r->value))
            return false;
    }
    for (size_t i = 0; i < sizeof process_declined / sizeof process_declined[0]; i++)
        if (!process_add(f, SCMP_ACT_ERRNO((uint32_t)process_declined[i].error),
                         process_declined[i].call, process_declined[i].test,
                         process_declined[i].argument, process_declined[i].value))
            return false;
    return true;
}

enum err process_sandbox(struct process_state *out)
{
    enum err e = ERR_IO;
    scmp_filter_ctx f = seccomp_init(SCMP_ACT_KILL_PROCESS);

    if (f == NULL)
        return ERR_MEMORY;
    if (seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) != 0 ||
        seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1) != 0 ||
        seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2) != 0 || !process_fill(f) ||
        seccomp_load(f) != 0)
        goto done;
    out->sandboxed = true;
    e = ERR_NONE;
done:
    seccomp_release(f);
    return e;
}
