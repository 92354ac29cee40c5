import * as Schema from "effect/Schema"
import { firstWords, magicOutcome } from "./magic-beneficiaries.ts"

/** The lists that the engine goes by until it is given others. */
export const firstListVersion = "sandbox-2026-11-01"

const text = (lengthMax: number) => Schema.String.check(Schema.isBetweenLength(1, lengthMax))

const Word = {
  decision: Schema.Literals(["approved", "rejected", "review"]),
  cause: Schema.optionalKey(text(40)),
  reason: Schema.optionalKey(text(200)),
}

/** Other lists: whoever they name is decided by them, everybody else as before. */
export const Lists = Schema.Struct({
  listVersion: text(200),
  entries: Schema.optionalKey(
    Schema.Array(Schema.Struct({ name: text(200), ...Word })).check(Schema.isMaxLength(1_000)),
  ),
})
export type Lists = typeof Lists.Type

/** What the engine says of items of a clearance that it has answered before. */
export const Afterthought = Schema.Struct({
  clearanceId: text(200),
  listVersion: Schema.optionalKey(text(200)),
  decisions: Schema.Array(Schema.Struct({ item: Schema.Int, ...Word })).check(Schema.isBetweenLength(1, 500)),
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

/** What the lists say of somebody, else what comes of a magic beneficiary. */
export const decideBy = ({ entries = [] }: Lists, { item, name }: Screened): Decision => {
  const payee = payeeOf(name)
  const entry = entries.find((listed) => firstWords(listed.name) === firstWords(name))
  if (entry !== undefined) {
    const { name: _, ...word } = entry
    return { item, ...word, payee }
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
