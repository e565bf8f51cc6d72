/* The rows of speech, of transcripts and of their translations. */
#ifndef TR_DATAPLANE_API_AUDIO_DIALECT_H
#define TR_DATAPLANE_API_AUDIO_DIALECT_H

#include "dialect.h"

extern const struct dialect speech_dialect, transcriptions_dialect, translations_dialect;

#endif
