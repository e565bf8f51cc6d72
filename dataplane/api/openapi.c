/* The document that proto/openapi/join.py made, as it stands. */
#include "openapi.h"

#include "reply.h"

/* The assembler includes the file that the Makefile names. */
__asm__(".pushsection .rodata\n"
        ".globl openapi_data\n"
        "openapi_data:\n"
        ".incbin \"" OPENAPI_FILE "\"\n"
        ".globl openapi_data_end\n"
        "openapi_data_end:\n"
        ".byte 0\n"
        ".popsection\n");
extern const uint8_t openapi_data[], openapi_data_end[];

int openapi_answer(struct web_request *r)
{
    struct id id = id_new();
    struct reply p;

    reply_init(&p, &id);
    reply_add(&p, VIEW_LIT("cache-control"), VIEW_LIT("public, max-age=300"));
    reply_json(&p, r, 200, view_of(openapi_data, (size_t)(openapi_data_end - openapi_data)));
    return 200;
}
