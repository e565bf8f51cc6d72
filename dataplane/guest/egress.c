/* The data plane's list of ports. */
#include "egress.h"

#include "child.h"
#include "console.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EGRESS_TEXT_MAX = 8 << 10 };

static bool take(struct view *line, const char *word)
{
    size_t n = strlen(word);

    if (line->len < n || memcmp(line->ptr, word, n) != 0)
        return false;
    *line = view_of(line->ptr + n, line->len - n);
    return true;
}

static bool port_of(struct view v, uint16_t *out)
{
    uint32_t n = 0;

    if (v.len == 0 || v.len > 5)
        return false;
    for (size_t i = 0; i < v.len; i++) {
        if (v.ptr[i] < '0' || v.ptr[i] > '9')
            return false;
        n = n * 10 + (uint32_t)(v.ptr[i] - '0');
    }
    *out = (uint16_t)n;
    return n <= UINT16_MAX;
}

static enum err parse_line(struct view line, struct fence_plan *plan)
{
    bool listen = take(&line, "listen ");
    uint16_t port;

    if (!take(&line, "tcp ") || !port_of(line, &port))
        return ERR_FORMAT;
    return listen ? fence_add_listen(plan, port) : fence_add_egress(plan, port);
}

enum err egress_parse(struct view text, struct fence_plan *plan)
{
    while (text.len != 0) {
        const uint8_t *end = memchr(text.ptr, '\n', text.len);
        size_t n = end != NULL ? (size_t)(end - text.ptr) : 0;
        enum err e = end != NULL ? parse_line(view_of(text.ptr, n), plan) : ERR_FORMAT;

        if (e != ERR_NONE)
            return e;
        text = view_of(end + 1, text.len - n - 1);
    }
    return ERR_NONE;
}

static enum err read_to_end(int fd, char *text, size_t *len)
{
    for (;;) {
        ssize_t n = read(fd, text + *len, EGRESS_TEXT_MAX - *len);

        if (n == 0)
            return ERR_NONE;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return ERR_IO;
        *len += (size_t)n;
        if (*len == EGRESS_TEXT_MAX)
            return ERR_LIMIT;
    }
}

static enum err refused(struct view text, struct buf *why)
{
    const uint8_t *end = text.len != 0 ? memchr(text.ptr, '\n', text.len) : NULL;

    buf_reset(why);
    if (end != NULL)
        text.len = (size_t)(end - text.ptr);
    if (console_sentence_ok(text) && buf_append(why, text) != ERR_NONE)
        buf_reset(why);
    return ERR_CONFIG;
}

enum err egress_ask(const char *program, const char *config, const char *host, struct fence_plan *plan,
                    struct buf *why)
{
    const char *const argv[] = {program, "-c", config, "--host", host, "--print-egress", NULL};
    char text[EGRESS_TEXT_MAX];
    size_t len = 0;
    int fd, status = 0;
    pid_t pid;
    enum err e = child_start(argv, &pid, &fd);

    if (e != ERR_NONE)
        return e;
    e = read_to_end(fd, text, &len);
    close(fd);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (e != ERR_NONE)
        return e;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return refused(view_of(text, len), why);
    return egress_parse(view_of(text, len), plan);
}
