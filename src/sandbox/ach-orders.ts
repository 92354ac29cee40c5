/** Files of Nacha as this bank's clients send them: credits to accounts of people (PPD) and of companies (CCD). */

import type { TransferOrder } from "./bank-books.ts"
import type { OrderFile } from "./file-messages.ts"

const recordLength = 94

/** Whether a file's name is that of a file of Nacha. */
export const isAchName = (name: string): boolean => name.endsWith(".ach")

/**
 * Reads a file of credits; undefined if this bank refuses it: a record of another length, or controls that do not agree with the
 * entries. The client calls the file by its name.
 */
export const readAchOrders = (name: string, text: string): OrderFile | undefined => {
  const records = text.split("\n").filter((record) => record !== "" && !/^9{94}$/.test(record))
  const [header = "", ...rest] = records
  const control = rest.pop() ?? ""
  const isWhole =
    records.every(({ length }) => length === recordLength) &&
    header.startsWith("101") &&
    control.startsWith("9")
  if (!isWhole || records.length < 4) return undefined
  const orders: TransferOrder[] = []
  let cents = 0n
  let entries = 0
  let hash = 0n
  let company = ""
  for (const record of rest) {
    if (record.startsWith("5")) {
      // Credits alone, for people and companies.
      if (record.slice(1, 4) !== "220" || !["PPD", "CCD"].includes(record.slice(50, 53))) return undefined
      company = record.slice(40, 50).trim()
    }
    if (/^[67]/.test(record)) entries += 1
    if (!record.startsWith("6")) continue
    const order = orderOf(record, company)
    if (order === undefined) return undefined
    orders.push(order)
    cents += BigInt(record.slice(29, 39))
    hash += BigInt(record.slice(3, 11))
  }
  const agrees =
    BigInt(control.slice(13, 21)) === BigInt(entries) &&
    BigInt(control.slice(21, 31)) === hash % 10_000_000_000n &&
    BigInt(control.slice(43, 55)) === cents &&
    Number(control.slice(7, 13)) === Math.ceil(records.length / 10)
  return agrees ? { messageId: name.replace(/\.ach$/, ""), debtor: company, orders } : undefined
}

const orderOf = (record: string, company: string): TransferOrder | undefined => {
  if (!/^6[23]2[0-9]{9}.{17}[0-9]{10}/.test(record)) return undefined
  const cents = record.slice(29, 39)
  return {
    reference: record.slice(39, 54).trim(),
    amount: { currency: "USD", value: `${BigInt(cents.slice(0, 8))}.${cents.slice(8)}` },
    beneficiary: {
      name: record.slice(54, 76).trim(),
      account: {
        number: record.slice(12, 29).trim(),
        format: "ach",
        company,
        routing: record.slice(3, 12),
        trace: record.slice(79, 94),
        code: record.slice(1, 3),
      },
    },
  }
}
