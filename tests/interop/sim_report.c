/* Writes what a simulated data plane would show, as files for other people's verifiers: a platform
 * (ark.pem, ask.der, vcek.der) in DIR, which must not hold one yet, and report.bin.
 *   sim_report DIR REPORT_DATA_HEX */
#include "quote.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    struct quote_source *source = NULL;
    struct digest48 measurement;
    uint8_t report_data[64];
    char path[4096];
    struct buf why;
    struct quote q;
    FILE *f = NULL;
    int code = 1;

    buf_init(&why, 200);
    quote_init(&q);
    memset(measurement.b, 0x22, sizeof measurement.b);
    if (argc != 3 || secret_init() != ERR_NONE ||
        hex_decode(view_str(argv[2]), report_data, sizeof report_data) != ERR_NONE ||
        quote_backend.make_platform(argv[1], &why) != ERR_NONE ||
        quote_backend.open(argv[1], &measurement, &source, &why) != ERR_NONE ||
        quote_backend.get(source, report_data, &q) != ERR_NONE)
        goto done;
    snprintf(path, sizeof path, "%s/report.bin", argv[1]);
    f = fopen(path, "wb");
    if (f != NULL && fwrite(q.report, 1, sizeof q.report, f) == sizeof q.report && fclose(f) == 0)
        code = 0;
done:
    if (source != NULL)
        quote_backend.close(source);
    quote_free(&q);
    buf_free(&why);
    return code;
}
