// What the trust page says that is not read live. Numbers carry the day they were read; what a test enforces names the test.

export interface Hop {
  who: string;
  prompts: string;
  metadata: string;
  change: string;
}

export const HOPS: readonly Hop[] = [
  { who: "Your client", prompts: "yes", metadata: "yes", change: "everything: it chooses model, providers and privacy" },
  { who: "Network, host, load balancer", prompts: "no; whoever gets a certificate for the name can relay to a client that checks no evidence and encrypts no body", metadata: "sizes, timing, addresses", change: "whether there is service; where it ends TLS, also the API key of a request, and with it the account that the request runs on" },
  { who: "Data plane: the measured guest", prompts: "in memory only", metadata: "yes", change: "the provider, among those of its measured list" },
  { who: "Control plane and its database", prompts: "no", metadata: "fixed-width numbers and ids: who, which model, when, tokens, cost", change: "which measured provider; credit and keys" },
  { who: "The provider that is asked", prompts: "yes, in clear", metadata: "its own", change: "the answer; what it keeps is its own promise" },
];

export const MEASURED: readonly string[] = [
  "Firmware (OVMF), kernel, initrd, kernel command line and the virtual processors: the processor hashes them before the guest runs.",
  "The initrd has the data plane's program, the list of providers, and which control plane, name and log it pins.",
];
export const NOT_MEASURED: readonly string[] = [
  "ACPI tables, fw_cfg, virtio devices, memory size and the clock: they are the host's, and the guest does not believe them.",
  "Accounts, prices and the catalog: the control plane sends them, and they can name only measured providers.",
  "The processor's own firmware: its versions are in the report, and the policy sets floors for them.",
];

export interface Gap {
  what: string;
  follows: string;
  since: string;
}

/** Newest first. */
export const GAPS: readonly Gap[] = [
  { what: "This page cannot see the key of its own TLS connection.", follows: "The playground encrypts prompts to the attested key instead. A client that does neither has a certificate authority's word alone.", since: "2026-11-30" },
  { what: "An encrypted body does not name the API key beside it.", follows: "A relay that ends TLS reads the key, and can put one of its own account in its place: the request then runs on that account's provider keys. provider.only and provider.zdr are inside of the body and hold.", since: "2026-11-30" },
  { what: "The operator of this console chooses the code that verifies here.", follows: "Host the separate verifier, compare its SHA-256, or use tr-verify from source that you have read.", since: "2026-11-30" },
  { what: "No witness cosigns the log.", follows: "The holder of the log's key could show two histories to two readers, until they compare them.", since: "2026-11-21" },
  { what: "There is no review window between a release and its first boot.", follows: "A release can run as soon as it is logged; the log has no witnessed time.", since: "2026-11-21" },
  { what: "No provider is attested.", follows: "Each reads the prompt in clear. What it keeps is its terms' word.", since: "2026-11-21" },
  { what: "Streams are not padded.", follows: "Sizes and timing of an answer's chunks can tell an observer of the network something about it.", since: "2026-11-21" },
  { what: "Anybody can rebuild the image; no second party signs that it did.", follows: "make verify-image compares byte for byte; no result of it is published here.", since: "2026-11-21" },
  { what: "Evidence without a revocation list is accepted unless the policy asks for one.", follows: "Only a reader who brings the list finds a revoked intermediate key of AMD's.", since: "2026-11-21" },
];

export const PHYSICAL: readonly string[] = [
  "A party with sustained physical access to the host can read the guest's memory with an interposer on the memory bus (TEE.fail, WireTap, Battering RAM, DDRop) and forge evidence for any measurement. No report shows it, and no firmware fixes it.",
  "Four things narrow this: a public list of the operator's chips where the policy has one, hosting evidence for them where the operator publishes it, keys that are made anew at each boot, and evidence bound to one connection, so that a stolen TLS key alone is not enough.",
  "Milan is refused by the built-in policy: its chip keys can be extracted by software (arXiv 2605.12990).",
];

/** Copy-paste, for integrators; {name} and {url} are filled in. */
export const WORDING = `We send prompts through {name}. Its router runs in a confidential virtual machine (AMD SEV-SNP) whose
program is published and measured; anybody can check which program answers at {url}/verify. Prompts exist
in clear in that machine's memory and at the model provider that is asked. The router's operator stores
token counts, cost, model and time of each request, not prompts or answers. The provider sees the prompt
and handles it under its own terms. Physical attacks on the machine and what providers keep are outside
of what the hardware proves.`;

export interface Change {
  date: string;
  what: string;
}

/** Oldest first; the page links each to the one before by a hash. Nothing here is ever edited, only added to. */
export const CHANGES: readonly Change[] = [
  { date: "2026-11-30", what: "The page begins: twelve parts, filled from the log, the evidence and the catalog as they are now." },
  { date: "2026-11-30", what: "Part 5 also lists what the threat model says is not protected, from that document; part 8 compares the log's tiles of hashes." },
];
