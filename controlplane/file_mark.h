/* Which catalog.conf and attestation.conf this instance started with last, in its state directory. The database knows which
 * files have counted, and when; only the instance knows which one it had before. So an operator who puts an earlier file
 * back and restarts is obeyed, while an instance whose file is merely old undoes nothing (sql/048_file_order.sql). */
#ifndef TR_CONTROLPLANE_FILE_MARK_H
#define TR_CONTROLPLANE_FILE_MARK_H

#include "secret.h"

#include <stdbool.h>

/* name: "catalog", "policy". False: nothing is known of an earlier start. */
bool file_mark_get(const char *state_dir, const char *name, struct digest32 *out);
/* Remember it. What cannot be written is logged: then the next start goes by the database alone. */
void file_mark_set(const char *state_dir, const char *name, const struct digest32 *now);

#endif
