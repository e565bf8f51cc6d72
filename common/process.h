/* What a process of ours does to itself after start-up. */
#ifndef TR_COMMON_PROCESS_H
#define TR_COMMON_PROCESS_H

#include "err.h"

#include <stdbool.h>

struct process_state {
    bool memory_locked; /* mlockall succeeded */
    bool undumpable;
    bool sandboxed;
};

/* RLIMIT_CORE 0, undumpable, NOFILE raised, SIGPIPE ignored; pages locked as they are touched where
 * RLIMIT_MEMLOCK is or can be made unlimited; the allocator told to keep memory for reuse. */
must_check enum err process_harden(struct process_state *out);
/* seccomp: from now on opening files for writing or creating them, exec, ptrace, and every system
 * call outside the allow-list kill the process; new executable memory is refused. For all threads,
 * those that run already included. A quote backend that needs more starts a helper process before. */
must_check enum err process_sandbox(struct process_state *out);

#endif
