/** What comes back of credits, in files of Nacha: returns, and notifications of change. */

import type { Transfer } from "./bank-books.ts"

/** Something that the receiving bank says of a credit. */
export interface AchAnswer {
  readonly transfer: Transfer
  /** The reason of a return, such as R02, or of a change, such as C04. */
  readonly code: string
  /** What is right, for a change. */
  readonly corrected?: string
}

const digits = (number: number | bigint, length: number): string => String(number).padStart(length, "0")

/** A file with a batch of returns and one of notifications, for the company that sent the credits. `at` is ISO 8601. */
export const achAnswers = (at: string, modifier: string, answers: readonly AchAnswer[]): string => {
  const company = String(answers[0]?.transfer.order.beneficiary.account.company ?? "")
  const day = at.slice(2, 10).replaceAll("-", "")
  const isReturn = ({ code }: AchAnswer) => code.startsWith("R")
  const batches = [
    { entryClass: "PPD", own: answers.filter(isReturn) },
    { entryClass: "COR", own: answers.filter((answer) => !isReturn(answer)) },
  ].filter(({ own }) => own.length > 0)
  const written = batches.map(({ entryClass, own }, index) =>
    batchOf(day, company, entryClass, own, index + 1),
  )
  const lines = [
    `101 011401533${company.padStart(10)}${day}${at.slice(11, 16).replace(":", "")}${modifier}094101${"Client".padEnd(23)}${"Clearing".padEnd(23)}${" ".repeat(8)}`,
    ...written.flatMap(({ lines }) => lines),
  ]
  const sum = (of: (batch: (typeof written)[number]) => bigint) =>
    written.reduce((total, batch) => total + of(batch), 0n)
  const records = lines.length + 1
  lines.push(
    [
      `9${digits(written.length, 6)}${digits(Math.ceil(records / 10), 6)}`,
      `${digits(
        sum(({ count }) => count),
        8,
      )}${digits(sum(({ hash }) => hash) % 10_000_000_000n, 10)}`,
      `${digits(0, 12)}${digits(
        sum(({ cents }) => cents),
        12,
      )}${" ".repeat(39)}`,
    ].join(""),
  )
  while (lines.length % 10 !== 0) lines.push("9".repeat(94))
  return `${lines.join("\n")}\n`
}

const batchOf = (
  day: string,
  company: string,
  entryClass: string,
  answers: readonly AchAnswer[],
  number: number,
) => {
  const end = `01140153${digits(number, 7)}`
  const entries = answers.map((answer, index) =>
    entryOf(answer, `01140153${digits(number * 1_000_000 + index, 7)}`),
  )
  const count = BigInt(entries.length * 2)
  const hash = entries.reduce((sum, { hash }) => sum + hash, 0n)
  const cents = entries.reduce((sum, { cents }) => sum + cents, 0n)
  const lines = [
    `5220${"Client".padEnd(36)}${company.padEnd(10)}${entryClass}${"PAYOUT".padEnd(16)}${day}   1${end}`,
    ...entries.flatMap(({ lines }) => lines),
    `8220${digits(count, 6)}${digits(hash % 10_000_000_000n, 10)}${digits(0, 12)}${digits(cents, 12)}${company.padEnd(10)}${" ".repeat(25)}${end}`,
  ]
  return { lines, count, hash, cents }
}

const entryOf = ({ transfer, code, corrected }: AchAnswer, trace: string) => {
  const { reference, amount, beneficiary } = transfer.order
  const { account } = beneficiary
  const isReturn = corrected === undefined
  const cents = isReturn ? BigInt(amount.value.replace(".", "")) : 0n
  const original = `${code}${String(account.trace)}${" ".repeat(6)}${String(account.routing).slice(0, 8)}`
  return {
    lines: [
      `6${String(account.code).slice(0, 1)}1011401533${String(account.number).padEnd(17)}${digits(cents, 10)}${reference.padEnd(15)}${beneficiary.name.padEnd(24)}1${trace}`,
      isReturn
        ? `799${original}${"".padEnd(44)}${trace}`
        : `798${original}${corrected.padEnd(29)}${" ".repeat(15)}${trace}`,
    ],
    hash: 1_140_153n,
    cents,
  }
}
