/** `atlaspay replay what-if`: where recorded payouts would have gone by the rules of another providers' file. */
import { Console, Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { formatAmount } from "../domain/money.ts"
import { readRules } from "../providers/calling/provider-settings.ts"
import { visitWritten } from "../replay/stored-logs.ts"
import { type CurrencySums, type Sum, WhatIf } from "../replay/what-if.ts"
import { CliFailure } from "../terminal/cli-failure.ts"
import { aligned } from "../terminal/text-table.ts"
import { dataDir, json } from "./flags.ts"
import { allFlag, batchIds, eachAsked, sampleFlag, seedFlag } from "./replay-diff.ts"
import { asFailure, eventOf, NOT_DONE, openLogs } from "./replay-stores.ts"

export const whatIf = Command.make(
  "what-if",
  {
    providers: Flag.String("providers").pipe(
      Flag.withMetavar("FILE"),
      Flag.withDescription("The other providers' file. Only its banks' names and its rules are read"),
    ),
    sample: sampleFlag,
    all: allFlag,
    seed: seedFlag,
    ids: batchIds,
    dataDir,
    json: json("Print the sums as one line of JSON"),
  },
  Effect.fn(function* ({ providers, dataDir, json, ...which }) {
    const rules = yield* readRules(providers).pipe(
      Effect.mapError(({ message }) => new CliFailure({ reason: message, status: NOT_DONE })),
    )
    const sums = new WhatIf(rules)
    yield* Effect.scoped(
      Effect.flatMap(openLogs(dataDir), (logs) =>
        eachAsked(
          logs,
          which,
          Effect.fnUntraced(function* (batch) {
            const { take, end } = sums.log()
            const { version } = yield* visitWritten(logs, batch, (written) => {
              take(eventOf(written))
              return true
            }).pipe(Effect.mapError(asFailure))
            if (version === 0)
              return yield* new CliFailure({ reason: `There is no log of ${batch}.`, status: NOT_DONE })
            end()
          }),
        ),
      ),
    )
    yield* Console.log(json ? JSON.stringify(sumsJson(sums, rules.version)) : sumsLines(sums).join("\n"))
  }),
).pipe(
  Command.withDescription(
    "Route recorded payouts by another providers' file: how many and how much per bank, before and after",
  ),
)

/** `{rules, batches, currencies: {EUR: {banks: {north: {before: {items, amount}, …}}, moved, ends, …}}}`. */
export const sumsJson = ({ batches, currencies }: WhatIf, version: string) => ({
  rules: version,
  batches,
  currencies: Object.fromEntries(
    [...currencies].map(([currency, sums]) => [currency, currencyJson(sums, currency)]),
  ),
})

const currencyJson = (sums: CurrencySums, currency: string) => {
  const shown = ({ items, minor }: Sum) => ({ items, amount: formatAmount(minor, currency) })
  const all = (map: ReadonlyMap<string, Sum>) =>
    Object.fromEntries([...map].map(([name, sum]) => [name, shown(sum)]))
  const { before, beforeAll, after, afterAll } = {
    before: new Map([...sums.banks].map(([bank, { before }]) => [bank, before])),
    beforeAll: new Map([...sums.banks].map(([bank, { beforeAll }]) => [bank, beforeAll])),
    after: new Map([...sums.banks].map(([bank, { after }]) => [bank, after])),
    afterAll: new Map([...sums.banks].map(([bank, { afterAll }]) => [bank, afterAll])),
  }
  return {
    firstBefore: all(before),
    firstAfter: all(after),
    attemptsBefore: all(beforeAll),
    attemptsAfter: all(afterAll),
    moved: all(sums.moved),
    ends: all(sums.ends),
    unroutedBefore: shown(sums.unroutedBefore),
    unroutedAfter: shown(sums.unroutedAfter),
    notRouted: shown(sums.notRouted),
  }
}

/** The same for people. */
export const sumsLines = ({ batches, currencies }: WhatIf): ReadonlyArray<string> => [
  `${batches} batches`,
  ...[...currencies].flatMap(([currency, sums]) => currencyLines(sums, currency)),
]

const currencyLines = (sums: CurrencySums, currency: string): ReadonlyArray<string> => {
  const cells = ({ items, minor }: Sum) => [String(items), formatAmount(minor, currency)]
  const rows = [
    ["first attempts at", "before", currency, "after", currency],
    ...[...sums.banks].map(([bank, { before, after }]) => [bank, ...cells(before), ...cells(after)]),
    ["nowhere", ...cells(sums.unroutedBefore), ...cells(sums.unroutedAfter)],
  ]
  const counted = (title: string, map: ReadonlyMap<string, Sum>) =>
    [...map].map(
      ([name, sum]) =>
        `  ${title} ${name}: ${sum.items} items, ${currency} ${formatAmount(sum.minor, currency)}`,
    )
  return [
    "",
    ...aligned(rows),
    ...counted("moved", sums.moved),
    ...counted("would have ended", sums.ends),
    ...(sums.notRouted.items === 0
      ? []
      : [
          `  never to be paid, or not yet: ${sums.notRouted.items} items, ${currency} ${formatAmount(sums.notRouted.minor, currency)}`,
        ]),
  ]
}
