/* Where PostgreSQL is: libpq's conninfo or URI, which may name several hosts, of which one takes writes. */
#ifndef TR_CONTROLPLANE_DB_CONNINFO_H
#define TR_CONTROLPLANE_DB_CONNINFO_H

#include <stdbool.h>

struct pg_conn; /* PGconn of libpq */

/* How many hosts it names; 1 for a text that libpq cannot read. */
unsigned conninfo_hosts(const char *url);

/* libpq asks the hosts in their order, and when it is asked asynchronously a host that swallows packets keeps it
 * from all others. turn: begin with another host each time. With several hosts only one that takes writes
 * will do, unless target_session_attrs says otherwise. later: PQconnectStart, else PQconnectdb, which gives up on
 * a host after five seconds unless connect_timeout says otherwise. NULL: out of memory. */
struct pg_conn *conninfo_connect(const char *url, unsigned turn, bool later);

#endif
