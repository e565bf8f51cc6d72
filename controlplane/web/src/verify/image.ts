/** The image digest: what sha256sum prints about the image's four files, hashed. */
import { type Bytes, toHex, utf8 } from "./bytes.ts";
import { sha256 } from "./crypto.ts";

export const IMAGE_FILES = ["OVMF.amdsev.fd", "cmdline", "initrd", "vmlinuz"] as const;

export async function imageDigest(files: Readonly<Record<(typeof IMAGE_FILES)[number], Uint8Array>>): Promise<Bytes> {
  const lines = await Promise.all(IMAGE_FILES.map(async (name) => `${toHex(await sha256(files[name]))}  ${name}\n`));
  return sha256(utf8(lines.join("")));
}
