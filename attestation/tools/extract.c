/* Writing the parts of an attestation document to files. */
#include "extract.h"

#include "command.h"
#include "file.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

enum { EXTRACT_PATH_BYTES = 4096 };

static bool part_write(const char *dir, const char *name, struct view bytes)
{
    char path[EXTRACT_PATH_BYTES];
    enum err e = ERR_LIMIT;

    if (bytes.len == 0)
        return true;
    if ((size_t)snprintf(path, sizeof path, "%s/%s", dir, name) < sizeof path)
        e = file_write(path, 0644, true, bytes);
    if (e != ERR_NONE)
        complain("cannot write %s into %s (%s)", name, dir,
                 e == ERR_CONFLICT ? "it is there already" : err_name(e));
    return e == ERR_NONE;
}

bool extract(const char *dir, const struct attest_document *d, const uint8_t exporter[static 32])
{
    uint8_t want[64];
    bool has_want = attest_document_report_data(d, exporter, want);
    const struct {
        const char *name;
        struct view bytes;
    } parts[] = {
        {"report.bin", d->report},
        {"report_data.bin", has_want ? view_of(want, sizeof want) : VIEW_EMPTY},
        {"vek.der", d->vek},
        {"ask.der", d->ask},
        {"ark.der", d->ark},
        {"identity.json", d->identity},
        {"statement.json", d->release_leaf},
        {"proof.txt", d->release_proof},
    };

    if (mkdir(dir, 0755) != 0 && errno != EEXIST) {
        complain("cannot make the directory %s", dir);
        return false;
    }
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (!part_write(dir, parts[i].name, parts[i].bytes))
            return false;
    return true;
}
