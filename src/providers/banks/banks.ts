/** The banks of the settings, each made by its kind. */
import { Effect, Layer } from "effect"
import type { BankCapacity } from "../../domain/bank-capacity.ts"
import { type ProviderChannel, ProviderChannels } from "../calling/channel.ts"
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
  type OrderedAmount,
  type TransferInstruction,
  type Withdraw,
  type Withdrawal,
} from "./bank.ts"
import type { BankKind } from "./bank-kind.ts"
import type { BankLimits } from "./bank-limits.ts"
import { routesBy } from "./bank-routes.ts"

/** A bank and the channel that all batches call it through. */
interface BankConnection {
  readonly bank: Bank
  readonly channel: ProviderChannel
  readonly patienceMs: number
  /** Present if its orders stay with us for a while before they are sent. */
  readonly withdraw: Withdraw | undefined
  /** What it can be sent, where that is not everything. */
  readonly limits: BankLimits | undefined
}

/** The banks, each made by its kind. */
export const banksLayer = <R>(kinds: ReadonlyArray<BankKind<R>>) =>
  Layer.effect(
    Banks,
    Effect.gen(function* () {
      const { version, banks, routes } = yield* ProviderSettings
      const connections = new Map(yield* Effect.forEach(banks, (settings) => openConnection(kinds, settings)))
      const withdrawForUnknownBank = withdrawFromAll(yield* Effect.forEach(kinds, withdrawOf))
      return {
        routes: routesBy(
          { version, rules: routes },
          {
            isKnown: (bank) => connections.has(bank),
            holdsOrders: (bank) => connections.get(bank)?.withdraw !== undefined,
            limits: new Map(
              [...connections].flatMap(([bank, { limits }]) =>
                limits === undefined ? [] : [[bank, limits]],
              ),
            ),
          },
        ),
        concurrency: Math.max(...banks.map(({ policy }) => policy.concurrency)),
        callMsMax: Math.max(...banks.map(({ policy }) => policy.timeoutMs)),
        keyWindowMs: (name) => connections.get(name)?.bank.keyWindowMs ?? 0,
        capacities: (now) =>
          new Map([...connections].map(([name, { channel }]) => [name, capacityBy(channel, now)])),
        invite: (name, wanted, now) => connections.get(name)?.channel.invite(wanted, now) ?? wanted,
        withdraw: (name, reference) => {
          const connection = connections.get(name)
          if (connection === undefined) return withdrawForUnknownBank(name, reference)
          return connection.withdraw?.(name, reference) ?? mayHaveGone
        },
        transfer: (instruction, mayCall = Effect.succeed(true), isInvited = false) => {
          const connection = connections.get(instruction.bank)
          if (connection === undefined) return Effect.succeed(unknownBank)
          return transferBy(connection, instruction, mayCall, isInvited)
        },
        inquire: (name, reference, ordered) => {
          const connection = connections.get(name)
          return connection === undefined
            ? Effect.succeed(unknownBank)
            : inquireBy(connection, reference, ordered)
        },
      }
    }),
  )

/** A new transfer needs room at its bank. An inquiry only needs the bank to take calls at all. */
const capacityBy = ({ admission, room }: ProviderChannel, now: number): BankCapacity => {
  const admitsAgainAt = admission.admitsAgainAt(now)
  return {
    transfers: room(now),
    inquiries: admitsAgainAt > now ? 0 : Number.POSITIVE_INFINITY,
    admitsAgainAt,
    isHealthy: admission.isInviting(now),
  }
}

/** Money is sent once per decision of the domain: the call is repeated only if it is certain that nothing was sent. */
const transferBy = (
  { bank, channel, patienceMs }: BankConnection,
  instruction: TransferInstruction,
  mayCall: Effect.Effect<boolean>,
  isInvited: boolean,
): Effect.Effect<BankAnswer | NotSent> => {
  const transfer = bank.transfer(instruction)
  const sent =
    bank.sendsAtOnce === true ? Effect.flatMap(transfer, failed) : sentUnlessForbidden(transfer, mayCall)
  const attempt = Effect.flatMap(
    mayCall,
    (may): Effect.Effect<BankAnswer | NotSent, ProviderUnavailable> => (may ? sent : Effect.succeed(notSent)),
  )
  return channel
    .call(
      { step: "transfer", repeatable: false, patienceMs, outcomeOf, isInvited, about: instruction.reference },
      attempt,
    )
    .pipe(Effect.catch(({ reason }) => Effect.succeed(ambiguous(reason))))
}

/**
 * Checks `mayCall` once more when the call has everything that it needs: its item may have been cancelled while a token was
 * fetched, for example. The answer then holds for the rest of the call, because something may have been sent after the first
 * request.
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

/** An inquiry that cannot be made now is made later. */
const inquireBy = (
  { bank, channel }: BankConnection,
  reference: string,
  ordered: OrderedAmount | undefined,
): Effect.Effect<BankAnswer | NotSent> =>
  channel
    .call(
      { step: "inquiry", repeatable: true, patienceMs: 0, outcomeOf, about: reference },
      Effect.flatMap(bank.inquire(reference, ordered), failed),
    )
    .pipe(
      Effect.catchTag("ProviderUnavailable", ({ kind, reason }) =>
        Effect.succeed(kind === "not-called" || kind === "no-credentials" ? notSent : ambiguous(reason)),
      ),
    )

/** To the channel, a failed call is a failure, although the bank makes an answer of it. */
const failed = (answer: BankAnswer): Effect.Effect<BankAnswer, ProviderUnavailable> =>
  answer._tag === "Ambiguous" && answer.failure !== undefined
    ? Effect.fail(answer.failure)
    : Effect.succeed(answer)

const outcomeOf = ({ _tag }: BankAnswer | NotSent): string | undefined =>
  _tag === "NotSent" ? undefined : _tag

const openConnection = Effect.fnUntraced(function* <R>(
  kinds: ReadonlyArray<BankKind<R>>,
  settings: BankSettings,
): Effect.fn.Return<readonly [string, BankConnection], InvalidProviderSetting, R | ProviderChannels> {
  const { name, kind: kindName, policy, place } = settings
  const kind = kinds.find(({ name }) => name === kindName)
  if (kind === undefined) {
    const reason = `${place.path}.kind: expected one of ${kinds.map(({ name }) => name).join(", ")}`
    return yield* new InvalidProviderSetting({ setting: place.setting, reason })
  }
  const channel = yield* (yield* ProviderChannels).open({ name, kind: kindName }, policy)
  const [bank, limits] = [yield* kind.connect(settings), yield* kind.limits(settings)]
  return [name, { bank, channel, patienceMs: policy.patienceMs, withdraw: yield* withdrawOf(kind), limits }]
})

/** How a kind withdraws orders, with the services that it needs. */
const withdrawOf = Effect.fnUntraced(function* <R>({
  withdraw,
}: BankKind<R>): Effect.fn.Return<Withdraw | undefined, never, R> {
  const services = yield* Effect.context<R>()
  return withdraw && ((bank, reference) => Effect.provideContext(withdraw(bank, reference), services))
})

/**
 * Withdraws an order of a bank that is no longer configured: nothing sends its orders unless it is configured again. Its kind
 * is unknown, so every kind that may have the order has to withdraw it.
 */
const withdrawFromAll = (kinds: ReadonlyArray<Withdraw | undefined>): Withdraw => {
  const withdraws = kinds.filter((withdraw) => withdraw !== undefined)
  return Effect.fnUntraced(function* (bank, reference) {
    for (const withdraw of withdraws) {
      const answer = yield* withdraw(bank, reference)
      if (answer !== "withdrawn") return answer
    }
    return withdraws.length > 0 ? "withdrawn" : "may-have-gone"
  })
}

const mayHaveGone: Effect.Effect<Withdrawal> = Effect.succeed("may-have-gone")

const notSent: NotSent = { _tag: "NotSent" }

/** The answer for a bank that the log names but that is no longer configured. */
const unknownBank = ambiguous("the bank is no longer configured")
