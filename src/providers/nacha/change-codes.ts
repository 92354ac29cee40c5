/**
 * The change codes of notifications (Nacha Operating Rules, Appendix Five): the payment stands, and what the bank says has to be
 * corrected before the next one. Of what it says, a remark shows no more than a person needs to recognise it.
 */
import { Schema } from "effect"
import { RoutingNumber } from "../../domain/account-identifiers.ts"

interface Change {
  /** What is wrong. */
  readonly wrong: string
  /** Where the right values are in the 29 characters of corrected data, and how they are shown. */
  readonly fields: ReadonlyArray<readonly [from: number, to: number, shown: keyof typeof shown]>
}

const shown = {
  routing: (text: string) => `routing number ${text}`,
  account: (text: string) => `account ${lastFour(text)}`,
  code: (text: string) => accountTypes[text.slice(0, 1)] ?? "another transaction code",
} as const

const accountTypes: Readonly<Record<string, string>> = { "2": "a checking account", "3": "a savings account" }

const lastFour = (number: string): string => (number.length >= 8 ? `…${number.slice(-4)}` : "…")

const changes: ReadonlyMap<string, Change> = new Map<string, Change>([
  ["C01", { wrong: "account number", fields: [[0, 17, "account"]] }],
  ["C02", { wrong: "routing number", fields: [[0, 29, "routing"]] }],
  [
    "C03",
    {
      wrong: "routing number and account number",
      fields: [
        [0, 12, "routing"],
        [12, 29, "account"],
      ],
    },
  ],
  ["C04", { wrong: "name", fields: [] }],
  ["C05", { wrong: "type of account", fields: [[0, 2, "code"]] }],
  [
    "C06",
    {
      wrong: "account number and type of account",
      fields: [
        [0, 17, "account"],
        [20, 22, "code"],
      ],
    },
  ],
  [
    "C07",
    {
      wrong: "routing number, account number and type of account",
      fields: [
        [0, 9, "routing"],
        [9, 26, "account"],
        [26, 28, "code"],
      ],
    },
  ],
  ["C08", { wrong: "foreign bank's identification", fields: [] }],
  ["C09", { wrong: "individual identification number", fields: [] }],
  ["C13", { wrong: "format of the addenda", fields: [] }],
  ["C14", { wrong: "class of the entry", fields: [] }],
])

/** Notifications that our own bank refused: they change nothing. */
export const refusedChangeCodes: ReadonlySet<string> = new Set(
  Array.from({ length: 9 }, (_, index) => `C6${index + 1}`),
)

export const changeCodes: ReadonlySet<string> = new Set(changes.keys())

/**
 * What a notification says, in a sentence: "C02: routing number wrong; right is routing number 021000021". Only the last four
 * characters of an account are shown, and no name. `undefined` for a code that there is not.
 */
export const changeText = (code: string, corrected: string): string | undefined => {
  const change = changes.get(code)
  if (change === undefined) return undefined
  const right = change.fields.flatMap(([from, to, kind]) => {
    const text = corrected.slice(from, to).trim()
    return text === "" || !isShowable(kind, text) ? [] : [shown[kind](text)]
  })
  const rest = right.length === 0 ? "what is right is in the bank's file" : `right is ${right.join(", ")}`
  return `${code}: ${change.wrong} wrong; ${rest}`
}

/** A routing number is no secret. What stands in its place and is none may be one. */
const isShowable = (kind: keyof typeof shown, text: string): boolean =>
  kind !== "routing" || isRoutingNumber(text)

const isRoutingNumber = Schema.is(RoutingNumber)
