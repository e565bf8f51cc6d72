/** Encrypted HTTP bodies (EHBP): a request sealed with HPKE to the key that a data plane has proved, and the stream of its
 * answer opened. The key is that of a verified identity document and never what /.well-known/hpke-keys says. */
import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256, type SenderContext } from "@hpke/core";
import { type Bytes, concat, hexExact, toHex, utf8 } from "../verify/bytes.ts";
import type { GatewayVerdict } from "../verify/gateway.ts";
import { type AnswerEnd, type Expected, endOf } from "./ending.ts";
import { PromptFailure } from "./failure.ts";

export const KEY_HEADER = "ehbp-encapsulated-key";
export const NONCE_HEADER = "ehbp-response-nonce";
const FRAME_MAX = 64 << 20;
const TAG_BYTES = 16;

/** The HPKE key of one boot of a data plane, out of evidence that was accepted. */
export class AttestedKey {
  private constructor(
    readonly publicKey: Bytes,
    readonly boot: string,
  ) {}

  static of(verdict: GatewayVerdict): AttestedKey {
    const key = verdict.verdict === "accept" ? hexExact(verdict.identity?.hpkeX25519 ?? "", 32) : null;
    if (key === null || verdict.identity === null)
      throw new PromptFailure("not_verified", "The evidence of the data plane was not accepted, so nothing is sent to it.");
    return new AttestedKey(key, verdict.identity.boot);
  }
}

/* --- the suite */

async function hasX25519(): Promise<boolean> {
  try {
    await crypto.subtle.generateKey({ name: "X25519" }, false, ["deriveBits"]);
    return true;
  } catch {
    return false;
  }
}

async function newSuite(): Promise<CipherSuite> {
  const kem = (await hasX25519())
    ? new DhkemX25519HkdfSha256()
    : new (await import("@hpke/dhkem-x25519")).DhkemX25519HkdfSha256();
  return new CipherSuite({ kem, kdf: new HkdfSha256(), aead: new Aes256Gcm() });
}

let suite: Promise<CipherSuite> | null = null;

async function senderFor(key: AttestedKey): Promise<SenderContext> {
  const s = await (suite ??= newSuite());
  const recipientPublicKey = await s.kem.deserializePublicKey(key.publicKey);
  return s.createSenderContext({ recipientPublicKey, info: utf8("ehbp request") });
}

/* --- frames */

function frame(sealed: Bytes): Bytes {
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, sealed.length);
  return concat(length, sealed);
}

/** Frames out of bytes that arrive cut anywhere. */
export class FrameReader {
  private parts: Bytes[] = [];
  private held = 0;

  push(bytes: Uint8Array): Bytes[] {
    this.parts.push(new Uint8Array(bytes));
    this.held += bytes.length;
    const frames: Bytes[] = [];
    for (let next = this.take(); next !== null; next = this.take()) if (next.length !== 0) frames.push(next);
    return frames;
  }

  /** True: the bytes have ended between two frames. */
  get empty(): boolean {
    return this.held === 0;
  }

  private joined(): Bytes {
    if (this.parts.length > 1) this.parts = [concat(...this.parts)];
    return this.parts[0] ?? new Uint8Array(0);
  }

  /** The next frame; its length alone is joined before the whole of it has come. */
  private take(): Bytes | null {
    if (this.held < 4) return null;
    if ((this.parts[0]?.length ?? 0) < 4) this.joined();
    const first = this.parts[0] as Bytes;
    const length = new DataView(first.buffer, first.byteOffset).getUint32(0);
    if (length > FRAME_MAX) throw new PromptFailure("malformed", "The answer has a part that is larger than the protocol allows.");
    if (this.held < 4 + length) return null;
    const all = this.joined();
    this.parts = [all.subarray(4 + length)];
    this.held -= 4 + length;
    return all.subarray(4, 4 + length);
  }
}

/* --- the keys of an answer */

async function hmac(key: Bytes, data: Bytes): Promise<Bytes> {
  const k = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", k, data));
}

/** HKDF-Expand of one block. */
async function expand(prk: Bytes, label: string, length: number): Promise<Bytes> {
  return (await hmac(prk, concat(utf8(label), new Uint8Array([1])))).slice(0, length);
}

class Opener {
  private next = 0;

  private constructor(
    private readonly key: CryptoKey,
    private readonly base: Bytes,
  ) {}

  static async of(exported: Bytes, enc: Bytes, nonce: Bytes): Promise<Opener> {
    const prk = await hmac(concat(enc, nonce), exported);
    const raw = await expand(prk, "key", 32);
    const key = await crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["decrypt"]);
    return new Opener(key, await expand(prk, "nonce", 12));
  }

  async open(sealed: Bytes): Promise<Bytes> {
    const iv = this.base.slice();
    const counter = new DataView(iv.buffer, 4);
    counter.setBigUint64(0, counter.getBigUint64(0) ^ BigInt(this.next));
    this.next += 1;
    if (sealed.length < TAG_BYTES) throw damaged();
    try {
      return new Uint8Array(await crypto.subtle.decrypt({ name: "AES-GCM", iv }, this.key, sealed));
    } catch {
      throw damaged();
    }
  }
}

const damaged = () =>
  new PromptFailure("damaged", "A part of the answer does not open: it was changed on its way, or is not from the verified data plane.");

const truncated = () =>
  new PromptFailure("truncated", "The answer was cut off on its way. What is shown is a part of it; try again.");

/* --- an answer */

/** The bytes that were encrypted, as they come; an error when they end before their end, or a part does not open. */
function opened(body: ReadableStream<Uint8Array>, opener: Opener, end: AnswerEnd): ReadableStream<Bytes> {
  const reader = body.getReader();
  const frames = new FrameReader();

  const step = async (controller: ReadableStreamDefaultController<Bytes>): Promise<boolean> => {
    const { done, value } = await reader.read();
    if (done) {
      if (!frames.empty || !end.reached()) throw truncated();
      controller.close();
      return true;
    }
    let told = false;
    for (const sealed of frames.push(value)) {
      const plain = await opener.open(sealed);
      if (plain.length === 0) continue;
      end.push(plain);
      controller.enqueue(plain);
      told = true;
    }
    return told;
  };
  return new ReadableStream<Bytes>({
    async pull(controller) {
      try {
        while (!(await step(controller)));
      } catch (error) {
        await reader.cancel().catch(() => undefined);
        throw error;
      }
    },
    cancel: (reason) => reader.cancel(reason),
  });
}

/** Status and headers are as anybody in between wants them to be; the body is the data plane's. */
export interface OpenedAnswer {
  status: number;
  headers: Headers;
  /** what the data plane wrote; it fails when it was changed or cut */
  body: ReadableStream<Bytes>;
}

/** One request that is sealed, and what opens its answer. */
export interface SealedRequest {
  headers: Record<string, string>;
  body: Bytes;
  /** Throws PromptFailure "unsealed" for an answer that anybody could have written. */
  open(answer: Response): Promise<OpenedAnswer>;
}

const nothing = () => new ReadableStream<Uint8Array>({ start: (c) => c.close() });

async function openAnswer(answer: Response, sender: SenderContext, enc: Bytes, expected: Expected): Promise<OpenedAnswer> {
  const nonce = hexExact(answer.headers.get(NONCE_HEADER) ?? "", 32);
  if (nonce === null)
    throw new PromptFailure(
      "unsealed",
      `An answer with status ${answer.status} came that is not encrypted. It is not shown, because anybody between this page and the data plane could have written it.`,
      answer.status,
    );
  const exported = new Uint8Array(await sender.export(utf8("ehbp response"), 32));
  const opener = await Opener.of(exported, enc, nonce);
  return { status: answer.status, headers: answer.headers, body: opened(answer.body ?? nothing(), opener, endOf(expected)) };
}

/** Seals a body to the key. A sealed request is good for one sending: the data plane refuses the second. */
export async function sealRequest(key: AttestedKey, plain: Uint8Array, expected: Expected): Promise<SealedRequest> {
  const sender = await senderFor(key);
  const enc = new Uint8Array(sender.enc);
  const sealed = new Uint8Array(await sender.seal(new Uint8Array(plain)));
  return {
    headers: { [KEY_HEADER]: toHex(enc) },
    body: frame(sealed),
    open: (answer) => openAnswer(answer, sender, enc, expected),
  };
}
