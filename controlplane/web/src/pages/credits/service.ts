// Whether payments can be made here, and the way to the payment service's own page and back.
import { ApiError, api } from "../../core/api.ts";
import { facts } from "../../core/console.ts";
import { keptInTab } from "../../core/storage.ts";
import type { Payment } from "./types.ts";

/** false: this installation takes no payments. */
export const takesPayments = (): boolean => facts.value?.payments ?? true;

const KEPT = "checkout"; // id of the payment whose page was opened, in this tab

const back = (what: string): string => `${location.origin}/app/credits?checkout=${what}`;

/** Opens a page of the payment service, which is never a script or a page without TLS. */
function leaveFor(payment: Payment): void {
  const url = payment.url === null || !URL.canParse(payment.url) ? null : new URL(payment.url);
  if (url?.protocol !== "https:") throw new ApiError(0, "no_payment_page", "The payment service gave no page to open; nothing was charged. Try again.");
  keptInTab.set(KEPT, payment.id);
  location.assign(url.href);
}

export async function startCheckout(amount: string, saveCard: boolean, idempotencyKey: string): Promise<void> {
  const body = { amount, success_url: back("done"), cancel_url: back("cancelled"), ...(saveCard ? { save_payment_method: true } : {}) };
  leaveFor(await api.post<Payment>("/payments/checkout", body, { idempotencyKey }));
}

export async function startSetup(idempotencyKey: string): Promise<void> {
  leaveFor(await api.post<Payment>("/payments/setup", { success_url: back("stored"), cancel_url: back("cancelled") }, { idempotencyKey }));
}

export const openedPayment = (): string | null => keptInTab.get(KEPT);
export const forgetPayment = (): void => keptInTab.remove(KEPT);
