/** What a file of a bank says of one transfer. */
import type { Amount } from "./element.ts"

export type Word =
  | { readonly _tag: "Accepted" }
  | { readonly _tag: "Settled" }
  /** Refused; `whole` where a transfer is only named in what was refused, and has no reason of its own. */
  | { readonly _tag: "Failed"; readonly code: string; readonly whole?: true }
  | { readonly _tag: "Returned"; readonly code: string }
  /** A status that nobody has agreed a meaning for; or a refusal as a duplicate of what the bank has. */
  | { readonly _tag: "Unclear" }

export interface Told {
  /** The end-to-end reference. */
  readonly reference: string
  readonly word: Word
  /** Of the transfer, as the bank has it, where the file names it. */
  readonly amount?: Amount
}
