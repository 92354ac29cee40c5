import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, expect, it } from "vitest"
import { BankEngine } from "../../src/sandbox/bank-engine.ts"
import { defaultCallbackRetry } from "../../src/sandbox/callbacks.ts"
import { InterbankOrders } from "../../src/sandbox/interbank-orders.ts"
import { WeatherStation } from "../../src/sandbox/weather-station.ts"
import { transferOf } from "./sandbox-client.ts"

const DUE = 5_000
/** A journal takes some 120,000 entries at a time at most: a function has no more arguments. */
const AT_ONCE_MAX = 1_000

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sandbox-overdue-"))
})
afterEach(() => rmSync(folder, { recursive: true }))

it("pays all that became due while the bank was down, some of it in each turn, and each once", async () => {
  const journalFile = join(folder, "north.jsonl")
  const at = new Date().toISOString()
  const ordered = Array.from({ length: DUE }, (_, n) => {
    const order = transferOf("Ada Lovelace", `due-${n}`)
    return `${JSON.stringify({ type: "ordered", at, key: `${n}`, fingerprint: "f", transferId: `t-${n}`, order })}\n`
  })
  writeFileSync(journalFile, ordered.join(""))
  const engine = new BankEngine(
    {
      journalFile,
      station: new WeatherStation("north"),
      interbankOrders: new InterbankOrders(),
      secret: "whsec_c2VjcmV0",
      callbackRetry: defaultCallbackRetry,
      paymentDelayMs: 0,
      slowMs: 0,
      returnAfterMs: 0,
    },
    {
      refusalOf: () => undefined,
      paysAtOnce: false,
      insufficientFunds: "AM04",
      returned: "MS03",
      lyingCodes: { elsewhere: ["AG03"], final: "AC04" },
    },
  )
  try {
    engine.start()
    const { books } = engine
    for (let open = books.unfinished.size; open > 0; ) {
      await new Promise((turn) => setImmediate(turn))
      expect(open - books.unfinished.size).toBeLessThanOrEqual(AT_ONCE_MAX)
      open = books.unfinished.size
    }
    expect(new Set(books.payments.map(({ reference }) => reference)).size).toBe(DUE)
    expect(books.payments).toHaveLength(DUE)
  } finally {
    await engine.close()
  }
})
