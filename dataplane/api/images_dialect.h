/* The rows of making images and of editing them. */
#ifndef TR_DATAPLANE_API_IMAGES_DIALECT_H
#define TR_DATAPLANE_API_IMAGES_DIALECT_H

#include "dialect.h"

extern const struct dialect images_dialect, image_edits_dialect;

#endif
