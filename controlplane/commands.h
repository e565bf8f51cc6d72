/* What tr-controlplane does instead of running: each command does one thing, prints at most one
 * line on standard output (--check-ledger: one per violation) and ends. On failure nothing is printed there and why gets one sentence. */
#ifndef TR_CONTROLPLANE_COMMANDS_H
#define TR_CONTROLPLANE_COMMANDS_H

#include "buf.h"
#include "config.h"
#include "err.h"

/* Make what state_dir lacks: --init-state. */
must_check enum err command_init_state(const struct controlplane_config *c, struct buf *why);
/* The pin of the link's key, in hex: --print-link-spki. */
must_check enum err command_print_link_spki(const struct controlplane_config *c, struct buf *why);
/* The log's verifier key, by which auditors know it; made here if it was not yet: --print-log-key. */
must_check enum err command_print_log_key(const struct controlplane_config *c, struct buf *why);
/* The operator's account and its key, once: --bootstrap. ERR_CONFLICT: there is one. */
must_check enum err command_bootstrap(const struct controlplane_config *c, struct buf *why);
/* Repair the transparency log (log/rebuild.h): --rebuild-log FROM. from: "entries", or the
 * directory of a mirror. */
must_check enum err command_rebuild_log(const struct controlplane_config *c, const char *from,
                                        struct buf *why);

/* Look for violations of the ledger's invariants: --check-ledger. Prints one line per violation, at most 1000, or that
 * there is none; what was found stays in the database for health. ERR_RANGE: there are some. */
must_check enum err command_check_ledger(const struct controlplane_config *c, struct buf *why);
/* The route table, a line per row: "METHOD PATH PERMISSION FLAGS QUERY", what is empty as "-", names of flags and
 * parameters by commas. */
must_check enum err command_print_routes(void);

#endif
