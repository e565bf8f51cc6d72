/* A secret that an operator keeps in a file of its own. */
#ifndef TR_CONTROLPLANE_IDENTITY_SECRET_LINE_H
#define TR_CONTROLPLANE_IDENTITY_SECRET_LINE_H

#include "err.h"

#include <stddef.h>

enum { SECRET_LINE_MAX = 256 }; /* with its NUL */

/* The one line of a file that nobody but its owner may read, of visible ASCII. ERR_CONFIG, ERR_NOT_FOUND, ERR_LIMIT, ERR_IO. */
must_check enum err secret_line_read(const char *path, char out[static SECRET_LINE_MAX]);

#endif
