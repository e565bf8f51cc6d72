/* The places that connections to the link hold until they have proved what they are. Anybody may take
 * one, nobody is refused one: when they are used up, the connection that has shown the least gives way,
 * the oldest first. So connections that are opened and left silent push out each other, and never a data
 * plane that is going through its handshake. */
#ifndef TR_CONTROLPLANE_PEERS_PLACES_H
#define TR_CONTROLPLANE_PEERS_PLACES_H

#include "address.h"
#include "err.h"

enum {
    PLACES_MAX = 1024,        /* 1024 connections without a proof: 40 KB each, 40 MB */
    PLACES_RESERVED = 256,    /* of them for addresses from which a peer was accepted before */
    PLACES_PER_ADDRESS = 256, /* of one address, known or not */
    PLACES_KNOWN_MAX = 256,   /* addresses remembered, the latest */
    PLACE_NONE = PLACES_MAX,
};

/* What a connection without a proof has shown. */
enum place_stage {
    PLACE_SILENT,     /* nothing */
    PLACE_SPEAKING,   /* bytes, but no complete TLS handshake */
    PLACE_CHALLENGED, /* a TLS handshake; evidence is awaited */
    PLACE_STAGES,
};

struct places;

/* has_spoken: did this holder's peer send anything? Asked before a silent holder has to give way. */
must_check enum err places_new(bool (*has_spoken)(void *holder), struct places **out);
void places_free(struct places *p);

/* A place for a holder that is PLACE_SILENT; always one. *victim: the holder that has to close, which
 * has lost its place already; NULL: nobody. */
unsigned places_enter(struct places *p, const uint8_t address[static ADDRESS_BYTES], void *holder,
                      void **victim);
/* The holder of this place has shown more. */
void places_advance(struct places *p, unsigned place, enum place_stage stage);
/* The holder does not need it any more: it has proved what it is, or has closed. */
void places_leave(struct places *p, unsigned place);
/* A peer was accepted from this address: until PLACES_KNOWN_MAX other addresses came after it, its
 * connections have the reserve and give way after those of addresses that are not known. */
void places_know(struct places *p, const uint8_t address[static ADDRESS_BYTES]);

#endif
