import { Clock, Effect, Result } from "effect"
import type { Batch } from "../domain/batch.ts"
import { type BeneficiaryAccount, openedBeneficiaryOf, quotesAccount } from "../domain/beneficiary.ts"
import type { RecordTransfer } from "../domain/commands.ts"
import type { BatchId, PartnerId } from "../domain/identifiers.ts"
import { cleanText } from "../domain/outside-text.ts"
import { afterPoint, type CrashPoint } from "../platform/crash-point.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { BankAnswer, Banks } from "../providers/banks/bank.ts"
import type { RegisteredDecision } from "../register/decision-register.ts"
import type { InstructionRegister, RegisteredAttempt } from "../register/instruction-register.ts"
import type { PartnerKeys, VaultUnavailable } from "../vault/partner-keys.ts"
import { callBanks } from "./bank-calls.ts"
import { type DueTransfer, transfersOf } from "./batch-items.ts"
import type { Mandate, Report } from "./call.ts"
import { type Opening, openingOf } from "./sealed-payouts.ts"
import { type InquiryPolicy, recordAnswer, resendWithinMs, withoutQuotes } from "./transfer-outcome.ts"

/** What paying needs. */
export interface PayingServices extends InquiryPolicy {
  readonly banks: Banks["Service"]
  readonly register: InstructionRegister["Service"]
  readonly keys: PartnerKeys["Service"]
  readonly pass: (point: CrashPoint) => Effect.Effect<void>
}

/**
 * Sends transfers whose intent is in the log. It records all of them in the instruction register first, and sends nothing
 * while the register is down. It does not send an attempt that the register already knows although the log says that it was
 * never sent. If the register has decisions that the log has not answered, it sends nothing and returns them.
 *
 * This is the only place that opens accounts: those of the call, when it begins. If an account cannot be opened, a person
 * decides about the item.
 */
export const paying =
  (services: PayingServices) =>
  (
    id: BatchId,
    batch: Batch,
    numbers: ReadonlyArray<number>,
    { head, answered, mayCall, takePlace }: Mandate,
    report: Report,
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
        if (doubtful !== undefined) report(doubtful)
        return doubtful === undefined
      })
      yield* callBanks(sendable, services.banks.concurrency, (transfer) =>
        send(services, batch.partner, open, transfer, mayCall(transfer.item), takePlace, clock, report),
      )
      return decisions
    })
  }

/**
 * Why the register forbids sending; `undefined` if it does not. A resend is expected in the register. A first send is there
 * only if an earlier run was about to send it. An attempt is registered with another bank only if the log has lost history,
 * and then that bank may have paid.
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

/** Records that a transfer was not sent, and why; the bank is asked about it at once. */
const doubt = ({ item, attempt }: DueTransfer, reason: string, now: number): RecordTransfer => ({
  _tag: "RecordTransfer",
  at: now,
  item,
  attempt,
  outcome: { _tag: "Unknown", reason: cleanText(reason), inquireAt: now },
})

/** Whether the bank may have forgotten a resend's key by the time it arrives: it may have waited long for its turn. */
const isTooLate = ({ bank, sends, requestedAt }: DueTransfer, policy: InquiryPolicy, now: number): boolean =>
  sends > 1 && now >= requestedAt + resendWithinMs(bank, policy)

/** Written without a generator, because it runs once per payout. */
const send = (
  services: PayingServices,
  partner: PartnerId,
  open: Opening,
  transfer: DueTransfer,
  mayCall: Effect.Effect<boolean>,
  takePlace: Mandate["takePlace"],
  clock: Clock.Clock,
  report: Report,
): Effect.Effect<void> => {
  const { bank, reference, payout } = transfer
  const { currency, minor, remittance } = payout
  const opened = open(transfer.item)
  if (Result.isFailure(opened))
    return Effect.sync(() => report(unreadable(transfer, opened.failure, clock.currentTimeMillisUnsafe())))
  const beneficiary = openedBeneficiaryOf(payout.beneficiary, opened.success)
  const instruction = { bank, reference, partner, beneficiary, currency, minor, remittance }
  const maySend =
    transfer.sends > 1
      ? Effect.map(mayCall, (may) => may && !isTooLate(transfer, services, clock.currentTimeMillisUnsafe()))
      : mayCall
  // A resend, or an intent that another process wrote, has no place reserved here: those places belong to others.
  const isInvited = transfer.sends === 1 && takePlace(transfer.item)
  return Effect.flatMap(services.banks.transfer(instruction, maySend, isInvited), (reply) => {
    if (reply._tag === "NotSent")
      return Effect.sync(() => {
        const now = clock.currentTimeMillisUnsafe()
        if (isTooLate(transfer, services, now))
          report(doubt(transfer, "its turn came too late for its key", now))
      })
    return afterPoint(services.pass("after-bank-call"), () => {
      const answer = unquoted(inTurn(reply), beneficiary.account)
      report(recordAnswer(transfer, answer, "response", clock.currentTimeMillisUnsafe(), services))
    })
  })
}

const unquoted = (answer: BankAnswer, account: BeneficiaryAccount): BankAnswer => {
  if (answer._tag === "Settled") return answer
  const quotes = (text: string) => quotesAccount(text, account)
  return withoutQuotes(answer, { id: quotes, code: quotes })
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

/** The answer to a transfer cannot be that it was returned or never seen: such an answer proves nothing. */
const inTurn = (answer: BankAnswer): BankAnswer =>
  answer._tag === "NeverSeen" || answer._tag === "Returned"
    ? { _tag: "Ambiguous", reason: `transfer: answered ${answer._tag} out of turn` }
    : answer
