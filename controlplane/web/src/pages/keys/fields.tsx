// The fields of a key: its name and limits, and in a fold the rules that few keys have.
import type { ApiError } from "../../core/api.ts";
import { date } from "../../core/format.ts";
import { may } from "../../core/session.ts";
import { SelectField, Switch, TextField } from "../../ui/controls.tsx";
import { faultOf } from "../parts/parts.tsx";
import { usePlane, type PlaneModel, type PlaneProvider } from "../parts/plane.ts";
import { TokensField } from "../parts/tokens.tsx";
import type { KeyForm } from "./form.ts";

type Set = (changes: Partial<KeyForm>) => void;
interface FieldsProps {
  form: KeyForm;
  set: Set;
  faults: Partial<Record<keyof KeyForm, string>>;
  error: ApiError | null;
  isNew: boolean;
  expiresAt?: string | null; // of a key that is there
}

const resets = [
  { value: "none", label: "in all" },
  { value: "daily", label: "a day (UTC)" },
  { value: "weekly", label: "a week (from Monday)" },
  { value: "monthly", label: "a month" },
] as const;
const expiries = [
  { value: "", label: "Never" },
  { value: "7", label: "In 7 days" },
  { value: "30", label: "In 30 days" },
  { value: "90", label: "In 90 days" },
  { value: "365", label: "In a year" },
  { value: "date", label: "On a day of my choice" },
];
const privacies = [
  { value: "", label: "No demand" },
  { value: "no_store", label: "Only providers that keep no prompts" },
  { value: "confidential", label: "Only providers in attested hardware" },
];
const regions = [
  { value: "", label: "Any" },
  { value: "eu", label: "EU: data planes and providers in the EU" },
  { value: "us", label: "US: providers under US law" },
];

/** A management key may do no more than its maker: only who has all of its permissions can make one. */
export const mayManage = (): boolean => ["keys.write", "byok.write", "credits.write", "audit.read"].every(may);

export function KeyFields({ form, set, faults, error, isNew, expiresAt }: FieldsProps) {
  const wrong = (name: keyof KeyForm & string, param: string = name) => faults[name] ?? faultOf(error, param);
  const choices = form.expires === "keep" || expiresAt ? [{ value: "keep", label: `As it is: ${date(expiresAt)}` }, ...expiries] : expiries;
  return (
    <>
      <TextField label="Name" required autoFocus maxLength={128} placeholder="batch jobs" value={form.name} onInput={(name) => set({ name })} wrong={wrong("name")} />
      {isNew && mayManage() && (
        <SelectField label="Kind" value={form.role} onChange={(role) => set({ role })}
          choices={[{ value: "inference", label: "Inference: sends requests to models" }, { value: "management", label: "Management: manages keys and credits by the API" }]} />
      )}
      {form.role === "inference" && <Limit form={form} set={set} wrong={wrong} />}
      <div class="pair">
        <SelectField label="Expires" value={form.expires} choices={choices} onChange={(expires) => set({ expires })} wrong={form.expires === "date" ? null : faultOf(error, "expires_at")} />
        {form.expires === "date" && <TextField label="Last day (UTC)" type="date" value={form.expires_date} onInput={(expires_date) => set({ expires_date })} wrong={wrong("expires_date", "expires_at")} />}
      </div>
      <Rules form={form} set={set} wrong={wrong} />
    </>
  );
}

type PartProps = Pick<FieldsProps, "form" | "set"> & { wrong: (name: keyof KeyForm & string, param?: string) => string | null };

function Limit({ form, set, wrong }: PartProps) {
  return (
    <div class="pair">
      <TextField label="Limit in dollars" inputMode="decimal" placeholder="no limit" value={form.limit} onInput={(limit) => set({ limit })} wrong={wrong("limit")} />
      <SelectField label="Per" value={form.limit_reset} choices={resets} onChange={(limit_reset) => set({ limit_reset })} wrong={wrong("limit_reset")} />
    </div>
  );
}

const hasRules = (f: KeyForm): boolean =>
  f.allowed_models.length + f.allowed_providers.length + f.allowed_ips.length > 0 || f.min_privacy + f.region + f.requests_per_minute + f.tokens_per_minute !== "" || f.include_byok_in_limit;

function Rules({ form, set, wrong }: PartProps) {
  return (
    <details class="fold" open={hasRules(form)}>
      <summary>Advanced: rules for requests</summary>
      <div class="stack">
        {form.role === "inference" && <ModelRules form={form} set={set} wrong={wrong} />}
        <TokensField label="Allowed client addresses" placeholder="192.0.2.0/24" hint="Addresses and ranges, IPv4 and IPv6. None: from everywhere." values={form.allowed_ips} onChange={(allowed_ips) => set({ allowed_ips })} wrong={wrong("allowed_ips")} />
        {form.role === "inference" && <Switch label="Requests on your own provider keys count against the limit" on={form.include_byok_in_limit} onChange={(include_byok_in_limit) => set({ include_byok_in_limit })} />}
      </div>
    </details>
  );
}

function ModelRules({ form, set, wrong }: PartProps) {
  const models = usePlane<{ data: PlaneModel[] }>("/models").data?.data ?? [];
  const providers = usePlane<{ data: PlaneProvider[] }>("/providers").data?.data ?? [];
  const ids = models.map((m) => m.id);
  const authors = [...new Set(ids.map((id) => `${id.split("/")[0]}/*`))];
  return (
    <>
      <TokensField label="Allowed models" placeholder="author/model or author/*" hint="None: all models." values={form.allowed_models} suggestions={[...authors, ...ids]} onChange={(allowed_models) => set({ allowed_models })} wrong={wrong("allowed_models")} />
      <TokensField label="Allowed providers" placeholder="id of a provider" hint="None: all providers." values={form.allowed_providers} suggestions={providers.map((p) => p.slug)} onChange={(allowed_providers) => set({ allowed_providers })} wrong={wrong("allowed_providers")} />
      <div class="pair">
        <SelectField label="Privacy, at least" value={form.min_privacy} choices={privacies} onChange={(min_privacy) => set({ min_privacy })} wrong={wrong("min_privacy")} />
        <SelectField label="Region" value={form.region} choices={regions} onChange={(region) => set({ region })} wrong={wrong("region")} />
      </div>
      <div class="pair">
        <TextField label="Requests a minute" inputMode="numeric" placeholder="no limit" value={form.requests_per_minute} onInput={(requests_per_minute) => set({ requests_per_minute })} wrong={wrong("requests_per_minute")} />
        <TextField label="Tokens a minute" inputMode="numeric" placeholder="no limit" value={form.tokens_per_minute} onInput={(tokens_per_minute) => set({ tokens_per_minute })} wrong={wrong("tokens_per_minute")} />
      </div>
    </>
  );
}
