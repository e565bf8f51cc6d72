/* Capabilities, and a filter of system calls that needs no library. */
#include "confine.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum err confine_capabilities(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    const uint32_t kept = UINT32_C(1) << CAP_KILL | UINT32_C(1) << CAP_SYS_BOOT;
    const struct __user_cap_data_struct data[2] = {{.effective = kept, .permitted = kept}};

    _Static_assert(CAP_KILL < 32 && CAP_SYS_BOOT < 32, "both are in the first word");
    return syscall(SYS_capset, &head, data) == 0 ? ERR_NONE : ERR_FORBIDDEN;
}

static const unsigned calls[] = {
    /* the console, the data plane's output, signals */
    SYS_read, SYS_write, SYS_poll, SYS_ppoll, SYS_close,
    /* the data plane */
    SYS_wait4, SYS_kill,
    /* DHCP, in dhcp.c */
    SYS_socket, SYS_setsockopt, SYS_bind, SYS_sendto, SYS_recvfrom, SYS_getrandom,
    /* the clock, where the kernel does not answer in user space */
    SYS_clock_gettime,
    /* the end */
    SYS_sync, SYS_reboot, SYS_exit_group, SYS_rt_sigprocmask, SYS_rt_sigaction, SYS_rt_sigreturn, SYS_getpid, SYS_gettid,
    SYS_tgkill, SYS_restart_syscall,
};
enum {
    N_CALLS = sizeof calls / sizeof calls[0],
    FRAME = 5, /* load and compare the architecture, refuse; load the number; refuse at the end */
};

static struct sock_filter load(size_t offset)
{
    return (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset);
}

static struct sock_filter verdict(uint32_t action)
{
    return (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action);
}

/* Equal: the next instruction counts; else the one behind it. */
static struct sock_filter if_equal(uint32_t value)
{
    return (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
}

enum err confine_calls(void)
{
    struct sock_filter f[FRAME + 2 * N_CALLS];
    unsigned short n = 0;
    struct sock_fprog program = {.filter = f};

    f[n++] = load(offsetof(struct seccomp_data, arch));
    f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
    f[n++] = verdict(SECCOMP_RET_KILL_PROCESS);
    f[n++] = load(offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < N_CALLS; i++) {
        f[n++] = if_equal(calls[i]);
        f[n++] = verdict(SECCOMP_RET_ALLOW);
    }
    f[n++] = verdict(SECCOMP_RET_KILL_PROCESS);
    program.len = n;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0)
        return ERR_UNSUPPORTED;
    return ERR_NONE;
}
