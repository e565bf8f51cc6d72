/* The one table of what the REST API serves: method, path, who may, what the query may say, handler. */
#ifndef TR_CONTROLPLANE_API_ROUTES_H
#define TR_CONTROLPLANE_API_ROUTES_H

#include "log.h"
#include "roles.h"

struct call;

enum route_flag {
    R_OWN_RATE = 128, /* for anyone, and its handler has a rate of its own: the public pages' is not taken */
    R_RELAYED = 1, /* data planes serve this path, too, by handing the call on */
    R_SESSION = 2, /* only for a user who has signed in */
    R_OWN_IDEMPOTENCY = 64, /* the handler keeps Idempotency-Key by itself, idempotent.c does not */
    R_ACTIVE = 512, /* not for a suspended account, whatever its users may do otherwise */
    R_WRITES = 1024, /* a GET that a browser is sent to, and that writes: in the caller's name, and it may wait for others */
    R_LARGE = 256,  /* its body may have CALL_LARGE_MAX bytes; its path has no braces */
};

struct route {
    const char *method, *path; /* after the prefix; "{hash}" stands for one segment, "{*}" for all
                                  that is left */
    enum permission permission; /* checked in one place, caller.c */
    unsigned flags;             /* of enum route_flag */
    const char *query;          /* names of query parameters, by single spaces; every other is refused */
    void (*handler)(struct call *c);
    struct static_name name;
};

extern const struct route routes[];
extern const size_t routes_count;

/* It is about one account: its query takes workspace_id, of the caller's, and account_id, for operators. */
bool route_picks(const struct route *r);

/* query: of a request. true, and *name is the first parameter that the route does not take or that
 * is there twice (not decoded). */
bool route_refuses(const struct route *r, struct view query, struct view *name, bool *twice);

#endif
