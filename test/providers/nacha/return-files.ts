/** A bank of Nacha as its settings say it, and the files that it sends about entries: written by itself, field by field. */
import type { NachaSettings } from "../../../src/providers/nacha/nacha-settings.ts"

export const nacha: NachaSettings = {
  immediateDestination: "011401533",
  immediateDestinationName: "Citizens",
  immediateOrigin: "1234567890",
  immediateOriginName: "Atlas Marketplace",
  companyName: "Atlas",
  companyId: "1234567890",
  originatingDfi: "011401533",
  entryDescription: "PAYOUT",
}

/** An entry of a file that a bank sends. */
export interface SentEntry {
  /** `21` by default: what came back from a checking account. */
  readonly code?: string
  /** The identification number, of 15 characters. */
  readonly id: string
  /** In cents; none by default. */
  readonly cents?: number
  readonly trace?: string
  /** Its addenda from their fourth character on, with their type: what they say. */
  readonly addenda?: readonly [type: "98" | "99" | "05", text: string]
}

/** "R03" of an entry, with the bank's words. */
export const returned = (
  reason: string,
  trace = "011401530000001",
  words = "",
): NonNullable<SentEntry["addenda"]> => ["99", `${reason}${trace}${" ".repeat(6)}02100002${words.padEnd(44)}`]

/** "C02" of an entry, with what is right. */
export const changed = (
  code: string,
  corrected: string,
  trace = "011401530000001",
): NonNullable<SentEntry["addenda"]> => [
  "98",
  `${code}${trace}${" ".repeat(6)}02100002${corrected.padEnd(29)}${" ".repeat(15)}`,
]

export interface SentBatch {
  readonly entryClass?: string
  readonly companyId?: string
  readonly entries: ReadonlyArray<SentEntry>
}

const number = (value: number, length: number): string => String(value).padStart(length, "0")

/** A whole file, padded to blocks of ten. */
export const sentFile = (batches: ReadonlyArray<SentBatch>, day = "261202", modifier = "A"): string => {
  const header = `101 0114015330114015330${day}0830${modifier}094101${"Atlas".padEnd(23)}${"Citizens".padEnd(23)}${" ".repeat(8)}`
  const inner = batches.map(({ entryClass = "PPD", companyId = nacha.companyId, entries }, index) => {
    const lines = entries.flatMap(({ code = "21", id, cents = 0, addenda }, place) => {
      const trace = `02100002${number(index * 1_000 + place + 1, 7)}`
      const entry = `6${code}011401533${"123456789".padEnd(17)}${number(cents, 10)}${id.padEnd(15)}${"ADA LOVELACE".padEnd(22)}  ${addenda === undefined ? 0 : 1}${trace}`
      return addenda === undefined ? [entry] : [entry, `7${addenda[0]}${addenda[1]}${trace}`]
    })
    const cents = entries.reduce((sum, { cents = 0 }) => sum + cents, 0)
    const own = `${number(lines.length, 6)}${number(1_140_153 * entries.length, 10)}`
    const end = `02100002${number(index + 1, 7)}`
    return {
      lines: [
        `5220${"Atlas".padEnd(36)}${companyId.padEnd(10)}${entryClass}${"PAYOUT".padEnd(10)}${" ".repeat(6)}${day}3361${end}`,
        ...lines,
        `8220${own}${number(0, 12)}${number(cents, 12)}${companyId.padEnd(10)}${" ".repeat(25)}${end}`,
      ],
      count: lines.length,
      entries: entries.length,
      cents,
    }
  })
  const total = (of: (batch: (typeof inner)[number]) => number) =>
    inner.reduce((sum, batch) => sum + of(batch), 0)
  const lines = [header, ...inner.flatMap(({ lines }) => lines)]
  const records = lines.length + 1
  const control = `9${number(inner.length, 6)}${number(Math.ceil(records / 10), 6)}${number(
    total(({ count }) => count),
    8,
  )}${number(1_140_153 * total(({ entries }) => entries), 10)}${number(0, 12)}${number(
    total(({ cents }) => cents),
    12,
  )}${" ".repeat(39)}`
  const filler = Array.from({ length: (10 - (records % 10)) % 10 }, () => "9".repeat(94))
  return [...lines, control, ...filler, ""].join("\n")
}
