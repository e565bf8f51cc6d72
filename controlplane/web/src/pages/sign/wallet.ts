// Wallets: programs in the browser that sign texts with an Ethereum account (EIP-1193), found as they announce themselves
// (EIP-6963), and the message that signs in (EIP-4361).
import { ApiError, api } from "../../core/api.ts";

interface Provider {
  request: (ask: { method: string; params?: unknown[] }) => Promise<unknown>;
}
export interface Wallet {
  name: string;
  provider: Provider;
}
interface Announced {
  info: { uuid: string; name: string };
  provider: Provider;
}
interface Nonce {
  data: {
    nonce: string;
    version: string;
    issued_at: string;
    expiration_time: string;
    domain: string;
    uri: string;
    statement: string;
    add_statement: string;
    address: string; // with the capitals of EIP-55
  };
}

declare global {
  interface Window {
    ethereum?: Provider;
  }
  interface WindowEventMap {
    "eip6963:announceProvider": CustomEvent<Announced>;
  }
}

const ANNOUNCE_MS = 150; // wallets answer at once

/** The wallets of this browser. Names are the wallets' own words. */
export async function findWallets(): Promise<Wallet[]> {
  const found = new Map<string, Wallet>();
  const hear = (event: CustomEvent<Announced>) => found.set(event.detail.info.uuid, { name: event.detail.info.name, provider: event.detail.provider });
  window.addEventListener("eip6963:announceProvider", hear);
  window.dispatchEvent(new Event("eip6963:requestProvider"));
  await new Promise((done) => setTimeout(done, ANNOUNCE_MS));
  window.removeEventListener("eip6963:announceProvider", hear);
  if (found.size === 0 && window.ethereum) return [{ name: "Browser wallet", provider: window.ethereum }];
  return [...found.values()];
}

const codeOf = (error: unknown): unknown => (typeof error === "object" && error !== null && "code" in error ? error.code : undefined);

async function ask(wallet: Wallet, method: string, params?: unknown[]): Promise<unknown> {
  try {
    return await wallet.provider.request(params === undefined ? { method } : { method, params });
  } catch (error) {
    if (codeOf(error) === 4001) throw new ApiError(0, "wallet_refused", "You refused in the wallet, so nothing was signed. Try again, or sign in another way.");
    throw new ApiError(0, "wallet_failed", "The wallet could not sign. Unlock it, then try again.");
  }
}

async function accountOf(wallet: Wallet): Promise<string> {
  const accounts = await ask(wallet, "eth_requestAccounts");
  const first: unknown = Array.isArray(accounts) ? accounts[0] : undefined;
  if (typeof first === "string") return first;
  throw new ApiError(0, "wallet_empty", "The wallet has no account. Make one in it, then try again.");
}

async function chainOf(wallet: Wallet): Promise<number> {
  const id = Number(await ask(wallet, "eth_chainId"));
  return Number.isSafeInteger(id) && id >= 0 ? id : 1;
}

type Statement = "statement" | "add_statement";

export function messageOf(said: Nonce["data"], chain: number, which: Statement): string {
  return [
    `${said.domain} wants you to sign in with your Ethereum account:`, said.address, "", said[which], "",
    `URI: ${said.uri}`, `Version: ${said.version}`, `Chain ID: ${chain}`, `Nonce: ${said.nonce}`,
    `Issued At: ${said.issued_at}`, `Expiration Time: ${said.expiration_time}`,
  ].join("\n");
}

const hexOf = (text: string): string => `0x${[...new TextEncoder().encode(text)].map((b) => b.toString(16).padStart(2, "0")).join("")}`;

async function sign(wallet: Wallet, which: Statement): Promise<{ message: string; signature: string }> {
  const account = await accountOf(wallet);
  const said = (await api.post<Nonce>("/auth/wallet/nonce", { address: account })).data;
  const message = messageOf(said, await chainOf(wallet), which);
  return { message, signature: String(await ask(wallet, "personal_sign", [hexOf(message), account])) };
}

/** email: of a new user, when nobody has the wallet. */
export async function signInWithWallet(wallet: Wallet, email?: string): Promise<void> {
  await api.post("/auth/wallet", { ...(await sign(wallet, "statement")), ...(email === undefined ? {} : { email }) });
}

export async function addWallet(wallet: Wallet): Promise<string> {
  return (await api.post<{ data: { address: string } }>("/auth/wallets", await sign(wallet, "add_statement"))).data.address;
}
