import { Context, type Effect } from "effect"
import type { Capacities } from "../../domain/bank-capacity.ts"
import type { Beneficiary } from "../../domain/beneficiary.ts"
import type { PartnerId } from "../../domain/identifiers.ts"
import type { OutsideText } from "../../domain/outside-text.ts"
import type { Routes } from "../../domain/routing.ts"
import type { ProviderUnavailable } from "../calling/provider-error.ts"

/** One transfer for a bank. `reference` is the idempotency key and the end-to-end reference. */
export interface TransferInstruction {
  readonly bank: string
  readonly reference: string
  /** The partner whose payout it is. It is not sent to the bank. */
  readonly partner: PartnerId
  readonly beneficiary: Beneficiary
  readonly currency: string
  readonly minor: bigint
  readonly remittance?: string | undefined
}

/**
 * A bank's answer about a transfer. The first six are definitive. An answer that cannot be trusted (a time-out, a reset, a 5xx,
 * nonsense) is `Ambiguous`: the transfer may have been made. `failure` says why the call itself failed.
 */
export type BankAnswer =
  | { readonly _tag: "Accepted"; readonly transferId: string }
  | { readonly _tag: "Settled" }
  /** Refused finally; `unconfirmed` if nothing can confirm this, so that policy must not retry on it. */
  | {
      readonly _tag: "Failed"
      readonly code: string
      /** What the bank wrote in place of a code, cleaned. */
      readonly detail?: OutsideText
      readonly unconfirmed?: true
      /** We refused it ourselves, because the bank cannot be sent it: nothing was sent, and nothing will be. */
      readonly unsent?: true
    }
  | { readonly _tag: "Returned"; readonly code: string; readonly detail?: OutsideText }
  | { readonly _tag: "NeverSeen" }
  /** Withdrawn while it was still with us: it was never sent, and never will be. */
  | { readonly _tag: "Withdrawn" }
  | { readonly _tag: "Ambiguous"; readonly reason: string; readonly failure?: ProviderUnavailable }

/**
 * The result of withdrawing an order. `withdrawn`: it will never be sent. `going-out`: it will be sent for certain.
 * `may-have-gone`: only the bank knows.
 */
export type Withdrawal = "withdrawn" | "going-out" | "may-have-gone"

/**
 * Withdraws an order, by its bank's name and its reference. An order that was never seen counts as `withdrawn`, and is then
 * never accepted.
 */
export type Withdraw<R = never> = (
  bank: string,
  reference: string,
) => Effect.Effect<Withdrawal, ProviderUnavailable, R>

/** What was ordered, for a bank that says in its answers what it has paid. */
export interface OrderedAmount {
  readonly currency: string
  readonly minor: bigint
}

/** One bank, as its kind calls it. Neither call fails: `Ambiguous` is an answer. */
export interface Bank {
  readonly name: string
  /** How long the bank remembers an idempotency key, in milliseconds from its first use; Infinity if it never forgets. */
  readonly keyWindowMs: number
  /**
   * Whether the first step of a transfer is its request, because no credentials have to be got. Nothing can then happen between
   * the check before the call and the request, so it does not look at `LastCheck`. If absent, it may.
   */
  readonly sendsAtOnce?: boolean
  readonly transfer: (instruction: TransferInstruction) => Effect.Effect<BankAnswer>
  readonly inquire: (reference: string, ordered?: OrderedAmount) => Effect.Effect<BankAnswer>
}

/** The outcome of a transfer is unknown, for this reason. */
export const ambiguous = (reason: string): BankAnswer & { readonly _tag: "Ambiguous" } => ({
  _tag: "Ambiguous",
  reason,
})

/** A call without a trustworthy answer: it may have had its effect. */
export const unanswered = (failure: ProviderUnavailable): BankAnswer => ({
  ...ambiguous(failure.reason),
  failure,
})

/** Nothing was sent: the check before the call refused it, or the bank takes no inquiries now. */
export interface NotSent {
  readonly _tag: "NotSent"
}

/** The banks, by name. Neither call fails: `Ambiguous` is an answer. */
export class Banks extends Context.Service<
  Banks,
  {
    readonly routes: Routes
    /** What each bank can take at `now` (epoch milliseconds), for planning. It reserves nothing. */
    readonly capacities: (now: number) => Capacities
    /**
     * Reserves places in a bank's channel for as many of `wanted` transfers as there is room for, and returns their number.
     * Only these may be prepared.
     */
    readonly invite: (bank: string, wanted: number, now: number) => number
    /**
     * Waits for its turn at the bank, checks `mayCall`, gets the credentials, checks again if it had to get them, and sends
     * only if the checks allow it (as they do by default). A transfer that `isInvited` has a place in the channel, from
     * `invite`.
     */
    readonly transfer: (
      instruction: TransferInstruction,
      mayCall?: Effect.Effect<boolean>,
      isInvited?: boolean,
    ) => Effect.Effect<BankAnswer | NotSent>
    /** Inquires at once or not at all. */
    readonly inquire: (
      bank: string,
      reference: string,
      ordered?: OrderedAmount,
    ) => Effect.Effect<BankAnswer | NotSent>
    /** Withdraws an order. If its bank cannot withdraw orders, it may have been sent. */
    readonly withdraw: Withdraw
    /** How long a bank remembers an idempotency key, in milliseconds; 0 for a bank that is no longer configured. */
    readonly keyWindowMs: (bank: string) => number
    /** How many calls may be under way at once at any one bank, for all batches together. */
    readonly concurrency: number
    /** How long a call may take at any bank, in milliseconds. */
    readonly callMsMax: number
  }
>()("atlaspay/providers/Banks") {}
