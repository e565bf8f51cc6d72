/* The typed log's grammar, as a filter. */
#include "console.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

enum { NAME_MAX_BYTES = 48, TEXT_MAX_BYTES = 64, STUCK_MS = 200 };

static bool take(struct view *v, const char *literal)
{
    size_t n = strlen(literal);

    if (v->len < n || memcmp(v->ptr, literal, n) != 0)
        return false;
    *v = view_of(v->ptr + n, v->len - n);
    return true;
}

static size_t run_of(struct view v, bool (*in)(uint8_t c))
{
    size_t n = 0;

    while (n < v.len && in(v.ptr[n]))
        n++;
    return n;
}

static bool in_number(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool in_name(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || in_number(c) || c == '_';
}

static bool in_text(uint8_t c)
{
    return c < 128 && (isalnum(c) || c == '_' || c == '-' || c == '.' || c == ' ');
}

static bool take_run(struct view *v, bool (*in)(uint8_t c), size_t max)
{
    size_t n = run_of(*v, in);

    if (n == 0 || n > max)
        return false;
    *v = view_of(v->ptr + n, v->len - n);
    return true;
}

static bool take_value(struct view *v)
{
    if (take(v, "\""))
        return take(v, "\"") || (take_run(v, in_text, TEXT_MAX_BYTES) && take(v, "\""));
    if (take(v, "true") || take(v, "false"))
        return true;
    (void)!take(v, "-");
    return take_run(v, in_number, 20);
}

static bool take_member(struct view *v)
{
    return take(v, "\"") && take_run(v, in_name, NAME_MAX_BYTES) && take(v, "\":") && take_value(v);
}

bool console_line_ok(struct view v)
{
    if (!take(&v, "{\"t\":") || !take_run(&v, in_number, 20) || !take(&v, ",\"event\":\"") ||
        !take_run(&v, in_name, NAME_MAX_BYTES) || !take(&v, "\""))
        return false;
    while (take(&v, ",")) {
        if (!take_member(&v))
            return false;
    }
    return take(&v, "}") && v.len == 0;
}

bool console_sentence_ok(struct view v)
{
    size_t n = v.len;

    if (!take(&v, "/usr/bin/tr-dataplane") || (take(&v, "-sim"), !take(&v, ": ")) || n > CONSOLE_SENTENCE_MAX)
        return false;
    for (size_t i = 0; i < v.len; i++) {
        if (v.ptr[i] < ' ' || v.ptr[i] > '~')
            return false;
    }
    return v.len != 0;
}

/* After the line of this event a worker may listen. */
static bool says_started(struct view line)
{
    static const char event[] = "\"event\":\"started\"";

    return memmem(line.ptr, line.len, event, sizeof event - 1) != NULL;
}

static bool may_show(struct console *c)
{
    struct view line = view_of(c->line, c->len);

    if (c->too_long)
        return false;
    if (console_line_ok(line)) {
        c->started = c->started || says_started(line);
        return true;
    }
    return !c->started && console_sentence_ok(line);
}

/* The console is slow, and the host can stop it with one byte (Ctrl-S): fd does not block, and what the console does not
 * take within STUCK_MS is lost. From then on nothing waits until it takes something again. */
static void show(const char *p, size_t n, int fd)
{
    static bool stuck;

    while (n != 0) {
        ssize_t done = write(fd, p, n);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0 && errno == EAGAIN && !stuck) {
            struct pollfd room = {fd, POLLOUT, 0};

            stuck = poll(&room, 1, STUCK_MS) <= 0;
            continue;
        }
        if (done <= 0)
            return;
        stuck = false;
        p += done;
        n -= (size_t)done;
    }
}

static void end_of_line(struct console *c, int fd)
{
    if (may_show(c)) {
        c->line[c->len] = '\n';
        show(c->line, c->len + 1, fd);
    } else {
        c->withheld++;
    }
    memset(c->line, 0, sizeof c->line);
    c->len = 0;
    c->too_long = false;
}

void console_feed(struct console *c, struct view bytes, int fd)
{
    for (size_t i = 0; i < bytes.len; i++) {
        if (bytes.ptr[i] == '\n')
            end_of_line(c, fd);
        else if (c->len == CONSOLE_LINE_MAX - 1)
            c->too_long = true;
        else
            c->line[c->len++] = (char)bytes.ptr[i];
    }
}
