// What this installation is and offers: GET /v1/console, which anybody may read, fetched once.
import { signal } from "@preact/signals";
import { api } from "./api.ts";
import { kept } from "./storage.ts";

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

const PLACE = "data-plane";
const chosen = signal(kept.get(PLACE) ?? ""); // by the reader
const instead = signal(""); // what answered when that one did not, until the page is closed

export const dataPlanes = (): readonly string[] => facts.value?.data_planes ?? [];

/** The one that the reader has chosen; the first of the list for readers who have not. */
export const chosenDataPlane = (): string | null => dataPlanes().find((o) => o === chosen.value) ?? dataPlanes()[0] ?? null;
/** The one to ask. */
export const dataPlane = (): string | null => dataPlanes().find((o) => o === instead.value) ?? chosenDataPlane();

export function chooseDataPlane(origin: string): void {
  kept.set(PLACE, origin);
  chosen.value = origin;
  instead.value = "";
}

export function fallBackTo(origin: string): void {
  instead.value = origin === chosenDataPlane() ? "" : origin;
}

/** The base URL of the OpenAI API, as a client writes it. */
export const baseUrl = (): string => `${dataPlane() ?? "https://api.example.com"}/v1`;
