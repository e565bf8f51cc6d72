/* The media types that an answer may have on its way to the client. */
#ifndef TR_DATAPLANE_HTTP_BODY_TYPE_H
#define TR_DATAPLANE_HTTP_BODY_TYPE_H

#include "view.h"

enum body_type {
    BODY_TYPE_JSON,
    BODY_TYPE_MP3,
    BODY_TYPE_WAV,
    BODY_TYPE_OPUS,
    BODY_TYPE_OGG,
    BODY_TYPE_AAC,
    BODY_TYPE_FLAC,
    BODY_TYPE_PCM,
    BODY_TYPE_TEXT,
    BODY_TYPE_SUBRIP,
    BODY_TYPE_VTT,
    BODY_TYPE_OTHER, /* not said, or none of these */
};

/* By the value of a content-type header; parameters say nothing. */
enum body_type body_type_of(struct view content_type);
/* What the client is told. Of BODY_TYPE_OTHER "application/octet-stream". */
struct view body_type_text(enum body_type t);

#endif
