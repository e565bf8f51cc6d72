// A request's receipt, asked for and verified: the key that must have signed it comes out of accepted evidence, and no API key is
// sent to a data plane whose evidence was refused.
import { ApiError } from "../core/api.ts";
import type { GatewayVerdict } from "../verify/gateway.ts";
import { verifyReceipt, type ReceiptVerdict } from "../verify/receipt.ts";
import { trust, verifiedPlane } from "./trust.ts";

export interface JudgedReceipt {
  evidence: GatewayVerdict;
  receipt: ReceiptVerdict;
  text: string;
}

export interface Hands {
  request?: Uint8Array;
  response?: Uint8Array;
}

async function evidenceOf(origin: string): Promise<GatewayVerdict> {
  try {
    return (await (await verifiedPlane(origin)).verified()).verdict;
  } catch (error) {
    if (trust.value.state !== "refused") throw error;
    const { code } = trust.value.verdict;
    throw new ApiError(0, code, `The data plane's evidence was refused (${code}), so the API key is not sent to it. Tell the operator.`);
  }
}

const refusals: Record<number, string> = {
  401: "The data plane does not know this key. Look for another one on the page of keys.",
  403: "A receipt is given to the key of its request only, and this is another one.",
  404: "The data plane has no such receipt any more, or it is of another key. Data planes keep receipts for a while, and lose them when they restart.",
};

async function receiptOf(origin: string, id: string, key: string): Promise<Uint8Array> {
  let answer: Response;
  try {
    answer = await fetch(`${origin}/v1/aci/receipts/${id}`, { headers: { authorization: `Bearer ${key}` }, credentials: "omit", redirect: "error" });
  } catch {
    throw new ApiError(0, "unreachable", `The data plane ${origin} cannot be reached from this browser. Try again, or look at the status page.`);
  }
  if (!answer.ok) throw new ApiError(answer.status, "no_receipt", refusals[answer.status] ?? `The data plane answered with status ${answer.status}. Try again.`);
  return new Uint8Array(await answer.arrayBuffer());
}

export async function judgeReceiptOf(origin: string, id: string, key: string, hands: Hands): Promise<JudgedReceipt> {
  const evidence = await evidenceOf(origin);
  const bytes = await receiptOf(origin, id, key);
  const receipt = await verifyReceipt(bytes, { key: evidence.identity?.receiptEd25519 ?? "", ...hands });
  return { evidence, receipt, text: new TextDecoder().decode(bytes) };
}
