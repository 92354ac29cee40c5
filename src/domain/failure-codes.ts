/**
 * What a bank's code means for a payout. Sources: ISO 20022 external code sets (ExternalStatusReason1Code and
 * ExternalReturnReason1Code) for the four-character codes, the Nacha Operating Rules for ACH return codes R01–R85; the
 * names in capitals after them are those of banks of the kind `synchronous`; then come the reasons of Adyen (Transfers API v4), and
 * those of PayPal (https://developer.paypal.com/payouts/view-transactions).
 *
 * A code that is not here is not guessed: it parks the item and raises an alarm. So do codes of duplicates, because they refuse
 * a copy, while the first order may be paid.
 */
import { Schema } from "effect"
import { withoutWalletIds } from "./masking.ts"

/** Codes of duplicates: the bank has the order already. Banks use them for a message, a group or a transfer. */
const duplicates: ReadonlySet<string> = new Set(
  "AM05 DUPL DU01 DU02 DU03 DU04 DU05 RF01 R24 duplicateTransmissionDetected DUPLICATE_ITEM".split(" "),
)

/** Whether a code says that the bank already has what it refuses. */
export const isOfDuplicate = (code: string): boolean => duplicates.has(code)

/** What partners see of a code; docs/FAILURE-CODES.md is the table. This contract may only grow. */
export const Failure = Schema.Struct({
  code: Schema.String,
  /** Whose problem it is. */
  category: Schema.Literals(["beneficiary", "bank", "compliance", "funds", "limit", "technical"]),
  /** Whether the same payout may succeed in a new attempt, unchanged. */
  retryable: Schema.Boolean,
  /** What the partner or the operator does next. */
  nextAction: Schema.Literals([
    "correct-details",
    "contact-beneficiary",
    "retry",
    "fund-account",
    "split-or-lower-amount",
    "contact-support",
    "do-not-retry",
  ]),
  meaning: Schema.String,
})
export type Failure = typeof Failure.Type
export type FailureCategory = Failure["category"]

export interface FailureMeaning extends Failure {
  /** Whether another bank may pay it unchanged: never if the reason is the beneficiary, the amount or the law. */
  readonly reroutable: boolean
  /**
   * Whether the reason applies to every copy of an order: the account, the beneficiary, the law. Any other reason may apply to
   * one copy only: it may be too late, exceed the funds or the day's limit because the first copy was paid, be refused by the
   * beneficiary who got the first one, or look like fraud because there are two.
   */
  readonly ofAllCopies: boolean
}

type Kind = keyof typeof kinds

/** The defaults of a kind. */
const plain = { retryable: false, reroutable: false, ofAllCopies: false } as const

/** The kinds that the rows below name: a category, and what follows from it. */
const kinds = {
  details: { ...plain, category: "beneficiary", ofAllCopies: true, nextAction: "correct-details" },
  beneficiary: { ...plain, category: "beneficiary", ofAllCopies: true, nextAction: "contact-beneficiary" },
  /** The reason is something that a customer did about one payment. */
  customer: { ...plain, category: "beneficiary", nextAction: "contact-beneficiary" },
  outage: { ...plain, category: "bank", retryable: true, reroutable: true, nextAction: "retry" },
  bank: { ...plain, category: "bank", nextAction: "contact-support" },
  elsewhere: { ...plain, category: "bank", reroutable: true, nextAction: "contact-support" },
  compliance: { ...plain, category: "compliance", ofAllCopies: true, nextAction: "do-not-retry" },
  suspicion: { ...plain, category: "compliance", nextAction: "do-not-retry" },
  funds: { ...plain, category: "funds", retryable: true, nextAction: "fund-account" },
  limit: { ...plain, category: "limit", nextAction: "split-or-lower-amount" },
  technical: { ...plain, category: "technical", nextAction: "contact-support" },
} as const

const rows: ReadonlyArray<readonly [code: string, kind: Kind, meaning: string]> = [
  ["AB05", "outage", "the beneficiary's bank timed out"],
  ["AB06", "outage", "the instructed bank timed out"],
  ["AB07", "outage", "a bank on the way is offline"],
  ["AB08", "outage", "the beneficiary's bank is offline"],
  ["AB09", "outage", "error at the beneficiary's bank"],
  ["AB10", "outage", "error at the instructed bank"],
  ["AC01", "details", "account number incorrect"],
  ["AC03", "details", "beneficiary's account number invalid"],
  ["AC04", "beneficiary", "account closed"],
  ["AC06", "beneficiary", "account blocked"],
  ["AC07", "beneficiary", "beneficiary's account closed"],
  ["AC14", "beneficiary", "account of a type that cannot receive"],
  ["AG01", "beneficiary", "transaction forbidden on this account"],
  ["AG02", "technical", "operation code invalid"],
  ["AG03", "elsewhere", "transaction not supported by the bank"],
  ["AM01", "technical", "amount is zero"],
  ["AM02", "limit", "amount not allowed"],
  ["AM03", "details", "currency not allowed for this account"],
  ["AM04", "funds", "insufficient funds"],
  ["AM06", "limit", "amount below the minimum"],
  ["AM07", "funds", "amount blocked"],
  ["AM09", "technical", "amount differs from what was agreed"],
  ["AM12", "technical", "amount invalid"],
  ["AM14", "limit", "amount above the agreed limit"],
  ["AM21", "limit", "transaction limit exceeded"],
  ["AM23", "limit", "amount above the settlement limit"],
  ["BE01", "details", "name does not match the account"],
  ["BE04", "details", "beneficiary's address missing or wrong"],
  ["BE05", "technical", "initiating party not recognised"],
  ["BE06", "beneficiary", "beneficiary unknown at the bank"],
  ["BE07", "technical", "payer's address missing or wrong"],
  ["CNOR", "details", "beneficiary's bank not registered"],
  ["CURR", "details", "currency incorrect"],
  ["CUST", "customer", "returned at the customer's request"],
  ["DNOR", "elsewhere", "payer's bank not registered"],
  ["DT01", "technical", "date invalid"],
  ["ED05", "outage", "settlement failed"],
  ["FF01", "technical", "message format invalid"],
  ["FOCR", "customer", "returned after a cancellation request"],
  ["FR01", "suspicion", "suspected fraud"],
  ["FRAD", "suspicion", "fraudulent origin"],
  ["LEGL", "compliance", "legal decision"],
  ["MD07", "beneficiary", "beneficiary deceased"],
  ["MS02", "customer", "refused by the customer, no reason given"],
  ["MS03", "bank", "refused by the bank, no reason given"],
  ["NOAS", "customer", "no answer from the beneficiary"],
  ["RC01", "details", "bank identifier incorrect"],
  ["RC03", "technical", "payer's bank identifier invalid"],
  ["RC04", "details", "beneficiary's bank identifier invalid"],
  ["RR01", "compliance", "payer's account or identification missing"],
  ["RR02", "compliance", "payer's name or address missing"],
  ["RR03", "compliance", "beneficiary's name or address missing"],
  ["RR04", "compliance", "regulatory reason"],
  ["RR07", "details", "remittance not of the structure that the payment needs"],
  ["RR10", "details", "name or text in characters, or of a length, that the scheme does not take"],
  ["TECH", "outage", "technical problem at the bank"],
  ["TM01", "outage", "received after the cut-off time"],
  ["UPAY", "technical", "payment not justified"],
  ["R01", "funds", "insufficient funds"],
  ["R02", "beneficiary", "account closed"],
  ["R03", "details", "no account, or unable to locate it"],
  ["R04", "details", "account number structure invalid"],
  ["R06", "bank", "returned at the originating bank's request"],
  ["R08", "customer", "payment stopped"],
  ["R09", "funds", "uncollected funds"],
  ["R12", "details", "account sold to another bank"],
  ["R13", "details", "routing number invalid"],
  ["R14", "beneficiary", "representative payee deceased or unable to continue"],
  ["R15", "beneficiary", "beneficiary or account holder deceased"],
  ["R16", "compliance", "account frozen, or returned by order of OFAC"],
  ["R17", "technical", "file record edit criteria not met"],
  ["R18", "technical", "effective date wrong"],
  ["R19", "technical", "amount field wrong"],
  ["R20", "beneficiary", "account that cannot take transfers"],
  ["R21", "technical", "company identification invalid"],
  ["R22", "details", "individual identification invalid"],
  ["R23", "customer", "credit refused by the receiver"],
  ["R25", "technical", "addenda wrong"],
  ["R26", "technical", "mandatory field error"],
  ["R27", "technical", "trace number wrong"],
  ["R28", "details", "routing number check digit wrong"],
  ["R30", "elsewhere", "bank does not take part in the programme"],
  ["R31", "bank", "returned by agreement of the banks"],
  ["R32", "bank", "receiving bank does not settle"],
  ["R34", "elsewhere", "bank takes part with limits"],
  ["R36", "technical", "improper credit entry"],
  ["R61", "technical", "misrouted return"],
  ["R80", "technical", "cross-border coding error"],
  ["R83", "elsewhere", "foreign bank unable to settle"],
  ["R84", "elsewhere", "not processed by the gateway operator"],
  ["ACCOUNT_CLOSED", "beneficiary", "account closed"],
  ["ACCOUNT_INVALID", "details", "account number invalid"],
  ["CURRENCY_UNSUPPORTED", "elsewhere", "currency that the bank does not pay"],
  ["INSUFFICIENT_FUNDS", "funds", "insufficient funds"],
  ["LIMIT_EXCEEDED", "limit", "amount above the bank's limit"],
  ["accountHierarchyNotActive", "elsewhere", "paying account not active at the bank"],
  ["amountLimitExceeded", "limit", "amount above the limit of the paying account"],
  ["approvalExpired", "bank", "not approved at the bank in time"],
  ["counterpartyAccountBlocked", "beneficiary", "account blocked"],
  ["counterpartyAccountClosed", "beneficiary", "account closed"],
  ["counterpartyAccountNotFound", "details", "account not found"],
  ["counterpartyAddressRequired", "details", "beneficiary's address missing"],
  ["counterpartyBankTimedOut", "outage", "the beneficiary's bank timed out"],
  ["counterpartyBankUnavailable", "outage", "the beneficiary's bank is not available"],
  ["declinedByTransactionRule", "bank", "refused by a rule of the paying account"],
  ["formatError", "technical", "message format invalid"],
  ["fraudCancelled", "suspicion", "cancelled because of suspected fraud"],
  ["invalidAccount", "details", "account number invalid"],
  ["invalidAmount", "technical", "amount invalid"],
  ["invalidFromAccount", "technical", "paying account invalid"],
  ["invalidToAccount", "details", "beneficiary's account number invalid"],
  ["issuerSuspectedFraud", "suspicion", "suspected fraud"],
  ["noCheckingAccount", "details", "the account is no checking account"],
  ["noSavingsAccount", "details", "the account is no savings account"],
  ["notEnoughBalance", "funds", "insufficient funds"],
  ["notSupported", "elsewhere", "transaction not supported by the bank"],
  ["refusedByCounterpartyBank", "bank", "refused by the beneficiary's bank, no reason given"],
  ["refusedByCustomer", "customer", "refused by the customer"],
  ["refusedForRegulatoryReasons", "compliance", "refused by the bank's own review"],
  ["routeNotFound", "elsewhere", "no route to the account at this bank"],
  ["scaAuthenticationRequired", "technical", "strong authentication missing"],
  ["scaFailed", "technical", "strong authentication failed"],
  ["transactionNotPermitted", "bank", "transaction not permitted"],
  ["unableToRouteTransaction", "elsewhere", "no route to the account at this bank"],
  ["RECEIVER_ACCOUNT_LOCKED", "beneficiary", "wallet locked or inactive"],
  ["RECEIVER_UNREGISTERED", "beneficiary", "nobody has a wallet at this address or number"],
  ["RECEIVER_UNCONFIRMED", "beneficiary", "address or number of the wallet not confirmed"],
  ["RECEIVER_COUNTRY_NOT_ALLOWED", "beneficiary", "the holder's country gets no payouts"],
  ["RECEIVER_STATE_RESTRICTED", "beneficiary", "the holder's state gets no payouts"],
  ["RECEIVER_YOUTH_ACCOUNT", "beneficiary", "wallet of a minor"],
  ["RECEIVER_REFUSED", "customer", "refused by the holder of the wallet"],
  ["RECEIVING_LIMIT_EXCEEDED", "limit", "above what the wallet may receive"],
  ["CURRENCY_NOT_SUPPORTED_FOR_RECEIVER", "details", "currency that the wallet does not take"],
  ["CURRENCY_COMPLIANCE", "compliance", "currency not allowed by regulation"],
  ["REGULATORY_BLOCKED", "compliance", "blocked by regulation"],
  ["RISK_DECLINE", "suspicion", "declined by the wallet's provider as a risk"],
  ["TRANSACTION_LIMIT_EXCEEDED", "limit", "above the limit of one payment"],
  ["POS_LIMIT_EXCEEDED", "limit", "above the payer's spending limit"],
  ["NEGATIVE_BALANCE", "funds", "the payer's balance is negative"],
  ["NON_HOLDING_CURRENCY", "funds", "the payer has no balance in the currency"],
  ["ACCOUNT_RESTRICTED", "bank", "the payer's account is restricted"],
  ["INTERNAL_ERROR", "outage", "error at the wallet's provider"],
  ["BATCH_DENIED", "bank", "payout batch denied by the wallet's provider"],
  ["RETURNED", "beneficiary", "not claimed by the holder of the wallet, or cancelled before"],
  ["REFUNDED", "customer", "sent back by the holder of the wallet"],
  ["REVERSED", "customer", "reversed by the wallet's provider"],
]

const meanings: ReadonlyMap<string, FailureMeaning> = new Map(
  rows.map(([code, kind, meaning]) => [code, { code, ...kinds[kind], meaning }]),
)

/** What a code means; `undefined` if it is not mapped. */
export const meaningOf = (code: string): FailureMeaning | undefined => meanings.get(code)

/** What partners see of a reason; `undefined` if it is not a mapped code. */
export const failureOf = (reason: string | undefined): Failure | undefined => {
  const known = reason === undefined ? undefined : meaningOf(reason)
  if (known === undefined) return undefined
  const { code, category, retryable, nextAction, meaning } = known
  return { code, category, retryable, nextAction, meaning }
}

/** Whether a refusal with this meaning applies to every copy of an order. An unmapped code does not. */
export const holdsForAllCopies = (meaning: FailureMeaning | undefined): boolean =>
  meaning?.ofAllCopies === true

export const mappedCodes: ReadonlyArray<FailureMeaning> = [...meanings.values()]

/** The code for a reason that was not given, or not as a code. It is never mapped, so a person decides. */
export const UNSPECIFIED = "unspecified"

const plainCode = /^(?!(?:[^0-9]*[0-9]){8})[\w.-]{1,35}$/

/** The same text if it may be a code and can be neither an account number nor the id of a wallet, else `unspecified`: the outcome counts all the same. */
export const plainCodeOf = (text: string): string =>
  plainCode.test(text) && withoutWalletIds(text) === text ? text : UNSPECIFIED
