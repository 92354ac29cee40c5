/**
 * The kind `files`: banks that take files, which the role `bank-files` writes and reads (bank-files.ts). An order is accepted
 * once it is stored here, before the bank can know of it. So "never seen" is a definitive answer. The bank's reports and
 * statements come from its files; it is never called and sends no callbacks.
 */
import { join } from "node:path"
import { Effect } from "effect"
import type { Scheme } from "../../../domain/scheme.ts"
import { readStatementAmongOthers } from "../../iso20022/bank-statement.ts"
import { creditTransferOf } from "../../iso20022/credit-transfer.ts"
import { anyName, statementFolder } from "../../iso20022/statement-folder.ts"
import { bankKind } from "../bank-kind.ts"
import { holdingBank, withdrawHeld } from "../orders/order-port.ts"
import { dueAt, dueOnNacha } from "./execution-day.ts"
import { EVERY_MS, FileBankSettings, fileLimits, ibanOf, NACHA_EVERY_MS } from "./file-bank-settings.ts"

export const files = bankKind({
  name: "files",
  settings: FileBankSettings,
  http: () => undefined,
  limits: fileLimits,
  connect: ({ name, own }) => {
    const limits = fileLimits(own)
    return holdingBank(
      name,
      (scheme, at) => dueIn(own, scheme, at),
      (instruction, at) => creditTransferOf(instruction, limits, at),
    )
  },
  withdraw: withdrawHeld,
  iban: ibanOf,
  statement: ({ name, own }, day) =>
    Effect.succeed(
      statementFolder(join(own.folder, "archive"), name, day, readStatementAmongOthers, {
        iban: ibanOf(own),
        names: anyName,
      }),
    ),
})

const dueIn = (bank: FileBankSettings, scheme: Scheme, at: number): number =>
  bank.nacha === undefined
    ? dueAt(bank, scheme, at, bank.everyMs ?? EVERY_MS)
    : dueOnNacha(at, bank.everyMs ?? NACHA_EVERY_MS, bank.nacha)
