#include "loop.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

enum { BATCH = 512 };

static int epoll_fd;
static uint64_t now_ns;
/* A binary heap, earliest first; places count from 1. */
static struct timer **heap;
static size_t heap_n, heap_cap;

uint64_t loop_clock_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void loop_init(void)
{
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    assert(epoll_fd >= 0);
    now_ns = loop_clock_ns();
}

uint64_t loop_now_ns(void)
{
    return now_ns;
}

void loop_add(int fd, uint32_t events, struct watch *w)
{
    struct epoll_event e = {.events = events, .data.ptr = w};
    int rc = epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e);
    assert(rc == 0);
    (void)rc;
}

void loop_change(int fd, uint32_t events, struct watch *w)
{
    struct epoll_event e = {.events = events, .data.ptr = w};
    int rc = epoll_ctl(epoll_fd, EPOLL_CTL_MOD, fd, &e);
    assert(rc == 0);
    (void)rc;
}

void loop_remove(int fd)
{
    epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

static void heap_put(struct timer *t, size_t place)
{
    heap[place] = t;
    t->place = place;
}

static void heap_up(struct timer *t, size_t i)
{
    for (; i > 1 && heap[i / 2]->at_ns > t->at_ns; i /= 2)
        heap_put(heap[i / 2], i);
    heap_put(t, i);
}

static void heap_down(struct timer *t, size_t i)
{
    for (size_t child; (child = 2 * i) <= heap_n; i = child) {
        if (child < heap_n && heap[child + 1]->at_ns < heap[child]->at_ns)
            child++;
        if (heap[child]->at_ns >= t->at_ns)
            break;
        heap_put(heap[child], i);
    }
    heap_put(t, i);
}

void loop_timer_stop(struct timer *t)
{
    size_t i = t->place;

    if (i == 0)
        return;
    t->place = 0;
    struct timer *last = heap[heap_n--];
    if (last == t)
        return;
    if (i > 1 && heap[i / 2]->at_ns > last->at_ns)
        heap_up(last, i);
    else
        heap_down(last, i);
}

void loop_timer_set(struct timer *t, uint64_t at_ns)
{
    loop_timer_stop(t);
    if (heap_n + 2 > heap_cap) {
        heap_cap = heap_cap == 0 ? 1024 : heap_cap * 2;
        heap = realloc(heap, heap_cap * sizeof *heap);
        assert(heap != NULL);
    }
    t->at_ns = at_ns;
    heap_up(t, ++heap_n);
}

static int loop_wait(struct epoll_event *events)
{
    struct timespec wait = {0, 0};

    if (heap_n == 0)
        return epoll_wait(epoll_fd, events, BATCH, -1);
    uint64_t now = loop_clock_ns(), left = heap[1]->at_ns > now ? heap[1]->at_ns - now : 0;
    wait.tv_sec = (time_t)(left / 1000000000);
    wait.tv_nsec = (long)(left % 1000000000);
    int n = epoll_pwait2(epoll_fd, events, BATCH, &wait, NULL);
    if (n < 0 && errno == ENOSYS) /* before Linux 5.11: to the millisecond */
        n = epoll_wait(epoll_fd, events, BATCH, (int)(left / 1000000) + 1);
    return n;
}

void loop_run(volatile bool *stop)
{
    struct epoll_event events[BATCH];

    while (!*stop) {
        int n = loop_wait(events);
        now_ns = loop_clock_ns();
        for (int i = 0; i < n; i++) {
            struct watch *w = events[i].data.ptr;
            w->ready(w, events[i].events);
        }
        while (heap_n != 0 && heap[1]->at_ns <= now_ns) {
            struct timer *t = heap[1];
            loop_timer_stop(t);
            t->fire(t);
        }
    }
}
