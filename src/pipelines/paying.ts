import { Clock, Effect, Result } from "effect"
import type { Batch } from "../domain/batch.ts"
import { quotesAccount } from "../domain/beneficiary.ts"
import type { RecordTransfer } from "../domain/commands.ts"
import type { BatchId, PartnerId } from "../domain/identifiers.ts"
import { cleanText } from "../domain/outside-text.ts"
import type { CrashPoint } from "../platform/crash-point.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { BankAnswer, Banks } from "../providers/banks/bank.ts"
import type { RegisteredDecision } from "../register/decision-register.ts"
import type { InstructionRegister, RegisteredAttempt } from "../register/instruction-register.ts"
import type { PartnerKeys, VaultUnavailable } from "../vault/partner-keys.ts"
import { callBanks } from "./bank-calls.ts"
import { type DueTransfer, transfersOf } from "./batch-items.ts"
import type { Mandate, Tell } from "./call.ts"
import { type Opening, openingOf } from "./sealed-payouts.ts"
import { type InquiryPolicy, recordAnswer, resendWithinMs, withoutQuotes } from "./transfer-outcome.ts"

/** What it takes to pay. */
export interface PayingServices extends InquiryPolicy {
  readonly banks: Banks["Service"]
  readonly register: InstructionRegister["Service"]
  readonly keys: PartnerKeys["Service"]
  readonly pass: (point: CrashPoint) => Effect.Effect<void>
}

/**
 * Sends transfers whose intent is in the log. All are written into the instruction register first; without it none is
 * sent, and none that the register knows already although the log says that it was never sent; nor while the register
 * knows of a decision about the batch that its log has not answered, which it gives. Here alone accounts are opened, those of the call when it begins; one that nobody can open is left to a person.
 */
export const paying =
  (services: PayingServices) =>
  (
    id: BatchId,
    batch: Batch,
    numbers: ReadonlyArray<number>,
    { head, answered, mayCall, takePlace }: Mandate,
    tell: Tell,
  ): Effect.Effect<ReadonlyArray<RegisteredDecision>, StoreUnavailable | VaultUnavailable> => {
    const transfers = transfersOf(id, batch, numbers)
    const tail = { batch: id, version: batch.version, head }
    return Effect.gen(function* () {
      const open = yield* openingOf(services.keys, id, batch, numbers)
      const { registered, decisions } = yield* services.register.record(transfers, tail, answered)
      if (decisions.length > 0) return decisions
      yield* services.pass("after-register")
      const clock = yield* Clock.Clock
      const now = clock.currentTimeMillisUnsafe()
      const sendable = transfers.filter((transfer) => {
        const doubtful = doubtBy(registered, transfer, now)
        if (doubtful !== undefined) tell(doubtful)
        return doubtful === undefined
      })
      yield* callBanks(sendable, services.banks.concurrency, (transfer) =>
        send(services, batch.partner, open, transfer, mayCall(transfer.item), takePlace, clock, tell),
      )
      return decisions
    })
  }

/**
 * Why the register forbids sending. A resend is registered by right, a first send only when it was to be sent before. It is
 * registered with another bank only when the log has lost history, and then that bank may have paid.
 */
const doubtBy = (
  known: ReadonlyArray<RegisteredAttempt>,
  transfer: DueTransfer,
  now: number,
): RecordTransfer | undefined => {
  const { item, attempt, bank, sends } = transfer
  const registered = known.find((other) => other.item === item && other.attempt === attempt)
  if (registered === undefined) return undefined
  const holds = "the instruction register already holds this attempt"
  if (registered.bank !== bank)
    return leftToPerson(transfer, `${holds} with the bank ${registered.bank}`, now)
  return sends === 1 ? doubt(transfer, holds, now) : undefined
}

/** Not sent, for a reason, and asked about at once. */
const doubt = ({ item, attempt }: DueTransfer, reason: string, now: number): RecordTransfer => ({
  _tag: "RecordTransfer",
  at: now,
  item,
  attempt,
  outcome: { _tag: "Unknown", reason: cleanText(reason), inquireAt: now },
})

/** Whether the bank may have forgotten the key of a resend by the time that it arrives: turns can be long in coming. */
const isTooLate = ({ bank, sends, requestedAt }: DueTransfer, policy: InquiryPolicy, now: number): boolean =>
  sends > 1 && now >= requestedAt + resendWithinMs(bank, policy)

/** Written without a generator: it runs once for each payout there is. */
const send = (
  services: PayingServices,
  partner: PartnerId,
  open: Opening,
  transfer: DueTransfer,
  mayCall: Effect.Effect<boolean>,
  takePlace: Mandate["takePlace"],
  clock: Clock.Clock,
  tell: Tell,
): Effect.Effect<void> => {
  const { bank, reference, payout } = transfer
  const { currency, minor, remittance } = payout
  const opened = open(transfer.item)
  const now = () => clock.currentTimeMillisUnsafe()
  if (Result.isFailure(opened)) return Effect.sync(() => tell(unreadable(transfer, opened.failure, now())))
  const { account } = opened.success
  const beneficiary = { name: payout.beneficiary.name, ...opened.success }
  const instruction = { bank, reference, partner, beneficiary, currency, minor, remittance }
  const maySend =
    transfer.sends > 1 ? Effect.map(mayCall, (may) => may && !isTooLate(transfer, services, now())) : mayCall
  // What is sent again, or was intended elsewhere, was never invited here: the places that wait are those of others.
  const isInvited = transfer.sends === 1 && takePlace(transfer.item)
  return Effect.flatMap(services.banks.transfer(instruction, maySend, isInvited), (said) => {
    if (said._tag === "NotSent")
      return Effect.sync(() => {
        if (isTooLate(transfer, services, now()))
          tell(doubt(transfer, "its turn came too late for its key", now()))
      })
    const quotes = (text: string) => quotesAccount(text, account)
    const answer = withoutQuotes(inTurn(said), { id: quotes, code: quotes })
    return Effect.map(services.pass("after-bank-call"), () =>
      tell(recordAnswer(transfer, answer, "response", now(), services)),
    )
  })
}

const unreadable = (transfer: DueTransfer, why: string, now: number): RecordTransfer => {
  const again = transfer.sends > 1 ? " again" : ""
  const reason = `the beneficiary's details cannot be read: ${why}; not sent${again}`
  return leftToPerson(transfer, reason, now)
}

const leftToPerson = ({ item, attempt }: DueTransfer, reason: string, now: number): RecordTransfer => ({
  _tag: "RecordTransfer",
  at: now,
  item,
  attempt,
  outcome: { _tag: "Unresolved", reason: cleanText(reason) },
})

/** A bank that was just sent a transfer can neither have returned it nor never have seen it. */
const inTurn = (answer: BankAnswer): BankAnswer =>
  answer._tag === "NeverSeen" || answer._tag === "Returned"
    ? { _tag: "Ambiguous", reason: `transfer: answered ${answer._tag} out of turn` }
    : answer
