/* The one table of what the REST API serves: method, path, who may, what the query may say, handler. */
#ifndef TR_CONTROLPLANE_API_ROUTES_H
#define TR_CONTROLPLANE_API_ROUTES_H

#include "log.h"
#include "roles.h"

struct call;

enum route_flag {
    R_RELAYED = 1 /* data planes serve this path, too, by handing the call on */
};

struct route {
    const char *method, *path; /* after the prefix; "{hash}" stands for one segment, "{*}" for all
                                  that is left */
    enum permission permission; /* checked in one place, api.c */
    unsigned flags;             /* of enum route_flag */
    const char *query;          /* names of query parameters, by single spaces; every other is refused */
    void (*handler)(struct call *c);
    struct static_name name;
};

extern const struct route routes[];
extern const size_t routes_count;

/* query: of a request. true, and *name is the first parameter that the route does not take or that
 * is there twice (not decoded). */
bool route_refuses(const struct route *r, struct view query, struct view *name, bool *twice);

#endif
