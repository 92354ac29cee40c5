/** A bank of Nacha with orders, and what its files say of them. */
import { Effect } from "effect"
import { Postgres } from "../../../../src/platform/postgres.ts"
import { settleByCalendar } from "../../../../src/providers/banks/files/calendar-settlement.ts"
import type { FileBank } from "../../../../src/providers/banks/files/outbox.ts"
import { writeOutbox } from "../../../../src/providers/banks/files/outbox.ts"
import { individualIdOf } from "../../../../src/providers/nacha/individual-id.ts"
import type { NachaSettings } from "../../../../src/providers/nacha/nacha-settings.ts"
import type { OwnDatabase } from "../../../database.ts"
import { batchId } from "../../../domain/batch-story.ts"
import { firstEvents } from "../../../streams/log-under-test.ts"
import { wholeLog } from "../../../streams/whole-log.ts"
import { nacha } from "../../nacha/return-files.ts"
import { FileBankUnderTest } from "./file-bank-under-test.ts"
import { referenceOf } from "./reported-orders.ts"

/** The account of a payee in the US. */
export const account = {
  scheme: "aba",
  routingNumber: "021000021",
  accountNumber: "98765432101234567",
  accountType: "checking",
} as const

export const usOrder = { currency: "USD", beneficiary: { name: "Ada Lovelace", account } } as const

/** A bank of Nacha that files of a day may be made ahead for: tests run on any day. */
export const nachaBank = (
  database: OwnDatabase,
  changes: Partial<NachaSettings> = {},
  bank: Partial<FileBank> = {},
): FileBankUnderTest =>
  new FileBankUnderTest(database, {
    format: "nacha",
    nacha: { ...nacha, ahead: true, ...changes },
    debtor: {
      name: "Atlas Marketplace",
      account: {
        scheme: "aba",
        routingNumber: "011401533",
        accountNumber: "1234567",
        accountType: "checking",
      },
    },
    ...bank,
  })

/** So many orders, of 1, 2, 3 cents, in one file that the client took. Returns its message id. */
export const sentOrders = Effect.fnUntraced(function* (test: FileBankUnderTest, count: number) {
  yield* (yield* wholeLog).open(batchId, firstEvents, "opening")
  const { transfer } = yield* test.port
  for (let item = 1; item <= count; item += 1) yield* transfer(test.orderOf(item, usOrder))
  yield* writeOutbox(test.bank)
  test.carry()
  const [name = ""] = [...test.taken.keys()].slice(-1)
  return name.replace(/\.ach$/, "")
})

/** The identification number of an item's first attempt. */
export const idOf = (item: number): string => individualIdOf(referenceOf(item))

/** Moves all files of a bank, and its reports so far, so many days into the past. */
export const made = (test: FileBankUnderTest, daysAgo: number) =>
  Effect.gen(function* () {
    const { query } = yield* Postgres
    const at = new Date(Date.now() - daysAgo * 86_400_000)
    yield* query(
      "move files",
      (sql) => sql`update bank_files set made_at = ${at}, day = ${at.toISOString().slice(0, 10)}
        where bank = ${test.bank.name}`,
    )
    yield* query(
      "move files and reports",
      (sql) => sql`
        with files as (update bank_files set written_at = ${at} where bank = ${test.bank.name})
        update file_order_words set seen_at = ${at} where bank = ${test.bank.name}`,
    )
  })

/** Settles what is due of a bank. */
export const calendar = (test: FileBankUnderTest) => settleByCalendar(test.bank)
