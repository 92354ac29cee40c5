/** Flags and arguments that several commands share. */
import { Argument, Flag } from "effect/cli"
import { type BatchId, isBatchId } from "../domain/identifiers.ts"

export const dataDir = Flag.String("data-dir").pipe(
  Flag.withMetavar("DIR"),
  Flag.withDescription(
    "The folder for data, logs and records of the local platform; ATLASPAY_DATA, or .atlaspay by default",
  ),
  Flag.withDefault(process.env.ATLASPAY_DATA || ".atlaspay"),
)

export const json = (what: string) =>
  Flag.Boolean("json").pipe(Flag.withDescription(what), Flag.withDefault(false))

export const batchId = Argument.String("ID").pipe(
  Argument.withDescription("The payout batch: pb_…"),
  Argument.mapTryCatch(
    (text): BatchId => {
      if (!isBatchId(text)) throw new Error("expected a payout batch id such as pb_…")
      return text
    },
    (error) => (error instanceof Error ? error.message : String(error)),
  ),
)
