// The key to which provider keys are sealed: the one that a data plane's accepted evidence names, or none.
import { ApiError } from "../../core/api.ts";
import { dataPlane } from "../../core/console.ts";
import { expectations } from "../../prompt/trust.ts";
import { type Bytes, hexExact } from "../../verify/bytes.ts";
import { type GatewayVerdict, verifyGateway } from "../../verify/gateway.ts";
import { getPlane } from "../parts/plane.ts";

export interface PlaneSealingKey {
  id: string;
  algorithm: string;
  public_key: string;
}

export interface AttestedKey {
  id: string;
  publicKey: Bytes;
  verdict: GatewayVerdict;
  origin: string;
}

export class NotAttested extends Error {
  constructor(message: string, readonly code: string, readonly verdict: GatewayVerdict | null) {
    super(message);
  }
}

/** Of several releases that may run, one has to accept. */
async function acceptedVerdict(origin: string): Promise<GatewayVerdict> {
  let last: GatewayVerdict | null = null;
  for (const expected of await expectations()) {
    last = await verifyGateway(origin, (url, init) => fetch(url, init), expected);
    if (last.verdict === "accept") return last;
  }
  const failed = last?.checks.find((c) => c.ok === false);
  throw new NotAttested(failed?.detail ?? "There is nothing to judge the data plane's evidence by.", last?.code ?? "POLICY", last);
}

export async function attestedKey(): Promise<AttestedKey> {
  const origin = dataPlane();
  if (origin === null) throw new ApiError(0, "no_data_plane", "This installation names no data plane, so there is nothing to seal a key to.");
  const verdict = await acceptedVerdict(origin);
  const said = await getPlane<PlaneSealingKey>("/byok/sealing-key");
  const publicKey = hexExact(said.public_key, 32, true);
  if (publicKey === null || said.algorithm !== "crypto_box_seal" || said.public_key !== verdict.identity?.sealX25519)
    throw new NotAttested("The sealing key that the data plane offers is not the one that its evidence names. Nothing is sealed to it.", "SEALING_KEY", verdict);
  return { id: said.id, publicKey, verdict, origin };
}
