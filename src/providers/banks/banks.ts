/** The banks of the settings, each made by the adapter of its kind. */
import { Effect, Layer } from "effect"
import type { BankCapacity } from "../../domain/bank-capacity.ts"
import { type Lane, Lanes } from "../calling/lane.ts"
import { LastCheck } from "../calling/last-check.ts"
import type { ProviderUnavailable } from "../calling/provider-error.ts"
import { InvalidProviderSetting } from "../calling/provider-place.ts"
import { type BankSettings, ProviderSettings } from "../calling/provider-settings.ts"
import {
  ambiguous,
  type Bank,
  type BankAnswer,
  Banks,
  type NotSent,
  type TransferInstruction,
  type Withdrawal,
} from "./bank.ts"
import { routesBy } from "./bank-routes.ts"

/** Makes the bank of an entry of the settings; it reads itself what its kind needs beyond what all have. */
export type BankMaker<R> = (settings: BankSettings) => Effect.Effect<Bank, InvalidProviderSetting, R>

/** A bank and the lane that all batches call it through. */
interface Desk {
  readonly bank: Bank
  readonly lane: Lane
  readonly patienceMs: number
}

/** Takes back what lies with us for a bank, by name and reference. */
type WithdrawFor = (bank: string, reference: string) => Effect.Effect<Withdrawal, ProviderUnavailable>

/**
 * The banks, each made by the maker of its kind. `withdrawFor` takes back orders that lie with us for a bank that is not
 * configured any more: nobody carries them, until somebody configures it again.
 */
export const banksLayer = <R>(
  makers: Readonly<Record<string, BankMaker<R>>>,
  withdrawFor: Effect.Effect<WithdrawFor, never, R> = Effect.succeed(() => mayHaveGone),
) =>
  Layer.effect(
    Banks,
    Effect.gen(function* () {
      const withdrawForStranger = yield* withdrawFor
      const { version, banks, routes } = yield* ProviderSettings
      const desks = new Map(yield* Effect.forEach(banks, (settings) => openDesk(makers, settings)))
      return {
        routes: routesBy(
          { version, rules: routes },
          {
            isKnown: (bank) => desks.has(bank),
            holdsOrders: (bank) => desks.get(bank)?.bank.withdraw !== undefined,
          },
        ),
        concurrency: Math.max(...banks.map(({ policy }) => policy.concurrency)),
        callMsMax: Math.max(...banks.map(({ policy }) => policy.timeoutMs)),
        keyWindowMs: (name) => desks.get(name)?.bank.keyWindowMs ?? 0,
        capacities: (now) => new Map([...desks].map(([name, { lane }]) => [name, capacityBy(lane, now)])),
        invite: (name, wanted, now) => desks.get(name)?.lane.invite(wanted, now) ?? wanted,
        withdraw: (name, reference) => {
          const desk = desks.get(name)
          if (desk === undefined) return withdrawForStranger(name, reference)
          return desk.bank.withdraw?.(reference) ?? mayHaveGone
        },
        transfer: (instruction, mayCall = Effect.succeed(true)) => {
          const desk = desks.get(instruction.bank)
          return desk === undefined ? Effect.succeed(unknownBank) : transferBy(desk, instruction, mayCall)
        },
        inquire: (name, reference) => {
          const desk = desks.get(name)
          return desk === undefined ? Effect.succeed(unknownBank) : inquireBy(desk, reference)
        },
      }
    }),
  )

/** A new transfer waits for a bank that has no room for it; an inquiry is made while the bank takes calls at all. */
const capacityBy = ({ gate, room }: Lane, now: number): BankCapacity => {
  const heldUntil = gate.closedUntil(now)
  return {
    transfers: room(now),
    inquiries: heldUntil > now ? 0 : Number.POSITIVE_INFINITY,
    heldUntil,
    isHealthy: gate.isInviting(now),
  }
}

/** Money is sent once per decision of the domain: it is not repeated unless it is certain that nothing was sent. */
const transferBy = (
  { bank, lane, patienceMs }: Desk,
  instruction: TransferInstruction,
  mayCall: Effect.Effect<boolean>,
): Effect.Effect<BankAnswer | NotSent> => {
  const sent = sentUnlessForbidden(bank.transfer(instruction), mayCall)
  const attempt = Effect.flatMap(
    mayCall,
    (may): Effect.Effect<BankAnswer | NotSent, ProviderUnavailable> => (may ? sent : Effect.succeed(notSent)),
  )
  return lane
    .call({ step: "transfer", repeatable: false, patienceMs, outcomeOf, isInvited: true }, attempt)
    .pipe(Effect.catchTag("ProviderUnavailable", ({ reason }) => Effect.succeed(ambiguous(reason))))
}

/**
 * Asks once more when a call has all that it needs: while a token was fetched, say, its item may have been cancelled. After
 * the first request nobody is asked, as something was sent by then.
 */
const sentUnlessForbidden = (transfer: Effect.Effect<BankAnswer>, mayCall: Effect.Effect<boolean>) =>
  Effect.suspend(() => {
    let may: boolean | undefined
    const lastly = Effect.suspend(() =>
      may === undefined
        ? Effect.tap(mayCall, (answer) =>
            Effect.sync(() => {
              may = answer
            }),
          )
        : Effect.succeed(may),
    )
    return Effect.flatMap(
      Effect.provideService(transfer, LastCheck, lastly),
      (answer): Effect.Effect<BankAnswer | NotSent, ProviderUnavailable> =>
        may === false ? Effect.succeed(notSent) : failed(answer),
    )
  })

/** An inquiry that cannot be made now is left for later. */
const inquireBy = ({ bank, lane }: Desk, reference: string): Effect.Effect<BankAnswer | NotSent> =>
  lane
    .call(
      { step: "inquiry", repeatable: true, patienceMs: 0, outcomeOf },
      Effect.flatMap(bank.inquire(reference), failed),
    )
    .pipe(
      Effect.catchTag("ProviderUnavailable", ({ kind, reason }) =>
        Effect.succeed(kind === "not-called" || kind === "no-credentials" ? notSent : ambiguous(reason)),
      ),
    )

/** An answer that is none, because the call failed, is a failure to the lane. */
const failed = (answer: BankAnswer): Effect.Effect<BankAnswer, ProviderUnavailable> =>
  answer._tag === "Ambiguous" && answer.failure !== undefined
    ? Effect.fail(answer.failure)
    : Effect.succeed(answer)

const outcomeOf = ({ _tag }: BankAnswer | NotSent): string | undefined =>
  _tag === "NotSent" ? undefined : _tag

const openDesk = Effect.fnUntraced(function* <R>(
  makers: Readonly<Record<string, BankMaker<R>>>,
  settings: BankSettings,
): Effect.fn.Return<readonly [string, Desk], InvalidProviderSetting, R | Lanes> {
  const { name, kind, policy, place } = settings
  const make = makers[kind]
  if (make === undefined) {
    const reason = `${place.path}.kind: expected one of ${Object.keys(makers).join(", ")}`
    return yield* new InvalidProviderSetting({ setting: place.setting, reason })
  }
  const lane = yield* (yield* Lanes).open({ name, kind }, policy)
  return [name, { bank: yield* make(settings), lane, patienceMs: policy.patienceMs }]
})

const mayHaveGone: Effect.Effect<Withdrawal> = Effect.succeed("may-have-gone")

const notSent: NotSent = { _tag: "NotSent" }

/** A bank that the log names and the settings no longer do. */
const unknownBank = ambiguous("the bank is not configured any more")
