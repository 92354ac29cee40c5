import * as Schema from "effect/Schema"
import type { Throw } from "./dice.ts"

/** How many of a hundred, as a fraction: 0.25 is every fourth. */
export const Share = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 }))

/** Whether this one is among the share. */
export const falls = (share: number | undefined, question: string, dice: Throw): boolean =>
  share !== undefined && dice(question) < share
