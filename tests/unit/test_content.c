/* Content is what users and models wrote: outside its view header only its length exists. */
#include "check.h"
#include "content.h"
#include "content_view.h"

static void life_of_a_content(void)
{
    struct content *c = content_new(10, NULL);

    CHECK(c != NULL);
    CHECK_INT(content_len(c), 0);
    CHECK_INT(content_bytes(c).len, 0);
    CHECK_INT(buf_append(content_buf(c), VIEW_LIT("0123456789")), ERR_NONE);
    CHECK_INT(buf_append(content_buf(c), VIEW_LIT("x")), ERR_LIMIT);
    CHECK_INT(content_len(c), 10);
    CHECK_BYTES(content_bytes(c).ptr, content_bytes(c).len, "0123456789", 10);
    content_clear(c);
    CHECK_INT(content_len(c), 0);
    CHECK(content_buf(c)->ptr == NULL);
    CHECK_INT(buf_append(content_buf(c), VIEW_LIT("again")), ERR_NONE);
    CHECK_INT(content_len(c), 5);
    content_free(c);
    content_free(NULL);
}

static const struct check_case cases[] = {
    {"content_life", life_of_a_content},
};
CHECK_MAIN(cases)
