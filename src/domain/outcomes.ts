/** How a transfer can end. */
import { Schema } from "effect"

/** How a transfer ended, as a bank reports it. */
export const TransferFinal = Schema.Literals(["settled", "failed", "returned"])
export type TransferFinal = typeof TransferFinal.Type

/** How a transfer ended, as a person resolves it. */
export const ResolvedOutcome = Schema.Literals(["settled", "failed"])
export type ResolvedOutcome = typeof ResolvedOutcome.Type
