/**
 * What Adyen's words mean. Sources: the enumerations of its published Transfers API v4 and of its transfer notifications v4, and
 * https://docs.adyen.com/platforms/payout-to-users/payout-webhooks. A test walks both documents: a word that one of them has and this file
 * has not, fails it.
 */

/**
 * - `open`: Adyen has the transfer and has not paid it yet. `settled`: the money has left the balance account.
 * - `failed`: it was not paid, or came back if it was `booked` before. `returned`: it came back.
 * - `unclear`: the word is not one of the life of a bank transfer, or nothing says what it means there. It decides nothing: the transfer
 *   stays open, and after the schedule of inquiries a person asks Adyen.
 */
export type Standing = "open" | "settled" | "failed" | "returned" | "unclear"

const standings: Readonly<Record<Standing, string>> = {
  open: "received pending pendingApproval approvalPending pendingExecution authorised bookingPending bankTransferPending",
  settled: "booked credited",
  failed: "refused failed cancelled",
  returned: "returned",
  unclear: [
    // Of a bank transfer, but with no meaning that Adyen publishes.
    "error expired rejected reversed undefined bankTransfer",
    // Of cards, payments, fees and corrections.
    "adviceAuthorised adviceRefused atmWithdrawal atmWithdrawalReversalPending atmWithdrawalReversed",
    "authAdjustmentAuthorised authAdjustmentError authAdjustmentRefused",
    "capturePending captureReversalPending captureReversed captured capturedExternally",
    "chargeback chargebackExternally chargebackPending chargebackReversalPending chargebackReversed",
    "depositCorrection depositCorrectionPending dispute disputeClosed disputeExpired disputeNeedsReview",
    "fee feePending interchangeAdjusted internalTransfer internalTransferPending",
    "invoiceDeduction invoiceDeductionPending manualCorrectionPending manuallyCorrected",
    "matchedStatement matchedStatementPending merchantPayin merchantPayinPending merchantPayinReversed",
    "merchantPayinReversedPending miscCost miscCostPending paymentCost paymentCostPending",
    "refundPending refundReversalPending refundReversed refunded refundedExternally",
    "reserveAdjustment reserveAdjustmentPending secondChargeback secondChargebackPending",
  ].join(" "),
}

const standingByStatus: ReadonlyMap<string, Standing> = new Map(
  (Object.keys(standings) as Array<Standing>).flatMap((standing) =>
    standings[standing].split(" ").map((status) => [status, standing] as const),
  ),
)

/** All statuses that are known. */
export const knownStatuses: ReadonlyArray<string> = [...standingByStatus.keys()]

/** What a status means; one that is not known is `unclear`. */
export const standingOf = (status: string): Standing => standingByStatus.get(status) ?? "unclear"

/**
 * Reasons that say how a transfer is, or that nobody knows: none of them says why it failed. A refusal with one has the code
 * `unspecified`, and a person decides.
 */
const noCauses: ReadonlySet<string> = new Set(
  "approved pending pendingApproval pendingExecution unknown error declined partiallyApproved schemeAdvice".split(
    " ",
  ),
)

/**
 * Reasons that park a refusal on purpose: they are of cards or direct debits, do not say whether something was done, or are words that
 * people use, too (docs/FAILURE-CODES.md would explain their sentences by them).
 */
export const parkedReasons: ReadonlySet<string> = new Set(
  [
    "cancelled fraud duplicateTransmissionDetected internalTimeout notSubmitted declinedNonGeneric revocationOfAuth securityViolation",
    "balanceAccountTemporarilyBlockedByTransactionRule directDebitNotSupported transferInstrumentDoesNotExist",
    "avsDeclined blockCard callReferral captureCard cardExpired cardholderAuthenticationRequired",
    "cashbackAmountExceedsLimit cavvDeclined contactlessFallback contactlessLimitReached cryptographicFailure",
    "cvcDeclined declinedByBapValidation doNotHonor domesticDebitTransactionNotAllowed honorWithId invalidCard",
    "invalidAuthorizationLifeCycle invalidExpiryDate invalidIssuer invalidMerchant invalidPin invalidTransaction",
    "lostCard mobilePinRequired not3dAuthenticated pinNotChanged pinRequired pinTriesExceeded",
    "pinValidationNotPossible purchaseAmountOnlyNoCashBack restrictedCard shopperCancelled stolenCard",
    "threedsDynamicLinkingMismatch withdrawalAmountExceeded withdrawalCountExceeded",
  ].flatMap((line) => line.split(" ")),
)

/** Whether a reason says why a transfer failed. */
export const isCause = (reason: string): boolean => !noCauses.has(reason)

/** The types of notifications that are read; any other is acknowledged and says nothing. */
export const notificationTypes: ReadonlySet<string> = new Set([
  "balancePlatform.transfer.created",
  "balancePlatform.transfer.updated",
])

/**
 * Codes of refusals at once (`errorCode`) and types of problems that are about the key of a request, not about the transfer: another request
 * with this key is under way, or came with another body. They say nothing of what became of that one.
 */
export const isAboutKey = (errorCode: string, ...texts: ReadonlyArray<string>): boolean =>
  errorCode === "704" || texts.some((text) => /idempoten|duplicate|already|in progress|concurren/i.test(text))
