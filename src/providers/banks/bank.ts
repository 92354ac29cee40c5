import { Context, type Effect } from "effect"
import type { Capacities } from "../../domain/bank-capacity.ts"
import type { Beneficiary } from "../../domain/beneficiary.ts"
import type { PartnerId } from "../../domain/identifiers.ts"
import type { Routes } from "../../domain/routing.ts"
import type { ProviderUnavailable } from "../calling/provider-error.ts"

/** One transfer as a bank is asked to make it. `reference` is the idempotency key and the end-to-end reference. */
export interface TransferInstruction {
  readonly bank: string
  readonly reference: string
  /** Whose payout it is; no bank is told. */
  readonly partner: PartnerId
  readonly beneficiary: Beneficiary
  readonly currency: string
  readonly minor: bigint
  readonly remittance?: string | undefined
}

/**
 * What a bank said of a transfer. Only a definitive word is one of the first six; whatever cannot be trusted (a
 * time-out, a reset, a 5xx, nonsense) is `Ambiguous`: the transfer may have been made. `failure` says what went wrong
 * with the call itself.
 */
export type BankAnswer =
  | { readonly _tag: "Accepted"; readonly transferId: string }
  | { readonly _tag: "Settled" }
  /** Refused for good; `unconfirmed` where nobody could confirm it, so that it is no reason to try again. */
  | {
      readonly _tag: "Failed"
      readonly code: string
      readonly unconfirmed?: true
      /** Refused by ourselves, as the bank cannot be sent it: nothing went out, and nothing will. */
      readonly unsent?: true
    }
  | { readonly _tag: "Returned"; readonly code: string }
  | { readonly _tag: "NeverSeen" }
  /** Taken back while it lay with us: it never went out, and never will. */
  | { readonly _tag: "Withdrawn" }
  | { readonly _tag: "Ambiguous"; readonly reason: string; readonly failure?: ProviderUnavailable }

/**
 * What became of the attempt to take an order back. `withdrawn`: it will never go out. `going-out`: it surely will.
 * `may-have-gone`: only the bank can say.
 */
export type Withdrawal = "withdrawn" | "going-out" | "may-have-gone"

/**
 * Takes an order back, by its bank's name and its reference; says `withdrawn` of one that was never seen, and sees to it that
 * it never is.
 */
export type Withdraw<R = never> = (
  bank: string,
  reference: string,
) => Effect.Effect<Withdrawal, ProviderUnavailable, R>

/** One bank, as its kind speaks to it. Neither call fails: not knowing is an answer. */
export interface Bank {
  readonly name: string
  /** How long it remembers an idempotency key, in milliseconds from the first use; Infinity where it never forgets. */
  readonly keyWindowMs: number
  readonly transfer: (instruction: TransferInstruction) => Effect.Effect<BankAnswer>
  readonly inquire: (reference: string) => Effect.Effect<BankAnswer>
}

/** Nobody knows what became of a transfer, and why. */
export const ambiguous = (reason: string): BankAnswer & { readonly _tag: "Ambiguous" } => ({
  _tag: "Ambiguous",
  reason,
})

/** A call without an answer to believe: it may have had its effect. */
export const unanswered = (failure: ProviderUnavailable): BankAnswer => ({
  ...ambiguous(failure.reason),
  failure,
})

/** Nothing was sent: the caller might not call any more when the turn came, or the bank takes no inquiries now. */
export interface NotSent {
  readonly _tag: "NotSent"
}

/** The banks that money leaves through, by name. Neither call fails: not knowing is an answer. */
export class Banks extends Context.Service<
  Banks,
  {
    readonly routes: Routes
    /** What each bank takes at `now` (epoch milliseconds), for whoever plans. Nothing is taken by that. */
    readonly capacities: (now: number) => Capacities
    /** Of how many of `wanted` payouts the transfer may be got ready: these then have their places in the bank's channel. */
    readonly invite: (bank: string, wanted: number, now: number) => number
    /**
     * Waits for the bank's turn, asks `mayCall`, gets what proves who calls, asks again if that had to be got, and sends only
     * if it says yes (as it does by default). One that `isInvited` has a place in the channel, by `invite`; others have none.
     */
    readonly transfer: (
      instruction: TransferInstruction,
      mayCall?: Effect.Effect<boolean>,
      isInvited?: boolean,
    ) => Effect.Effect<BankAnswer | NotSent>
    /** Asks at once or not at all. */
    readonly inquire: (bank: string, reference: string) => Effect.Effect<BankAnswer | NotSent>
    /** Takes an order back; whatever a bank cannot take back may have gone. */
    readonly withdraw: Withdraw
    /** How long a bank remembers an idempotency key: 0 for one that is not configured any more. */
    readonly keyWindowMs: (bank: string) => number
    /** How many calls may be under way at once at any bank, for all batches together. */
    readonly concurrency: number
    /** How long a call may take at any bank. */
    readonly callMsMax: number
  }
>()("atlaspay/providers/Banks") {}
