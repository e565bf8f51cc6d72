/* Changes of a catalog.conf as text: the lines of one section, comments and the rest as they were. And a catalog that
 * came as JSON, written as such a text, so that one parser judges both. */
#ifndef TR_CONTROLPLANE_CATALOG_EDIT_H
#define TR_CONTROLPLANE_CATALOG_EDIT_H

#include "json.h"

/* Sets the members of the JSON object `fields` in the section "[kind name]": a text, a number or a boolean becomes
 * "name = value", an array of texts one value with spaces between them (tier: a line each), null removes the line.
 * create: a section that is not there is added. Appends the whole text to out.
 * ERR_NOT_FOUND: there is no such section; ERR_FORMAT: a member is nothing that a line can hold. */
must_check enum err catalog_edit(struct view text, struct view kind, struct view name, struct json_value fields,
                                 bool create, struct buf *out);
/* Leaves the section out. ERR_NOT_FOUND. */
must_check enum err catalog_edit_remove(struct view text, struct view kind, struct view name, struct buf *out);
/* {"models":[{"id":...}],"endpoints":[{"model":..., "provider":...}],"aliases":[{"id":...}],"synths":[{"id":...}]}, with the names of
 * catalog.conf. ERR_FORMAT: it is not like that. */
must_check enum err catalog_edit_from_json(struct json_value root, struct buf *out);

#endif
