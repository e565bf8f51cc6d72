// What the REST API says of data planes and of the policy that they are judged by.

export interface Dataplane {
  boot: string;
  place: string | null;
  region: string | null;
  measurement: string | null;
  simulated: boolean | null;
  connected: boolean;
  verdict: "accepted" | "refused" | "evicted";
  reason: string | null;
  policy_sha256: string | null;
  draining: boolean;
  drain_wanted: boolean;
  catalog_version: number | null;
  since: string;
  last_seen: string | null;
  last_evidence: string | null;
  disconnected_at: string | null;
}

export interface Policy {
  version: number;
  state: string;
  origin: string;
  sha256: string;
  name: string | null;
  allow_simulated: boolean;
  author: string | null;
  note: string | null;
  log_index: number | null;
  created_at: string;
  in_force_at: string | null;
  text?: string | null;
}
