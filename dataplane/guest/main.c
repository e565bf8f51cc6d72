/* tr-init: process 1 of the guest. It makes what the data plane needs, shuts what it must not have, starts
 * it, and switches the machine off when it ends. Everything that is not in the image comes from the host and
 * is hostile; whatever fails here ends the boot with one line that says which step. */
#include "buf.h"
#include "child.h"
#include "clock.h"
#include "confine.h"
#include "console.h"
#include "dhcp.h"
#include "egress.h"
#include "entropy.h"
#include "fence.h"
#include "fwcfg.h"
#include "host_config.h"
#include "log.h"
#include "mounts.h"
#include "net.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define MEASURED_CONF "/etc/trustedrouter/dataplane.conf"
#define HOST_CONF GUEST_RUN "/host.conf"

enum {
    ENTROPY_MS = 20000,
    DHCP_S = 60,
    RELEASE_MAX = 32 << 10, /* as attestation/manifest.h */
    SIGNATURE_MAX = 4 << 10,
    WHY_MAX = 512,
    DHCP_RETRY_MS = 30000, /* a renewal that failed is tried again until the lease is over */
};

struct guest {
    const char *program; /* the one data plane of the image */
    struct host_config host;
    struct net_device device;
    struct fence_plan fence;
    uint64_t lease_ends_ms, renew_ms; /* clock_mono_ms(); 0: no lease */
    struct buf why;                   /* one sentence about the host's configuration */
    struct console console;
    pid_t child;
    int output, signals, input; /* input: the console's; -1: gone */
};

/* --- steps */

static enum err step_mounts(struct guest *g)
{
    int fd;

    (void)g;
    if (mounts_make() != ERR_NONE)
        return ERR_IO;
    fd = open("/dev/console", O_RDWR | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 || dup2(fd, 0) < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
        return ERR_IO;
    if (fd > 2)
        close(fd);
    return mounts_sysctls();
}

static enum err step_program(struct guest *g)
{
    static const char *const programs[] = {"/usr/bin/tr-dataplane", "/usr/bin/tr-dataplane-sim"};
    bool real = access(programs[0], X_OK) == 0, simulated = access(programs[1], X_OK) == 0;

    g->program = programs[simulated];
    return real != simulated ? child_give_device() : ERR_CONFIG;
}

static enum err step_entropy(struct guest *g)
{
    (void)g;
    return entropy_wait(ENTROPY_MS);
}

static enum err step_host(struct guest *g)
{
    struct buf text;
    enum err e;

    buf_init(&text, HOST_CONFIG_MAX);
    e = fwcfg_read("host.conf", HOST_CONFIG_MAX, &text);
    if (e == ERR_NONE)
        e = host_config_parse(buf_view(&text), &g->host, &g->why);
    buf_free(&text);
    return e;
}

/* A file that the host may give or not; what the data plane makes of its absence is its own. */
static enum err pass_on(const char *name, size_t max)
{
    struct buf text;
    enum err e;

    buf_init(&text, max);
    e = fwcfg_read(name, max, &text);
    if (e == ERR_NONE)
        e = mounts_write(name, buf_view(&text));
    buf_free(&text);
    return e == ERR_NOT_FOUND ? ERR_NONE : e;
}

static enum err step_release(struct guest *g)
{
    enum err e = pass_on("release.json", RELEASE_MAX);

    (void)g;
    return e == ERR_NONE ? pass_on("release.json.minisig", SIGNATURE_MAX) : e;
}

/* Before the interface is up, nothing but DHCP is let out, and nothing in. */
static enum err step_first_fence(struct guest *g)
{
    struct fence_plan nothing = {.dhcp = g->host.dhcp};

    return fence_load(&nothing);
}

static enum err use_lease(struct guest *g, const struct dhcp_lease *lease)
{
    struct net_address own = g->host.net;
    uint64_t now = clock_mono_ms();

    g->host.net = lease->net;
    if (own.n_dns != 0) { /* those of host.conf stand before a DHCP server's */
        memcpy(g->host.net.dns, own.dns, sizeof own.dns);
        g->host.net.n_dns = own.n_dns;
    }
    g->renew_ms = now + (uint64_t)lease->seconds * 500;
    g->lease_ends_ms = now + (uint64_t)lease->seconds * 1000;
    return net_address_check(&g->host.net);
}

static enum err step_network(struct guest *g)
{
    struct dhcp_lease lease;
    enum err e = net_find(&g->device);

    if (e == ERR_NONE)
        e = net_up(&g->device, g->host.mtu);
    if (e == ERR_NONE && g->host.dhcp) {
        e = dhcp_get(&g->device, DHCP_S, &lease);
        if (e == ERR_NONE)
            e = use_lease(g, &lease);
    }
    return e == ERR_NONE ? net_configure(&g->device, &g->host.net) : e;
}

static enum err fence_of(struct guest *g)
{
    enum err e = ERR_NONE;

    g->fence.n_resolvers = 0;
    g->fence.dhcp = g->host.dhcp;
    for (size_t i = 0; e == ERR_NONE && i < g->host.net.n_dns; i++) {
        struct fence_address *a = &g->fence.resolvers[g->fence.n_resolvers++];

        *a = (struct fence_address){.v6 = false};
        memcpy(a->b, &g->host.net.dns[i].s_addr, 4);
    }
    return fence_load(&g->fence);
}

static enum err step_fence(struct guest *g)
{
    enum err e = egress_ask(g->program, MEASURED_CONF, HOST_CONF, &g->fence, &g->why);

    return e == ERR_NONE ? fence_of(g) : e;
}

/* /etc/resolv.conf of the image is a link to resolv.conf there. */
static enum err step_files(struct guest *g)
{
    struct buf text;
    enum err e;

    buf_init(&text, HOST_CONFIG_MAX);
    e = host_config_for_dataplane(&g->host, &text);
    if (e == ERR_NONE)
        e = mounts_write("host.conf", buf_view(&text));
    buf_reset(&text);
    if (e == ERR_NONE)
        e = net_resolv_conf(&g->host.net, &text);
    if (e == ERR_NONE)
        e = mounts_write("resolv.conf", buf_view(&text));
    buf_free(&text);
    return e == ERR_NONE ? mounts_seal() : e;
}

static enum err step_start(struct guest *g)
{
    const char *const argv[] = {g->program, "-c", MEASURED_CONF, "--host", HOST_CONF, NULL};

    return child_start(argv, &g->child, &g->output);
}

/* What is left to do needs little. */
static enum err step_confine(struct guest *g)
{
    enum err e = confine_capabilities();

    (void)g;
    return e == ERR_NONE ? confine_calls() : e;
}

static const struct step {
    struct static_name name;
    enum err (*run)(struct guest *g);
} steps[] = {
    {{"mounts"}, step_mounts},   {{"program"}, step_program}, {{"entropy"}, step_entropy},
    {{"host"}, step_host},       {{"release"}, step_release}, {{"first_fence"}, step_first_fence},
    {{"network"}, step_network}, {{"files"}, step_files},     {{"fence"}, step_fence},
    {{"start"}, step_start},     {{"confine"}, step_confine},
};

/* --- while it runs */

/* The same address or none: the data plane's evidence and connections stay what they are. A server that gives
 * another one is not followed, and the guest ends with its lease. */
static void renew(struct guest *g)
{
    struct dhcp_lease lease;
    uint64_t now = clock_mono_ms();
    enum err e = dhcp_get(&g->device, 5, &lease);

    if (e == ERR_NONE && lease.net.address.s_addr != g->host.net.address.s_addr)
        e = ERR_CONFLICT;
    if (e == ERR_NONE) {
        g->renew_ms = now + (uint64_t)lease.seconds * 500;
        g->lease_ends_ms = now + (uint64_t)lease.seconds * 1000;
    } else {
        g->renew_ms = now + DHCP_RETRY_MS;
    }
    LOG("dhcp_renewed", KV("outcome", log_err((int)e)));
}

/* Orphans are reaped too. True: the data plane has ended. */
static bool reap(struct guest *g, int *status)
{
    bool ended = false;
    int how;
    pid_t pid;

    while ((pid = waitpid(-1, &how, WNOHANG)) > 0) {
        if (pid != g->child)
            continue;
        *status = how;
        ended = true;
    }
    return ended;
}

static void drain_output(struct guest *g)
{
    char bytes[4096];
    ssize_t n = read(g->output, bytes, sizeof bytes);

    if (n > 0)
        console_feed(&g->console, view_of(bytes, (size_t)n), 1);
    else if (n == 0 || errno != EINTR)
        g->output = -1; /* poll() passes it over */
}

/* SIGTERM and SIGINT go on to the data plane, which drains. */
static void take_signal(struct guest *g)
{
    struct signalfd_siginfo i;

    if (read(g->signals, &i, sizeof i) == (ssize_t)sizeof i && i.ssi_signo != SIGCHLD)
        kill(g->child, SIGTERM);
}

/* "drain" on the console is how the operator of a guest ends it without loss. A host can stop us anyway. */
static void take_console(struct guest *g)
{
    char line[64];
    ssize_t n = read(g->input, line, sizeof line);

    if (n == 6 && memcmp(line, "drain\n", 6) == 0)
        kill(g->child, SIGTERM);
    else if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
        g->input = -1; /* poll() passes it over */
}

static int next_wait_ms(const struct guest *g)
{
    uint64_t now = clock_mono_ms(), at = g->renew_ms < g->lease_ends_ms ? g->renew_ms : g->lease_ends_ms;

    if (g->renew_ms == 0)
        return -1;
    return at <= now ? 0 : at - now > 60000 ? 60000 : (int)(at - now);
}

static int watch(struct guest *g)
{
    int status = 0;

    while (!reap(g, &status)) {
        struct pollfd p[] = {{g->output, POLLIN, 0}, {g->signals, POLLIN, 0}, {g->input, POLLIN, 0}};

        (void)!poll(p, 3, next_wait_ms(g));
        if (p[0].revents != 0)
            drain_output(g);
        if (p[1].revents != 0)
            take_signal(g);
        if (p[2].revents != 0)
            take_console(g);
        if (g->renew_ms != 0 && clock_mono_ms() >= g->lease_ends_ms) {
            LOG("dhcp_lease_over", KV("seconds", (uint32_t)0));
            kill(g->child, SIGTERM);
            g->renew_ms = 0;
        } else if (next_wait_ms(g) == 0) {
            renew(g);
        }
    }
    kill(-1, SIGKILL); /* whatever it has left behind, and holds the pipe open: all but process 1 */
    while (g->output >= 0) /* its last words */
        drain_output(g);
    return status;
}

/* --- the frame */

static enum err block_signals(struct guest *g)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return ERR_IO;
    g->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return g->signals >= 0 ? ERR_NONE : ERR_IO;
}

static void power_off(void)
{
    log_last_words();
    sync();
    reboot(RB_POWER_OFF);
    abort(); /* process 1 must not end: the kernel panics, and reboots at once (panic=-1) */
}

/* Our sentence about host.conf: file, line and field, in characters that a console shows. */
static void tell(const struct buf *why)
{
    char line[WHY_MAX + 2];
    size_t n = why->len < WHY_MAX ? why->len : WHY_MAX;

    for (size_t i = 0; i < n; i++)
        line[i] = why->ptr[i] >= ' ' && why->ptr[i] < 127 ? (char)why->ptr[i] : '?';
    line[n] = '\n';
    if (n != 0)
        (void)!write(2, line, n + 1);
}

static bool boot(struct guest *g)
{
    enum err e = block_signals(g);

    for (size_t i = 0; e == ERR_NONE && i < sizeof steps / sizeof steps[0]; i++) {
        e = steps[i].run(g);
        if (e == ERR_NONE)
            continue;
        tell(&g->why);
        LOG("boot_failed", KV("step", steps[i].name), KV("outcome", log_err((int)e)));
    }
    return e == ERR_NONE;
}

int main(void)
{
    static struct guest g = {.output = -1, .signals = -1};
    int status;

    if (getpid() != 1)
        return 2; /* it would mount over a running system */
    if (clearenv() != 0) /* the kernel's command line is in it; nothing of it is read */
        power_off();
    buf_init(&g.why, WHY_MAX);
    if (!boot(&g))
        power_off();
    LOG("guest_started", KV("egress_ports", (uint32_t)g.fence.n_egress), KV("dhcp", g.host.dhcp));
    status = watch(&g);
    LOG("guest_stopped", KV("status", (int32_t)(WIFEXITED(status) ? WEXITSTATUS(status) : -1)),
        KV("signal", (int32_t)(WIFSIGNALED(status) ? WTERMSIG(status) : 0)), KV("withheld_lines", g.console.withheld));
    power_off();
}
