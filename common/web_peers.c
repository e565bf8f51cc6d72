/* Connections per peer address, so that one address cannot take them all. */
#include "address.h"
#include "web_inside.h"

#include <stdlib.h>

/* The seed is drawn per server, so nobody can choose addresses that share a bucket. */
static struct web_peer **web_peer_bucket(struct web_server *s, const uint8_t a[static 16])
{
    uint64_t h = s->peer_seed;

    for (size_t i = 0; i < ADDRESS_BYTES; i++) {
        h = (h ^ a[i]) * 0x9e3779b97f4a7c15u;
        h ^= h >> 29;
    }
    return &s->peers[h & (WEB_PEER_BUCKETS - 1)];
}

bool web_peers_enter(struct web_server *s, struct web_conn *c)
{
    unsigned max = s->config.limits.connections_per_ip;
    uint8_t site[ADDRESS_BYTES];
    struct web_peer **bucket, *p;

    if (max == 0 && s->config.limits.unknown_per_ip == 0)
        return true;
    address_site(c->address, site);
    bucket = web_peer_bucket(s, site);
    for (p = *bucket; p != NULL; p = p->next)
        if (memcmp(p->address, site, sizeof site) == 0)
            break;
    if (p == NULL) {
        p = calloc(1, sizeof *p);
        if (p == NULL)
            return false;
        memcpy(p->address, site, sizeof site);
        p->next = *bucket;
        *bucket = p;
    }
    if (max != 0 && p->connections >= max && !web_place_make_room(s, p))
        return false;
    p->connections++;
    c->peer = p;
    return true;
}

void web_peers_leave(struct web_server *s, struct web_conn *c)
{
    struct web_peer *p = c->peer, **link;

    web_body_give(c, c->held); /* some of it counts for the address */
    c->peer = NULL;
    if (p == NULL || --p->connections != 0)
        return;
    link = web_peer_bucket(s, p->address);
    while (*link != p)
        link = &(*link)->next;
    *link = p->next;
    free(p);
}

void web_peers_free(struct web_server *s)
{
    for (size_t i = 0; i < WEB_PEER_BUCKETS; i++)
        while (s->peers[i] != NULL) {
            struct web_peer *p = s->peers[i];

            s->peers[i] = p->next;
            free(p);
        }
}
