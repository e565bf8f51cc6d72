/* RFC 8785 (JCS): the one spelling of a JSON document that is hashed and signed. For documents of
 * ours and of the ACI family only: integers within +-2^53, member names in ASCII; anything else is
 * refused, so two readers can never disagree about the canonical form. */
#ifndef TR_ATTESTATION_JCS_H
#define TR_ATTESTATION_JCS_H

#include "buf.h"
#include "json.h"

enum { JCS_MEMBERS_MAX = 64, JCS_DEPTH_MAX = 16 };

/* Append the canonical form of v, which json_check() has validated. without (may be NULL) names a
 * member of the outermost object that is left out (a signature).
 * ERR_DUPLICATE: a member name appears twice. ERR_UNSUPPORTED: a number or name outside the above.
 * ERR_LIMIT: too many members, too deep, or out is full. ERR_FORMAT: a lone surrogate. */
must_check enum err jcs_append(struct json_value v, const char *without, struct buf *out);

#endif
