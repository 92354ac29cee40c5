/** How `batches submit` pays again, on purpose, what was accepted before. */
import { Option } from "effect"
import { Flag } from "effect/cli"

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
