#include "body_type.h"

#include <string.h>

/* Every spelling; the first of each type is the one that clients are told. */
static const struct {
    enum body_type type;
    struct view text, told;
} types[] = {
    {BODY_TYPE_JSON, VIEW_LIT("application/json"), VIEW_LIT("application/json")},
    {BODY_TYPE_MP3, VIEW_LIT("audio/mpeg"), VIEW_LIT("audio/mpeg")},
    {BODY_TYPE_MP3, VIEW_LIT("audio/mp3"), VIEW_EMPTY},
    {BODY_TYPE_WAV, VIEW_LIT("audio/wav"), VIEW_LIT("audio/wav")},
    {BODY_TYPE_WAV, VIEW_LIT("audio/x-wav"), VIEW_EMPTY},
    {BODY_TYPE_WAV, VIEW_LIT("audio/wave"), VIEW_EMPTY},
    {BODY_TYPE_WAV, VIEW_LIT("audio/vnd.wave"), VIEW_EMPTY},
    {BODY_TYPE_OPUS, VIEW_LIT("audio/opus"), VIEW_LIT("audio/opus")},
    {BODY_TYPE_OGG, VIEW_LIT("audio/ogg"), VIEW_LIT("audio/ogg")},
    {BODY_TYPE_AAC, VIEW_LIT("audio/aac"), VIEW_LIT("audio/aac")},
    {BODY_TYPE_FLAC, VIEW_LIT("audio/flac"), VIEW_LIT("audio/flac")},
    {BODY_TYPE_FLAC, VIEW_LIT("audio/x-flac"), VIEW_EMPTY},
    {BODY_TYPE_PCM, VIEW_LIT("audio/pcm"), VIEW_LIT("audio/pcm")},
    {BODY_TYPE_TEXT, VIEW_LIT("text/plain"), VIEW_LIT("text/plain; charset=utf-8")},
    {BODY_TYPE_SUBRIP, VIEW_LIT("application/x-subrip"), VIEW_LIT("application/x-subrip")},
    {BODY_TYPE_VTT, VIEW_LIT("text/vtt"), VIEW_LIT("text/vtt; charset=utf-8")},
};
enum { TYPES = sizeof types / sizeof types[0] };

enum body_type body_type_of(struct view v)
{
    const uint8_t *semicolon = v.len != 0 ? memchr(v.ptr, ';', v.len) : NULL;

    if (semicolon != NULL)
        v.len = (size_t)(semicolon - v.ptr);
    v = view_trim(v);
    for (size_t i = 0; i < TYPES; i++)
        if (view_eq_nocase(v, types[i].text))
            return types[i].type;
    return BODY_TYPE_OTHER;
}

struct view body_type_text(enum body_type t)
{
    for (size_t i = 0; i < TYPES; i++)
        if (types[i].type == t)
            return types[i].told;
    return VIEW_LIT("application/octet-stream");
}
