// What tests/e2e/wallet.py asks two unmodified libraries for: each line of standard input is a JSON object, each line of
// standard output its answer. siwe writes the message, ethers signs it.
import { createInterface } from "node:readline";
import { createRequire } from "node:module";

const need = createRequire(process.argv[2] + "/package.json");
const { Wallet } = need("ethers");
const { SiweMessage } = need("siwe");

const work = {
  wallet: () => {
    const w = Wallet.createRandom();
    return { key: w.privateKey, address: w.address };
  },
  // other: members that the library would not take, put in behind its back; null: left out.
  message: ({ fields, other }) => {
    const m = new SiweMessage(fields);
    for (const [name, value] of Object.entries(other)) m[name] = value ?? undefined;
    return { message: m.prepareMessage() };
  },
  sign: async ({ key, message }) => ({ signature: await new Wallet(key).signMessage(message) }),
};

for await (const line of createInterface({ input: process.stdin })) {
  const ask = JSON.parse(line);
  console.log(JSON.stringify(await work[ask.do](ask)));
}
