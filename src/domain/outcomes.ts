/** How a transfer can end. */
import { Schema } from "effect"

/** How a transfer ended, by a bank's word. */
export const TransferFinal = Schema.Literals(["settled", "failed", "returned"])
export type TransferFinal = typeof TransferFinal.Type

/** How a transfer ended, by a person's word. */
export const ResolvedOutcome = Schema.Literals(["settled", "failed"])
export type ResolvedOutcome = typeof ResolvedOutcome.Type
