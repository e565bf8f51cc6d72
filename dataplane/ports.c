/* One bit for each port. */
#include "ports.h"

void ports_print(const struct config *c, const struct providers *p, FILE *out)
{
    static uint8_t wanted[(UINT16_MAX + 1) / 8];

    memset(wanted, 0, sizeof wanted);
    wanted[c->control_port / 8] |= (uint8_t)(1u << c->control_port % 8);
    for (size_t i = 0; i < p->n; i++)
        wanted[p->list[i].port / 8] |= (uint8_t)(1u << p->list[i].port % 8);
    for (uint32_t port = 1; port <= UINT16_MAX; port++)
        if ((wanted[port / 8] >> port % 8 & 1) != 0)
            fprintf(out, "tcp %u\n", port);
    fprintf(out, "listen tcp %u\n", (unsigned)c->listen_port);
}
