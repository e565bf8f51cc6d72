// The providers that a request can reach: where they are, what they keep, how they do now.
import { percent, plural } from "../../core/format.ts";
import { Badge } from "../../ui/controls.tsx";
import { Table, type Column } from "../../ui/table.tsx";
import type { PlaneProvider } from "../parts/plane.ts";
import { removedBy, type Preferences, type ProviderFacts } from "./preferences.ts";

interface Uptime {
  percent: number | null;
  samples: number;
}
export interface PlaneStatus {
  region: string | null;
  method: string;
  providers: { id: string; name: string; uptime: { "1d": Uptime } }[];
}

export interface Row extends ProviderFacts {
  name: string;
  day: Uptime;
}

const none: Uptime = { percent: null, samples: 0 };
const worst = { region: null, jurisdiction: null, retains_data: true, trains: true, confidential: false };

export function rowsOf(providers: readonly PlaneProvider[], status: PlaneStatus | undefined): Row[] {
  return providers.map((p) => {
    const s = status?.providers.find((x) => x.id === p.slug);
    return { ...worst, ...p.trustedrouter, slug: p.slug, name: p.name, day: s?.uptime["1d"] ?? none };
  });
}

function Health({ of }: { of: Uptime }) {
  if (of.percent === null) return <span class="faint">no request</span>;
  const tone = of.percent >= 99 ? "good" : of.percent >= 90 ? "warn" : "bad";
  return <span title={plural(of.samples, "request")}><Badge tone={tone}>{percent(of.percent / 100)}</Badge></span>;
}

const place = (text: string | null) => (text === null ? <span class="faint">unknown</span> : text.toUpperCase());

function columnsOf(p: Preferences): Column<Row>[] {
  return [
    { head: "Provider", cell: (r) => <span title={r.slug}>{r.name} <span class="faint mono small">{r.slug}</span></span> },
    { head: "With these preferences", cell: (r) => { const by = removedBy(p, r); return by === null ? <Badge tone="good">can be asked</Badge> : <Badge tone="warn">removed by {by}</Badge>; } },
    { head: "Region", from: "sm", cell: (r) => place(r.region) },
    { head: "Law", from: "md", cell: (r) => place(r.jurisdiction) },
    { head: "Prompts", from: "sm", cell: (r) => (r.retains_data ? <Badge>may be kept</Badge> : <Badge tone="good">not kept</Badge>) },
    { head: "Training", from: "sm", cell: (r) => (r.trains ? <Badge>may be used</Badge> : <Badge tone="good">not used</Badge>) },
    { head: "Attested hardware", from: "md", cell: (r) => (r.confidential ? <Badge tone="accent">yes</Badge> : <span class="faint">no</span>) },
    { head: "Last day", cell: (r) => <Health of={r.day} /> },
  ];
}

export function Providers({ rows, preferences }: { rows: Row[]; preferences: Preferences }) {
  return <Table label="Providers" columns={columnsOf(preferences)} rows={rows} keyOf={(r) => r.slug} />;
}
