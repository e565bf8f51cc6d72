// libsodium's crypto_box_seal, and the document that is sealed (docs/byok.md): this page's own box, because WebCrypto has no
// XSalsa20-Poly1305.
import nacl from "tweetnacl";
import { concat, utf8 } from "../../verify/bytes.ts";
import { blake2b } from "../../verify/blake2b.ts";

const NONCE_BYTES = 24;
export const KEY_MAX = 512; // bytes of a provider's key
export const SEALED_MAX = 1024; // bytes of what is sent

/** Only the holder of publicKey's secret opens it; the one-time secret key is wiped. */
export function sealedBox(message: Uint8Array, publicKey: Uint8Array): Uint8Array {
  const once = nacl.box.keyPair();
  const nonce = blake2b(concat(once.publicKey, publicKey), NONCE_BYTES);
  const box = nacl.box(message, nonce, publicKey, once.secretKey);
  once.secretKey.fill(0);
  return concat(once.publicKey, box);
}

/** null: a key as providers write them. */
export function keyFault(key: string): string | null {
  if (key === "") return "Paste the key of your account at the provider.";
  if (!/^[!#-[\]-~]+$/.test(key)) return "A provider's key has visible ASCII characters only, no spaces, no quotation mark, no backslash.";
  return key.length > KEY_MAX ? `A provider's key has at most ${KEY_MAX} characters.` : null;
}

/** The document names the account and the provider, so that a sealed key is of no use anywhere else. */
export function sealKey(account: string, provider: string, key: string, publicKey: Uint8Array): string {
  const document = utf8(JSON.stringify({ v: 1, account, provider, key }));
  const sealed = sealedBox(document, publicKey);
  document.fill(0);
  if (sealed.length > SEALED_MAX) throw new Error("The key is too long to be sealed.");
  return btoa(String.fromCharCode(...sealed));
}
