// What went wrong on the way to a provider of identities and back, as the address of the page names it.
const sentences: Record<string, string> = {
  state: "This sign-in was begun in another browser, took longer than ten minutes, or was used already. Begin it again.",
  denied: "The provider was told not to sign you in. Begin again, or sign in another way.",
  provider_refused: "What the provider answered could not be trusted, so nobody was signed in. Begin again; if it stays so, tell the operator.",
  provider_unavailable: "The provider does not answer now. Try again in a minute, or sign in another way.",
  unavailable: "The service could not finish signing you in. Try again in a minute.",
  email_unverified: "The provider does not vouch for your e-mail address. Verify it there, then begin again.",
  email_taken: "An account here has your e-mail address already. Sign in to it first, then add this way to sign in under Settings.",
  sign_up_off: "Nobody here knows you yet, and new customers are invited. Open the link of your invitation, or ask the operator for one.",
  invitation: "The invitation has ended, or it is for another e-mail address than the provider's.",
  too_many_attempts: "Too many attempts to sign in from your network. Wait a minute, then try again.",
  identity_taken: "That account at the provider signs in another user here. Sign in as that user and remove it there first.",
  too_many_sign_ins: "You have 32 ways to sign in, and there are no more than that. Remove those that you do not use, then add this one.",
  session_ended: "Your session ended while you were at the provider. Sign in and begin again.",
  sign_in_again: "Ways to sign in are changed within 15 minutes after you have signed in. Sign in again, then go on here.",
};
export const sentenceOf = (code: string | null): string | null => (code === null ? null : (Object.hasOwn(sentences, code) ? sentences[code]! : "Signing in did not work. Begin again."));
