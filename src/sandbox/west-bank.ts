import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { toDecimal, toMinor } from "./amount.ts"
import { BeneficiaryType, type RefusalOf, type Transfer, type TransferOrder } from "./bank-books.ts"
import { BankEngine, type BankOptions } from "./bank-engine.ts"
import {
  createApp,
  keepSilent,
  type Refused,
  readKeyed,
  readPage,
  refusal,
  type SandboxServer,
} from "./server.ts"

const Text = (lengthMax: number) => Schema.String.check(Schema.isBetweenLength(1, lengthMax))

const Payment = Schema.Struct({
  clientRef: Text(35),
  currencyCode: Schema.String.check(Schema.isPattern(/^[A-Z]{3}$/)),
  amountMinor: Schema.String.check(Schema.isPattern(/^[1-9]\d{0,17}$/)),
  creditor: Schema.Struct({
    fullName: Text(200),
    accountType: Text(35),
    accountId: Text(100),
    bankId: Schema.optionalKey(Text(100)),
    type: Schema.optionalKey(BeneficiaryType),
    address: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown)),
  }),
  purpose: Schema.optionalKey(Schema.String.check(Schema.isMaxLength(500))),
})

const decodePayment = Schema.decodeUnknownResult(Payment)

/** The order in the form of the books. An unknown currency has no decimals; its order is refused anyway. */
const decodeOrder = (json: unknown): Result.Result<TransferOrder, Schema.SchemaError> =>
  Result.map(decodePayment(json), ({ clientRef, currencyCode, amountMinor, creditor, purpose }) => {
    const { fullName: name, type, address, ...account } = creditor
    return {
      reference: clientRef,
      amount: { currency: currencyCode, value: toDecimal(currencyCode, BigInt(amountMinor)) },
      beneficiary: { name, account, ...(type && { type }), ...(address && { address }) },
      ...(purpose !== undefined && { remittance: purpose }),
    }
  })

const minorMax = 1_000_000_000_000n
const ibanShape = /^[A-Z]{2}\d{2}[A-Z0-9]{11,30}$/

const refusalOf: RefusalOf = ({ amount, beneficiary: { account } }, magic) => {
  const minor = toMinor(amount.currency, amount.value)
  if (minor === undefined) return "CURRENCY_UNSUPPORTED"
  if (minor > minorMax) return "LIMIT_EXCEEDED"
  if (account.accountType === "IBAN" && !ibanShape.test(String(account.accountId))) return "ACCOUNT_INVALID"
  if (magic === "closed-account") return "ACCOUNT_CLOSED"
  return magic === "insufficient-funds" ? "INSUFFICIENT_FUNDS" : undefined
}

const statusOfRefusal = (reason: string): 402 | 422 =>
  reason === "INSUFFICIENT_FUNDS" || reason === "LIMIT_EXCEEDED" ? 402 : 422

const states = {
  accepted: "PROCESSING",
  settled: "COMPLETED",
  rejected: "REJECTED",
  returned: "RETURNED",
} as const

/** The errors that all servers share, in west's form. */
const inWestsForm = ({ code, ...details }: Refused) => {
  switch (code) {
    case "key-conflict":
      return { error: { type: "conflict", reason: "DUPLICATE_REQUEST" } }
    case "malformed":
      return { error: { type: "invalid_request", reason: "MALFORMED", ...details } }
    default:
      return { error: { type: "other", reason: code.toUpperCase().replaceAll("-", "_"), ...details } }
  }
}

const show = ({ transferId, order, status, code }: Transfer) => ({
  paymentRef: transferId,
  clientRef: order.reference,
  state: states[status],
  reason: code,
})

/** A bank that pays before it answers, sends no callbacks, and forgets idempotency keys after a while: west. */
export const westBank = (options: BankOptions & { readonly keyWindowMs: number }): SandboxServer => {
  const app = createApp(inWestsForm)
  const { keyWindowMs } = options
  const engine = new BankEngine(options, {
    refusalOf,
    insufficientFunds: "INSUFFICIENT_FUNDS",
    returned: "RETURNED_BY_CREDITOR_BANK",
    paysAtOnce: true,
    keyWindowMs,
    lyingCodes: { elsewhere: ["CURRENCY_UNSUPPORTED"], final: "ACCOUNT_CLOSED" },
  })
  const { books } = engine

  app.post("/v1/payments", async (c) => {
    const transfer = await engine.order(await readKeyed(c, decodeOrder, "X-Request-Id"))
    const { transferId: paymentRef, order, magic } = transfer
    if (magic === "timeout-after-paying") return keepSilent(c)
    const reason = books.refusalOf(transfer)
    if (reason !== undefined)
      return c.json({ error: { type: "payment_refused", reason } }, statusOfRefusal(reason))
    const state = magic === "slow" ? states.accepted : states.settled
    return c.json({ paymentRef, clientRef: order.reference, state })
  })

  app.get("/v1/payments", (c) => {
    const clientRef = c.req.query("clientRef")
    if (clientRef === undefined) throw refusal(400, { code: "malformed", message: "clientRef: missing" })
    return c.json({ payments: books.find(clientRef).map(show) })
  })

  app.get("/books", (c) => c.json(books.show(readPage(c))))

  return { app, start: () => engine.start(), close: () => engine.close() }
}
