#include "log.h"
#include "clock.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    /* Bytes of one write. Not above PIPE_BUF (4096): a write to a pipe is then all or nothing and
     * lines of two threads never mix. Some eight lines of the usual size. */
    WRITE_MAX_BYTES = PIPE_BUF,
    LINE_MAX_BYTES = 2048, /* of one line; some sixty fields of the usual size */
    GATHERERS_MAX = 256,   /* threads that gather at once; the others write line by line */
    /* Kept free for what ends every line: ,"truncated":true} and the newline. */
    LINE_TAIL_BYTES = 20,
};

struct line {
    char text[LINE_MAX_BYTES];
    size_t len;
    bool full; /* something did not fit; nothing more goes in */
};

/* Lines of one thread that have not left yet. len is what a crash handler on another thread may read;
 * only the owner changes it. */
struct log_batch {
    atomic_size_t len;
    unsigned long lost;  /* dropped lines that the first of these announces */
    size_t first_len;    /* bytes of that first one */
    void (*first)(void *cookie);
    void *cookie;
    char bytes[WRITE_MAX_BYTES];
};
static __thread struct log_batch *gathering; /* NULL: this thread writes line by line */
static struct log_batch *_Atomic batches[GATHERERS_MAX];

/* Lines that stderr did not take (a full pipe that does not block, a closed one). The next line
 * that leaves carries the count. */
static atomic_ulong dropped;
/* A line that left in part: the next one begins on a line of its own. */
static atomic_bool torn;

static void put(struct line *l, const char *s, size_t n)
{
    if (l->full || n > sizeof l->text - LINE_TAIL_BYTES - l->len) {
        l->full = true;
        return;
    }
    memcpy(l->text + l->len, s, n);
    l->len += n;
}

/* Names are literals of ours; one that holds a quote is a slip, and must not break the line. */
static void put_name(struct line *l, const char *name)
{
    size_t n = strlen(name);
    char *to = l->text + l->len;

    if (l->full || n + 2 > sizeof l->text - LINE_TAIL_BYTES - l->len) {
        l->full = true;
        return;
    }
    *to++ = '"';
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)name[i];

        *to++ = c < 0x20 || c >= 0x7f || c == '"' || c == '\\' ? '_' : name[i];
    }
    *to = '"';
    l->len += n + 2;
}

static void put_u64(struct line *l, uint64_t v)
{
    char text[20], *p = text + sizeof text;

    do {
        *--p = (char)('0' + v % 10);
        v /= 10;
    } while (v != 0);
    put(l, p, (size_t)(text + sizeof text - p));
}

static void put_value(struct line *l, const struct log_field *f)
{
    char text[ID_TEXT_LEN + 1];

    switch (f->kind) {
    case LOG_UNSIGNED:
        put_u64(l, f->v.u);
        break;
    case LOG_SIGNED:
        if (f->v.i < 0)
            put(l, "-", 1);
        put_u64(l, f->v.i < 0 ? 0 - (uint64_t)f->v.i : (uint64_t)f->v.i);
        break;
    case LOG_BOOL:
        if (f->v.u != 0)
            put(l, "true", 4);
        else
            put(l, "false", 5);
        break;
    case LOG_NAME:
        put_name(l, f->v.name);
        break;
    case LOG_ID:
        id_text(&f->v.id, text);
        put_name(l, text);
        break;
    }
}

/* A field goes in whole or not at all. */
static void put_field(struct line *l, const struct log_field *f)
{
    size_t before = l->len;

    put(l, ",", 1);
    put_name(l, f->key);
    put(l, ":", 1);
    put_value(l, f);
    if (l->full)
        l->len = before;
}

/* One write of whole lines; what a signal or a slow reader cut off is written after it. Bytes that
 * left. */
static size_t lines_write(const char *text, size_t len)
{
    size_t done = 0;

    while (done < len) {
        ssize_t n = write(STDERR_FILENO, text + done, len - done);

        if (n > 0)
            done += (size_t)n;
        else if (n == 0 || errno != EINTR)
            break;
    }
    return done;
}

/* Write and take stock. The first line, first_len long, announces `lost` dropped ones. */
static void lines_send(const char *text, size_t len, size_t first_len, unsigned long lost)
{
    size_t done = lines_write(text, len);

    if (done == len)
        return;
    if (done != 0 && text[done - 1] != '\n')
        atomic_store(&torn, true);
    if (done < first_len)
        atomic_fetch_add(&dropped, lost);
    for (size_t i = done; i < len; i++)
        if (text[i] == '\n' && i != 0) /* at 0: the end of a torn line */
            atomic_fetch_add(&dropped, 1);
}

static void batch_add(struct log_batch *b, const struct line *l, unsigned long lost)
{
    size_t len = atomic_load_explicit(&b->len, memory_order_relaxed);

    if (l->len > sizeof b->bytes - len) {
        log_flush();
        len = 0;
    }
    memcpy(b->bytes + len, l->text, l->len);
    atomic_store_explicit(&b->len, len + l->len, memory_order_release);
    if (len != 0)
        return;
    b->lost = lost;
    b->first_len = l->len;
    b->first(b->cookie);
}

void log_write(struct static_name event, const struct log_field *fields, size_t n)
{
    static const char tail[] = ",\"truncated\":true";
    int saved_errno = errno; /* a log line between a failure and its report changes nothing */
    struct log_batch *b = gathering;
    bool first = b == NULL || atomic_load_explicit(&b->len, memory_order_relaxed) == 0;
    unsigned long lost = first ? atomic_exchange(&dropped, 0) : 0;
    struct line l;

    _Static_assert(sizeof tail - 1 + sizeof "}\n" - 1 < LINE_TAIL_BYTES, "the tail always fits");
    l.len = 0;
    l.full = false;
    if (first && atomic_exchange(&torn, false))
        put(&l, "\n", 1);
    put(&l, "{\"t\":", 5);
    put_u64(&l, clock_unix_ms());
    put(&l, ",\"event\":", 9);
    put_name(&l, event.text);
    if (lost != 0) {
        struct log_field f = log_u("lines_dropped", lost);

        put_field(&l, &f);
    }
    for (size_t i = 0; i < n && !l.full; i++)
        put_field(&l, &fields[i]);
    if (l.full) {
        memcpy(l.text + l.len, tail, sizeof tail - 1);
        l.len += sizeof tail - 1;
    }
    memcpy(l.text + l.len, "}\n", 2);
    l.len += 2;
    if (b == NULL)
        lines_send(l.text, l.len, l.len, lost);
    else
        batch_add(b, &l, lost);
    errno = saved_errno;
}

/* --- gathering */

void log_gather(void (*first)(void *cookie), void *cookie)
{
    struct log_batch *b = calloc(1, sizeof *b), *none;

    assert(gathering == NULL);
    if (b == NULL)
        return;
    b->first = first;
    b->cookie = cookie;
    for (size_t i = 0; i < GATHERERS_MAX; i++) {
        none = NULL;
        if (atomic_compare_exchange_strong(&batches[i], &none, b)) {
            gathering = b;
            return;
        }
    }
    free(b);
}

void log_flush(void)
{
    struct log_batch *b = gathering;
    size_t len = b == NULL ? 0 : atomic_load_explicit(&b->len, memory_order_relaxed);
    int saved_errno = errno;

    if (len == 0)
        return;
    lines_send(b->bytes, len, b->first_len, b->lost);
    atomic_store_explicit(&b->len, 0, memory_order_release);
    errno = saved_errno;
}

void log_gather_end(void)
{
    struct log_batch *b = gathering;

    log_flush();
    gathering = NULL;
    for (size_t i = 0; b != NULL && i < GATHERERS_MAX; i++)
        if (atomic_load(&batches[i]) == b)
            atomic_store(&batches[i], NULL);
    free(b);
}

/* The process ends: write what all threads have. Only what a signal handler may do. A thread that
 * is writing its own lines at this moment may make some of them appear twice. */
void log_last_words(void)
{
    for (size_t i = 0; i < GATHERERS_MAX; i++) {
        struct log_batch *b = atomic_load(&batches[i]);

        if (b != NULL)
            (void)lines_write(b->bytes, atomic_exchange(&b->len, 0));
    }
}

/* SA_RESETHAND: the second time the signal does what it does. */
static void log_fatal_cb(int number)
{
    log_last_words();
    raise(number);
}

void log_catch_fatal(void)
{
    static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    struct sigaction now, ours = {.sa_handler = log_fatal_cb,
                                  .sa_flags = (int)(SA_RESETHAND | SA_NODEFER)};

    for (size_t i = 0; i < sizeof fatal / sizeof fatal[0]; i++)
        if (sigaction(fatal[i], NULL, &now) == 0 && now.sa_handler == SIG_DFL)
            sigaction(fatal[i], &ours, NULL);
}

struct log_field log_u(const char *key, uint64_t v)
{
    return (struct log_field){.key = key, .kind = LOG_UNSIGNED, .v.u = v};
}

struct log_field log_i(const char *key, int64_t v)
{
    return (struct log_field){.key = key, .kind = LOG_SIGNED, .v.i = v};
}

struct log_field log_b(const char *key, bool v)
{
    return (struct log_field){.key = key, .kind = LOG_BOOL, .v.u = v};
}

struct log_field log_n(const char *key, struct static_name v)
{
    return (struct log_field){.key = key, .kind = LOG_NAME, .v.name = v.text};
}

struct log_field log_id(const char *key, struct id v)
{
    return (struct log_field){.key = key, .kind = LOG_ID, .v.id = v};
}

struct static_name log_err(int e)
{
    return (struct static_name){err_name((enum err)e)};
}
