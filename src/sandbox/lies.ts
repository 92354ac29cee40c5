/**
 * What banks and the compliance engine say although it is not so, or not for long. The books stay true, and so does
 * whoever answers an inquiry, but for a bank that denies: see docs/SANDBOX.md for what is fair to a client.
 */
import * as Schema from "effect/Schema"
import type { Throw } from "./dice.ts"
import { falls, Share } from "./share.ts"

const WithinMs = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 600_000 }))

export const Lies = Schema.Struct({
  refusesAfterAccepting: Schema.optionalKey(Share),
  acceptsAfterRefusing: Schema.optionalKey(Share),
  denies: Schema.optionalKey(Share),
  speaksForOthers: Schema.optionalKey(Share),
  refusesCopies: Schema.optionalKey(Share),
  repeatsRefusals: Schema.optionalKey(Share),
  paysAfterMs: Schema.optionalKey(WithinMs),
  changesItsMind: Schema.optionalKey(Share),
  changesWithinMs: Schema.optionalKey(WithinMs),
})
export type Lies = typeof Lies.Type

const callingBack = ["north", "south"]
const byFile = ["clearing"]
const engine = ["compliance"]

/** Who can tell each lie: the others have no such thing to say. */
export const liars: Readonly<Record<keyof Lies, readonly string[]>> = {
  refusesAfterAccepting: callingBack,
  acceptsAfterRefusing: [...callingBack, "west", ...byFile],
  denies: callingBack,
  speaksForOthers: callingBack,
  refusesCopies: byFile,
  repeatsRefusals: byFile,
  paysAfterMs: [...callingBack, "west", ...byFile],
  changesItsMind: engine,
  changesWithinMs: engine,
}

const paysAfterMsDefault = 500
const changesWithinMsDefault = 5_000

/** What a bank says of an order that it pays. */
export interface BankLie {
  readonly kind: "refuses-after-accepting" | "accepts-after-refusing"
  readonly code: string
  /** Whether an inquiry is told the same until the money has left. */
  readonly denies: boolean
  /** Whether it tells by callback that it paid after all; else only an inquiry learns it. */
  readonly confesses: boolean
  readonly paysAfterMs: number
}

/** With what codes a bank lies: those for which another bank may pay, and the one with which it denies. */
export interface LyingCodes {
  readonly elsewhere: readonly [string, ...string[]]
  readonly final: string
}

/** Draws the lie about an order; most have none. Whoever denies has a code for which nobody goes to another bank. */
export const bankLieOf = (lies: Lies, codes: LyingCodes, dice: Throw): BankLie | undefined => {
  const kind = kindOf(lies, dice)
  if (kind === undefined) return undefined
  const denies = falls(lies.denies, "lies.denies", dice)
  return {
    kind,
    code: denies ? codes.final : drawn(codes.elsewhere, "lies.code", dice),
    denies,
    confesses: denies || dice("lies.confesses") < 0.5,
    paysAfterMs: lies.paysAfterMs ?? paysAfterMsDefault,
  }
}

const kindOf = (lies: Lies, dice: Throw): BankLie["kind"] | undefined => {
  if (falls(lies.refusesAfterAccepting, "lies.refusesAfterAccepting", dice)) return "refuses-after-accepting"
  return falls(lies.acceptsAfterRefusing, "lies.acceptsAfterRefusing", dice)
    ? "accepts-after-refusing"
    : undefined
}

/** A word about another bank's order: in the name of that bank, or in one's own. */
export interface ForeignWord {
  readonly as: "the-other" | "itself"
  readonly inMs: number
}

const overhearingMsMax = 100

/** Draws whether a bank speaks for another one about an order that it overheard. */
export const foreignWordOf = (lies: Lies, dice: Throw): ForeignWord | undefined =>
  falls(lies.speaksForOthers, "lies.speaksForOthers", dice)
    ? {
        as: dice("lies.as") < 0.7 ? "the-other" : "itself",
        inMs: Math.round(overhearingMsMax * dice("lies.overhearing")),
      }
    : undefined

/** What a bank of files says of a whole file that it pays. */
export interface FileLie {
  readonly kind: "refuses-a-copy" | "accepts-after-refusing"
  /** How often the refusal comes. */
  readonly times: 1 | 2
  /** After it took the file. */
  readonly inMs: number
  /** Whether it says itself that it paid; else only the account tells. */
  readonly confesses: boolean
  readonly paysAfterMs: number
}

/** Draws the lie about a file. */
export const fileLieOf = (lies: Lies, dice: Throw): FileLie | undefined => {
  const { paysAfterMs = paysAfterMsDefault } = lies
  const refusesCopy = falls(lies.refusesCopies, "lies.refusesCopies", dice)
  if (!refusesCopy && !falls(lies.acceptsAfterRefusing, "lies.acceptsAfterRefusing", dice)) return undefined
  return {
    kind: refusesCopy ? "refuses-a-copy" : "accepts-after-refusing",
    times: falls(lies.repeatsRefusals, "lies.repeatsRefusals", dice) ? 2 : 1,
    inMs: Math.round(paysAfterMs * dice("lies.refusal") * 0.8),
    confesses: dice("lies.confesses") < 0.5,
    paysAfterMs,
  }
}

/** A word of the compliance engine that comes after it had let somebody pass. */
export interface ChangeOfMind {
  readonly decision: "review" | "rejected"
  readonly inMs: number
}

/** Draws a change of mind; about whom `doubted` says there was something odd before, always. */
export const changeOfMindOf = (lies: Lies, doubted: boolean, dice: Throw): ChangeOfMind | undefined => {
  const { changesItsMind = 0, changesWithinMs = changesWithinMsDefault } = lies
  if (changesItsMind === 0 || !(doubted || falls(changesItsMind, "lies.changesItsMind", dice)))
    return undefined
  return {
    decision: dice("lies.decision") < 0.5 ? "review" : "rejected",
    inMs: Math.round(changesWithinMs * dice("lies.moment")),
  }
}

const drawn = (from: readonly [string, ...string[]], question: string, dice: Throw): string =>
  from[Math.floor(dice(question) * from.length)] ?? from[0]
