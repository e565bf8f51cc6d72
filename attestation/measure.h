/* The measurement of a simulated data plane: what it runs and where it may send prompts. On real
 * hardware the processor measures the whole guest instead. */
#ifndef TR_ATTESTATION_MEASURE_H
#define TR_ATTESTATION_MEASURE_H

#include "err.h"
#include "secret.h"
#include "view.h"

/* SHA-384(SHA-384(this program's file) || SHA-384(config)); config: the bytes of providers.conf.
 * The same in a shell, for who writes a policy:
 *   { sha384sum < tr-dataplane-sim; sha384sum < providers.conf; } | cut -c1-96 | xxd -r -p |
 * sha384sum ERR_IO when /proc/self/exe cannot be read: call it before the sandbox. */
must_check enum err measure_self(struct view config, struct digest48 *out);

#endif
