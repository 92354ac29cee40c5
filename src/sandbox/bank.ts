import { randomUUID } from "node:crypto"
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response"
import * as Schema from "effect/Schema"
import type { Context } from "hono"
import {
  BankBooks,
  type BankEntry,
  nextStep,
  type OwedCallback,
  type Transfer,
  TransferOrder,
} from "./bank-books.ts"
import { type CallbackRetry, CallbackSender } from "./callbacks.ts"
import { openJournal } from "./journal.ts"
import {
  createApp,
  type KeyedRequest,
  readKeyed,
  readPage,
  refuseWhenFull,
  type SandboxEnv,
  type SandboxServer,
} from "./server.ts"

export interface BankOptions {
  readonly name: string
  readonly journalFile: string | undefined
  readonly secret: string
  readonly callbackRetry: CallbackRetry
  /** From the acceptance of a transfer to its final status. */
  readonly paymentDelayMs: number
  /** The same for "Sally Slow". */
  readonly slowMs: number
  /** From the settlement to the return for "Ralf Returned". */
  readonly returnAfterMs: number
}

const silenceMsMax = 120_000

/**
 * A bank. An order is accepted, a moment later paid (or rejected), perhaps returned, and each of these is reported
 * by callback. Everything is written to the journal before anyone hears of it, so a bank that died goes on where
 * it was. Money moves once per Idempotency-Key; a reference that comes under two keys is paid twice, and the books
 * say so: this bank shows its clients' mistakes instead of hiding them.
 */
export const bank = (options: BankOptions): SandboxServer => {
  const app = createApp()
  const books = new BankBooks(options.name)
  const journal = openJournal<BankEntry>(options.journalFile, (entry) => books.apply(entry))
  const sender = new CallbackSender(options.secret, options.callbackRetry)
  const timers = new Set<NodeJS.Timeout>()
  const decodeOrder = Schema.decodeUnknownResult(TransferOrder)

  const record = (entry: BankEntry): void => {
    journal.append(entry)
    books.apply(entry)
  }

  const delayMs = ({ status, magic }: Transfer): number => {
    if (status === "settled") return options.returnAfterMs
    return magic === "slow" ? options.slowMs : options.paymentDelayMs
  }

  const follow = (transfer: Transfer): void => {
    const dueInMs = Date.parse(transfer.at) + delayMs(transfer) - Date.now()
    const timer = setTimeout(() => {
      timers.delete(timer)
      takeNextStep(transfer)
    }, dueInMs)
    timers.add(timer)
  }

  const takeNextStep = (transfer: Transfer): void => {
    const { transferId } = transfer
    const at = new Date().toISOString()
    switch (nextStep(transfer)) {
      case "settle":
        record({ type: "settled", at, transferId })
        break
      case "reject":
        record({ type: "rejected", at, transferId, code: "AM04" })
        break
      case "return":
        record({ type: "returned", at, transferId, code: "MS03" })
        break
    }
    books.callbacksOf(transfer).forEach(deliver)
    if (books.unfinished.has(transfer)) follow(transfer)
  }

  const deliver = ({ delivery, url, message }: OwedCallback): void =>
    sender.deliver({ id: message.id, url, body: JSON.stringify(message) }, (outcome) =>
      record({ type: "callback-ended", callback: delivery, outcome }),
    )

  const take = ({ key, fingerprint, body: order }: KeyedRequest<TransferOrder>): Transfer => {
    refuseWhenFull(books.size)
    const transferId = `${options.name}-${randomUUID()}`
    record({ type: "ordered", at: new Date().toISOString(), key, fingerprint, transferId, order })
    const transfer = books.transfer(transferId)
    if (books.unfinished.has(transfer)) follow(transfer)
    return transfer
  }

  app.post("/instant-transfer", async (c) => {
    const request = await readKeyed(c, decodeOrder)
    const transfer = books.answers.recall(request.key, request.fingerprint) ?? take(request)
    const { reference } = transfer.order
    const { transferId, magic } = transfer
    if (magic === "timeout-after-paying") return keepSilent(c)
    if (magic !== "closed-account") return c.json({ transferId, reference, status: "accepted" }, 202)
    const refused = { code: "AC04", message: "the beneficiary's account is closed" }
    return c.json({ transferId, reference, status: "rejected", ...refused }, 422)
  })

  app.get("/instant-transfer/:reference", (c) => {
    const transfer = books.find(c.req.param("reference"))
    if (transfer === undefined) return c.json({ code: "never-seen" }, 404)
    const { transferId, order, status, code, at } = transfer
    return c.json({ transferId, reference: order.reference, status, code, at })
  })

  app.get("/books", (c) => c.json(books.show(readPage(c))))

  return {
    app,
    start() {
      books.unfinished.forEach(follow)
      books.owed.forEach(deliver)
    },
    async close() {
      for (const timer of timers) clearTimeout(timer)
      await sender.close()
      journal.close()
    },
  }
}

/** Leaves the request without an answer; the connection ends when the client tires of it, or after two minutes. */
const keepSilent = (c: Context<SandboxEnv>): Response => {
  const { outgoing } = c.env
  outgoing.setTimeout(silenceMsMax, () => outgoing.destroy())
  return RESPONSE_ALREADY_SENT
}
