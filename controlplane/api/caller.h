/* Who calls: a key or a user's session becomes a role, the account acted on and its organisation, by one
 * statement. This is the only place where credentials are looked at and permissions are checked. */
#ifndef TR_CONTROLPLANE_API_CALLER_H
#define TR_CONTROLPLANE_API_CALLER_H

#include "call.h"

/* Of a route that needs a credential. known(c) fires once, maybe at once, when the caller may do what the route
 * does; it answers. Otherwise the call is answered here: 401 no or no good credential, 403 not allowed,
 * 404 no such account, 400 a pick that is no id, 429 too many unknown ones. */
void caller_find(struct call *c, void (*known)(struct call *c));

/* The same of a call whose credential was good a while ago: c->digest, c->user of a session, its picks and its route are
 * set. Counts against no rate. */
void caller_find_again(struct call *c, void (*known)(struct call *c));

/* The token that a write with this session's cookie must bring along as x-csrf-token. */
void caller_csrf(struct view token, struct digest32 *out);
/* "Set-Cookie" for a new session's token (NULL: forget it), into c->cookie. */
void caller_set_cookie(struct call *c, const char *token, uint64_t seconds);

/* The value of the session's cookie; false: the call has none. Borrowed from the request. */
bool caller_cookie(const struct call *c, struct view *out);
/* The same of another one. */
bool caller_cookie_named(const struct call *c, const char *name, struct view *out);

#endif
