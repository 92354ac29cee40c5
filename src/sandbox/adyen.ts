/**
 * The twin of Adyen's Transfers API v4, written from its published document. It takes transfers by bank, notifies one webhook of each
 * status, and lists transfers and what was booked. Its books are those of the other banks.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Context } from "hono"
import { HTTPException } from "hono/http-exception"
import {
  adyenNumberOf,
  balanceAccountOf,
  balancePlatform,
  decodeOrder,
  notificationFormat,
  shownData,
  shownTransfer,
} from "./adyen-transfers.ts"
import type { RefusalOf, Transfer } from "./bank-books.ts"
import { BankEngine, type BankOptions } from "./bank-engine.ts"
import { CallbackUrl } from "./callbacks.ts"
import type { SandboxEnv } from "./request-body.ts"
import {
  createApp,
  keepSilent,
  readJson,
  readKeyed,
  readPage,
  refusal,
  type SandboxServer,
} from "./server.ts"

/** The reason for which Adyen makes no transfer at all: it answers with a problem, and has nothing to list. */
const notRouted = "routeNotFound"

const refusalOf: RefusalOf = (_order, magic) => {
  if (magic === "closed-account") return "counterpartyAccountClosed"
  return magic === "reroutable" ? notRouted : undefined
}

/** An error as Adyen describes it. */
const problem = (status: 422 | 500, errorCode: string, detail: string) => ({
  type: "https://docs.adyen.com/errors/validation",
  title: "The request is missing required fields or contains invalid data",
  status,
  errorCode,
  detail,
})

/** The errors that all servers of the sandbox share, in Adyen's form: it documents no other status for them. */
const answerTo = (c: Context<SandboxEnv>, error: HTTPException): Response => {
  const { code = "", message = "" } = "refused" in error ? (error.refused as Record<string, string>) : {}
  if (error.status >= 500) return c.json(problem(500, "00_500", code), 500)
  if (code !== "key-conflict") return c.json(problem(422, "30_011", `${code} ${message}`), 422)
  const conflict = problem(422, "704", "The request was already processed, or is in progress")
  return c.json({ ...conflict, type: "https://docs.adyen.com/errors/idempotency" }, 422)
}

const PageNumber = Schema.NumberFromString.check(
  Schema.isInt(),
  Schema.isBetween({ minimum: 1, maximum: 100 }),
)
const decodeQuery = Schema.decodeUnknownResult(
  Schema.Struct({
    balanceAccountId: Schema.String,
    reference: Schema.optionalKey(Schema.String),
    createdSince: Schema.String,
    createdUntil: Schema.String,
    cursor: Schema.optionalKey(Schema.String.check(Schema.isPattern(/^\d{1,9}$/))),
    limit: Schema.optionalKey(PageNumber),
  }),
)
const pageDefault = 10

/** The rows that a query asks for, a page of them, with a link to the next one. */
const listed = <
  Row extends { readonly at: string; readonly balanceAccount: string; readonly reference: string },
>(
  c: Context<SandboxEnv>,
  rows: readonly Row[],
  show: (row: Row) => object,
): Response => {
  const decoded = decodeQuery(c.req.query())
  if (Result.isFailure(decoded)) throw refusal(400, { code: "malformed", message: decoded.failure.message })
  const {
    balanceAccountId,
    reference,
    createdSince,
    createdUntil,
    cursor = "0",
    limit = pageDefault,
  } = decoded.success
  const [since, until] = [Date.parse(createdSince), Date.parse(createdUntil)]
  if (Number.isNaN(since) || Number.isNaN(until))
    throw refusal(400, { code: "malformed", message: "createdSince, createdUntil: times" })
  const found = rows.filter(
    (row) =>
      row.balanceAccount === balanceAccountId &&
      (reference === undefined || row.reference === reference) &&
      Date.parse(row.at) >= since &&
      Date.parse(row.at) <= until,
  )
  const [from, to] = [Number(cursor), Number(cursor) + limit]
  const next = new URL(c.req.url)
  next.searchParams.set("cursor", String(to))
  const links = to < found.length ? { next: { href: next.href } } : {}
  return c.json({ data: found.slice(from, to).map(show), _links: links })
}

/** The twin `adyen`. `webhookUrl` is what its Customer Area would have; without it nobody is notified. */
export const adyenTwin = (
  options: BankOptions & { readonly webhookUrl: string | undefined },
): SandboxServer => {
  const app = createApp()
  let webhookUrl = options.webhookUrl
  const engine: BankEngine = new BankEngine(options, {
    refusalOf,
    insufficientFunds: "notEnoughBalance",
    returned: "counterpartyAccountClosed",
    paysAtOnce: false,
    lyingCodes: { elsewhere: [notRouted, "counterpartyBankUnavailable"], final: "counterpartyAccountClosed" },
    callbackFormat: notificationFormat((transferId) => engine.books.known(transferId)),
    tellsOfOrders: true,
  })
  const { books } = engine
  // After a restart, the webhook is the one of before.
  webhookUrl ??= books.transfers.at(-1)?.order.callbackUrl
  const decode = decodeOrder(() => webhookUrl)

  app.onError((error, c) => {
    if (error instanceof HTTPException) return answerTo(c, error)
    console.error(JSON.stringify({ level: "error", message: "request failed", error: error.message }))
    return c.json(problem(500, "00_500", "internal error"), 500)
  })

  app.post("/transfers", async (c) => {
    const transfer = await engine.order(await readKeyed(c, decode))
    if (transfer.magic === "timeout-after-paying") return keepSilent(c)
    const code = books.refusalOf(transfer)
    if (code === undefined) return c.json(shownTransfer(transfer, { status: "accepted" }), 202)
    if (code !== notRouted) return c.json(shownTransfer(transfer, { status: "rejected", code }), 202)
    const routingDetails = [{ priority: "regular", errorCode: notRouted, detail: "no route" }]
    return c.json({ ...problem(422, "30_603", "The transfer could not be routed"), routingDetails }, 422)
  })

  app.get("/transfers", (c) =>
    listed(c, books.transfers.filter(isMade).map(rowOf), ({ transfer }) => inquired(transfer)),
  )

  app.get("/transfers/:id", (c) => {
    const transfer = books.known(c.req.param("id"))
    if (transfer === undefined || !isMade(transfer)) throw refusal(400, { code: "no such transfer" })
    return c.json(inquired(transfer))
  })

  app.get("/transactions", (c) => {
    const payments = books.payments.flatMap(({ reference, at }) => bookingsOf(books.find(reference), at, -1))
    const returns = books.transfers
      .filter(({ status }) => status === "returned")
      .flatMap((transfer) => bookingsOf([transfer], transfer.at, 1))
    return listed(c, [...payments, ...returns], shownBooking)
  })

  app.put("/sandbox/webhook", async (c) => {
    const { url } = Object(await readJson(c)) as { readonly url?: unknown }
    if (!Schema.is(CallbackUrl)(url))
      throw refusal(400, { code: "malformed", message: "url: an http(s) URL" })
    webhookUrl = url
    return c.body(null, 204)
  })

  app.get("/books", (c) => c.json(books.show(readPage(c))))

  return {
    app,
    published: {
      document: "adyen.transfer-service-v4.yaml",
      refusing: (problems) => [422, problem(422, "30_011", problems.join("; "))],
    },
    start: () => engine.start(),
    close: () => engine.close(),
  }
}

/** Whether it is a transfer at all: what was refused at once as not routed is none. */
const isMade = ({ status, code, lie }: Transfer): boolean =>
  !(lie === undefined && status === "rejected" && code === notRouted)

const rowOf = (transfer: Transfer) => ({
  at: transfer.orderedAt,
  balanceAccount: balanceAccountOf(transfer),
  reference: transfer.order.reference,
  transfer,
})

/** The truth, unless the bank denies that it is going to pay. */
const inquired = (transfer: Transfer) =>
  transfer.lie?.denies === true && transfer.status === "accepted"
    ? shownData(transfer, { status: "rejected", code: transfer.lie.code })
    : shownData(transfer)

interface Booking {
  readonly at: string
  readonly balanceAccount: string
  readonly reference: string
  readonly sign: 1 | -1
  readonly transfer: Transfer
}

const bookingsOf = ([transfer]: readonly Transfer[], at: string, sign: 1 | -1): readonly Booking[] =>
  transfer === undefined
    ? []
    : [
        {
          at,
          balanceAccount: balanceAccountOf(transfer),
          reference: transfer.order.reference,
          sign,
          transfer,
        },
      ]

const shownBooking = ({ at, balanceAccount, reference, sign, transfer }: Booking) => ({
  id: `${transfer.transferId}.${sign === 1 ? "returned" : "booked"}`,
  accountHolder: { id: "AH00000000000000000000001" },
  amount: { currency: transfer.order.amount.currency, value: sign * adyenNumberOf(transfer.order.amount) },
  balanceAccount: { id: balanceAccount },
  balancePlatform,
  bookingDate: at,
  creationDate: at,
  status: "booked",
  transfer: { id: transfer.transferId, reference, categoryData: { type: "bank" } },
  valueDate: at,
})
