/* The network address of a peer as 16 bytes (IPv4 mapped), and the part of it that names one customer.
 * Limits per address count by the latter. */
#ifndef TR_COMMON_ADDRESS_H
#define TR_COMMON_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

enum { ADDRESS_BYTES = 16 };

/* The peer of a connected socket; all zero when the kernel does not know it any more. */
void address_of_peer(const uv_tcp_t *tcp, uint8_t out[static ADDRESS_BYTES]);
/* What counts as one peer: a whole IPv4 address, or the /64 of an IPv6 address with zeros behind it,
 * because an IPv6 host owns its /64 and would otherwise own 2^64 allowances. */
void address_site(const uint8_t address[static ADDRESS_BYTES], uint8_t out[static ADDRESS_BYTES]);
/* Are bytes of the peer waiting to be read? One system call. */
bool address_has_spoken(const uv_tcp_t *tcp);

#endif
