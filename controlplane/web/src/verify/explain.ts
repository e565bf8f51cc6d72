/** What each check asks, in one sentence, and whose word its answer is. */

/** hardware: the processor signed it. page: this program derived it from evidence and from what the reader gave. program: the
 * measured program says so. */
export type Source = "hardware" | "page" | "program";

export const SOURCE_WORDS: Readonly<Record<Source | "operator" | "simulator", string>> = {
  hardware: "proved by hardware",
  simulator: "signed by a simulator",
  page: "derived by this page",
  program: "said by the measured program",
  operator: "said by the operator only",
};

const TEXT: Readonly<Record<string, string>> = {
  DOCUMENT: "The document around the evidence can be read.",
  CERT_TABLE: "The certificate table can be read.",
  LENGTH: "The report is 1184 bytes long.",
  VERSION: "The report's version is one that the policy takes.",
  VERSION_UNKNOWN: "The report's version is known to this program.",
  SIG_ALGO: "The report is signed with ECDSA P-384 and SHA-384.",
  SIG_FORMAT: "Nothing stands around the two numbers of the signature.",
  KEY_KIND: "The chip's own key signed, or a cloud's where the policy takes that.",
  PRODUCT: "The processor line is allowed, and report and certificate agree on it.",
  CERT: "The certificates have exactly AMD's shape.",
  CERT_EXPIRED: "Each certificate is valid at this time.",
  CERT_ROOT: "A trusted root vouches for the chain.",
  CERT_CHAIN: "Each certificate was issued by the one above it.",
  CRL: "The intermediate certificate is not on AMD's revocation list.",
  TCB_CERT: "The report's firmware versions are the certificate's.",
  HWID: "The report's chip is the certificate's.",
  CSP_ID: "A cloud's key is of the cloud that the policy names.",
  CHIP: "The chip is one that the policy lists.",
  SIG: "The processor's signature verifies.",
  MBZ: "Reserved bytes of the signed report are zero.",
  VMPL: "The guest's most privileged level asked for the report.",
  POLICY_RSVD: "The launch policy has no unknown bits.",
  POLICY_DEBUG: "The host may not read the guest's memory for debugging.",
  POLICY_MIGRATE: "The host may not move the guest's memory to another machine.",
  POLICY_CXL: "The guest's memory is not on CXL devices.",
  POLICY_SMT: "The guest shares no core with the host's threads.",
  POLICY_REQUIRED: "The guest was launched with every protection that the policy asks for.",
  POLICY_ABI: "The guest asked for firmware of at least this interface.",
  PLATFORM: "ECC memory, the memory-alias check and the like are on.",
  TCB_ORDER: "No firmware version is above the one that runs.",
  TCB_PROVISIONAL: "The host cannot roll the running firmware back.",
  FW_ORDER: "The committed firmware is not above the one that runs.",
  POLICY_EXPIRED: "The policy is still in force.",
  TCB_MIN: "Firmware and microcode are at least at the policy's floor.",
  FW_MIN: "The committed firmware is at least at the floor.",
  MITIGATIONS: "The mitigations that the policy asks for were and are on.",
  AUTHOR: "The author key is the pinned one, or there is none.",
  ID_KEY: "The ID block's key is the pinned one, or there is none.",
  MEASUREMENT: "The measurement is one that the policy names.",
  GUEST_SVN: "The guest's security version is at least at the floor.",
  FAMILY_ID: "The family id is the pinned one.",
  IMAGE_ID: "The image id is the pinned one.",
  HOST_DATA: "The host put in only what the policy expects.",
  REPORT_DATA: "The processor signed over this nonce and this identity document.",
  NONCE: "The answer is to the nonce that was asked.",
  BINDING: "The evidence is bound to this very TLS connection.",
  IDENTITY: "The identity document has its one canonical form.",
  SIMULATED: "A simulator says so in its document, and a processor does not.",
  TLS_KEY: "The connection's key is the one in the identity document.",
  AUDIENCE: "The program serves the name that was asked for.",
  IDENTITY_EXPIRED: "The identity document is in force.",
  MEMORY: "The program could keep its memory from the disk.",
  RELEASE_SIG: "The release key signed the manifest.",
  RELEASE: "The measurement is one of the signed release, and the release is in force.",
  RELEASE_SVN: "The release's security version is high enough.",
  PROVIDERS: "The list of providers is the one that the release names.",
  IMAGE: "The published files give this measurement.",
  LOG_PROOF: "A checkpoint that the log signed has this boot or release.",
  RELEASE_LEAF: "The logged boot names this very release.",
  LOG: "The log that everybody reads continues that checkpoint.",
  CHECKPOINT: "The log has a signed checkpoint.",
  REWIND: "The log has all entries of the remembered checkpoint.",
  FORK: "Its first entries are those of the remembered checkpoint.",
  ENTRIES: "The log shows every entry that its checkpoint covers.",
  ROOT: "The entries lead to the root of the signed checkpoint.",
  TILES: "The tiles of hashes are those of the entries.",
  UNRELEASED: "Each boot is of a release that was logged before it.",
  PROGRAM: "A release or the policy says which program this must be.",
  GATEWAY: "The gateway gives evidence.",
  SIGNATURE: "The key that was given made the signature.",
  VALIDITY: "The release is in force now.",
  KEYSET: "The receipt names this keyset, and it has the receipt's key.",
  BODY: "The bytes in hand are those of the receipt.",
  REQUEST: "The request in hand is this receipt's.",
  RESPONSE: "The response in hand is this receipt's.",
  COST: "The cost follows from usage and prices.",
  COMMITMENT: "The commitments are to the receipt's own hashes.",
  ROUTE: "The recorded inputs give the recorded decision.",
  PROVIDER_SPKI: "The provider's certificate had this key.",
  LINES: "The parts' costs sum to the bill.",
  PARTS: "The parts' own receipts say what their lines say.",
  ED25519: "This browser can check Ed25519 signatures.",
};

export const explain = (code: string): string => TEXT[code] ?? "";

/** What the processor's signature covers; who gave the program to it is for the checks around. */
const HARDWARE = new Set([
  "VERSION", "KEY_KIND", "TCB_CERT", "HWID", "CSP_ID", "CHIP", "SIG", "MBZ", "VMPL", "POLICY_RSVD", "POLICY_DEBUG",
  "POLICY_MIGRATE", "POLICY_CXL", "POLICY_SMT", "POLICY_REQUIRED", "POLICY_ABI", "PLATFORM", "TCB_ORDER",
  "TCB_PROVISIONAL", "FW_ORDER", "TCB_MIN", "FW_MIN", "MITIGATIONS", "AUTHOR", "ID_KEY", "MEASUREMENT", "GUEST_SVN",
  "FAMILY_ID", "IMAGE_ID", "HOST_DATA", "REPORT_DATA",
]);
const PROGRAM = new Set(["AUDIENCE", "MEMORY", "IDENTITY_EXPIRED", "SIMULATED"]);

export function sourceOf(code: string): Source {
  return HARDWARE.has(code) ? "hardware" : PROGRAM.has(code) ? "program" : "page";
}
