/* Commands of trctl's own, which are not one operation of the API. */
#ifndef TR_CONTROLPLANE_TRCTL_OWN_H
#define TR_CONTROLPLANE_TRCTL_OWN_H

#include "ask.h"
#include "options.h"

/* Signing in by e-mail and password. */
#define SESSION_PREFIX "sk-tr-s1-"

struct own {
    const char *words, *usage, *help;
    /* argv begins behind the words */
    enum trctl_exit (*run)(int argc, char **argv);
};
const struct own *own_all(size_t *n);
/* As command_find(). */
const struct own *own_find(int argc, char **argv, int *used);

/* own_login.c */
enum trctl_exit own_login(int argc, char **argv);
enum trctl_exit own_logout(int argc, char **argv);
enum trctl_exit own_profiles(int argc, char **argv);
enum trctl_exit own_use(int argc, char **argv);
/* own_byok.c */
enum trctl_exit own_byok_add(int argc, char **argv);
/* own.c */
enum trctl_exit own_api(int argc, char **argv);
enum trctl_exit own_verify(int argc, char **argv);
enum trctl_exit own_commands(int argc, char **argv);
/* words.c */
enum trctl_exit own_complete(int argc, char **argv);
enum trctl_exit own_manual(int argc, char **argv);

/* One call with the profile that common names; the answer is shown as common says. */
enum trctl_exit own_ask(const struct common *common, struct question *q, const char *columns);

#endif
