/** What is to be forgotten. */

export type ForgetTarget =
  | { readonly kind: "session"; readonly sessionId: string }
  | { readonly kind: "project"; readonly project: string }
  /** Everything older than a moment, in epoch milliseconds. */
  | { readonly kind: "before"; readonly beforeMs: number };
