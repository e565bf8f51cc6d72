/* Where trctl asks and as whom: ~/.config/trustedrouter/config, readable by its owner only. */
#ifndef TR_CONTROLPLANE_TRCTL_PROFILE_H
#define TR_CONTROLPLANE_TRCTL_PROFILE_H

#include "buf.h"

enum { URL_TEXT_MAX = 512, PATH_TEXT_MAX = 1024, SECRET_TEXT_MAX = 256, PROFILES_MAX = 32 };

struct profile {
    char name[64];
    char control_url[URL_TEXT_MAX]; /* https://HOST[:PORT], without /v1 */
    char base_url[URL_TEXT_MAX];    /* of a data plane; empty: not known */
    char ca[PATH_TEXT_MAX];         /* PEM of a certificate authority of one's own; empty: the system's */
    char workspace[64];             /* that calls name; empty: the default one */
    char key[SECRET_TEXT_MAX];      /* a key or a session; empty: none */
};

struct profiles {
    char current[64]; /* the one that is used without --profile */
    struct profile list[PROFILES_MAX];
    size_t n;
};

/* Reads the file; a file that is not there has no profiles. One that others may read is refused. Says why and returns
 * false. Wipe it with profiles_wipe(). */
must_check bool profiles_read(struct profiles *out);
/* Replaces the file, 0600, as a whole or not at all. */
must_check bool profiles_write(const struct profiles *p);
void profiles_wipe(struct profiles *p);
/* name NULL: TRCTL_PROFILE or the current one. NULL: there is none, after saying so. */
struct profile *profile_find(struct profiles *p, const char *name);
/* That one, or a new one of this name; NULL: too many, or not a name. */
struct profile *profile_make(struct profiles *p, const char *name);
/* $XDG_CONFIG_HOME/trustedrouter/config, or below ~/.config. False: neither variable says where. */
bool profile_path(char *out, size_t size);

#endif
