/** What banks tell by themselves: how a kind makes sure that a callback is its bank's, and what it reads in it. */
import { Data, Effect, Result, type Schema, type SchemaIssue } from "effect"
import { messageLimits, readJsonText, UnreadableJson } from "../../parsing/json-text.ts"
import { inSlices } from "../../parsing/turns.ts"
import type { CallbackSignature, HeaderOf } from "../calling/signed-callback.ts"

/** What a bank told of one transfer. */
export interface BankWord {
  readonly reference: string
  /** How the transfer ended. The code is the bank's own; what does not look like one counts as none. */
  readonly outcome:
    | { readonly _tag: "Settled" }
    | { readonly _tag: "Failed"; readonly code?: string }
    | { readonly _tag: "Returned"; readonly code?: string }
  /** The message that it came in, by the bank's own id: what is said again under the same one is heard once. */
  readonly message: string
  /** What people can ask the bank about, where it names it. */
  readonly id?: string
}

/** The callbacks of a kind of bank. They come at `/bank-callbacks/<bank>`, under the secrets of that bank. */
export interface BankCallbacks extends CallbackSignature {
  /** What a callback says that was found to be the bank's. It says it of transfers at this bank, whatever it names. */
  readonly read: (
    bank: string,
    header: HeaderOf,
    body: Buffer,
  ) => Effect.Effect<ReadonlyArray<BankWord>, UnreadableCallback>
}

/** A callback of the bank that is not as agreed. The bank is told what is wrong and where; nothing is quoted. */
export class UnreadableCallback extends Data.TaggedError("UnreadableCallback")<{
  readonly problem: string | UnreadableJson | SchemaIssue.Issue
}> {}

/** Reads the body of a callback as JSON in UTF-8, within the bounds of a message. */
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
