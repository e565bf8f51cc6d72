/* Three libuv entry points, replaced for the server's own connections because libh2o 2.2.5 uses
 * them in ways that libuv >= 1.42 turns into a lost callback (descriptor leak), an assertion
 * (remote abort) or a broken upload; and one, uv_read_stop, because h2o calls it around every
 * request.
 *
 * How: this object defines uv_read_start, uv_read_stop, uv_write and uv_close in the executable,
 * and the dynamic linker binds libh2o.so's calls to them. Streams that were not handed to
 * uv_shim_watch() go straight through to libuv. */
#ifndef TR_COMMON_UV_SHIM_H
#define TR_COMMON_UV_SHIM_H

#include <stdbool.h>
#include <uv.h>

struct uv_shim;

/* One per loop that has watched streams. */
struct uv_shim_loop {
    uv_idle_t idle;       /* active while callbacks are owed; does not keep the loop alive */
    struct uv_shim *owed; /* writes that were done or refused at once, oldest first */
    struct uv_shim **owed_end;
};

/* One per watched stream, embedded in what owns the stream. */
struct uv_shim {
    struct uv_shim_loop *loop;
    uv_stream_t *stream;
    uv_alloc_cb alloc; /* h2o's own */
    uv_read_cb read;
    bool reading; /* h2o wants bytes */
    bool armed;   /* libuv is reading */
    bool paused;  /* h2o wants bytes, and their owner wants none yet */
    /* After h2o has taken bytes in; the stream may not be closed inside. */
    void (*after_read)(struct uv_shim *w);
    /* Something (bytes, an end, an error) arrived while h2o does not read. May close the stream. */
    void (*stirred)(struct uv_shim *w);
    /* h2o closes the stream. True: not yet; call uv_close() again, with this NULL and h2o's cb. */
    bool (*closing)(struct uv_shim *w, uv_close_cb cb);
    /* The write whose callback is owed. h2o has at most one in flight per socket. */
    uv_write_t *write;
    uv_write_cb write_cb;
    int write_status;
    bool owed;
    struct uv_shim *next;
};

/* The loop's part. stop closes its handle: run the loop once more before freeing. */
int uv_shim_start(struct uv_shim_loop *l, uv_loop_t *loop);
void uv_shim_stop(struct uv_shim_loop *l);

/* Watch a stream from before its first read until it is closed. */
void uv_shim_watch(struct uv_shim *w, struct uv_shim_loop *l, uv_stream_t *stream);
/* Read nothing, whatever h2o wants, until resumed; resuming what was not paused does nothing. Meanwhile
 * the end of the peer is not noticed. */
void uv_shim_pause(struct uv_shim *w);
void uv_shim_resume(struct uv_shim *w);
/* True while libuv polls the stream, so that whatever the peer does, its end included, calls `read` or
 * `stirred`. False once something arrived that h2o did not want, until h2o reads on. */
bool uv_shim_alert(const struct uv_shim *w);

#endif
