import * as Schema from "effect/Schema"
import type { Throw } from "./dice.ts"

/** A share as a fraction: 0.25 is every fourth. */
export const Share = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 }))

/** Whether this event is within the share. */
export const falls = (share: number | undefined, question: string, dice: Throw): boolean =>
  share !== undefined && dice(question) < share
