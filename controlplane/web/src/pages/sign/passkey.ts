// Passkeys: what the server asks for goes to the browser, and what the authenticator signs goes back.
import { ApiError, api } from "../../core/api.ts";
import { toBytes, toText } from "./base64url.ts";

interface Descriptor {
  type: "public-key";
  id: string;
}
interface CreationAnswer {
  data: {
    publicKey: Omit<PublicKeyCredentialCreationOptions, "challenge" | "user" | "excludeCredentials"> & {
      challenge: string;
      user: { id: string; name: string; displayName: string };
      excludeCredentials: Descriptor[];
    };
  };
}
interface RequestAnswer {
  data: { publicKey: { challenge: string; timeout: number; rpId: string; userVerification: UserVerificationRequirement } };
}

export interface Passkey {
  id: string;
  name: string;
  synced: boolean;
  algorithm: string;
  created_at: string;
  last_used_at: string | null;
}

export const canUsePasskeys = (): boolean => typeof PublicKeyCredential === "function";

// What browsers throw, in words.
const sentences: Record<string, string> = {
  NotAllowedError: "No passkey was used: it was cancelled, it took too long, or this device has none for this site.",
  InvalidStateError: "This device has a passkey of yours already. Use another device, or the one that is there.",
  NotSupportedError: "This device cannot make passkeys of a kind that is taken here.",
  SecurityError: "This browser does not use passkeys on this page: the page's address is not the console's own, or its certificate is not trusted.",
  ConstraintError: "This device cannot make sure that it is you. Set a screen lock or a PIN, then try again.",
};

async function ask<T>(work: Promise<T | null>): Promise<T> {
  try {
    const got = await work;
    if (got === null) throw new DOMException("", "NotAllowedError");
    return got;
  } catch (error) {
    const name = error instanceof DOMException ? error.name : "";
    throw new ApiError(0, "passkey_not_used", sentences[name] ?? "The browser could not use a passkey. Try again, or sign in another way.");
  }
}

/** Makes a passkey on this device, and adds it to the user. */
export async function addPasskey(name: string): Promise<Passkey> {
  const { publicKey: o } = (await api.post<CreationAnswer>("/auth/passkeys/options")).data;
  const publicKey: PublicKeyCredentialCreationOptions = {
    ...o,
    challenge: toBytes(o.challenge),
    user: { ...o.user, id: toBytes(o.user.id) },
    excludeCredentials: o.excludeCredentials.map((d) => ({ ...d, id: toBytes(d.id) })),
  };
  const made = (await ask(navigator.credentials.create({ publicKey }))) as PublicKeyCredential;
  const said = made.response as AuthenticatorAttestationResponse;
  const body = { name, client_data_json: toText(said.clientDataJSON), authenticator_data: toText(said.getAuthenticatorData()) };
  return (await api.post<{ data: Passkey }>("/auth/passkeys", body)).data;
}

/** Signs in with one of the passkeys that the device has for this site. */
export async function signInWithPasskey(): Promise<void> {
  const { publicKey: o } = (await api.post<RequestAnswer>("/auth/passkey/options")).data;
  const publicKey = { ...o, challenge: toBytes(o.challenge), allowCredentials: [] };
  const used = (await ask(navigator.credentials.get({ publicKey }))) as PublicKeyCredential;
  const said = used.response as AuthenticatorAssertionResponse;
  await api.post("/auth/passkey", {
    id: used.id,
    client_data_json: toText(said.clientDataJSON),
    authenticator_data: toText(said.authenticatorData),
    signature: toText(said.signature),
    user_handle: toText(said.userHandle ?? new ArrayBuffer(0)),
  });
}
