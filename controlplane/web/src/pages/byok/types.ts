// A provider key of the account's own, as the API has it: what was sealed is never shown.
export interface ByokKey {
  id: string;
  provider: string;
  name: string;
  label: string;
  disabled: boolean;
  is_fallback: boolean;
  always_use: boolean;
  sort_order: number;
  sealing_key_id: string;
  created_at: string;
  updated_at: string | null;
}
