/**
 * False reports, and decisions that change. The books stay true, and so does the answer to an inquiry, except at a bank that
 * denies: docs/SANDBOX.md describes what a client can rely on.
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

const callingBack = ["north", "south", "adyen"]
const byFile = ["clearing"]
const byPayout = ["paypal"]
const engine = ["compliance"]

/** The servers that can send each kind of false report. */
export const liars: Readonly<Record<keyof Lies, readonly string[]>> = {
  refusesAfterAccepting: callingBack,
  acceptsAfterRefusing: [...callingBack, "west", ...byFile, ...byPayout],
  denies: callingBack,
  speaksForOthers: callingBack,
  refusesCopies: byFile,
  repeatsRefusals: byFile,
  paysAfterMs: [...callingBack, "west", ...byFile, ...byPayout],
  changesItsMind: engine,
  changesWithinMs: engine,
}

const paysAfterMsDefault = 500
const changesWithinMsDefault = 5_000

/** A bank's false report on an order that it pays. */
export interface BankLie {
  readonly kind: "refuses-after-accepting" | "accepts-after-refusing"
  readonly code: string
  /** Whether an inquiry gets the same answer until the money has left. */
  readonly denies: boolean
  /** Whether a callback reports that it paid after all; otherwise only an inquiry shows it. */
  readonly confesses: boolean
  readonly paysAfterMs: number
}

/** The codes of a bank's false refusals: those for which another bank may pay, and the one with which it denies. */
export interface LyingCodes {
  readonly elsewhere: readonly [string, ...string[]]
  readonly final: string
}

/** Draws the false report on an order; most orders have none. A denial has a code for which no client uses another bank. */
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

/** A false report on another bank's order: in the name of that bank, or in its own. */
export interface ForeignReport {
  readonly as: "the-other" | "itself"
  readonly inMs: number
}

const overhearingMsMax = 100

/** Draws whether a bank sends a false report on another bank's order. */
export const foreignReportOf = (lies: Lies, dice: Throw): ForeignReport | undefined =>
  falls(lies.speaksForOthers, "lies.speaksForOthers", dice)
    ? {
        as: dice("lies.as") < 0.7 ? "the-other" : "itself",
        inMs: Math.round(overhearingMsMax * dice("lies.overhearing")),
      }
    : undefined

/** A false report of a bank of files on a whole file that it pays. */
export interface FileLie {
  readonly kind: "refuses-a-copy" | "accepts-after-refusing"
  /** How often the refusal is sent. */
  readonly times: 1 | 2
  /** From taking the file to the second report. */
  readonly inMs: number
  /** Whether a status report shows the payment; otherwise only the account does. */
  readonly confesses: boolean
  readonly paysAfterMs: number
}

/** Draws the false report on a file. */
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

/** A later decision of the compliance engine about an item that it had approved. */
export interface ChangeOfMind {
  readonly decision: "review" | "rejected"
  readonly inMs: number
}

/** Draws a later decision. An item that was `doubted` before always gets one. */
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
