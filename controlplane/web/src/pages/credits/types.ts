// What the API says of a workspace's money. Amounts are dollars.
import type { Tone } from "../../ui/controls.tsx";

export interface Credits {
  total_credits: number;
  total_usage: number;
  balance: number;
  available: number;
  leased: number;
  promotional: number;
  owed: number;
  promotions: { id: string | number; amount: number; remaining: number; expires_at: string; reason: string | null }[];
  usage_by_model: { model: string; requests: number; prompt_tokens: number; completion_tokens: number; cost: number }[];
}

export interface Payment {
  id: string;
  type: string;
  status: string;
  amount: number | null;
  total: number | null;
  tax: number | null;
  credits: number | null;
  credits_taken_back: number | null;
  failure_code: string | null;
  url: string | null;
  invoice_pdf: string | null;
  period: string | null;
  created_at: string;
  paid_at: string | null;
  refunds: { id: string; amount: number; status: string; failure_code: string | null; reason: string | null; created_at: string }[];
  disputes: { id: string; amount: number; status: string; created_at: string }[];
}

export interface Card {
  id: string;
  brand: string | null;
  last4: string | null;
  exp_month: number | null;
  exp_year: number | null;
}

export interface AutoTopup {
  enabled: boolean;
  threshold: number;
  amount: number;
  monthly_ceiling: number;
  payment_method: string | null;
  failures: number;
  reason: string | null;
  next_attempt_at: string | null;
  charged_this_month: number;
}

export interface Movement {
  id: number;
  kind: string;
  amount: number;
  reason: string | null;
  created_at: string;
  other_workspace_id: string | null;
}

export interface Month {
  month: string;
  opening_balance: number;
  movements_total: number;
  usage_total: number;
  closing_balance: number;
}

export interface CreditRequest {
  id: string;
  status: string;
  evidence: string;
  amount: number;
  granted: number | null;
  expires_at: string | null;
  created_at: string;
}

export interface CreditLine {
  ceiling: number;
  used: number;
  invoiced_unpaid: number;
  next_invoice_at: string | null;
}

const tones: Record<string, Tone> = {
  paid: "good", succeeded: "good", approved: "good", won: "good",
  open: "warn", pending: "warn", processing: "warn", claimed: "warn",
  failed: "bad", declined: "bad", lost: "bad",
};
export const toneOf = (status: string): Tone => tones[status] ?? "plain";

const typeWords: Record<string, string> = { checkout: "Bought", auto: "Automatic top-up", invoice: "Invoice", setup: "Card stored" };
export const typeOf = (type: string): string => typeWords[type] ?? type;

const kindWords: Record<string, string> = {
  topup: "Credit added", usage: "Usage", refund: "Refund", dispute: "Disputed payment", promotion: "Promotional credit",
  expiry: "Promotional credit expired", adjustment: "Correction", reversal: "Reversal", move: "Moved between workspaces", debt: "Debt",
};
export const kindOf = (kind: string): string => kindWords[kind] ?? kind;

export const cardName = (card: Card): string =>
  `${card.brand ?? "Card"} •••• ${card.last4 ?? "????"}${card.exp_month && card.exp_year ? `, until ${String(card.exp_month).padStart(2, "0")}/${card.exp_year}` : ""}`;

/** An amount that somebody typed, or why it is none. Whole cents: the payment service takes nothing finer. */
export function amountFault(text: string, cents = true): string | null {
  const fits = cents ? /^\d{1,6}(\.\d{1,2})?$/ : /^\d{1,6}(\.\d{1,9})?$/;
  if (!fits.test(text.trim())) return cents ? "Write an amount in dollars and whole cents, such as 25 or 12.50." : "Write an amount in dollars, such as 25 or 0.5.";
  return Number(text) > 0 ? null : "Write more than 0.";
}
