/* A text of catalog.conf that an operator has sent or changed: judged, then a draft or the next version. */
#ifndef TR_CONTROLPLANE_API_CATALOG_DESK_H
#define TR_CONTROLPLANE_API_CATALOG_DESK_H

#include "call.h"
#include "operator.h"

/* What becomes of a text. */
struct desk_order {
    bool draft;           /* keep it; otherwise publish it */
    int64_t of_draft;     /* publish: the draft that it is; 0: none */
    int64_t base;         /* the version that has to be in force still; 0: any */
    struct view origin;   /* publish: 'rest', 'edit', 'rollback' */
    struct view note;     /* at most OPERATOR_NOTE_MAX bytes of text */
};
/* Ends the call: 400 with findings when the text is no catalog; 201 for a draft; 200 with the version in force. */
void desk_take(struct call *c, struct view text, const struct desk_order *order);

#endif
