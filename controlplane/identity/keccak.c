/* Keccak-f[1600] over 25 lanes of 64 bits; a block of the 256-bit digest has 136 bytes. */
#include "keccak.h"

enum { LANES = 25, ROUNDS = 24, BLOCK = 136 };

static const uint64_t round_constants[ROUNDS] = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000, 0x000000000000808b, 0x0000000080000001,
    0x8000000080008081, 0x8000000000008009, 0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
    0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003, 0x8000000000008002, 0x8000000000000080,
    0x000000000000800a, 0x800000008000000a, 0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
};

/* rho and pi walk over all lanes but the first: where each goes, and by how many bits it turns on the way. */
static const uint8_t walk[LANES - 1] = {10, 7, 11, 17, 18, 3, 5, 16, 8, 21, 24, 4, 15, 23, 19, 13, 12, 2, 20, 14, 22, 9, 6, 1};
static const uint8_t turns[LANES - 1] = {1, 3, 6, 10, 15, 21, 28, 36, 45, 55, 2, 14, 27, 41, 56, 8, 25, 43, 62, 18, 39, 61, 20, 44};

static uint64_t turn(uint64_t v, unsigned bits)
{
    return v << bits | v >> (64 - bits); /* bits is 1 to 62 */
}

static void theta(uint64_t s[static LANES])
{
    uint64_t column[5];

    for (unsigned x = 0; x < 5; x++)
        column[x] = s[x] ^ s[x + 5] ^ s[x + 10] ^ s[x + 15] ^ s[x + 20];
    for (unsigned i = 0; i < LANES; i++)
        s[i] ^= column[(i + 4) % 5] ^ turn(column[(i + 1) % 5], 1);
}

static void rho_pi(uint64_t s[static LANES])
{
    uint64_t carried = s[1];

    for (unsigned i = 0; i < LANES - 1; i++) {
        uint64_t there = s[walk[i]];

        s[walk[i]] = turn(carried, turns[i]);
        carried = there;
    }
}

static void chi(uint64_t s[static LANES])
{
    for (unsigned y = 0; y < LANES; y += 5) {
        uint64_t row[5];

        memcpy(row, s + y, sizeof row);
        for (unsigned x = 0; x < 5; x++)
            s[y + x] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5]);
    }
}

static void permute(uint64_t s[static LANES])
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        theta(s);
        rho_pi(s);
        chi(s);
        s[0] ^= round_constants[i];
    }
}

/* Lanes are little-endian: byte n of a block belongs to bits 8 * (n % 8) of lane n / 8. */
static void mix(uint64_t s[static LANES], size_t at, uint8_t byte)
{
    s[at / 8] ^= (uint64_t)byte << (8 * (at % 8));
}

static size_t absorb(uint64_t s[static LANES], size_t at, struct view v)
{
    for (size_t i = 0; i < v.len; i++) {
        mix(s, at++, v.ptr[i]);
        if (at == BLOCK) {
            permute(s);
            at = 0;
        }
    }
    return at;
}

void keccak256(struct view a, struct view b, uint8_t out[static KECCAK_BYTES])
{
    uint64_t s[LANES] = {0};
    size_t at = absorb(s, absorb(s, 0, a), b);

    mix(s, at, 0x01);
    mix(s, BLOCK - 1, 0x80);
    permute(s);
    for (size_t i = 0; i < KECCAK_BYTES; i++)
        out[i] = (uint8_t)(s[i / 8] >> (8 * (i % 8)));
}
