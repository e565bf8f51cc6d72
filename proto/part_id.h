/* The ids of an orchestration's parts (dataplane/core/part.h), computed from the id of the whole, so that whoever has that one and
 * knows which parts there were can find them. They are no secret. */
#ifndef TR_PROTO_PART_ID_H
#define TR_PROTO_PART_ID_H

#include "id.h"
#include "usage.h"

/* role: enum part_role; place: in its role's list, from 0, as struct part_line has them. Of each pair there is at most one. */
enum { PART_INDEXES = USAGE_PART_ROLES * USAGE_PART_PLACES };
static inline unsigned part_index(unsigned role, unsigned place)
{
    return role * USAGE_PART_PLACES + place;
}

/* index: part_index(), below PART_INDEXES. The first 6 bytes are the whole's, its time; the others are the first 10 of
 * SHA-256("tr.part.v1" || 0x00 || the whole's id || index in one byte). */
void part_id(const struct id *whole, unsigned index, struct id *out);

#endif
