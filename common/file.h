/* Small files that must be whole and, when they are secret, ours alone: keys, certificates, what a log
 * signed last. Never the data plane's: it writes nothing. */
#ifndef TR_COMMON_FILE_H
#define TR_COMMON_FILE_H

#include "err.h"
#include "view.h"

#include <stdbool.h>
#include <sys/types.h>

/* Read a whole file of less than cap bytes. need_private: ERR_CONFIG when group or others may read
 * it. ERR_NOT_FOUND, ERR_LIMIT, ERR_IO. */
must_check enum err file_read(const char *path, bool need_private, char *out, size_t cap,
                              size_t *len);
/* Write aside, sync, and give it its name. exclusive: never replaces a file that is already there
 * (ERR_CONFLICT), so that two programs starting at once agree on one key. */
must_check enum err file_write(const char *path, mode_t mode, bool exclusive, struct view v);

#endif
