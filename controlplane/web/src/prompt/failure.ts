/** What can go wrong between the page and a data plane. The message is a sentence for the reader. */

export type FailureCode =
  | "not_verified" // the evidence was refused: nothing was sent
  | "unreachable" // no answer came
  | "changed_key" // the data plane cannot open what was sealed to the key it proved, twice
  | "unsealed" // an answer came that was not encrypted
  | "damaged" // a part of the answer does not open
  | "truncated" // the answer ended before its end
  | "malformed" // the answer is not what it says it is
  | "refused"; // the data plane, or a provider, answered with an error

export class PromptFailure extends Error {
  constructor(
    readonly code: FailureCode,
    message: string,
    readonly status = 0,
    /** the data plane's own word, for example "insufficient_credits" */
    readonly reason: string | null = null,
    readonly param: string | null = null,
    readonly retryAfterS: number | null = null,
    readonly requestId: string | null = null,
  ) {
    super(message);
  }
}
