/** What is taken back while it lies with us is paid by nobody, and what has gone is said to have gone. */
import { afterAll, beforeAll, expect, it } from "vitest"
import type { Service } from "../platform-under-test.ts"
import { CarriedFiles, eventually, TEST_MS_MAX } from "./carried-files.ts"

const cancellation = { by: "sam", reason: "ordered twice" }
const resolution = {
  outcome: "failed",
  evidence: { text: "never on the statement", reference: "camt053-27" },
}

let bank: CarriedFiles
let service: Service
beforeAll(async () => {
  // Nothing is sent before two orders wait, and what waits is soon given up on.
  bank = await CarriedFiles.open({
    bank: { everyMs: 86_400_000, ordersMax: 2 },
    environment: { INQUIRY_DELAYS_MS: "60000" },
  })
  service = await bank.platform.start(bank.environment)
}, TEST_MS_MAX)
afterAll(() => bank[Symbol.asyncDispose]())

/** A batch of one payout, whose order lies in our table. */
const waiting = async (key: string): Promise<string> => {
  const id = await bank.submit(key, ["1.00", "EUR"])
  await bank.hears(id, "TransferAccepted")
  return id
}

/** More orders, with which everything that still lies there goes out; gives what was paid of a batch then. */
const paidAfterwards = async (id: string, others = 2): Promise<ReadonlyArray<string>> => {
  const amounts = [
    ["2.00", "EUR"],
    ["3.00", "EUR"],
  ] as const
  const filler = await bank.submit(`filler ${id}`, ...amounts.slice(0, others))
  await eventually("a file goes out, and is paid", async () => {
    bank.carryOut()
    bank.carryBack()
    return (await bank.paymentsOf(filler)).length === others
  })
  return bank.paymentsOf(id)
}

it(
  "a cancellation is said to be done when nothing can be paid any more, and nothing is",
  async () => {
    const id = await waiting("cancelled")
    expect(await bank.ask(`${id}/cancellation`, cancellation)).toMatchObject({
      status: 202,
      expected: [{ type: "WithdrawalsRequested", cause: "cancellation" }],
    })
    // Whoever was about to do it dies, and somebody else does.
    service.signal("SIGKILL")
    await service.ended
    service = await bank.platform.start(bank.environment)
    await bank.hears(id, "ItemsCancelled")
    expect((await bank.events(id)).map(({ type }) => type)).toContain("TransferWithdrawn")
    expect(await paidAfterwards(id)).toEqual([])
    await eventually("the batch is closed", async () =>
      (await bank.events(id)).some(({ type, state }) => type === "BatchClosed" && state === "cancelled"),
    )
  },
  TEST_MS_MAX,
)

it(
  "what compliance rejects while it lies with us is never written",
  async () => {
    const id = await waiting("rejected")
    const about = await bank.hears(id, "ItemsScreened")
    const decisions = [{ item: 1, decision: "rejected", reason: "sanctions-list-hit" }]
    const word = { id: "c", clearanceId: about.clearanceId, listVersion: "newer", decisions }
    expect(await bank.callBack("/compliance-callbacks", word)).toBe(202)
    await bank.hears(id, "TransferWithdrawn", { cause: "clearance" })
    expect(await paidAfterwards(id)).toEqual([])
    expect(await bank.stateOf(id)).toBe("failed")
    expect((await bank.ask(`${id}/items/1/retry`, { by: "olga" })).status).toBe(409)
  },
  TEST_MS_MAX,
)

it(
  "what has gone out is not cancelled, and that is said",
  async () => {
    const id = await bank.submit("gone", ["1.00", "EUR"], ["2.00", "EUR"])
    await eventually("its file is released", async () => bank.released.length === 1)
    await bank.ask(`${id}/cancellation`, cancellation)
    await bank.hears(id, "CancellationRefused", { typedBy: "sam" })
    bank.carryOut()
    await eventually("it is paid", async () => {
      bank.carryBack()
      return (await bank.paymentsOf(id)).length === 2
    })
    expect((await bank.events(id)).map(({ type }) => type)).not.toContain("ItemsCancelled")
  },
  TEST_MS_MAX,
)

it(
  "what somebody refuses in the bank's name while it lies with us has not failed, and is paid once",
  async () => {
    const id = await waiting("refused")
    const { transfers } = await bank.hears(id, "TransfersRequested")
    const [{ reference }] = transfers as readonly [{ readonly reference: string }]
    const word = {
      id: "w",
      bank: "clearing",
      reference,
      transferId: "t",
      status: "rejected",
      code: "AC04",
      at: "now",
    }
    await bank.callBack("/bank-callbacks/clearing", word)
    expect((await bank.ask(`${id}/items/1/retry`, { by: "olga" })).status).toBe(409)
    expect(await paidAfterwards(id, 1)).toEqual([reference])
    expect((await bank.events(id)).map(({ type }) => type)).not.toContain("TransferFailed")
  },
  TEST_MS_MAX,
)

it(
  "what a person resolves as failed while it lies with us, and has retried, is paid once",
  async () => {
    await using bank = await CarriedFiles.open({
      bank: { everyMs: 86_400_000, ordersMax: 3 },
      environment: { INQUIRY_DELAYS_MS: "50,50" },
    })
    await bank.platform.start(bank.environment)
    // The second item keeps the batch open.
    const id = await bank.submit("resolved", ["1.00", "EUR"], ["3.00", "EUR"])
    await bank.hears(id, "TransferParked", { item: 1 })
    await bank.ask(`${id}/items/1/resolution`, resolution)
    await bank.hears(id, "ParkedResolved", { outcome: "failed" })
    await eventually("the item may be retried", async () => {
      const answer = await bank.ask(`${id}/items/1/retry`, { by: "olga" })
      return answer.status === 202
    })
    await bank.hears(id, "TransferAccepted", { attempt: 2 })
    const other = await bank.submit("other", ["2.00", "EUR"])
    await eventually("what lies there goes out, and is paid", async () => {
      bank.carryOut()
      bank.carryBack()
      return (await bank.paymentsOf(other)).length === 1
    })
    const paid = await bank.paymentsOf(id)
    expect(paid.map((reference) => reference.replace(/^.*?-(?=\d+-\d+$)/, ""))).toEqual(["1-2", "2-1"])
  },
  TEST_MS_MAX,
)
