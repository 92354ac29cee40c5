/**
 * The kind `adyen`: banks behind Adyen's Transfers API v4 (`POST` and `GET /transfers`), which notify of each status of a transfer
 * (transfer notifications v4) and list what was booked (`GET /transactions`). docs/providers/adyen.md says how its words are read.
 */
import { Clock, Effect, Result } from "effect"
import { providerOf } from "../../calling/provider-access-http.ts"
import { type Answers, callProvider, type Provider, type ProviderCall } from "../../calling/provider-http.ts"
import { type BankAnswer, type OrderedAmount, type TransferInstruction, unanswered } from "../bank.ts"
import { type BankEntry, bankKind } from "../bank-kind.ts"
import { adyenCallbacks } from "./adyen-callbacks.ts"
import { AdyenSettings, adyenLimits } from "./adyen-settings.ts"
import { adyenStatement } from "./adyen-statement.ts"
import { inquiryAnswers, orderAnswers } from "./transfer-answers.ts"
import { transferRequest } from "./transfer-request.ts"

const DAY_MS = 86_400_000

/**
 * Adyen keeps keys for at least 7 days, or 31, by different editions of https://docs.adyen.com/development-resources/api-idempotency:
 * the shorter time counts.
 */
const KEY_WINDOW_MS = 7 * DAY_MS

/** How far transfers are looked for: two times that are at most six months apart, the later one ahead of any clock. */
const INQUIRY_DAYS = { back: 179, ahead: 1 } as const

const connect = Effect.fnUntraced(function* (bank: BankEntry<AdyenSettings>) {
  const { own } = bank
  const { url, auth, tls, balanceAccount, keyWindowMs = KEY_WINDOW_MS } = own
  const http = { url, ...(auth === undefined ? {} : { auth }), ...(tls === undefined ? {} : { tls }) }
  const provider = yield* providerOf({ ...bank, ...http })
  const transfer = Effect.fnUntraced(function* (instruction: TransferInstruction) {
    const { reference } = instruction
    const body = transferRequest(own, instruction, yield* Clock.currentTimeMillis)
    if (Result.isFailure(body)) {
      const refused: BankAnswer = { _tag: "Failed", code: body.failure, unsent: true }
      return refused
    }
    const call: ProviderCall = {
      step: "transfer",
      method: "POST",
      path: "/transfers",
      idempotencyKey: reference,
      body: body.success,
    }
    return yield* ask(provider, call, orderAnswers({ ...instruction, balanceAccount }))
  })
  const inquire = Effect.fnUntraced(function* (reference: string, ordered?: OrderedAmount) {
    const path = inquiryPath(reference, balanceAccount, yield* Clock.currentTimeMillis)
    const call: ProviderCall = { step: "inquiry", method: "GET", path }
    return yield* ask(provider, call, inquiryAnswers(reference, balanceAccount, ordered))
  })
  return { name: bank.name, keyWindowMs, transfer, inquire }
})

const inquiryPath = (reference: string, balanceAccount: string, now: number): string => {
  const query = new URLSearchParams({
    balanceAccountId: balanceAccount,
    reference,
    createdSince: new Date(now - INQUIRY_DAYS.back * DAY_MS).toISOString(),
    createdUntil: new Date(now + INQUIRY_DAYS.ahead * DAY_MS).toISOString(),
    limit: "100",
  })
  return `/transfers?${query}`
}

export const adyen = bankKind({
  name: "adyen",
  settings: AdyenSettings,
  http: (own) => own,
  limits: adyenLimits,
  connect,
  callbacks: adyenCallbacks,
  statement: adyenStatement,
})

const ask = (
  provider: Provider,
  call: ProviderCall,
  answers: Answers<BankAnswer>,
): Effect.Effect<BankAnswer> =>
  Effect.catchTag(callProvider(provider, call, answers), "ProviderUnavailable", (error) =>
    Effect.succeed(unanswered(error)),
  )
