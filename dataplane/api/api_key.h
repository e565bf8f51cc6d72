/* The API key of a request, from the headers in which clients send one. */
#ifndef TR_DATAPLANE_API_API_KEY_H
#define TR_DATAPLANE_API_API_KEY_H

#include "errors.h"
#include "secret.h"
#include "web.h"

/* *who is the digest of the first text with the form of a key of ours in "Authorization: Bearer", x-api-key
 * and api-key, in this order: a proxy in front may need Authorization for itself, and SDKs of other
 * services send what is not for us beside what is. API_OK; API_NO_KEY: none of the three holds anything
 * (another scheme than Bearer counts as nothing); API_BAD_KEY: what is there has not the form;
 * API_MANAGEMENT_KEY: the first with a form of ours is a management key. On failure *who is untouched. */
enum api_error api_key_read(const struct web_request *r, struct digest32 *who);
/* The same, and a management key is a key. */
enum api_error api_key_read_any(const struct web_request *r, struct digest32 *who);

#endif
