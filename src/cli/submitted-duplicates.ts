/** What `batches submit` says of payouts that were accepted before, and how they are paid again on purpose. */
import { Option } from "effect"
import { Flag } from "effect/cli"
import type { Warning } from "../client/service-client.ts"

const ITEMS_SHOWN_MAX = 20

export const allowDuplicates = Flag.String("allow-duplicates").pipe(
  Flag.withMetavar("REASON"),
  Flag.withDescription("Pay items again that were accepted before; the reason stays in the log"),
  Flag.optional,
)

/** A request body with the permission to pay duplicates for a reason; what the file itself says of it gives way. */
export const withDuplicates = (body: string, reason: Option.Option<string>): string =>
  Option.match(reason, {
    onNone: () => body,
    onSome: (reason) => JSON.stringify({ ...JSON.parse(body), duplicates: { allowed: true, reason } }),
  })

/** Warnings in lines, with the first items that each is about. */
export const warningLines = (warnings: ReadonlyArray<Warning>): ReadonlyArray<string> =>
  warnings.flatMap(({ detail, items = [] }) => [
    `Warning: ${detail}`,
    ...items.slice(0, ITEMS_SHOWN_MAX).map(lineOf),
    ...(items.length > ITEMS_SHOWN_MAX ? ["  …"] : []),
  ])

const lineOf = ({ item, duplicateOf }: NonNullable<Warning["items"]>[number]): string =>
  duplicateOf === undefined
    ? `  item ${item}`
    : `  item ${item}: as item ${duplicateOf.item} of ${duplicateOf.batch}`
