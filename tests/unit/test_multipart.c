/* A form is split in one way or not at all: what a more careless reader at a provider could take for another part is
 * refused, so that nobody is charged for less than the provider is asked to do. */
#include "multipart.h"

#include "check.h"

#include <string.h>

static void test_header(void)
{
    static const struct {
        const char *header;
        enum err want;
        const char *boundary;
    } rows[] = {
        {"multipart/form-data; boundary=abc", ERR_NONE, "abc"},
        {"Multipart/Form-Data;boundary=\"a b\"", ERR_FORMAT, NULL},
        {"multipart/form-data; charset=utf-8; Boundary=\"a:b\"", ERR_NONE, "a:b"},
        {"multipart/form-data", ERR_FORMAT, NULL},
        {"multipart/form-data; boundary=", ERR_FORMAT, NULL},
        {"multipart/form-data; boundary=a; boundary=b", ERR_FORMAT, NULL},
        {"multipart/form-data; boundary=a\"b", ERR_FORMAT, NULL},
        {"multipart/mixed; boundary=abc", ERR_UNSUPPORTED, NULL},
        {"application/json", ERR_UNSUPPORTED, NULL},
        {"", ERR_UNSUPPORTED, NULL},
        {"multipart/form-data; boundary=1234567890123456789012345678901234567890123456789012345678901234567890", ERR_NONE,
         "1234567890123456789012345678901234567890123456789012345678901234567890"},
        {"multipart/form-data; boundary=12345678901234567890123456789012345678901234567890123456789012345678901",
         ERR_FORMAT, NULL},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct view boundary = VIEW_EMPTY;

        CHECK_INT(multipart_boundary(view_str(rows[i].header), &boundary), rows[i].want);
        if (rows[i].want == ERR_NONE)
            CHECK(view_eq(boundary, view_str(rows[i].boundary)));
    }
}

#define D "Content-Disposition: form-data; "
#define A "--B\r\n" D "name=\"a\"\r\n\r\n1\r\n"
#define END "--B--\r\n"

#define TEXT(v) (int)(v).len, (v).len != 0 ? (const char *)(v).ptr : ""
static void put(char *got, size_t size, const struct multipart_part *p)
{
    size_t n = strlen(got);

    if (p->filename.ptr == NULL)
        snprintf(got + n, size - n, "%.*s=%.*s;", TEXT(p->name), TEXT(p->bytes));
    else
        snprintf(got + n, size - n, "%.*s(%.*s,%.*s)=%.*s;", TEXT(p->name), TEXT(p->filename), TEXT(p->type),
                 TEXT(p->bytes));
}

static void test_parts(void)
{
    static const struct {
        const char *body, *want; /* name=bytes of each part, then what ended it */
    } rows[] = {
        {A END, "a=1;end"},
        {"--B\r\n" D "name=\"a\"\r\n\r\n\r\n" END, "a=;end"},
        {A "--B\r\n" D "name=\"f\"; filename=\"x.png\"\r\nContent-Type: image/png\r\n\r\n\r\n--\r\n" END,
         "a=1;f(x.png,image/png)=\r\n--;end"},
        {"--B\r\n" D "filename=\"a;b\"; name=f\r\n\r\n1\r\n" END, "f(a;b,)=1;end"},
        {"--B\r\n" D "name=\"f\"; filename=\"x\"; filename*=UTF-8''y\r\nX-Other: 1\r\n\r\n1\r\n" END, "f(x,)=1;end"},
        {A END "behind it", "a=1;end"},
        {A "--B--", "a=1;end"},
        {"--B\r\ncontent-DISPOSITION:form-data;name=a\r\nContent-Transfer-Encoding: binary\r\n\r\n1\r\n" END, "a=1;end"},
        /* what two readers could split differently */
        {"--B\r\n" D "name=\"a\"\r\n\r\n1\n--B\n" D "name=\"n\"\n\n9\r\n" END, "no"},
        {"--B\r\n" D "name=\"a\"\r\n\r\nx--B\r\n" END, "no"},
        {"--B\r\n" D "name=\"a\"\r\n\r\n1\r\n--Bc\r\n" END, "no"},
        {"--B \r\n" D "name=\"a\"\r\n\r\n1\r\n" END, "no"},
        {A "--B\n" END, "no"},
        {"preamble\r\n" A END, "no"},
        {"--B\r\n" D "name=\"a\\\"; name=\\\"n\"\r\n\r\n1\r\n" END, "bad"},
        {"--B\r\n" D "name=\"a\"; name=\"b\"\r\n\r\n1\r\n" END, "bad"},
        {"--B\r\n" D "name=\"a\"\r\n" D "name=\"b\"\r\n\r\n1\r\n" END, "bad"},
        {"--B\r\n" D "name=\"\"\r\n\r\n1\r\n" END, "bad"},
        {"--B\r\n" D "filename=\"x\"\r\n\r\n1\r\n" END, "bad"},
        {"--B\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\n1\r\n" END, "bad"},
        {"--B\r\n" D "name=\"a\"\nX: y\r\n\r\n1\r\n" END, "bad"},
        {"--B\r\n" D "name=\"a\"\r\nX: y\r" D "name=\"n\"\r\n\r\n1\r\n" END, "bad"},
        {"--B\r\n" D "name=\"a\"\r\nX: y\r\r\n\r\n1\r\n" END, "bad"},
        {"--B\r\n" D "name=\"a\rb\"\r\n\r\n1\r\n" END, "bad"},
        {"--B\r\n" D "name=\"a\"\r\n\r\n1\r2\r\n" END, "a=1\r2;end"}, /* what a part holds is its own */
        {"--B\r\n" D "name=\"a\"\r\nContent-Transfer-Encoding: base64\r\n\r\nMQ==\r\n" END, "bad"},
        {"--B\r\n\r\n1\r\n" END, "bad"},
        /* cut off */
        {A "--B\r\n" D "name=\"b\"\r\n\r\n2", "a=1;short"},
        {A "--B\r\n" D "name=\"b\"", "a=1;short"},
        {A, "short"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct multipart m;
        struct multipart_part p;
        char got[256] = "";
        enum err e = multipart_begin(&m, view_str(rows[i].body), VIEW_LIT("B"));

        if (e != ERR_NONE)
            strcpy(got, e == ERR_FORMAT ? "no" : "?");
        while (e == ERR_NONE) {
            e = multipart_next(&m, &p);
            if (e == ERR_NONE)
                put(got, sizeof got, &p);
            else
                strcat(got, e == ERR_NOT_FOUND ? "end" : e == ERR_FORMAT ? "bad" : e == ERR_SHORT ? "short" : "?");
        }
        CHECK_BYTES(got, strlen(got), rows[i].want, strlen(rows[i].want));
    }
}

static void test_limits(void)
{
    for (unsigned n = MULTIPART_PARTS_MAX; n <= MULTIPART_PARTS_MAX + 1; n++) {
        static char body[64 << 10];
        struct multipart m;
        struct multipart_part p;
        unsigned parts = 0;
        enum err e;

        body[0] = '\0';
        for (unsigned i = 0; i < n; i++)
            strcat(body, A);
        strcat(body, END);
        CHECK_INT(multipart_begin(&m, view_str(body), VIEW_LIT("B")), ERR_NONE);
        while ((e = multipart_next(&m, &p)) == ERR_NONE)
            parts++;
        CHECK_INT(parts, MULTIPART_PARTS_MAX);
        CHECK_INT(e, n == MULTIPART_PARTS_MAX ? ERR_NOT_FOUND : ERR_LIMIT);
    }
}

static void test_first(void)
{
    struct view b = VIEW_EMPTY;

    CHECK_INT(multipart_first(VIEW_LIT("--abc\r\nx"), &b), ERR_NONE);
    CHECK(view_eq(b, VIEW_LIT("abc")));
    CHECK_INT(multipart_first(VIEW_LIT("--\r\nx"), &b), ERR_FORMAT);
    CHECK_INT(multipart_first(VIEW_LIT("--abc"), &b), ERR_FORMAT);
    CHECK_INT(multipart_first(VIEW_LIT("abc\r\n"), &b), ERR_FORMAT);
    CHECK_INT(multipart_first(VIEW_EMPTY, &b), ERR_FORMAT);
}

static const struct check_case cases[] = {
    {"multipart_header", test_header},
    {"multipart_parts", test_parts},
    {"multipart_limits", test_limits},
    {"multipart_first", test_first},
};
CHECK_MAIN(cases)
