/** What a verdict means, for people: what the processor proved, what this page derived from that, what only the measured
 * program or the operator says, and what was not verified at all. */
import { wordsOfBits, GUEST_REQUIRE_WORDS, GUEST_WORDS, PLATFORM_WORDS } from "./policy_words.ts";
import type { Policy } from "./policy.ts";
import type { Presented } from "./presented.ts";
import { GUEST } from "./report.ts";
import { timeText } from "./time.ts";
import { type Code, codeOf } from "./verdict.ts";

export interface Summary {
  /** proved by the processor's signature; empty unless accepted */
  hardware: string[];
  /** derived here, from evidence and from what the reader gave */
  derived: string[];
  allowed: string[];
  /** the measured program's word */
  program: string[];
  /** the operator's word only */
  operator: string[];
  notVerified: string[];
}

export interface SummaryFacts {
  x: Presented;
  policy: Policy;
  /** judged from a recorded answer */
  recorded: boolean;
  /** looked at by a page in a browser, over a connection whose key and exporter it cannot see */
  browser: boolean;
}

function passed(f: SummaryFacts, code: Code): boolean {
  return f.x.findings.some((x) => x.code === code && x.outcome === "ok");
}

const when = (condition: boolean, text: string): string[] => (condition ? [text] : []);

function hardware(f: SummaryFacts): string[] {
  const r = f.x.report;
  if (r === null) return [];
  return [
    ...when(f.x.simulated, "SIMULATED: a simulator's key signed this; no processor vouches for anything below."),
    `A guest was launched with the measurement shown; VMPL ${r.vmpl} of it asked for this report.`,
    `Its launch permits: ${wordsOfBits(r.policy, GUEST_WORDS)}.`,
    ...when((r.policy & GUEST.debug) !== 0n, "DEBUGGABLE: the host can read and write its memory; it protects nothing."),
    ...when((r.policy & GUEST.migrateMa) !== 0n, "MIGRATABLE: an agent of the host's can take its memory to another machine."),
    "That guest put the digest of the identity document, and so of its keys, into the report.",
  ];
}

function derived(f: SummaryFacts): string[] {
  return [
    f.recorded
      ? "The evidence answers the recorded nonce."
      : "The evidence is fresh: it answers the nonce that this page made just now.",
    "Report, certificates and firmware versions satisfy the policy.",
    ...when(passed(f, "MEASUREMENT"), "The measurement is one that the policy names."),
    ...when(passed(f, "RELEASE"), "Measurement and list of providers are those of the manifest, which the release key signed."),
    ...when(
      passed(f, "LOG_PROOF"),
      `A signed checkpoint of the transparency log covers this boot${passed(f, "RELEASE_LEAF") ? ", as a boot of this release" : ""}.`,
    ),
    ...when(passed(f, "LOG"), "The public log, read entry by entry, continues that checkpoint."),
    ...when(passed(f, "BINDING"), "The connection's exporter and key are the measured guest's own."),
  ];
}

/** What was let pass, so that nobody reads more into the verdict than the policy asked. */
function allowed(f: SummaryFacts): string[] {
  const p = f.policy;
  return [
    `A launch that permits: ${wordsOfBits(p.guestAllow, GUEST_WORDS)}.`,
    `Asked of the launch: ${wordsOfBits(p.guestRequire, GUEST_REQUIRE_WORDS)}.`,
    `Asked of the platform: ${wordsOfBits(p.platformRequire, PLATFORM_WORDS)}.`,
    ...when(p.provisionalFirmware, "Firmware that the host can still roll back."),
    ...when(p.allowVlek, "A cloud's key in place of the chip's own."),
    ...when(p.allowUnlockedMemory, "A program whose memory may be written to a disk."),
    ...when(!p.requireCrl && !passed(f, "CRL"), "Certificates without a revocation list."),
    p.expiresS !== 0 ? `All this until ${timeText(p.expiresS)}.` : "All this for ever: the policy has no end.",
  ];
}

function program(f: SummaryFacts): string[] {
  const i = f.x.identity;
  return i === null
    ? []
    : [
        `It serves ${i.audience}.`,
        `It signs receipts with ${i.receiptEd25519}.`,
        `It decrypts request bodies with the key ${i.hpkeX25519}.`,
      ];
}

function operator(f: SummaryFacts): string[] {
  return [
    ...when(!passed(f, "RELEASE"), "That a signed release has this measurement: no manifest and release key were given."),
    ...when(!passed(f, "CHIP"), "Whose processor this is: the policy lists no chips."),
    ...when(!passed(f, "LOG_PROOF"), "That this program was published: no log proof was checked."),
    ...when(!passed(f, "LOG"), "That others are shown the same log: it was not read."),
    ...when(f.recorded, "Time, exporter and key of the recorded connection: the recorder's word."),
    "What the providers do with prompts; that nobody tampers with the memory bus.",
  ];
}

function notVerified(f: SummaryFacts): string[] {
  return [
    ...when(
      f.browser,
      "That the TLS connection of this page ends in the guest: a browser shows a page neither the exporter nor the key of its " +
        "connection. A client that encrypts each body to the attested key (EHBP) does not need it to keep the " +
        "body secret on the way: a relay sees ciphertext and sizes. A client that does not encrypt has only the certificate authority's word.",
    ),
    ...when(
      f.browser,
      "That the API key reaches the guest unchanged: it is not encrypted with the body. A relay reads it, and can put a key of its " +
        "own account in its place, so that the prompt goes to the provider under that account.",
    ),
    ...when(!f.browser && !f.recorded, "Any later connection: this one alone was verified."),
    "The image's files against the manifest: tr-verify image and make verify-image do that.",
    "What the hardware cannot show: an interposer on the memory bus, or a chip key that was extracted.",
    "The verifier itself: the operator of the server that this page came from chooses its code. Compare its SHA-256, or use tr-verify.",
  ];
}

export function summarize(f: SummaryFacts): Summary {
  const accepted = codeOf(f.x.findings) === "ACCEPT";
  return {
    hardware: accepted ? hardware(f) : [],
    derived: accepted ? derived(f) : [],
    allowed: accepted ? allowed(f) : [],
    program: accepted ? program(f) : [],
    operator: operator(f),
    notVerified: notVerified(f),
  };
}
