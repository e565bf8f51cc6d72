// What this installation is and offers: GET /v1/console, which anybody may read, fetched once.
import { signal } from "@preact/signals";
import { api } from "./api.ts";

export interface ConsoleFacts {
  name: string;
  version: string;
  payments: boolean; // credit can be bought here
  simulated: boolean; // attestation without SEV-SNP hardware
  data_planes: string[]; // origins: "https://api.example.com"
  log_key: string | null;
  release_key: string | null;
  security_contact: string | null;
  sign_in: {
    password: boolean;
    sign_up: boolean;
    oidc: { id: string; name: string }[];
    wallet: boolean;
    passkeys: boolean;
    recovery_mail: boolean;
  };
}

export const facts = signal<ConsoleFacts | null>(null);

export async function loadConsole(): Promise<void> {
  facts.value = (await api.get<{ data: ConsoleFacts }>("/console")).data;
}
export const dataPlane = (): string | null => facts.value?.data_planes[0] ?? null;
/** The base URL of the OpenAI API, as a client writes it. */
export const baseUrl = (): string => `${dataPlane() ?? "https://api.example.com"}/v1`;
