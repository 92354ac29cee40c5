/**
 * The kind `courier`: banks behind `POST {bank}/orders` and `GET {bank}/orders/{ref}`. They pay at once or take an order and
 * call back when it has ended, and give a statement of a day behind `GET {bank}/days/{day}`.
 */
import { createHmac, timingSafeEqual } from "node:crypto"
import { Effect, Schema } from "effect"
import type { Day } from "../../../../src/domain/business-days.ts"
import { codedReason } from "../../../../src/domain/coded-reason.ts"
import { formatAmount } from "../../../../src/domain/money.ts"
import {
  ambiguous,
  type BankAnswer,
  type TransferInstruction,
  unanswered,
} from "../../../../src/providers/banks/bank.ts"
import {
  type BankCallbacks,
  type BankReport,
  readJsonCallback,
} from "../../../../src/providers/banks/bank-callbacks.ts"
import { type BankEntry, bankKind } from "../../../../src/providers/banks/bank-kind.ts"
import type { Source, StatementEntry } from "../../../../src/providers/books.ts"
import { BookedAmount, minorOf, pagesOf } from "../../../../src/providers/calling/book-page-http.ts"
import { ProviderChannels } from "../../../../src/providers/calling/channel.ts"
import { type HttpFields, httpFields } from "../../../../src/providers/calling/provider-access.ts"
import { providerOf } from "../../../../src/providers/calling/provider-access-http.ts"
import {
  type Answers,
  callProvider,
  type ProviderCall,
  ProviderId,
  reading,
} from "../../../../src/providers/calling/provider-http.ts"
import { type HeaderOf, keyOf, TOLERANCE_MS } from "../../../../src/providers/calling/signed-callback.ts"

const HOUR_MS = 3_600_000

/** How such a bank is asked. */
const connect = Effect.fnUntraced(function* (bank: BankEntry<HttpFields>) {
  const provider = yield* providerOf({ ...bank, ...bank.own })
  const ask = (call: ProviderCall, reference: string) =>
    Effect.catchTag(callProvider(provider, call, answersAbout(reference)), "ProviderUnavailable", (error) =>
      Effect.succeed(unanswered(error)),
    )
  return {
    name: bank.name,
    keyWindowMs: 48 * HOUR_MS,
    transfer: ({ reference, beneficiary, currency, minor, remittance }: TransferInstruction) => {
      const to = { holder: beneficiary.name, account: beneficiary.account }
      const body = { ref: reference, to, currency, amount: formatAmount(minor, currency), text: remittance }
      return ask(
        { step: "transfer", method: "POST", path: "/orders", idempotencyKey: reference, body },
        reference,
      )
    },
    inquire: (reference: string) =>
      ask({ step: "inquiry", method: "GET", path: `/orders/${encodeURIComponent(reference)}` }, reference),
  }
})

const Taken = Schema.Struct({ ref: Schema.String, state: Schema.Literal("taken"), id: ProviderId })
const Paid = Schema.Struct({ ref: Schema.String, state: Schema.Literal("paid") })
const Refused = Schema.Struct({ ref: Schema.String, state: Schema.Literal("refused"), why: Schema.String })
const Missing = Schema.Struct({ missing: Schema.String })

/** Only these words are believed, and only of the transfer that was asked for. */
const answersAbout = (reference: string): Answers<BankAnswer> => {
  const of = (ref: string, answer: BankAnswer) =>
    ref === reference ? answer : ambiguous("the answer is about another transfer")
  return {
    200: reading(Schema.Union([Taken, Paid, Refused]), (order) => {
      if (order.state === "taken") return of(order.ref, { _tag: "Accepted", transferId: order.id })
      if (order.state === "paid") return of(order.ref, { _tag: "Settled" })
      return of(order.ref, { _tag: "Failed", ...codedReason(order.why) })
    }),
    410: reading(Missing, ({ missing }) => of(missing, { _tag: "NeverSeen" })),
  }
}

const text = (lengthMax: number) => Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(lengthMax))

/** What such a bank tells by itself: several things at a time, each under an id of its own. */
const News = Schema.Struct({
  news: Schema.Array(
    Schema.Struct({
      id: text(64),
      ref: text(35),
      state: Schema.Literals(["paid", "refused", "back"]),
      why: Schema.optionalKey(text(35)),
    }),
  ),
})
const decodeNews = Schema.decodeUnknownResult(News, { errors: "all" })
const outcomes = { paid: "Settled", refused: "Failed", back: "Returned" } as const

const callbacks: BankCallbacks = {
  isPlausible: (header, at) => {
    const [, seconds] = signatureIn(header)
    return seconds !== undefined && Math.abs(Number(seconds) * 1_000 - at) <= TOLERANCE_MS
  },
  verify: (secrets, header, body) => {
    const [, seconds = "", hex = ""] = signatureIn(header)
    const mac = Buffer.from(hex, "hex")
    return secrets.some((secret) => {
      const own = createHmac("sha256", keyOf(secret)).update(`${seconds}.`).update(body).digest()
      return mac.length === own.length && timingSafeEqual(mac, own)
    })
  },
  read: (_bank, _header, body) =>
    Effect.map(readJsonCallback(body, decodeNews), ({ news }) =>
      news.map(({ id, ref, state, why }): BankReport => {
        const outcome = { _tag: outcomes[state], ...(why === undefined ? {} : { code: why }) }
        return { reference: ref, message: id, id, outcome }
      }),
    ),
}

/** `courier-signature: <epoch seconds>,<hex>`: the HMAC-SHA256 of the seconds, a dot and the body. */
const signatureIn = (header: HeaderOf): ReadonlyArray<string> =>
  /^(\d{1,12}),([0-9a-f]{64})$/.exec(header("courier-signature")) ?? []

/** The statement of a day, a page at a time. One that is not ready yet has another status, and is no empty one. */
const statement = Effect.fnUntraced(function* (bank: BankEntry<HttpFields>, day: Day) {
  const provider = yield* providerOf({ ...bank, ...bank.own })
  const channel = yield* (yield* ProviderChannels).open({ name: bank.name, kind: bank.kind }, bank.policy)
  const entries: Source<StatementEntry> = (visit) =>
    pagesOf(provider, channel, (offset) =>
      Effect.map(
        callProvider(
          provider,
          { step: "statement", method: "GET", path: `/days/${day}?from=${offset}` },
          { 200: reading(Page, (page) => page) },
        ),
        ({ moves, next }) => {
          for (const { ref, amount, back } of moves)
            visit({
              bank: bank.name,
              reference: ref,
              currency: amount.currency,
              minor: minorOf(amount),
              kind: back ? "credit" : "debit",
              bookedOn: day,
            })
          return next
        },
      ),
    )
  return entries
})

const Page = Schema.Struct({
  moves: Schema.Array(Schema.Struct({ ref: Schema.String, amount: BookedAmount, back: Schema.Boolean })),
  next: Schema.NullOr(Schema.Int),
})

export const courier = bankKind({
  name: "courier",
  settings: Schema.Struct(httpFields),
  http: (own) => own,
  connect,
  callbacks,
  statement,
})
