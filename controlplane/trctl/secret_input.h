/* Passwords and keys, typed without echo or read from a file. */
#ifndef TR_CONTROLPLANE_TRCTL_SECRET_INPUT_H
#define TR_CONTROLPLANE_TRCTL_SECRET_INPUT_H

#include "buf.h"

enum { SECRET_INPUT_MAX = 4096 };

/* One line into *out, without its end: from the terminal, without echo, behind a prompt with this name; from standard
 * input where that is no terminal; from file if it is given ("-": standard input). Says what failed and returns
 * false; nothing is an answer, too, and fails. */
must_check bool secret_input(const char *name, const char *file, struct buf *out);
/* A line that may be seen, as an address. */
must_check bool line_input(const char *name, struct buf *out);
/* A whole file, which may be a pipe. */
must_check bool input_read(const char *path, struct buf *out);

#endif
