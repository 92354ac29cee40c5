/** Banks' callbacks: how a kind verifies that a callback is from its bank, and which reports it reads from it. */
import { Data, Effect, Result, type Schema, type SchemaIssue } from "effect"
import { messageLimits, readJsonText, UnreadableJson } from "../../parsing/json-text.ts"
import { inSlices } from "../../parsing/turns.ts"
import type { CallbackSignature, HeaderOf } from "../calling/signed-callback.ts"

/** A bank's report on one transfer. */
export interface BankReport {
  readonly reference: string
  /** How the transfer ended. The code is the bank's own; one in an invalid form counts as none. */
  readonly outcome:
    | { readonly _tag: "Settled" }
    | { readonly _tag: "Failed"; readonly code?: string }
    | { readonly _tag: "Returned"; readonly code?: string }
  /** What the bank says that it was ordered to pay, if it says it. A report of another amount than ours counts for nothing. */
  readonly amount?: { readonly currency: string; readonly minor: bigint }
  /** The bank's own id of the message. A repetition under the same id has no effect. */
  readonly message: string
  /** The id with which a person can ask the bank about the transfer, if it gives one. */
  readonly id?: string
}

/** The callbacks of a kind of bank. They arrive at `/bank-callbacks/<bank>`, and are verified with the secrets of that bank. */
export interface BankCallbacks extends CallbackSignature {
  /** Its banks may do without callbacks, because they are asked anyway: one that has no secret takes none. */
  readonly isOptional?: true
  /** Reads the reports in a verified callback. They are about transfers at this bank, whatever bank the body names. */
  readonly read: (
    bank: string,
    header: HeaderOf,
    body: Buffer,
  ) => Effect.Effect<ReadonlyArray<BankReport>, UnreadableCallback>
}

/** A verified callback that is not as agreed. The bank gets the problem and its place; nothing is quoted. */
export class UnreadableCallback extends Data.TaggedError("UnreadableCallback")<{
  readonly problem: string | UnreadableJson | SchemaIssue.Issue
}> {}

/** Reads the body of a callback as JSON in UTF-8, within the limits of a message. */
export const readJsonCallback = <A>(
  body: Buffer,
  decode: (json: unknown) => Result.Result<A, Schema.SchemaError>,
): Effect.Effect<A, UnreadableCallback> =>
  Effect.flatMap(inSlices(readJsonText(body, messageLimits)), (json) => {
    if (json instanceof UnreadableJson) return Effect.fail(new UnreadableCallback({ problem: json }))
    return Result.match(decode(json), {
      onSuccess: Effect.succeed,
      onFailure: ({ issue }) => Effect.fail(new UnreadableCallback({ problem: issue })),
    })
  })
