#include "log.h"
#include "clock.h"

#include <errno.h>
#include <stdatomic.h>
#include <unistd.h>

enum {
    /* Bytes of one line. Below PIPE_BUF (4096), so that a write to a pipe is all or nothing and
     * lines of two threads never mix; some sixty fields of the usual size. */
    LINE_MAX_BYTES = 2048,
    /* Kept free for what ends every line: ,"truncated":true} and the newline. */
    LINE_TAIL_BYTES = 20,
};

struct line {
    char text[LINE_MAX_BYTES];
    size_t len;
    bool full; /* something did not fit; nothing more goes in */
};

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
    put(l, "\"", 1);
    for (; *name != '\0'; name++) {
        unsigned char c = (unsigned char)*name;

        put(l, c < 0x20 || c >= 0x7f || c == '"' || c == '\\' ? "_" : name, 1);
    }
    put(l, "\"", 1);
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

/* One write; what a signal or a slow reader cut off is written after it. */
static bool line_write(const struct line *l)
{
    size_t done = 0;

    while (done < l->len) {
        ssize_t n = write(STDERR_FILENO, l->text + done, l->len - done);

        if (n > 0) {
            done += (size_t)n;
        } else if (n == 0 || errno != EINTR) {
            if (done != 0)
                atomic_store(&torn, true);
            return false;
        }
    }
    return true;
}

void log_write(struct static_name event, const struct log_field *fields, size_t n)
{
    static const char tail[] = ",\"truncated\":true";
    int saved_errno = errno; /* a log line between a failure and its report changes nothing */
    unsigned long lost = atomic_exchange(&dropped, 0);
    struct line l;

    _Static_assert(sizeof tail - 1 + sizeof "}\n" - 1 < LINE_TAIL_BYTES, "the tail always fits");
    l.len = 0;
    l.full = false;
    if (atomic_exchange(&torn, false))
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
    if (!line_write(&l))
        atomic_fetch_add(&dropped, lost + 1);
    errno = saved_errno;
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
