/** A Bacs Standard 18 file as the drafts of a batch in sterling. Its layout is data, in `layouts/modulr.ts`. */
import { Result } from "effect"
import type { FileProblem } from "./file-problem.ts"
import { standard18 } from "./layouts/modulr.ts"
import type { DraftItem } from "./payout-rows.ts"

export interface Standard18 {
  /** RFC 3339: the beginning of the processing day in UTC. */
  readonly executeAt: string
  readonly drafts: ReadonlyArray<DraftItem>
  /** The line of each draft, from 1. */
  readonly lines: ReadonlyArray<number>
}

type Positions = readonly [first: number, last: number]

const field = (line: string, [first, last]: Positions): string => line.slice(first - 1, last).trim()

/** Whether a text is such a file, by the labels that it begins with. */
export const isStandard18 = (text: string): boolean => /^(VOL1|HDR1|UHL1)/.test(text)

/** Reads a file, or says what is wrong with its records: all of them at once. */
export const readStandard18 = (text: string): Result.Result<Standard18, ReadonlyArray<FileProblem>> => {
  const records = text
    .split(/\r\n|\r|\n/)
    .map((content, index) => ({ content: content.trimEnd(), line: index + 1 }))
    .filter(({ content }) => content !== "")
  const { header, payment, labels } = standard18
  const head = records.find(({ content }) => content.startsWith(header.label))
  if (head === undefined) return Result.fail([{ reason: `${header.label} is missing` }])
  const repeated = repeatedLabel(records)
  if (repeated !== undefined) return Result.fail([repeated])
  const executeAt = dayOf(field(head.content, header.day))
  if (executeAt === undefined)
    return Result.fail([{ line: head.line, column: "processing day", reason: "not a day as YYDDD" }])
  if (!["00", ""].includes(field(head.content, header.currency)))
    return Result.fail([{ line: head.line, column: "currency", reason: "neither 00 nor blank, sterling" }])
  const payments = records
    .filter(({ content }) => !labels.some((label) => content.startsWith(label)))
    .filter(({ content }) => field(content, payment.transactionCode) !== CONTRA)
  const problems = [
    ...payments.flatMap(({ content, line }) => recordProblem(content, executeAt, line) ?? []),
    ...totalProblems(records, payments),
  ]
  if (problems.length > 0) return Result.fail(problems)
  if (payments.length === 0) return Result.fail([{ reason: "no payments" }])
  return Result.succeed({
    executeAt,
    drafts: payments.map(({ content }) => draftOf(content)),
    lines: payments.map(({ line }) => line),
  })
}

interface Record18 {
  readonly content: string
  readonly line: number
}

/** Several files in one have a day and totals each, and a batch has one of both. */
const repeatedLabel = (records: ReadonlyArray<Record18>): FileProblem | undefined =>
  standard18.labels.flatMap((label) => {
    const [, second] = records.filter(({ content }) => content.startsWith(label))
    return second === undefined ? [] : [{ line: second.line, reason: `a second ${label}; split the file` }]
  })[0]

const CREDIT = "99"
const CONTRA = "17"

const recordProblem = (record: string, executeAt: string, line: number): FileProblem | undefined => {
  const { payment, lengths } = standard18
  // The name and the day may be filled with spaces, which are lost where a file is edited.
  if (record.length > lengths.max) return { line, reason: `longer than ${lengths.max} characters` }
  if (field(record, payment.transactionCode) !== CREDIT)
    return { line, column: "transaction code", reason: `not ${CREDIT}; a payout is a credit` }
  if (!/^[0-9]{11}$/.test(field(record, payment.amount)))
    return { line, column: "amount", reason: "expected 11 digits of pence" }
  const day = field(record, payment.day)
  return day === "" || dayOf(day) === executeAt
    ? undefined
    : { line, column: "processing day", reason: "not that of the file, and a batch has one" }
}

const draftOf = (record: string): DraftItem => {
  const { payment } = standard18
  const reference = field(record, payment.reference)
  return {
    reference,
    amount: { currency: "GBP", value: pounds(BigInt(field(record, payment.amount))) },
    beneficiary: {
      name: field(record, payment.name),
      account: {
        scheme: "sort-code",
        sortCode: field(record, payment.sortCode),
        accountNumber: field(record, payment.accountNumber),
      },
    },
    remittance: reference,
  }
}

const pounds = (pence: bigint): string => `${pence / 100n}.${String(pence % 100n).padStart(2, "0")}`

/** The number and sum of credits that the trailer gives, where there is one: a file that was cut off does not add up. */
const totalProblems = (
  records: ReadonlyArray<Record18>,
  payments: ReadonlyArray<Record18>,
): ReadonlyArray<FileProblem> => {
  const { trailer, payment } = standard18
  const end = records.find(({ content }) => content.startsWith(trailer.label))
  if (end === undefined) return []
  const sum = payments.reduce((total, { content }) => total + pence(field(content, payment.amount)), 0n)
  const { content, line } = end
  return [
    ...(pence(field(content, trailer.credits)) === sum
      ? []
      : [{ line, column: "credits", reason: "not the sum of the payments" }]),
    ...(pence(field(content, trailer.creditCount)) === BigInt(payments.length)
      ? []
      : [
          { line, column: "credit count", reason: `not the number of payments, which is ${payments.length}` },
        ]),
  ]
}

/** Digits as a number; anything else is no sum of anything. */
const pence = (digits: string): bigint => (/^[0-9]+$/.test(digits) ? BigInt(digits) : -1n)

/** The beginning of a day as YYDDD, in this century: 27015 is 15 January 2027. */
const dayOf = (text: string): string | undefined => {
  const [, year = "", day = ""] = /^([0-9]{2})([0-9]{3})$/.exec(text) ?? []
  if (year === "") return undefined
  const date = new Date(Date.UTC(2000 + Number(year), 0, Number(day)))
  const isInYear = Number(day) > 0 && date.getUTCFullYear() === 2000 + Number(year)
  return isInYear ? date.toISOString() : undefined
}
