/* Why: the sandbox is the promise that a data plane cannot write a prompt to disk or start another
 * program. Each forbidden act is tried in a child of its own that must die (or be refused), next to
 * an allowed twin that must work: a filter that kills everything would be no proof either. */
#include "process.h"
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

/* What a child's act came to. */
enum { WORKED, FAILED, KILLED, CRASHED };

static int outcome(int (*act)(void), bool sandboxed)
{
    struct process_state state = {0};
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        struct rlimit none = {0, 0};

        setrlimit(RLIMIT_CORE, &none);
        if (sandboxed && process_sandbox(&state) != ERR_NONE)
            _exit(2);
        _exit(act() == 0 ? 0 : 1);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return CRASHED;
    if (WIFSIGNALED(status))
        return WTERMSIG(status) == SIGSYS ? KILLED : CRASHED;
    return WEXITSTATUS(status) == 0 ? WORKED : WEXITSTATUS(status) == 1 ? FAILED : CRASHED;
}

static int close_of(int fd)
{
    return fd < 0 ? -1 : close(fd);
}

static int open_read(void)
{
    return close_of(open("/etc/hosts", O_RDONLY | O_CLOEXEC));
}

static int open_write(void)
{
    return close_of(open("/dev/null", O_WRONLY));
}

static int open_read_write(void)
{
    return close_of(open("/dev/null", O_RDWR));
}

static int open_create(void)
{
    return close_of(open("/tmp/test_process.created", O_RDONLY | O_CREAT, 0600));
}

static int open_truncate(void)
{
    return close_of(open("/dev/null", O_RDONLY | O_TRUNC));
}

static int open_append(void)
{
    return close_of(open("/dev/null", O_APPEND));
}

static int open_tmpfile(void)
{
    return close_of(open("/tmp", O_WRONLY | O_TMPFILE, 0600));
}

/* The filter must not be fooled by the half of a register the kernel ignores. */
static int open_write_high(void)
{
    return close_of(
        (int)syscall(SYS_openat, (long)AT_FDCWD, "/dev/null", (long)O_WRONLY | (1L << 32), 0L));
}

static int old_open_write(void)
{
    return close_of((int)syscall(SYS_open, "/dev/null", O_WRONLY));
}

static int old_open_read(void)
{
    return close_of((int)syscall(SYS_open, "/dev/null", O_RDONLY));
}

static int create(void)
{
    return close_of(creat("/tmp/test_process.created", 0600));
}

static int memory_file(void)
{
    return close_of((int)syscall(SYS_memfd_create, "x", 0));
}

static int rename_file(void)
{
    return rename("/tmp/nonexistent.a", "/tmp/nonexistent.b");
}

static int unlink_file(void)
{
    return unlink("/tmp/nonexistent.a");
}

static int exec_true(void)
{
    char *argv[] = {(char *)"true", NULL};

    return execv("/bin/true", argv);
}

static int fork_child(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    return pid < 0 || waitpid(pid, NULL, 0) != pid;
}

static int trace_me(void)
{
    return ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0;
}

static int read_other_memory(void)
{
    char a = 1, b = 0;
    struct iovec to = {&b, 1}, from = {&a, 1};

    return process_vm_readv(getpid(), &to, 1, &from, 1, 0) != 1;
}

static int dumpable_again(void)
{
    return prctl(PR_SET_DUMPABLE, 1);
}

static int signal_other(void)
{
    return kill(getppid(), 0);
}

static int map_memory(void)
{
    char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED)
        return 1;
    p[0] = 1;
    return mprotect(p, 4096, PROT_READ) != 0 || munmap(p, 4096) != 0;
}

static int map_executable(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
           MAP_FAILED;
}

static int make_executable(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return p == MAP_FAILED || mprotect(p, 4096, PROT_READ | PROT_EXEC) != 0;
}

static int packet_socket(void)
{
    return close_of(socket(AF_PACKET, SOCK_DGRAM, 0));
}

/* The processor's secrets are the helper's to ask for, which was started before the filter; a derived
 * key nobody may have. */
static int ask_for_a_report(void)
{
    return ioctl(0, _IOWR('S', 0, char[32]), NULL) == 0;
}

static int ask_for_a_derived_key(void)
{
    return ioctl(0, _IOWR('S', 1, char[32]), NULL) == 0;
}

static int talk(void)
{
    int pair[2];
    char c = 0;

    return socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0 || write(pair[0], "x", 1) != 1 ||
           recv(pair[1], &c, 1, 0) != 1 || c != 'x' || shutdown(pair[0], SHUT_RDWR) != 0;
}

static int write_stderr(void)
{
    return write(STDERR_FILENO, "", 0) != 0;
}

static void *resolve(void *arg)
{
    struct addrinfo hint = {.ai_socktype = SOCK_STREAM}, *found = NULL;

    *(int *)arg = getaddrinfo("localhost", "443", &hint, &found);
    if (*(int *)arg == 0)
        freeaddrinfo(found);
    return NULL;
}

static int resolve_in_thread(void)
{
    pthread_t t;
    int result = 1;

    return pthread_create(&t, NULL, resolve, &result) != 0 || pthread_join(t, NULL) != 0 ||
           result != 0;
}

static void resolved_cb(uv_getaddrinfo_t *req, int status, struct addrinfo *found)
{
    *(int *)req->data = status;
    uv_freeaddrinfo(found);
}

/* What the provider client does: a loop, its pool of threads, a name. */
static int resolve_in_pool(void)
{
    uv_loop_t loop;
    uv_getaddrinfo_t req;
    int result = 1;

    req.data = &result;
    return uv_loop_init(&loop) != 0 ||
           uv_getaddrinfo(&loop, &req, resolved_cb, "localhost", "443", NULL) != 0 ||
           uv_run(&loop, UV_RUN_DEFAULT) != 0 || uv_loop_close(&loop) != 0 || result != 0;
}

/* A name nobody knows goes through every service of nsswitch.conf, modules and all. */
static int resolve_unknown(void)
{
    struct addrinfo *found = NULL;

    return getaddrinfo("name.invalid", NULL, NULL, &found) == 0;
}

static const struct {
    const char *name;
    int (*act)(void);
    int want; /* in the sandbox */
} acts[] = {
    {"open to read", open_read, WORKED},
    {"open to write", open_write, KILLED},
    {"open to read and write", open_read_write, KILLED},
    {"open and create", open_create, KILLED},
    {"open and truncate", open_truncate, KILLED},
    {"open to append", open_append, KILLED},
    {"open a nameless file", open_tmpfile, KILLED},
    {"open with high bits", open_write_high, KILLED},
    {"old open to read", old_open_read, WORKED},
    {"old open to write", old_open_write, KILLED},
    {"creat", create, KILLED},
    {"memfd_create", memory_file, KILLED},
    {"rename", rename_file, KILLED},
    {"unlink", unlink_file, KILLED},
    {"execve", exec_true, KILLED},
    {"fork", fork_child, KILLED},
    {"ptrace", trace_me, KILLED},
    {"process_vm_readv", read_other_memory, KILLED},
    {"become dumpable", dumpable_again, KILLED},
    {"signal another process", signal_other, KILLED},
    {"map memory", map_memory, WORKED},
    {"map executable memory", map_executable, FAILED},
    {"make memory executable", make_executable, FAILED},
    {"packet socket", packet_socket, KILLED},
    {"ask for a report", ask_for_a_report, KILLED},
    {"ask for a derived key", ask_for_a_derived_key, KILLED},
    {"talk over sockets", talk, WORKED},
    {"write to stderr", write_stderr, WORKED},
    {"resolve in a new thread", resolve_in_thread, WORKED},
    {"resolve in libuv's pool", resolve_in_pool, WORKED},
    {"resolve an unknown name", resolve_unknown, WORKED},
};

static void sandbox(void)
{
    for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++) {
        int got = outcome(acts[i].act, true);

        if (got != acts[i].want) {
            printf("# %s: outcome %d, want %d\n", acts[i].name, got, acts[i].want);
            check_fail(__FILE__, __LINE__, "sandbox");
        }
    }
    CHECK_INT(access("/tmp/test_process.created", F_OK), -1);
}

/* Without the filter the same acts work (or fail for reasons of their own): the filter did it. */
static void no_sandbox(void)
{
    static int (*const free_acts[])(void) = {open_write, open_truncate,  exec_true,      fork_child,
                                             trace_me,   map_executable, make_executable};

    for (size_t i = 0; i < sizeof free_acts / sizeof free_acts[0]; i++)
        CHECK_INT(outcome(free_acts[i], false), WORKED);
}

static void *other_thread(void *arg)
{
    while (__atomic_load_n((int *)arg, __ATOMIC_ACQUIRE) == 0)
        sched_yield();
    open_write();
    return NULL;
}

/* Threads that were there before are inside too. */
static int earlier_thread(void)
{
    struct process_state state = {0};
    int go = 0;
    pthread_t t;

    if (pthread_create(&t, NULL, other_thread, &go) != 0 || process_sandbox(&state) != ERR_NONE)
        return 1;
    __atomic_store_n(&go, 1, __ATOMIC_RELEASE);
    pthread_join(t, NULL);
    return 0;
}

static void sandbox_threads(void)
{
    CHECK_INT(outcome(earlier_thread, false), KILLED);
}

static int hardened(void)
{
    struct process_state state;
    struct sigaction pipe_action;
    struct rlimit core, files, files_before;

    getrlimit(RLIMIT_NOFILE, &files_before);
    if (process_harden(&state) != ERR_NONE || !state.undumpable || state.sandboxed)
        return 1;
    getrlimit(RLIMIT_CORE, &core);
    getrlimit(RLIMIT_NOFILE, &files);
    sigaction(SIGPIPE, NULL, &pipe_action);
    return core.rlim_max != 0 || prctl(PR_GET_DUMPABLE) != 0 || pipe_action.sa_handler != SIG_IGN ||
           files.rlim_cur < files_before.rlim_cur;
}

static void harden(void)
{
    CHECK_INT(outcome(hardened, false), WORKED);
}

static int lock_then_allocate(void)
{
    struct process_state state;
    char *p;

    if (process_harden(&state) != ERR_NONE)
        return 1;
    p = malloc(64 << 20); /* whatever was locked, allocation goes on working */
    if (p == NULL)
        return 1;
    p[0] = p[(64 << 20) - 1] = 1;
    free(p);
    return resolve_in_thread();
}

static void locked_memory(void)
{
    CHECK_INT(outcome(lock_then_allocate, false), WORKED);
}

static const struct check_case cases[] = {
    {"process_sandbox", sandbox},
    {"process_no_sandbox", no_sandbox},
    {"process_sandbox_threads", sandbox_threads},
    {"process_harden", harden},
    {"process_locked_memory", locked_memory},
};

CHECK_MAIN(cases)
