import * as Schema from "effect/Schema"
import { firstWords, magicOutcome } from "./magic-beneficiaries.ts"

/** The version of the engine's first lists. */
export const firstListVersion = "sandbox-2026-11-01"

const text = (lengthMax: number) => Schema.String.check(Schema.isBetweenLength(1, lengthMax))

const Verdict = {
  decision: Schema.Literals(["approved", "rejected", "review"]),
  cause: Schema.optionalKey(text(40)),
  reason: Schema.optionalKey(text(200)),
}

/** New lists. They decide about the people whom they name; the others are decided as before. */
export const Lists = Schema.Struct({
  listVersion: text(200),
  entries: Schema.optionalKey(
    Schema.Array(Schema.Struct({ name: text(200), ...Verdict })).check(Schema.isMaxLength(1_000)),
  ),
})
export type Lists = typeof Lists.Type

/** New decisions about items of a clearance that was already answered. */
export const Afterthought = Schema.Struct({
  clearanceId: text(200),
  listVersion: Schema.optionalKey(text(200)),
  decisions: Schema.Array(Schema.Struct({ item: Schema.Int, ...Verdict })).check(
    Schema.isBetweenLength(1, 500),
  ),
})
export type Afterthought = typeof Afterthought.Type

export interface Decision {
  readonly item: number
  readonly decision: "approved" | "rejected" | "review" | "pending"
  readonly cause?: string
  readonly reason?: string
  /** Whether the account belongs to the name: verification of payee. */
  readonly payee: "match" | "close-match" | "no-match" | "unknown"
}

interface Screened {
  readonly item: number
  readonly name: string
}

/** The decision by the lists, or else by a magic beneficiary. */
export const decideBy = ({ entries = [] }: Lists, { item, name }: Screened): Decision => {
  const payee = payeeOf(name)
  const entry = entries.find((listed) => firstWords(listed.name) === firstWords(name))
  if (entry !== undefined) {
    const { name: _, ...verdict } = entry
    return { item, ...verdict, payee }
  }
  switch (magicOutcome(name)) {
    case "sanctioned":
      return { item, decision: "rejected", reason: "sanctions-list-hit", payee }
    case "review":
      return { item, decision: "review", reason: "name-similar-to-list-entry", payee }
    default:
      return { item, decision: "approved", payee }
  }
}

export const payeeOf = (name: string): Decision["payee"] => {
  switch (magicOutcome(name)) {
    case "payee-matches":
      return "match"
    case "payee-nearly-matches":
      return "close-match"
    case "payee-differs":
      return "no-match"
    default:
      return "unknown"
  }
}
