/** The banks of the settings, each made by the adapter of its kind. */
import { Effect, Layer, Semaphore } from "effect"
import { Metrics } from "../telemetry/metrics.ts"
import { ambiguous, type Bank, type BankAnswer, Banks, type NotSent } from "./bank.ts"
import { routesBy } from "./bank-routes.ts"
import { type BankSettings, InvalidProviderSetting, ProviderSettings } from "./provider-settings.ts"

/** Makes the bank of an entry of the settings; it reads itself what its kind needs beyond what all have. */
export type BankMaker<R> = (settings: BankSettings) => Effect.Effect<Bank, InvalidProviderSetting, R>

/** A bank and its turns: the calls that it may be asked at once, by all batches together. */
interface Desk {
  readonly bank: Bank
  readonly turns: Semaphore.Semaphore
}

/** The banks, each made by the maker of its kind. */
export const banksLayer = <R>(makers: Readonly<Record<string, BankMaker<R>>>) =>
  Layer.effect(
    Banks,
    Effect.gen(function* () {
      const { version, banks, routes } = yield* ProviderSettings
      const desks = new Map(yield* Effect.forEach(banks, (settings) => openDesk(makers, settings)))
      const measured = yield* measuring
      return {
        routes: routesBy({ version, rules: routes }, (bank) => desks.has(bank)),
        concurrency: Math.max(...banks.map(({ policy }) => policy.concurrency)),
        callMsMax: Math.max(...banks.map(({ policy }) => policy.timeoutMs)),
        keyWindowMs: (bank) => desks.get(bank)?.bank.keyWindowMs ?? 0,
        transfer: Effect.fn("Banks.transfer")(function* (instruction, mayCall = Effect.succeed(true)) {
          const desk = desks.get(instruction.bank)
          if (desk === undefined) return unknownBank
          const pay = Effect.gen(function* () {
            if (!(yield* mayCall)) return notSent
            return yield* measured(instruction.bank, "transfer", desk.bank.transfer(instruction))
          })
          return yield* desk.turns.withPermit(pay)
        }),
        inquire: Effect.fn("Banks.inquire")(function* (name, reference) {
          const desk = desks.get(name)
          if (desk === undefined) return unknownBank
          return yield* desk.turns.withPermit(measured(name, "inquiry", desk.bank.inquire(reference)))
        }),
      }
    }),
  )

const openDesk = Effect.fnUntraced(function* <R>(
  makers: Readonly<Record<string, BankMaker<R>>>,
  settings: BankSettings,
): Effect.fn.Return<readonly [string, Desk], InvalidProviderSetting, R> {
  const { name, kind, policy, place } = settings
  const make = makers[kind]
  if (make === undefined) {
    const reason = `${place.path}.kind: expected one of ${Object.keys(makers).join(", ")}`
    return yield* new InvalidProviderSetting({ setting: place.setting, reason })
  }
  return [name, { bank: yield* make(settings), turns: Semaphore.makeUnsafe(policy.concurrency) }]
})

/** Counts calls and takes their time, by bank and by what it answered: both are few. */
const measuring = Effect.map(
  Metrics,
  ({ bankCalls, bankCallSeconds }) =>
    (bank: string, call: string, answer: Effect.Effect<BankAnswer>) =>
      Effect.suspend(() => {
        const stop = bankCallSeconds.startTimer({ bank, call })
        return Effect.tap(answer, ({ _tag }) =>
          Effect.sync(() => {
            stop()
            bankCalls.inc({ bank, call, outcome: _tag })
          }),
        )
      }),
)

const notSent: NotSent = { _tag: "NotSent" }

/** A bank that the log names and the settings no longer do. */
const unknownBank = ambiguous("the bank is not configured any more")
