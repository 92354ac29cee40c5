/** The banks' statements of a day: from a given folder, or as each bank's kind obtains them. */
import { join } from "node:path"
import { Effect, Option } from "effect"
import type { Day } from "../domain/business-days.ts"
import { BankKinds } from "../providers/banks/bank-kind.ts"
import { type Source, SourceUnreadable, type StatementEntry } from "../providers/books.ts"
import { type BankSettings, ProviderSettings } from "../providers/calling/provider-settings.ts"
import { readBankStatement } from "../providers/iso20022/bank-statement.ts"
import { banksIn, statementFolder } from "../providers/iso20022/statement-folder.ts"

/**
 * The statements of all configured banks, in the order of the settings. `folder` has statements (camt.053, MT940) in
 * `<bank>/`, of which those of another account than the bank's are not used; for a bank without a folder in it, the bank's kind obtains the statement. Fails with `SourceUnreadable` if a
 * folder belongs to no bank, or a bank has neither.
 */
export const bankStatements = Effect.fn("bankStatements")(function* (
  day: Day,
  folder: Option.Option<string>,
) {
  const { banks } = yield* ProviderSettings
  const given = Option.isSome(folder) ? yield* banksIn(folder.value) : []
  const stranger = given.find((bank) => !banks.some(({ name }) => name === bank))
  if (stranger !== undefined)
    return yield* new SourceUnreadable({
      source: stranger,
      reason: "the folder is not named after a configured bank",
    })
  const statements = yield* Effect.forEach(banks, (bank) =>
    Option.isSome(folder) && given.includes(bank.name)
      ? givenStatement(bank, day, folder.value)
      : ownStatement(bank, day),
  )
  return oneAfterAnother(statements)
})

/** Statements that a person put into the folder of a bank: one of another account is there by mistake. */
const givenStatement = Effect.fnUntraced(function* (bank: BankSettings, day: Day, folder: string) {
  const iban = yield* (yield* BankKinds).named(bank.kind)?.iban(bank) ?? Effect.succeed(undefined)
  return statementFolder(join(folder, bank.name), bank.name, day, readBankStatement, {
    iban,
    others: "unused",
  })
})

const ownStatement = Effect.fnUntraced(function* (bank: BankSettings, day: Day) {
  const statement = (yield* BankKinds).named(bank.kind)?.statement?.(bank, day)
  if (statement === undefined)
    return yield* new SourceUnreadable({
      source: bank.name,
      reason: "the bank has no books to query: give a folder of statements",
    })
  return yield* statement
})

const oneAfterAnother =
  (sources: ReadonlyArray<Source<StatementEntry>>): Source<StatementEntry> =>
  (visit, unused) =>
    Effect.forEach(sources, (source) => source(visit, unused), { discard: true })
