/** What the public events have of a transfer: its bank and rule, when the money should be there, and why it was not paid. */
import { type Attempt, attemptOf, type Item } from "../domain/batch.ts"
import type { BatchEvent } from "../domain/events.ts"
import { type Failure, failureOf, UNSPECIFIED } from "../domain/failure-codes.ts"
import { arrivalOf, schemeOf } from "../domain/scheme.ts"
import { uetrOf } from "../domain/uetr.ts"

/** The attempt with this number. Throws if the item has none. */
const attemptIn = (item: Item, number: number): Attempt => {
  const attempt = attemptOf(item, number)
  if (attempt === undefined)
    throw new Error(`item ${item.item} has no attempt ${number}: the log is not legal`)
  return attempt
}

export const transferFacts = (item: Item, number: number) => {
  const { bank, route, reference } = attemptIn(item, number)
  const uetr = uetrOf(reference)
  return {
    attempt: number,
    bank,
    ...(uetr === undefined ? {} : { uetr }),
    ...(route === undefined ? {} : { rule: route.rule, rulesVersion: route.version }),
  }
}

/**
 * By when the money should be there, by the rules of the scheme that pays such an account, and since when it is known to be paid. The
 * banks' answers do not have the day of the credit.
 */
export const arrivalFacts = (item: Item, number: number) => {
  const { requestedAt, concludedAt } = attemptIn(item, number)
  const scheme = schemeOf(item.beneficiary.account, item.currency, requestedAt)
  return concludedAt === undefined
    ? {}
    : {
        arrival: {
          scheme,
          orderedAt: new Date(requestedAt).toISOString(),
          expectedOn: arrivalOf(scheme, requestedAt),
          confirmedAt: new Date(concludedAt).toISOString(),
        },
      }
}

/**
 * Why an item failed or came back. Each failure is explained: by its reason if that is a bank's code, else by the code that the bank gave for
 * the attempt, else by what ended it. A return is explained by a bank's code alone.
 */
export const causeFacts = (item: Item, number: number, { _tag }: BatchEvent) => {
  const bankCode = bankCodeOf(attemptIn(item, number))
  const explained = failureOf(item.reason) ?? failureOf(bankCode)
  const failure = explained ?? (item.state === "failed" ? unexplained(item, _tag) : undefined)
  return {
    reason: item.reason ?? "",
    ...(failure === undefined ? {} : { failure }),
    ...(bankCode === undefined ? {} : { bankCode }),
  }
}

/** The code of the bank's refusal or return, also of a refusal that it did not confirm and a person then established. */
const bankCodeOf = ({ code, refusalsInDoubt }: Attempt): string | undefined => {
  const given = code ?? refusalsInDoubt.at(-1)?.code
  return given === UNSPECIFIED || given === "" ? undefined : given
}

/** What ended an attempt for which no bank gave a code that is mapped. */
const unexplained = (item: Item, tag: BatchEvent["_tag"]): Failure => {
  if (tag !== "TransferWithdrawn") return ownFailures.resolved
  return item.clearanceWithdrawn ? ownFailures["clearance-withdrawn"] : ownFailures.withdrawn
}

/** Our own codes. They are in lower case, as no bank's code is. */
export const ownFailures = {
  withdrawn: {
    code: "withdrawn",
    category: "technical",
    retryable: false,
    nextAction: "contact-support",
    meaning: "withdrawn before it was sent",
  },
  "clearance-withdrawn": {
    code: "clearance-withdrawn",
    category: "compliance",
    retryable: false,
    nextAction: "do-not-retry",
    meaning: "withdrawn before it was sent, because compliance objects",
  },
  resolved: {
    code: "resolved",
    category: "bank",
    retryable: false,
    nextAction: "contact-support",
    meaning: "an operator established that it was not paid",
  },
} as const satisfies Readonly<Record<string, Failure>>
