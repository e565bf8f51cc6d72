// The data plane's end of an encrypted body, written from RFC 9180 and the wire format over node:crypto alone, so that what the
// console's client does is checked by something that shares no code with it.
import { createCipheriv, createDecipheriv, createHmac, createPublicKey, diffieHellman, generateKeyPairSync, randomBytes } from "node:crypto";

const ascii = (text) => Buffer.from(text, "latin1");
const SPKI = Buffer.from("302a300506032b656e032100", "hex");
const KEM = Buffer.concat([ascii("KEM"), Buffer.from("0020", "hex")]);
const SUITE = Buffer.concat([ascii("HPKE"), Buffer.from("002000010002", "hex")]);
const NONE = Buffer.alloc(0);

const hmac = (key, ...parts) => parts.reduce((h, p) => h.update(p), createHmac("sha256", key)).digest();
const extract = (salt, id, label, ikm) => hmac(salt, ascii("HPKE-v1"), id, ascii(label), ikm);
function expand(secret, id, label, info, length) {
  const size = Buffer.alloc(2);
  size.writeUInt16BE(length);
  return hmac(secret, size, ascii("HPKE-v1"), id, ascii(label), info, Buffer.from([1])).subarray(0, length);
}

function counted(base, seq) {
  const nonce = Buffer.from(base);
  nonce.writeBigUInt64BE(nonce.readBigUInt64BE(4) ^ BigInt(seq), 4);
  return nonce;
}

export function newKey() {
  const { publicKey, privateKey } = generateKeyPairSync("x25519");
  return { publicKey: publicKey.export({ type: "spki", format: "der" }).subarray(12), privateKey };
}

export function openRequest(key, encHex, body) {
  const enc = Buffer.from(encHex, "hex");
  const sender = createPublicKey({ key: Buffer.concat([SPKI, enc]), format: "der", type: "spki" });
  const dh = diffieHellman({ privateKey: key.privateKey, publicKey: sender });
  const shared = expand(extract(NONE, KEM, "eae_prk", dh), KEM, "shared_secret", Buffer.concat([enc, key.publicKey]), 32);
  const context = Buffer.concat([
    Buffer.from([0]),
    extract(NONE, SUITE, "psk_id_hash", NONE),
    extract(NONE, SUITE, "info_hash", ascii("ehbp request")),
  ]);
  const secret = extract(shared, SUITE, "secret", NONE);
  const aead = expand(secret, SUITE, "key", context, 32);
  const base = expand(secret, SUITE, "base_nonce", context, 12);
  const exporter = expand(secret, SUITE, "exp", context, 32);
  const plain = [];
  let seq = 0;
  for (let rest = Buffer.from(body); rest.length !== 0; seq += 1) {
    const length = rest.readUInt32BE(0);
    const sealed = rest.subarray(4, 4 + length);
    const d = createDecipheriv("aes-256-gcm", aead, counted(base, seq));
    d.setAuthTag(sealed.subarray(length - 16));
    plain.push(d.update(sealed.subarray(0, length - 16)), d.final());
    rest = rest.subarray(4 + length);
  }
  return { plain: Buffer.concat(plain), exported: expand(exporter, SUITE, "sec", ascii("ehbp response"), 32), enc };
}

/** The answer's parts as frames, and the nonce that its head has. */
export function sealAnswer({ exported, enc }, parts) {
  const nonce = randomBytes(32);
  const prk = hmac(Buffer.concat([enc, nonce]), exported);
  const key = hmac(prk, ascii("key"), Buffer.from([1]));
  const base = hmac(prk, ascii("nonce"), Buffer.from([1])).subarray(0, 12);
  const frames = parts.map((part, seq) => {
    const c = createCipheriv("aes-256-gcm", key, counted(base, seq));
    const sealed = Buffer.concat([c.update(part), c.final(), c.getAuthTag()]);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(sealed.length);
    return Buffer.concat([length, sealed]);
  });
  return { nonce: nonce.toString("hex"), frames };
}
