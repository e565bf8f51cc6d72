/* What a log says about boots, held against what it says about releases: a boot is in order when it
 * names a release that is an earlier entry and has its measurement, and, when a release key is
 * known, one whose manifest that key signed. */
#ifndef TR_ATTESTATION_TOOLS_RELEASED_H
#define TR_ATTESTATION_TOOLS_RELEASED_H

#include "minisign.h"
#include "secret.h"
#include "view.h"

#include <stdbool.h>

struct released_answer {
    uint64_t boots;
    uint64_t unreleased, first_unreleased; /* how many, and the entry of the first of them */
    uint64_t unsigned_, first_unsigned;    /* released, but by nobody who has the key */
};

struct released *released_new(void);
void released_free(struct released *r);
/* Take the manifests NAME.json of dir that NAME.json.minisig shows to be signed by key. From then
 * on a boot needs one of them. False after a complaint. */
bool released_require(struct released *r, const char *dir, const struct minisign_key *key);
/* The next entry of the log; its leaf hash. */
void released_entry(struct released *r, uint64_t index, const struct digest32 *leaf,
                    struct view statement);
void released_answer(const struct released *r, struct released_answer *out);

#endif
