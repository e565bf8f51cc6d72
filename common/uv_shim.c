/* The replaced entry points. What each repairs was reproduced with libuv 1.44.2 and libh2o 2.2.5;
 * tests/attacks keeps the attacks:
 *
 * uv_read_start  h2o takes nread == 0 (EAGAIN, which libuv reports after a read that exactly filled
 *                the buffer) on a TLS socket for an I/O error and closes: such reads are dropped.
 * uv_read_stop   h2o stops and starts reading around every request, three epoll_ctl calls each
 *                time. Here stopping only raises a flag; libuv is really stopped when something
 *                arrives meanwhile, which also tells at once that a client has left.
 * uv_write       h2o ignores its result, so a write refused at once loses its callback and the
 *                connection with it; and after SSL_write failed it passes no buffers at all, which
 *                libuv asserts against. Both become a failed callback from the loop. And a write
 *                the kernel takes whole does not enter libuv's queue, whose draining costs an
 *                epoll_ctl.
 * uv_close       forgets callbacks still owed to the stream, and lets its owner put the end off. */
#include "uv_shim.h"

#include <assert.h>
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static int (*real_read_start)(uv_stream_t *, uv_alloc_cb, uv_read_cb);
static int (*real_read_stop)(uv_stream_t *);
static void (*real_close)(uv_handle_t *, uv_close_cb);

/* The three lookups cannot fail in a program that links libuv; without them nothing works. */
__attribute__((constructor)) static void uv_shim_resolve(void)
{
    *(void **)&real_read_start = dlsym(RTLD_NEXT, "uv_read_start");
    *(void **)&real_read_stop = dlsym(RTLD_NEXT, "uv_read_stop");
    *(void **)&real_close = dlsym(RTLD_NEXT, "uv_close");
    if (real_read_start == NULL || real_read_stop == NULL || real_close == NULL)
        abort();
}

/* libuv leaves handle->u to nobody on this platform. A watched handle carries its own address under
 * a constant there, so that the memory of an unwatched one is never taken for a watch. */
static void *uv_shim_mark(const uv_handle_t *h)
{
    return (void *)((uintptr_t)h ^ (uintptr_t)0x9e3779b97f4a7c15u);
}

static struct uv_shim *uv_shim_of(const uv_handle_t *h)
{
    return h->u.reserved[1] == uv_shim_mark(h) ? h->u.reserved[3] : NULL;
}

static void uv_shim_unlink(struct uv_shim *w)
{
    struct uv_shim_loop *l = w->loop;
    struct uv_shim **p = &l->owed;

    while (*p != w)
        p = &(*p)->next;
    *p = w->next;
    if (*p == NULL)
        l->owed_end = p;
    w->owed = false;
}

/* Callbacks owed when this turn of the loop began, oldest first. Those they add wait for the next
 * turn, so that one fast reader does not keep the loop from the others. */
static void uv_shim_idle_cb(uv_idle_t *idle)
{
    struct uv_shim_loop *l = idle->data;
    size_t n = 0;

    for (struct uv_shim *w = l->owed; w != NULL; w = w->next)
        n++;
    /* A callback may close any stream and so shorten the list. */
    while (n-- != 0 && l->owed != NULL) {
        struct uv_shim *w = l->owed;

        uv_shim_unlink(w);
        w->write_cb(w->write, w->write_status);
    }
    if (l->owed == NULL)
        uv_idle_stop(idle);
}

/* An idle handle and not a timer: it runs in this turn of the loop when called from a timer, in the
 * next before polling when called from a poll, and keeps the loop from sleeping meanwhile. */
static void uv_shim_owe(struct uv_shim *w, uv_write_t *req, uv_write_cb cb, int status)
{
    struct uv_shim_loop *l = w->loop;

    assert(!w->owed);
    if (l->owed == NULL)
        uv_idle_start(&l->idle, uv_shim_idle_cb);
    w->write = req;
    w->write_cb = cb;
    w->write_status = status;
    w->owed = true;
    w->next = NULL;
    *l->owed_end = w;
    l->owed_end = &w->next;
}

int uv_shim_start(struct uv_shim_loop *l, uv_loop_t *loop)
{
    int r = uv_idle_init(loop, &l->idle);

    if (r != 0)
        return r;
    l->owed = NULL;
    l->owed_end = &l->owed;
    l->idle.data = l;
    uv_unref((uv_handle_t *)&l->idle);
    return 0;
}

void uv_shim_stop(struct uv_shim_loop *l)
{
    assert(l->owed == NULL);
    real_close((uv_handle_t *)&l->idle, NULL);
}

void uv_shim_watch(struct uv_shim *w, struct uv_shim_loop *l, uv_stream_t *stream)
{
    w->loop = l;
    w->stream = stream;
    w->reading = w->armed = w->owed = w->paused = false;
    stream->u.reserved[1] = uv_shim_mark((uv_handle_t *)stream);
    stream->u.reserved[3] = w;
}

bool uv_shim_alert(const struct uv_shim *w)
{
    return w->armed;
}

static void uv_shim_alloc_cb(uv_handle_t *h, size_t size, uv_buf_t *buf)
{
    struct uv_shim *w = uv_shim_of(h);

    if (w->reading)
        w->alloc(h, size, buf);
    else
        *buf = uv_buf_init(NULL, 0); /* libuv then reports UV_ENOBUFS and reads nothing */
}

static void uv_shim_read_cb(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
    struct uv_shim *w = uv_shim_of((uv_handle_t *)s);

    if (!w->reading) {
        w->armed = false;
        real_read_stop(s);
        w->stirred(w);
        return;
    }
    if (n == 0)
        return;
    w->read(s, n, buf);
    if (!uv_is_closing((uv_handle_t *)s))
        w->after_read(w);
}

int uv_read_start(uv_stream_t *s, uv_alloc_cb alloc, uv_read_cb read)
{
    struct uv_shim *w = uv_shim_of((uv_handle_t *)s);
    int r;

    if (w == NULL)
        return real_read_start(s, alloc, read);
    w->alloc = alloc;
    w->read = read;
    w->reading = true;
    if (w->armed || w->paused)
        return 0;
    r = real_read_start(s, uv_shim_alloc_cb, uv_shim_read_cb);
    w->armed = r == 0;
    return r;
}

void uv_shim_pause(struct uv_shim *w)
{
    w->paused = true;
    w->armed = false;
    real_read_stop(w->stream);
}

/* That libuv cannot read on shows as it does when h2o reads on: nothing arrives, and the sweep ends it. */
void uv_shim_resume(struct uv_shim *w)
{
    if (!w->paused)
        return;
    w->paused = false;
    if (w->reading && !uv_is_closing((uv_handle_t *)w->stream))
        w->armed = real_read_start(w->stream, uv_shim_alloc_cb, uv_shim_read_cb) == 0;
}

int uv_read_stop(uv_stream_t *s)
{
    struct uv_shim *w = uv_shim_of((uv_handle_t *)s);

    if (w == NULL)
        return real_read_stop(s);
    w->reading = false;
    return 0;
}

/* The rest of a write of which the kernel took `done` bytes. libuv copies the array it is given. */
static int uv_shim_write_rest(uv_write_t *req, uv_stream_t *s, const uv_buf_t *bufs, unsigned n,
                              size_t done, uv_write_cb cb)
{
    uv_buf_t *rest;
    int r;

    while (done >= bufs->len) {
        done -= bufs->len;
        bufs++, n--;
    }
    rest = malloc(n * sizeof *rest);
    if (rest == NULL)
        return UV_ENOMEM;
    memcpy(rest, bufs, n * sizeof *rest);
    rest[0].base += done;
    rest[0].len -= done;
    r = uv_write2(req, s, rest, n, NULL, cb);
    free(rest);
    return r;
}

int uv_write(uv_write_t *req, uv_stream_t *s, const uv_buf_t bufs[], unsigned n, uv_write_cb cb)
{
    struct uv_shim *w = uv_shim_of((uv_handle_t *)s);
    size_t len = 0;
    int r;

    if (w == NULL)
        return uv_write2(req, s, bufs, n, NULL, cb);
    for (unsigned i = 0; i < n; i++)
        len += bufs[i].len;
    r = len == 0 ? UV_EPIPE : uv_try_write(s, bufs, n);
    if (r == UV_EAGAIN)
        r = 0;
    if (r >= 0 && (size_t)r != len) {
        r = uv_shim_write_rest(req, s, bufs, n, (size_t)r, cb);
        if (r == 0)
            return 0; /* libuv has it now */
    }
    uv_shim_owe(w, req, cb, r < 0 ? r : 0);
    return 0;
}

void uv_close(uv_handle_t *h, uv_close_cb cb)
{
    struct uv_shim *w = uv_shim_of(h);

    if (w != NULL) {
        if (w->owed)
            uv_shim_unlink(w);
        if (w->closing != NULL && w->closing(w, cb))
            return;
        h->u.reserved[1] = NULL; /* libuv itself calls uv_read_stop on its way out */
    }
    real_close(h, cb);
}
