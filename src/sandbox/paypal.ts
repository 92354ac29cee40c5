import { randomBytes } from "node:crypto"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Context } from "hono"
import { Amount } from "./amount.ts"
import { BankBooks, type BankEntry, type RefusalOf, stepEntry, type Transfer } from "./bank-books.ts"
import type { InterbankOrders } from "./interbank-orders.ts"
import { openJournal } from "./journal.ts"
import { hasFateAtBanks, magicOutcome } from "./magic-beneficiaries.ts"
import {
  CANCELLED,
  fateOf,
  isPending,
  itemIdOf,
  orderOf,
  type PayoutBatch,
  shownItem,
} from "./paypal-books.ts"
import type { SandboxEnv } from "./request-body.ts"
import {
  createApp,
  keepSilent,
  type Refused,
  readJson,
  readPage,
  refusal,
  refuseWhenFull,
  type SandboxServer,
} from "./server.ts"
import type { WeatherStation } from "./weather-station.ts"

export interface PayPalOptions {
  readonly station: WeatherStation
  readonly journalFile: string | undefined
  readonly interbankOrders: InterbankOrders
  /** From the acceptance of an item to its final status. */
  readonly paymentDelayMs: number
  /** The same for "sally.slow@…", who is unclaimed until then. */
  readonly slowMs: number
  /** From success to reversal for "ralf.returned@…". */
  readonly returnAfterMs: number
  /** How long a `sender_batch_id` is known; PayPal says 30 days. */
  readonly batchIdsKeptMs?: number
}

const batchIdsKeptMs = 30 * 86_400_000
const lookEveryMs = 20
const pageSizeMax = 1_000
const pageSize = 100

const Item = Schema.Struct({
  recipient_type: Schema.Literals(["EMAIL", "PHONE", "PAYPAL_ID"]),
  receiver: Schema.String.check(Schema.isBetweenLength(1, 127)),
  amount: Amount,
  sender_item_id: Schema.String.check(Schema.isBetweenLength(1, 35)),
  note: Schema.optionalKey(Schema.String.check(Schema.isMaxLength(4_000))),
})
const Order = Schema.Struct({
  sender_batch_header: Schema.Struct({
    sender_batch_id: Schema.String.check(Schema.isBetweenLength(1, 256)),
    email_subject: Schema.optionalKey(Schema.String),
    email_message: Schema.optionalKey(Schema.String),
  }),
  items: Schema.Array(Item).check(Schema.isBetweenLength(1, 15_000)),
})
const decodeOrder = Schema.decodeUnknownResult(Order)

const refusalOf: RefusalOf = (_order, magic) => {
  if (magic === "closed-account") return "RECEIVER_ACCOUNT_LOCKED"
  return magic === "reroutable" ? "INTERNAL_ERROR" : undefined
}

const lyingCodes = { elsewhere: ["INTERNAL_ERROR"], final: "RECEIVER_ACCOUNT_LOCKED" } as const

const errorOf = (name: string, message: string, more: object = {}) => ({
  name,
  message,
  debug_id: "d0",
  ...more,
})

/** The errors that all servers share, in PayPal's form. */
const inPayPalsForm = ({ code, message }: Refused) => {
  if (code === "malformed") return errorOf("VALIDATION_ERROR", String(message))
  if (code === "no-such-resource")
    return errorOf("INVALID_RESOURCE_ID", "Requested resource ID was not found.")
  return errorOf(code === "internal-error" ? "INTERNAL_ERROR" : "USER_BUSINESS_ERROR", code)
}

/**
 * The twin of PayPal Payouts v1, written from its document: it takes payout batches, refuses a `sender_batch_id` that it knows with a
 * link to the payout batch that has it, pays each item a moment later, and is asked about them by pages.
 */
export const paypal = (options: PayPalOptions): SandboxServer => {
  const app = createApp(inPayPalsForm)
  const payouts = new PayPalServer(options)
  const base = (c: Context<SandboxEnv>) => new URL(c.req.url).origin

  app.post("/v1/payments/payouts", async (c) => {
    const read = decodeOrder(await readJson(c))
    if (Result.isFailure(read)) throw refusal(400, { code: "malformed", message: read.failure.message })
    const { sender_batch_header: header, items } = read.success
    const known = payouts.knownAs(header.sender_batch_id)
    if (known !== undefined) return c.json(duplicate(base(c), known), 400)
    const batch = payouts.take(header, items)
    if (payouts.isSilentAbout(batch)) return keepSilent(c)
    const { payoutBatchId } = batch
    const links = [{ href: hrefOf(base(c), batch), rel: "self", method: "GET" }]
    return c.json(
      {
        batch_header: {
          payout_batch_id: payoutBatchId,
          batch_status: "PENDING",
          time_created: batch.at,
          sender_batch_header: header,
        },
        links,
      },
      201,
    )
  })

  app.get("/v1/payments/payouts/:id", (c) => {
    const batch = payouts.batch(c.req.param("id"))
    if (batch === undefined) return c.json(inPayPalsForm({ code: "no-such-resource" }), 404)
    const page = numberIn(c.req.query("page"), 1, pageSizeMax)
    const size = numberIn(c.req.query("page_size"), pageSize, pageSizeMax)
    return c.json(payouts.show(base(c), batch, page, size))
  })

  app.get("/v1/payments/payouts-item/:id", (c) => {
    const shown = payouts.showItem(base(c), c.req.param("id"))
    return shown === undefined ? c.json(inPayPalsForm({ code: "no-such-resource" }), 404) : c.json(shown)
  })

  app.post("/v1/payments/payouts-item/:id/cancel", (c) => {
    const id = c.req.param("id")
    const shown = payouts.showItem(base(c), id)
    if (shown === undefined) return c.json(inPayPalsForm({ code: "no-such-resource" }), 404)
    if (!payouts.cancel(id))
      return c.json(errorOf("ITEM_INCORRECT_STATUS", "You can only cancel items that are unclaimed."), 400)
    return c.json(payouts.showItem(base(c), id))
  })

  app.get("/books", (c) => c.json(payouts.books.show(readPage(c))))

  return {
    app,
    published: {
      document: "paypal.payouts-batch-v1.json",
      refusing: (problems) => [400, errorOf("VALIDATION_ERROR", problems.join("; "))],
    },
    start: () => payouts.start(),
    close: async () => payouts.close(),
  }
}

const numberIn = (text: string | undefined, fallback: number, max: number): number => {
  const number = Number(text ?? fallback)
  return Number.isInteger(number) && number >= 1 && number <= max ? number : fallback
}

const hrefOf = (base: string, { payoutBatchId }: PayoutBatch): string =>
  `${base}/v1/payments/payouts/${payoutBatchId}`

const duplicate = (base: string, batch: PayoutBatch) =>
  errorOf("USER_BUSINESS_ERROR", "User business error.", {
    details: [
      {
        field: "SENDER_BATCH_ID",
        location: "body",
        issue: "Batch with given sender_batch_id already exists",
        // Where PayPal has the link, beside what its document says.
        link: [{ href: hrefOf(base, batch), rel: "self", method: "GET" }],
      },
    ],
    links: [],
  })

/** An item of a payout batch that was taken. */
interface Taken {
  readonly batch: PayoutBatch
  readonly index: number
}

class PayPalServer {
  readonly books: BankBooks
  readonly #options: PayPalOptions
  readonly #journal
  readonly #batches = new Map<string, PayoutBatch>()
  readonly #bySender = new Map<string, PayoutBatch>()
  readonly #items = new Map<string, Taken>()
  #timer: NodeJS.Timeout | undefined

  constructor(options: PayPalOptions) {
    this.#options = options
    this.books = new BankBooks(options.station.server, refusalOf)
    this.#journal = openJournal<BankEntry | PayoutBatch>(options.journalFile, (entry) => this.#apply(entry))
  }

  start(): void {
    this.#takeSteps()
    this.#timer = setTimeout(() => this.start(), lookEveryMs)
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#journal.close()
  }

  batch(payoutBatchId: string): PayoutBatch | undefined {
    return this.#batches.get(payoutBatchId)
  }

  /** The payout batch that has an id of the client's, as long as that is remembered. */
  knownAs(senderBatchId: string): PayoutBatch | undefined {
    const known = this.#bySender.get(senderBatchId)
    const { station, batchIdsKeptMs: keptMs = batchIdsKeptMs } = this.#options
    return known !== undefined && Date.parse(known.at) >= station.keysForgottenBefore(keptMs)
      ? known
      : undefined
  }

  /** Takes a payout batch in one entry of the journal. */
  take(header: (typeof Order.Type)["sender_batch_header"], given: (typeof Order.Type)["items"]): PayoutBatch {
    refuseWhenFull(this.books.size)
    const { station, interbankOrders } = this.#options
    const items = given
      .filter((item) => fateOf(orderOf(item).beneficiary.name) !== "left-out")
      .map((item) => ({ item, ...this.#lieAbout(item) }))
    const batch: PayoutBatch = {
      type: "payout-batch",
      at: new Date().toISOString(),
      payoutBatchId: randomBytes(8).toString("hex").toUpperCase(),
      senderBatchId: header.sender_batch_id,
      header,
      items,
    }
    this.#record(batch)
    for (const { item, lie } of items) {
      interbankOrders.report(this.books.bank, orderOf(item))
      if (lie !== undefined) station.lies.note({ kind: lie.kind, about: item.sender_item_id, code: lie.code })
    }
    return batch
  }

  #lieAbout(item: (typeof Item)["Type"]) {
    const magic = magicOutcome(orderOf(item).beneficiary.name)
    if (hasFateAtBanks(magic)) return {}
    const lie = this.#options.station.bankLieOf(item.sender_item_id, lyingCodes)
    return lie === undefined ? {} : { lie }
  }

  isSilentAbout(batch: PayoutBatch): boolean {
    return batch.items.some(
      ({ item }) => magicOutcome(orderOf(item).beneficiary.name) === "timeout-after-paying",
    )
  }

  show(base: string, batch: PayoutBatch, page: number, size: number) {
    const { items, payoutBatchId, header, at } = batch
    const isOpen = items.some((_, index) => isPending(this.books.transfer(itemIdOf(batch, index))))
    const from = (page - 1) * size
    return {
      total_items: items.length,
      total_pages: Math.ceil(items.length / size),
      batch_header: {
        payout_batch_id: payoutBatchId,
        batch_status: isOpen ? "PROCESSING" : "SUCCESS",
        time_created: at,
        sender_batch_header: header,
        funding_source: "BALANCE",
      },
      items: items
        .slice(from, from + size)
        .map(({ item }, place) =>
          shownItem(base, batch, item, this.books.transfer(itemIdOf(batch, from + place))),
        ),
      links: [{ href: hrefOf(base, batch), rel: "self", method: "GET" }],
    }
  }

  showItem(base: string, payoutItemId: string) {
    const taken = this.#items.get(payoutItemId)
    const sent = taken?.batch.items[taken.index]
    if (taken === undefined || sent === undefined) return undefined
    const shown = shownItem(base, taken.batch, sent.item, this.books.transfer(payoutItemId))
    return { ...shown, sender_batch_id: taken.batch.senderBatchId }
  }

  /** Takes an unclaimed item back; false if it is not unclaimed. */
  cancel(payoutItemId: string): boolean {
    if (this.showItem("", payoutItemId)?.transaction_status !== "UNCLAIMED") return false
    this.#record({
      type: "rejected",
      at: new Date().toISOString(),
      transferId: payoutItemId,
      code: CANCELLED,
    })
    return true
  }

  #takeSteps(): void {
    const due = [...this.books.unfinished].filter((transfer) => this.#isDue(transfer))
    for (const transfer of due) this.#record(nextEntry(transfer, new Date().toISOString()))
  }

  #isDue({ at, status, magic, lie, order }: Transfer): boolean {
    if (fateOf(order.beneficiary.name) !== undefined) return false
    const { returnAfterMs, paymentDelayMs, slowMs } = this.#options
    const paidAfterMs = magic === "slow" ? slowMs : paymentDelayMs + (lie?.paysAfterMs ?? 0)
    return Date.parse(at) + (status === "settled" ? returnAfterMs : paidAfterMs) <= Date.now()
  }

  #record(entry: BankEntry | PayoutBatch): void {
    this.#journal.append(entry)
    this.#apply(entry)
  }

  #apply(entry: BankEntry | PayoutBatch): void {
    if (entry.type !== "payout-batch") {
      this.books.apply(entry)
      return
    }
    this.#batches.set(entry.payoutBatchId, entry)
    this.#bySender.set(entry.senderBatchId, entry)
    for (const [index, { item, lie }] of entry.items.entries()) {
      const transferId = itemIdOf(entry, index)
      this.#items.set(transferId, { batch: entry, index })
      const ordered = { type: "ordered", at: entry.at, key: transferId, fingerprint: "", transferId } as const
      this.books.apply({ ...ordered, order: orderOf(item), ...(lie && { lie }) })
    }
  }
}

const nextEntry = (transfer: Transfer, at: string): BankEntry =>
  stepEntry(
    transfer,
    { at, transferId: transfer.transferId },
    { rejected: "INSUFFICIENT_FUNDS", returned: "REVERSED" },
  )
