/** The certificate table that a host hands over beside a report: 24-byte entries {GUID, offset, length} up to an all-zero one,
 * then the certificates. The host wrote it, so nothing in it is believed: its ARK is not even looked for. */
import { type Bytes, EMPTY, allZero, copy, load32, toHex } from "./bytes.ts";

const ENTRY = 24;
const ENTRIES_MAX = 64;
const GUIDS = {
  vcek: "63da758de6644564adc5f4b93be8accd",
  ask: "4ab7b379bbac4fe4a02f05aef327c782",
  vlek: "a8074bc2a25a483eaae639c045a0b8a1",
  crl: "92f81bc358114d3d97ffd19f88dc67ea",
} as const;

function entriesOf(table: Uint8Array): number | null {
  for (let n = 0; n <= ENTRIES_MAX && (n + 1) * ENTRY <= table.length; n++)
    if (allZero(table.subarray(n * ENTRY, (n + 1) * ENTRY))) return n;
  return null;
}

/** Empty when there is no such entry (an empty table is fine); null when the table does not end, an entry points outside of it
 * or into its head, or the kind is there twice. */
export function findTable(table: Uint8Array, kind: keyof typeof GUIDS): Bytes | null {
  const n = table.length === 0 ? 0 : entriesOf(table);
  let found: Bytes | null = null;
  if (n === null) return null;
  for (let i = 0; i < n; i++) {
    const entry = table.subarray(i * ENTRY, (i + 1) * ENTRY);
    const offset = load32(entry, 16);
    const length = load32(entry, 20);
    if (offset < (n + 1) * ENTRY || offset + length > table.length) return null;
    if (toHex(entry.subarray(0, 16)) !== GUIDS[kind]) continue;
    if (found !== null) return null;
    found = copy(table.subarray(offset, offset + length));
  }
  return found ?? EMPTY;
}
