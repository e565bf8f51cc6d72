/* Reading what must not stand on a command line. */
#include "secret_input.h"

#include "options.h"
#include "secret.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

bool input_read(const char *path, struct buf *out)
{
    int fd = strcmp(path, "/dev/stdin") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    uint8_t piece[4096];
    enum err e = fd < 0 ? ERR_IO : ERR_NONE;
    ssize_t n = 1;

    while (e == ERR_NONE && n > 0) {
        n = read(fd, piece, sizeof piece);
        e = n < 0 ? ERR_IO : buf_append(out, view_of(piece, (size_t)n));
    }
    secret_wipe(piece, sizeof piece);
    if (fd >= 0)
        close(fd);
    return e == ERR_NONE;
}

/* Up to the end of the line, byte by byte: what follows stays for others. */
static bool line_read(int fd, struct buf *out)
{
    uint8_t c;
    bool some = false;

    while (read(fd, &c, 1) == 1 && c != '\n') {
        some = true;
        if (c == '\0' || (c != '\r' && buf_append_byte(out, c) != ERR_NONE))
            return false;
    }
    return some && out->len > 0;
}

static bool typed(const char *name, bool hidden, struct buf *out)
{
    struct termios before, quiet;
    bool ok;

    if (tcgetattr(STDIN_FILENO, &before) != 0) /* no terminal */
        return line_read(STDIN_FILENO, out);
    dprintf(STDERR_FILENO, "%s: ", name);
    quiet = before;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    if (hidden && tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) != 0)
        return false;
    ok = line_read(STDIN_FILENO, out);
    if (hidden) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        dprintf(STDERR_FILENO, "\n");
    }
    return ok;
}

static bool file_line(const char *path, struct buf *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0 && line_read(fd, out);

    if (fd >= 0)
        close(fd);
    return ok;
}

bool secret_input(const char *name, const char *file, struct buf *out)
{
    bool ok = file == NULL ? typed(name, true, out)
              : strcmp(file, "-") == 0 ? line_read(STDIN_FILENO, out) : file_line(file, out);

    if (!ok)
        complain("no %s was given", name);
    return ok;
}

bool line_input(const char *name, struct buf *out)
{
    bool ok = typed(name, false, out);

    if (!ok)
        complain("no %s was given", name);
    return ok;
}
