/* One bit for each port. */
#include "ports.h"

#include <stdlib.h>
#include <string.h>

struct port_set {
    uint8_t bits[(UINT16_MAX + 1) / 8];
};

static void port_add(struct port_set *s, uint64_t port)
{
    s->bits[port / 8] |= (uint8_t)(1u << port % 8);
}

void ports_print(const struct config *c, const struct providers *p, FILE *out)
{
    static struct port_set wanted;

    memset(&wanted, 0, sizeof wanted);
    port_add(&wanted, c->control_port);
    for (size_t i = 0; i < p->n; i++)
        port_add(&wanted, p->list[i].port);
    if (c->acme_directory[0] != '\0')
        port_add(&wanted, strtoul(c->acme_at.port, NULL, 10)); /* https_url_split() has read it */
    for (uint32_t port = 1; port <= UINT16_MAX; port++)
        if ((wanted.bits[port / 8] >> port % 8 & 1) != 0)
            fprintf(out, "tcp %u\n", port);
    fprintf(out, "listen tcp %u\n", (unsigned)c->listen_port);
    if (c->acme_directory[0] != '\0' && c->acme_http)
        fprintf(out, "listen tcp %u\n", (unsigned)c->acme_http_port);
}
