/* Which connection gives way when a server has as many as it may have. Anybody can open connections, so
 * what counts is what a connection has shown: one that runs a request, or uploads one with a known key,
 * never gives way; the others stand in lists, the oldest first. Connections that are opened and left silent push
 * out each other in that way, and nobody else. */
#include "address.h"
#include "web_inside.h"

enum {
    WEB_SILENT_MS = 1000,   /* a client speaks first, a round trip after it connected */
    WEB_SPEAKING_MS = 5000, /* a handshake and a head take some more */
    WEB_TAKING_MS = 5000,   /* a client that reads has taken megabytes by then */
    WEB_PLACES_WALK = 256,  /* connections looked at for one of a certain address */
};

void web_place_move(struct web_conn *c, enum web_place place)
{
    if (c->place == WEB_PLACE_LEAVING) /* whatever still arrives, it leaves */
        return;
    if (h2o_linklist_is_linked(&c->link))
        h2o_linklist_unlink(&c->link);
    c->place = place;
    c->place_ms = uv_now(c->server->config.loop);
    h2o_linklist_insert(&c->server->conns[place], &c->link);
}

static struct web_conn *web_place_conn(h2o_linklist_t *n)
{
    return H2O_STRUCT_FROM_MEMBER(struct web_conn, link, n);
}

/* The oldest in a list that may give way: of this address, if that is wanted, and in its place for at
 * least age_ms. One whose first bytes are here and only not read yet is not silent. */
static struct web_conn *web_place_oldest(struct web_server *s, enum web_place place,
                                         const struct web_peer *only, uint64_t age_ms)
{
    h2o_linklist_t *list = &s->conns[place], *next;
    uint64_t now_ms = uv_now(s->config.loop);
    unsigned walked = 0;

    for (h2o_linklist_t *n = list->next; n != list && walked < WEB_PLACES_WALK; n = next, walked++) {
        struct web_conn *c = web_place_conn(n);

        next = n->next;
        if (now_ms - c->place_ms < age_ms)
            break;
        if (only != NULL && c->peer != only)
            continue;
        if (place != WEB_PLACE_SILENT || !address_has_spoken(&c->tcp))
            return c;
        web_place_move(c, WEB_PLACE_SPEAKING);
    }
    return NULL;
}

/* An idle connection that has been served before loses nothing but a handshake, so it goes before those
 * that may still be in theirs. A client that does not read its answer goes last, but goes: anybody can ask
 * for a public page and not read it. */
static struct web_conn *web_place_victim(struct web_server *s, const struct web_peer *only)
{
    static const struct {
        enum web_place place;
        uint64_t age_ms;
    } order[] = {
        {WEB_PLACE_SILENT, WEB_SILENT_MS}, {WEB_PLACE_SPEAKING, WEB_SPEAKING_MS},
        {WEB_PLACE_SERVED, 0},             {WEB_PLACE_SILENT, 0},
        {WEB_PLACE_SPEAKING, 0},               {WEB_PLACE_TAKING, WEB_TAKING_MS},
    };
    struct web_conn *c = NULL;

    for (size_t i = 0; c == NULL && i < sizeof order / sizeof order[0]; i++)
        c = web_place_oldest(s, order[i].place, only, order[i].age_ms);
    return c;
}

bool web_place_make_room(struct web_server *s, const struct web_peer *only)
{
    struct web_conn *c = web_place_victim(s, only);

    if (c == NULL)
        return false;
    web_place_move(c, WEB_PLACE_LEAVING);
    web_peers_leave(s, c);
    s->leaving++;
    s->counters.crowded_out++;
    web_conn_shutdown(c);
    return true;
}
