/* The paths of Azure OpenAI's clients: under /openai, with the model's deployment in them. They are read as
 * the paths of ours that mean the same, so that such a client needs another endpoint and key, nothing more;
 * its api-version is not looked at. */
#ifndef TR_DATAPLANE_API_AZURE_H
#define TR_DATAPLANE_API_AZURE_H

#include "path.h"

/* *path, as path_plain() gave it, becomes ours when it is one of Azure's, which may need out:
 *   /openai/v1/X                        /v1/X
 *   /openai/X                           /v1/X
 *   {base}/deployments/{model}/X        /v1/X, or /api/v1/X where base is /api/v1
 * with base one of /openai, /openai/v1, /v1, /api/v1 and X what is asked of a deployment. *deployment is the
 * model, still percent-encoded, and may hold slashes; empty where the path names none. */
void azure_path(struct view *path, struct view *deployment, uint8_t out[static PATH_PLAIN_MAX]);

#endif
