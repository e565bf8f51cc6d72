/** AMD's public roots and the default policy, byte for byte the files that `tr-verify` carries: the bundler reads them from
 * attestation/. The digests are the pins: a page that was built from a tree in which one was exchanged trusts none. */
import genoaArk from "../../../../attestation/roots/genoa_ark.der";
import genoaAsk from "../../../../attestation/roots/genoa_ask.der";
import genoaAsvk from "../../../../attestation/roots/genoa_asvk.der";
import milanArk from "../../../../attestation/roots/milan_ark.der";
import milanAsk from "../../../../attestation/roots/milan_ask.der";
import milanAsvk from "../../../../attestation/roots/milan_asvk.der";
import turinArk from "../../../../attestation/roots/turin_ark.der";
import turinAsk from "../../../../attestation/roots/turin_ask.der";
import turinAsvk from "../../../../attestation/roots/turin_asvk.der";
import policyText from "../../../../attestation/policy/tcb-policy.conf";
import type { Product } from "./report.ts";

export interface AmdRoot {
  product: Product;
  ark: Uint8Array;
  ask: Uint8Array;
  asvk: Uint8Array;
  arkSha256: string;
  askSha256: string;
  asvkSha256: string;
}

export const AMD_ROOTS: readonly AmdRoot[] = [
  {
    product: "Milan",
    ark: milanArk,
    ask: milanAsk,
    asvk: milanAsvk,
    arkSha256: "69d063b45344d26a2e94e1f4210de49ef555308287d4c174445c95639a540bcd",
    askSha256: "67d303bd3905fd38db8b20e0793699870e7fa612eaad5dec358293fd8c0bac1b",
    asvkSha256: "c5e081f59b7efab1fe2f8b505e159704e72f29cab7ef7cf628a05a42439082f5",
  },
  {
    product: "Genoa",
    ark: genoaArk,
    ask: genoaAsk,
    asvk: genoaAsvk,
    arkSha256: "4c6598d19c18719c5dfd4a7d335f674e5bfe1d8f800cea2cf270c10d103db2f1",
    askSha256: "5464738c1546aed5f2cecf1dc98c5c960a92e8913238a61711bc90ec6e828521",
    asvkSha256: "197e610743a917d6b9bb982a5a9226ccc0a15b611be0619e626aca9151457372",
  },
  {
    product: "Turin",
    ark: turinArk,
    ask: turinAsk,
    asvk: turinAsvk,
    arkSha256: "1f084161a44bb6d93778a904877d4819cafa5d05ef4193b2ded9dd9c73dd3f6a",
    askSha256: "5b77ef5fe7a7a004fd9032668fba9d0fda22f88c4442069a479636a6ae3b3185",
    asvkSha256: "104e10a8bd060a3c20a434261a57d0588fd65a88915b4f65b08bdecaf8df1a3c",
  },
];

export const BUILTIN_POLICY: string = policyText;
