/* Reads multipart/form-data. */
#ifndef TR_MOCK_FORM_H
#define TR_MOCK_FORM_H

#include "bytes.h"
#include "view.h"

/* Appends {"name":value,...}. */
void form_as_json(struct view body, struct bytes *out);

#endif
