/* One epoll loop: descriptors that become ready and timers in nanoseconds, on one thread. */
#ifndef TR_MOCK_LOOP_H
#define TR_MOCK_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

struct watch {
    void (*ready)(struct watch *w, uint32_t events);
};
struct timer {
    void (*fire)(struct timer *t);
    uint64_t at_ns;
    size_t place; /* in the heap, from 1; 0: not set */
};

void loop_init(void);
uint64_t loop_now_ns(void); /* CLOCK_MONOTONIC, read once per turn; loop_clock_ns() reads it anew */
uint64_t loop_clock_ns(void);
void loop_add(int fd, uint32_t events, struct watch *w);
void loop_change(int fd, uint32_t events, struct watch *w);
void loop_remove(int fd);
void loop_timer_set(struct timer *t, uint64_t at_ns);
void loop_timer_stop(struct timer *t);
/* Until stop becomes true (set by a signal handler). */
void loop_run(volatile bool *stop);

#define CONTAINER(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#endif
