// docs/trust-base.md, whose numbers tests/image/trust_base compares with the image: its first table.
import text from "../../../../../docs/trust-base.md";

export interface Trusted {
  part: string;
  size: string;
  inTheWay: string;
}

const plain = (cell: string): string => cell.replaceAll("`", "").trim();

export const TRUST_BASE: readonly Trusted[] = text
  .slice(text.indexOf("| part |"), text.indexOf("\n\nOutside of the guest"))
  .split("\n")
  .slice(2)
  .map((row) => row.split("|").slice(1, 4).map(plain))
  .map(([part = "", size = "", inTheWay = ""]) => ({ part, size, inTheWay }));
