import * as Schema from "effect/Schema"
import { type RefusalOf, type Transfer, TransferOrder } from "./bank-books.ts"
import { BankEngine, type BankOptions } from "./bank-engine.ts"
import type { Asked } from "./request-body.ts"
import {
  createApp,
  type DirectAnswer,
  keepSilent,
  readKeyed,
  readPage,
  type SandboxServer,
  unanswered,
} from "./server.ts"

const orderPath = "/instant-transfer"

/** The reason for a refusal at once, as text, by its ISO 20022 code. */
const refusals: Readonly<Record<string, string>> = {
  AC04: "the beneficiary's account is closed",
  AG03: "this type of transfer is not supported",
  AB06: "this bank timed out",
}

const refusalAt =
  (bank: string): RefusalOf =>
  (_order, magic) => {
    if (magic === "closed-account") return "AC04"
    return magic === "reroutable" && bank === "north" ? "AG03" : undefined
  }

/** The answer to an inquiry: the truth, unless the bank denies that it is going to pay. */
const inquiredStatus = ({ status, code, lie }: Transfer) =>
  lie?.denies === true && status === "accepted" ? { status: "rejected", code: lie.code } : { status, code }

/** A bank that accepts an order, pays it a moment later, and reports each final status by callback: north and south. */
export const bank = (options: BankOptions): SandboxServer => {
  const app = createApp()
  const { server: name } = options.station
  const engine = new BankEngine(options, {
    refusalOf: refusalAt(name),
    insufficientFunds: "AM04",
    returned: "MS03",
    paysAtOnce: false,
    lyingCodes: { elsewhere: ["AG03", "AB06"], final: "AC04" },
  })
  const { books } = engine
  const decodeOrder = Schema.decodeUnknownResult(TransferOrder)

  const takeOrder = async (asked: Asked): Promise<DirectAnswer> => {
    const transfer = await engine.order(await readKeyed(asked, decodeOrder))
    const { transferId, order, magic } = transfer
    const { reference } = order
    if (magic === "timeout-after-paying") {
      keepSilent(asked)
      return undefined
    }
    const code = books.refusalOf(transfer)
    if (code === undefined) return { status: 202, json: { transferId, reference, status: "accepted" } }
    const json = { transferId, reference, status: "rejected", code, message: refusals[code] }
    return { status: 422, json }
  }

  app.post(orderPath, async (c) => {
    const answer = await takeOrder(c)
    return answer === undefined ? unanswered : c.json(answer.json, answer.status)
  })

  app.get("/instant-transfer/:reference", (c) => {
    const transfer = books.find(c.req.param("reference")).at(-1)
    if (transfer === undefined) return c.json({ code: "never-seen" }, 404)
    const { transferId, order, at } = transfer
    return c.json({ transferId, reference: order.reference, ...inquiredStatus(transfer), at })
  })

  app.get("/books", (c) => c.json(books.show(readPage(c))))

  const posts = new Map([[orderPath, takeOrder]])
  return { app, posts, start: () => engine.start(), close: () => engine.close() }
}
