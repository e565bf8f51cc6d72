// What the form of a key holds, and the request that its contents make.
import { privacyKey, type Key } from "./key.ts";

export interface KeyForm {
  name: string;
  role: "inference" | "management";
  limit: string; // dollars as typed; "": none
  limit_reset: "none" | "daily" | "weekly" | "monthly";
  expires: string; // days from now, "": never, "date": expires_date, "keep": as it is
  expires_date: string;
  allowed_models: string[];
  allowed_providers: string[];
  allowed_ips: string[];
  min_privacy: string;
  region: string;
  requests_per_minute: string;
  tokens_per_minute: string;
  include_byok_in_limit: boolean;
}

export const emptyForm: KeyForm = {
  name: "", role: "inference", limit: "", limit_reset: "none", expires: "", expires_date: "",
  allowed_models: [], allowed_providers: [], allowed_ips: [], min_privacy: "", region: "",
  requests_per_minute: "", tokens_per_minute: "", include_byok_in_limit: false,
};

const perMinute = (n: number): string => (n === 0 ? "" : String(n));

export function formOf(key: Key): KeyForm {
  return {
    name: key.name,
    role: key.role === "inference" ? "inference" : "management",
    limit: key.limit === null ? "" : String(key.limit),
    limit_reset: key.limit_reset ?? "none",
    expires: key.expires_at === null ? "" : "keep",
    expires_date: "",
    allowed_models: key.allowed_models ?? [],
    allowed_providers: key.allowed_providers ?? [],
    allowed_ips: key.allowed_ips ?? [],
    min_privacy: privacyKey(key.min_privacy),
    region: key.region ?? "",
    requests_per_minute: perMinute(key.requests_per_minute),
    tokens_per_minute: perMinute(key.tokens_per_minute),
    include_byok_in_limit: key.include_byok_in_limit,
  };
}

/** Faults that need no server: a field's name and a sentence. */
export function faultsOf(f: KeyForm): Partial<Record<keyof KeyForm, string>> {
  const faults: Partial<Record<keyof KeyForm, string>> = {};
  if (f.name.trim() === "") faults.name = "Give the key a name, such as the program that will use it.";
  if (f.limit !== "" && !/^\d{1,10}(\.\d{1,9})?$/.test(f.limit.trim())) faults.limit = "Write an amount in dollars, such as 25 or 0.50.";
  if (f.limit === "" && f.limit_reset !== "none") faults.limit = "A limit that starts again needs an amount.";
  if (f.expires === "date" && !(Date.parse(`${f.expires_date}T23:59:59Z`) > Date.now())) faults.expires_date = "Choose a day from today on.";
  for (const name of ["requests_per_minute", "tokens_per_minute"] as const)
    if (f[name] !== "" && !/^\d{1,9}$/.test(f[name].trim())) faults[name] = "Write a whole number, or nothing for no limit.";
  return faults;
}

function expiryOf(f: KeyForm, now: number): string | null | undefined {
  if (f.expires === "keep") return undefined;
  if (f.expires === "") return null;
  if (f.expires === "date") return `${f.expires_date}T23:59:59Z`;
  return new Date(now + Number(f.expires) * 86_400_000).toISOString();
}

const listOrNull = (list: string[]): string[] | null => (list.length === 0 ? null : list);

/** Every member that a key can be given, as PATCH /keys/{hash} takes it. */
function membersOf(f: KeyForm, now: number): Record<string, unknown> {
  const expires = expiryOf(f, now);
  return {
    name: f.name.trim(),
    limit: f.limit.trim() === "" ? null : f.limit.trim(),
    limit_reset: f.limit_reset,
    ...(expires === undefined ? {} : { expires_at: expires }),
    allowed_models: listOrNull(f.allowed_models),
    allowed_providers: listOrNull(f.allowed_providers),
    allowed_ips: listOrNull(f.allowed_ips),
    min_privacy: f.min_privacy || null,
    region: f.region || null,
    requests_per_minute: Number(f.requests_per_minute || 0),
    tokens_per_minute: Number(f.tokens_per_minute || 0),
    include_byok_in_limit: f.include_byok_in_limit,
  };
}

/** The body of POST /keys: only what was chosen. */
export function createBody(f: KeyForm, now = Date.now()): Record<string, unknown> {
  const chosen = Object.entries(membersOf(f, now)).filter(([, v]) => v !== null && v !== 0 && v !== false && v !== "none");
  return { ...Object.fromEntries(chosen), ...(f.role === "inference" ? {} : { role: f.role }) };
}

/** The body of PATCH /keys/{hash}: only what changed. */
export function changeBody(before: KeyForm, after: KeyForm, now = Date.now()): Record<string, unknown> {
  const old = membersOf(before, now);
  return Object.fromEntries(Object.entries(membersOf(after, now)).filter(([name, v]) => JSON.stringify(v) !== JSON.stringify(old[name])));
}
