/**
 * The banks behind `POST {bank}/instant-transfer` and `GET {bank}/instant-transfer/{reference}`. Only a word that was
 * agreed, about the very transfer that was asked for, is believed; all else leaves the transfer open.
 */
import { Effect, Layer, Schema, Semaphore } from "effect"
import { AppConfig, type Settings } from "../config.ts"
import { formatAmount } from "../domain/money.ts"
import { Metrics } from "../telemetry/metrics.ts"
import { type BankAnswer, Banks, type NotSent, type TransferInstruction } from "./bank.ts"
import { callbackUrl } from "./callback-url.ts"
import {
  type Answers,
  callProvider,
  InvalidProviderSetting,
  type Provider,
  type ProviderCall,
  ProviderCode,
  ProviderId,
  providerAt,
  reading,
} from "./provider-http.ts"

/** A bank and its turns: the calls that it may be asked at once, by all batches together. */
interface Desk {
  readonly provider: Provider
  readonly turns: Semaphore.Semaphore
}

/** What a bank said, and the reference that it said it of, where it names one. */
interface Word {
  readonly reference?: string
  readonly answer: BankAnswer
}

/** The banks of BANKS, paying by BANK_ROUTES. */
export const layer = Layer.effect(
  Banks,
  Effect.gen(function* () {
    const { providers, http } = yield* AppConfig
    const desks = yield* openDesks(providers)
    const route = yield* routing(providers.routes, desks)
    const callbackBase = callbackUrl(http, "/bank-callbacks")
    const { bankCalls, bankCallSeconds } = yield* Metrics
    /** Counts a call and takes its time, by bank and by what it answered: both are few. */
    const measured = (bank: string, call: string, answer: Effect.Effect<BankAnswer>) =>
      Effect.suspend(() => {
        const stop = bankCallSeconds.startTimer({ bank, call })
        return Effect.tap(answer, ({ _tag }) =>
          Effect.sync(() => {
            stop()
            bankCalls.inc({ bank, call, outcome: _tag })
          }),
        )
      })
    return {
      route,
      concurrency: providers.bankConcurrency,
      transfer: Effect.fn("Banks.transfer")(function* (instruction, mayCall = Effect.succeed(true)) {
        const desk = desks.get(instruction.bank)
        if (desk === undefined) return unknownBank
        const call = transferCall(instruction, callbackBase)
        const pay = Effect.gen(function* () {
          if (!(yield* mayCall)) return notSent
          const answer = ask(desk, call, transferAnswers, instruction.reference)
          return yield* measured(instruction.bank, "transfer", answer)
        })
        return yield* desk.turns.withPermit(pay)
      }),
      inquire: Effect.fn("Banks.inquire")(function* (bank, reference) {
        const desk = desks.get(bank)
        if (desk === undefined) return unknownBank
        const answer = ask(desk, inquiryCall(reference), inquiryAnswers, reference)
        return yield* desk.turns.withPermit(measured(bank, "inquiry", answer))
      }),
    }
  }),
)

const openDesks = Effect.fnUntraced(function* ({ banks, timeoutMs, bankConcurrency }: Settings["providers"]) {
  const desks = new Map<string, Desk>()
  for (const [name, url] of banks) {
    if (!/^[a-z0-9-]{1,32}$/.test(name))
      return yield* invalid("BANKS", "a bank's name is 1 to 32 lower-case letters, digits and hyphens")
    if (desks.has(name)) return yield* invalid("BANKS", `${name} is there twice`)
    const provider = yield* providerAt("BANKS", { name, url, timeoutMs })
    desks.set(name, { provider, turns: Semaphore.makeUnsafe(bankConcurrency) })
  }
  return desks
})

/** Routes that lead every currency to a bank that there is. */
const routing = Effect.fnUntraced(function* (
  routes: Settings["providers"]["routes"],
  desks: ReadonlyMap<string, Desk>,
) {
  const bankOf = new Map(routes)
  for (const [currency, bank] of bankOf)
    if (!desks.has(bank)) return yield* invalid("BANK_ROUTES", `${currency} leads to no bank of BANKS`)
  const fallback = bankOf.get("*")
  if (fallback === undefined)
    return yield* invalid("BANK_ROUTES", "the route * for all other currencies is missing")
  return (currency: string) => bankOf.get(currency) ?? fallback
})

const invalid = (setting: string, reason: string) => new InvalidProviderSetting({ setting, reason })

const transferCall = (
  { bank, reference, beneficiary, currency, minor, remittance }: TransferInstruction,
  callbackBase: string,
): ProviderCall => ({
  step: "transfer",
  method: "POST",
  path: "/instant-transfer",
  idempotencyKey: reference,
  body: {
    reference,
    amount: { currency, value: formatAmount(minor, currency) },
    beneficiary,
    ...(remittance === undefined ? {} : { remittance }),
    callbackUrl: `${callbackBase}/${bank}`,
  },
})

const inquiryCall = (reference: string): ProviderCall => ({
  step: "inquiry",
  method: "GET",
  path: `/instant-transfer/${encodeURIComponent(reference)}`,
})

const about = { reference: Schema.optionalKey(Schema.String) }
const known = { ...about, transferId: ProviderId }
const AcceptedBody = Schema.Struct({ ...known, status: Schema.Literal("accepted") })
const SettledBody = Schema.Struct({ ...known, status: Schema.Literal("settled") })
const RejectedBody = Schema.Struct({ ...known, status: Schema.Literal("rejected"), code: ProviderCode })
const ReturnedBody = Schema.Struct({ ...known, status: Schema.Literal("returned"), code: ProviderCode })
const RefusalBody = Schema.Struct({ ...about, status: Schema.Literal("rejected"), code: ProviderCode })
const NeverSeenBody = Schema.Struct({ code: Schema.Literal("never-seen") })

const wordOf = (body: { readonly reference?: string }, answer: BankAnswer): Word => ({ ...body, answer })

const accepted = (body: typeof AcceptedBody.Type): Word =>
  wordOf(body, { _tag: "Accepted", transferId: body.transferId })

const refused = (body: typeof RefusalBody.Type): Word => wordOf(body, { _tag: "Failed", code: body.code })

const standing = reading(
  Schema.Union([AcceptedBody, SettledBody, RejectedBody, ReturnedBody]),
  (body): Word => {
    switch (body.status) {
      case "accepted":
        return accepted(body)
      case "settled":
        return wordOf(body, { _tag: "Settled" })
      case "rejected":
        return refused(body)
      case "returned":
        return wordOf(body, { _tag: "Returned", code: body.code })
    }
  },
)

const transferAnswers: Answers<Word> = {
  200: standing,
  202: reading(AcceptedBody, accepted),
  422: reading(RefusalBody, refused),
}

const inquiryAnswers: Answers<Word> = {
  200: standing,
  404: reading(NeverSeenBody, (): Word => ({ answer: { _tag: "NeverSeen" } }), "exact"),
}

const ask = ({ provider }: Desk, call: ProviderCall, answers: Answers<Word>, asked: string) =>
  callProvider(provider, call, answers).pipe(
    Effect.map(({ reference = asked, answer }) =>
      reference === asked ? answer : ambiguous(`${call.step}: answered of another transfer`),
    ),
    Effect.catchTag("ProviderUnavailable", ({ reason }) => Effect.succeed(ambiguous(reason))),
  )

const notSent: NotSent = { _tag: "NotSent" }

const ambiguous = (reason: string): BankAnswer => ({ _tag: "Ambiguous", reason })

/** A bank that the log names and the settings no longer do. */
const unknownBank = ambiguous("the bank is not configured any more")
