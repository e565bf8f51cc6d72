/* The names by which clients may mean a model beside its exact id: aliases of the catalog, the id without its author, and
 * the numbers that the catalog itself uses. Built once for each catalog; every look-up is one probe of a hash
 * table, whatever the catalog's size. Private to catalog_store.c. */
#ifndef TR_DATAPLANE_ROUTE_CATALOG_NAMES_H
#define TR_DATAPLANE_ROUTE_CATALOG_NAMES_H

#include "message.h"

struct catalog_names;

/* c is borrowed for as long as the result lives. ERR_MEMORY. */
must_check enum err catalog_names_new(const struct catalog *c, struct catalog_names **out);
void catalog_names_free(struct catalog_names *n);

enum { NAMES_NONE = -1, NAMES_AMBIGUOUS = -2 };
/* The index of the alias of this id; NAMES_NONE. */
int catalog_names_alias(const struct catalog_names *n, struct view id);
/* The index of the one model whose id is author/slug; NAMES_NONE; NAMES_AMBIGUOUS: there are several. loose: case does
 * not count, and a dot is a dash ("claude-sonnet-4-5" is claude-sonnet-4.5). */
int catalog_names_slug(const struct catalog_names *n, struct view slug, bool loose);
/* The index of the model with this number; NAMES_NONE. */
int catalog_names_number(const struct catalog_names *n, uint32_t no);

#endif
