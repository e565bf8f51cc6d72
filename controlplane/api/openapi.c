/* /openapi.json: the description of this API, made by proto/openapi/join.py of the files beside it. */
#include "handlers.h"

/* The assembler includes the file that the Makefile names, as it stands. */
__asm__(".pushsection .rodata\n"
        ".globl openapi_control\n"
        "openapi_control:\n"
        ".incbin \"" OPENAPI_FILE "\"\n"
        ".globl openapi_control_end\n"
        "openapi_control_end:\n"
        ".byte 0\n"
        ".popsection\n");
extern const uint8_t openapi_control[], openapi_control_end[];

void handle_openapi(struct call *c)
{
    call_reply_public(c, VIEW_LIT("application/json"), false,
                      view_of(openapi_control, (size_t)(openapi_control_end - openapi_control)));
}
