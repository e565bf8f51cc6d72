/* A release manifest from a file, with the signature beside it and the key that must have made it.
 */
#ifndef TR_ATTESTATION_TOOLS_RELEASE_FILE_H
#define TR_ATTESTATION_TOOLS_RELEASE_FILE_H

#include "buf.h"
#include "command.h"
#include "manifest.h"
#include "minisign.h"

struct release_file {
    bool has_key;
    struct buf text, signature;
    struct minisign_key key;
};

/* A minisign public key, or a file with one. False after a complaint. */
bool release_key_load(const char *text, struct minisign_key *out);
/* path: the manifest; signature: its signature's file, NULL for path.minisig; key: as above, NULL:
 * the signature is not read.
 * Nothing of it is judged yet. False after a complaint. *out must be freed either way. */
bool release_file_load(const char *path, const char *signature, const char *key,
                       struct release_file *out);
/* The signature (when there is a key), then the manifest itself and its validity at this time.
 * EXIT_ACCEPT with *out filled in, else what refusal_print() returned: code SIGNATURE, DOCUMENT or
 * VALIDITY. */
enum exit_code release_file_check(bool json, const struct release_file *f, struct manifest *out);
void release_file_free(struct release_file *f);

#endif
