import { Result } from "effect"
import { decodeEvent, encodeEvent } from "../src/domain/event-codec.ts"
import type { BatchEvent } from "../src/domain/events.ts"
import type { OutsideText } from "../src/domain/outside-text.ts"

/** The same with texts of others as strings: what tests write is clean. */
export type Plain<A> = A extends OutsideText
  ? string
  : A extends string | number | bigint | boolean | undefined | null
    ? A
    : { readonly [K in keyof A]: Plain<A[K]> }

/** Takes what a test writes for what was cleaned. */
export const cleanly = <A>(written: Plain<A>): A => written as A

/** Events as a release wrote them that cleaned no text, read by this one. */
export const fromOldLog = (events: ReadonlyArray<Plain<BatchEvent>>): ReadonlyArray<BatchEvent> =>
  events.map((event) => {
    const { clean, ...old } = JSON.parse(encodeEvent(cleanly<BatchEvent>(event)))
    return Result.getOrThrow(decodeEvent(JSON.stringify(old)))
  })
