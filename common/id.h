/* 16-byte ids and their text forms: the only "strings" that may be logged or cross the link. */
#ifndef TR_COMMON_ID_H
#define TR_COMMON_ID_H

#include "err.h"
#include "view.h"

struct id {
    uint8_t b[16];
};

enum { ID_TEXT_LEN = 32 };

/* Random but time-ordered (48 bits of unix milliseconds first, then random), as a UUIDv7 is. */
struct id id_new(void);
bool id_is_zero(const struct id *i);
static inline bool id_eq(const struct id *a, const struct id *b)
{
    return memcmp(a->b, b->b, 16) == 0;
}
/* 32 lower-case hex digits and a NUL. */
void id_text(const struct id *i, char out[static ID_TEXT_LEN + 1]);
/* Accepts 32 hex digits, or the dashed UUID form of 36. */
must_check enum err id_parse(struct view v, struct id *out);

/* API keys: "sk-tr-v1-" and 43 characters of unpadded base64url over 256 random bits. */
enum { KEY_TEXT_LEN = 9 + 43 };
#define KEY_PREFIX "sk-tr-v1-"
#define KEY_MANAGEMENT_PREFIX "sk-tr-m1-"
/* Of the same form, for the control plane only: sessions of users, invitations, recovery of an account, codes that programs
 * fetch a key with. */
#define KEY_SESSION_PREFIX "sk-tr-s1-"
#define KEY_INVITATION_PREFIX "sk-tr-i1-"
#define KEY_RECOVERY_PREFIX "sk-tr-r1-"
#define KEY_CODE_PREFIX "sk-tr-c1-"

#endif
