/** Flags and arguments that several commands share. */
import { Option } from "effect"
import { Argument, Flag } from "effect/cli"
import { type BatchId, isBatchId } from "../domain/identifiers.ts"
import { type Moment, momentOf } from "../domain/moment.ts"

export const dataDir = Flag.String("data-dir").pipe(
  Flag.withMetavar("DIR"),
  Flag.withDescription(
    "The folder for data, logs and records of the local platform; ATLASPAY_DATA, or .atlaspay by default",
  ),
  Flag.withDefault(process.env.ATLASPAY_DATA || ".atlaspay"),
)

export const json = (what: string) =>
  Flag.Boolean("json").pipe(Flag.withDescription(what), Flag.withDefault(false))

/** A moment, and how it was written. */
export interface WrittenMoment {
  readonly written: string
  readonly moment: Moment
}

/** A moment of the past; nothing for the present. */
export const asOf = Flag.String("as-of").pipe(
  Flag.withMetavar("VERSION|TIME"),
  Flag.withDescription("As it was at this version of its log, or at this time, such as 2026-11-27T10:00:00Z"),
  Flag.mapTryCatch(
    (written): WrittenMoment => {
      const moment = momentOf(written)
      if (moment === undefined)
        throw new Error("expected a version from 1, or a time such as 2026-11-27T10:00:00Z")
      return { written, moment }
    },
    (error) => (error instanceof Error ? error.message : String(error)),
  ),
  Flag.optional,
  Flag.map(Option.getOrUndefined),
)

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
