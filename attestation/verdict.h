/* What a verifier says about evidence: one stable word per reason. The words are an interface
 * (tr-verify --json, scripts, other people's tests): they are added to, never renamed. */
#ifndef TR_ATTESTATION_VERDICT_H
#define TR_ATTESTATION_VERDICT_H

#include "message.h"

/* X(symbol, class, refusal): the word is the symbol without VERDICT_; class is what kind of answer
 * it is; refusal is what the link's REFUSE says for it. In the order in which they are checked. */
#define VERDICT_LIST(X)                                                                            \
    X(ACCEPT, ACCEPT, NONE)                                                                        \
    X(DOCUMENT, MALFORMED, MALFORMED)        /* the document around the evidence does not parse */ \
    X(CERT_TABLE, MALFORMED, MALFORMED)      /* the certificate table does not parse */            \
    X(LENGTH, MALFORMED, LENGTH)             /* 1184 bytes, no more, no fewer */                   \
    X(VERSION, REJECT, VERSION)              /* not a version that the policy takes */             \
    X(VERSION_UNKNOWN, UNSUPPORTED, VERSION) /* newer than this verifier */                        \
    X(SIG_ALGO, REJECT, SIG_ALGO)            /* not ECDSA P-384 with SHA-384 */                    \
    X(SIG_FORMAT, REJECT, SIG_FORMAT)        /* bytes set around R and S */                        \
    X(KEY_KIND, REJECT, KEY_KIND)            /* not signed by the kind of key that is asked */     \
    X(PRODUCT, REJECT, PRODUCT)   /* processor line, or report and certificate differ */           \
    X(CERT, REJECT, CERT)         /* a certificate is not of AMD's exact shape */                  \
    X(CERT_EXPIRED, REJECT, CERT) /* one is not valid at this time */                              \
    X(CERT_ROOT, REJECT, ROOT)    /* no trusted root vouches for the chain */                      \
    X(CERT_CHAIN, REJECT, CERT)   /* not issued by the certificate above it */                     \
    X(CRL, REJECT, CERT)          /* revoked, or the revocation list is bad or missing */          \
    X(TCB_CERT, REJECT, TCB_CERT) /* reported TCB is not the certificate's */                      \
    X(HWID, REJECT, HWID)         /* chip id is not the certificate's */                           \
    X(CSP_ID, REJECT, CHIP)       /* a VLEK of another cloud */                                    \
    X(CHIP, REJECT, CHIP)         /* not a processor that the policy lists */                      \
    X(SIG, REJECT, SIGNATURE)     /* the signature does not verify */                              \
    X(MBZ, REJECT, MBZ)           /* signed, but reserved bytes are set */                         \
    X(VMPL, REJECT, VMPL)                                                                          \
    X(POLICY_RSVD, REJECT, POLICY) /* guest policy: reserved bits */                               \
    X(POLICY_DEBUG, REJECT, DEBUG)                                                                 \
    X(POLICY_MIGRATE, REJECT, POLICY)                                                              \
    X(POLICY_CXL, REJECT, POLICY)                                                                  \
    X(POLICY_SMT, REJECT, POLICY)                                                                  \
    X(POLICY_REQUIRED, REJECT, POLICY) /* a protection the guest was not launched with */          \
    X(POLICY_ABI, REJECT, POLICY)      /* guest policy's minimum firmware ABI is too low */        \
    X(PLATFORM, REJECT, PLATFORM)                                                                  \
    X(TCB_ORDER, REJECT, TCB_ORDER)       /* reported, committed or launch is above current */     \
    X(TCB_PROVISIONAL, REJECT, TCB_ORDER) /* firmware that the host can still roll back */         \
    X(FW_ORDER, REJECT, TCB_ORDER)                                                                 \
    X(POLICY_EXPIRED, REJECT, TCB_FLOOR) /* the policy itself is out of date */                    \
    X(TCB_MIN, REJECT, TCB_FLOOR)        /* below the floor, or no floor for this stepping */      \
    X(FW_MIN, REJECT, TCB_FLOOR)                                                                   \
    X(MITIGATIONS, REJECT, TCB_FLOOR) /* a required mitigation vector bit is clear */              \
    X(AUTHOR, REJECT, ID_KEY)         /* author key bit and digest, or not the pinned one */       \
    X(ID_KEY, REJECT, ID_KEY)                                                                      \
    X(MEASUREMENT, REJECT, MEASUREMENT)                                                            \
    X(GUEST_SVN, REJECT, GUEST_SVN)                                                                \
    X(FAMILY_ID, REJECT, MEASUREMENT)                                                              \
    X(IMAGE_ID, REJECT, MEASUREMENT)                                                               \
    X(HOST_DATA, REJECT, HOST_DATA)                                                                \
    X(REPORT_DATA, REJECT, CHANNEL)   /* not this nonce, connection and document */                \
    X(NONCE, REJECT, NONCE)           /* the document answers another nonce */                     \
    X(BINDING, REJECT, CHANNEL)       /* not bound to a connection although that was asked */      \
    X(IDENTITY, MALFORMED, MALFORMED) /* the identity document is not canonical */                 \
    X(SIMULATED, REJECT, SIMULATED)   /* a simulator where a processor was asked */                \
    X(TLS_KEY, REJECT, PEER_KEY)      /* this connection's key is not the attested one */          \
    X(AUDIENCE, REJECT, AUDIENCE)                                                                  \
    X(IDENTITY_EXPIRED, REJECT, EXPIRED)                                                           \
    X(MEMORY, REJECT, MEMORY)         /* its memory is not locked, and the policy asks for that */ \
    X(RELEASE_SIG, REJECT, MEASUREMENT)  /* the manifest is not signed by the release key */       \
    X(RELEASE, REJECT, MEASUREMENT)      /* measurement is not in the release manifest */          \
    X(RELEASE_SVN, REJECT, MEASUREMENT)  /* the manifest's security version is too low */          \
    X(PROVIDERS, REJECT, MEASUREMENT)    /* providers.conf is not the manifest's */                \
    X(IMAGE, REJECT, MEASUREMENT)        /* the published image does not give the measurement */   \
    X(LOG_PROOF, REJECT, MEASUREMENT)    /* the transparency log does not vouch for it */          \
    X(RELEASE_LEAF, REJECT, MEASUREMENT) /* the logged boot names another release, or none */      \
    X(LOG, REJECT, MEASUREMENT)          /* the log that others read is not the stapled one */     \
    X(PROGRAM, REJECT, MEASUREMENT)      /* neither policy nor manifest names a program */

#define VERDICT_ENUM(symbol, class, refusal) VERDICT_##symbol,
enum verdict { VERDICT_LIST(VERDICT_ENUM) VERDICT_COUNT };
#undef VERDICT_ENUM

enum verdict_class { CLASS_ACCEPT, CLASS_REJECT, CLASS_UNSUPPORTED, CLASS_MALFORMED };

const char *verdict_name(enum verdict v); /* "TCB_MIN" */
enum verdict_class verdict_class(enum verdict v);
const char *verdict_class_name(enum verdict_class c); /* "reject" */
enum refusal verdict_refusal(enum verdict v);

#endif
