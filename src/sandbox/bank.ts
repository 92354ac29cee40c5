import * as Schema from "effect/Schema"
import { type RefusalOf, type Transfer, TransferOrder } from "./bank-books.ts"
import { BankEngine, type BankOptions } from "./bank-engine.ts"
import { createApp, keepSilent, readKeyed, readPage, type SandboxServer } from "./server.ts"

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

  app.post("/instant-transfer", async (c) => {
    const transfer = await engine.order(await readKeyed(c, decodeOrder))
    const { transferId, order, magic } = transfer
    const { reference } = order
    if (magic === "timeout-after-paying") return keepSilent(c)
    const code = books.refusalOf(transfer)
    if (code === undefined) return c.json({ transferId, reference, status: "accepted" }, 202)
    return c.json({ transferId, reference, status: "rejected", code, message: refusals[code] }, 422)
  })

  app.get("/instant-transfer/:reference", (c) => {
    const transfer = books.find(c.req.param("reference")).at(-1)
    if (transfer === undefined) return c.json({ code: "never-seen" }, 404)
    const { transferId, order, at } = transfer
    return c.json({ transferId, reference: order.reference, ...inquiredStatus(transfer), at })
  })

  app.get("/books", (c) => c.json(books.show(readPage(c))))

  return { app, start: () => engine.start(), close: () => engine.close() }
}
