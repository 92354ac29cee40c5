/** What a file of a bank says of one transfer. */
import type { Amount } from "./element.ts"

export type Word =
  | { readonly _tag: "Accepted" }
  | { readonly _tag: "Settled" }
  | { readonly _tag: "Failed"; readonly code: string }
  | { readonly _tag: "Returned"; readonly code: string }
  /** A status that nobody has agreed a meaning for. */
  | { readonly _tag: "Unclear" }

export interface Told {
  /** The end-to-end reference. */
  readonly reference: string
  readonly word: Word
  /** Of the transfer, as the bank has it, where the file names it. */
  readonly amount?: Amount
}
