/* What the release manifest says about this program, worded once at start-up for those who ask for
 * evidence: JSON fragments, ready to be copied into an answer. Without a manifest every member is
 * null: then only the measurement itself says what runs here. */
#ifndef TR_DATAPLANE_TRUST_PROVENANCE_H
#define TR_DATAPLANE_TRUST_PROVENANCE_H

#include "buf.h"
#include "err.h"

struct provenance {
    struct buf source;   /* an object: ACI's source_provenance */
    struct buf evidence; /* members of the sev_snp evidence extension, ",\"name\":value" each */
};

/* manifest: its bytes as own_release_check() gave them, or empty. On failure *out is empty. */
must_check enum err provenance_make(struct view manifest, struct provenance *out);
void provenance_free(struct provenance *p);

#endif
