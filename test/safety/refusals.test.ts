/** A refusal that may be meant for a copy, or for a whole file, leads to no second payment: the banks' books are the judge. */
import { describe, expect, it } from "vitest"
import { CarriedFiles, eventually, TEST_MS_MAX } from "./carried-files.ts"

const inquiries = { INQUIRY_DELAYS_MS: "200,400,60000" }

describe("a bank of files", { timeout: TEST_MS_MAX }, () => {
  it("that refuses the second copy of a file, which it has accepted, pays it once, and nobody else does", async () => {
    await using bank = await CarriedFiles.open({ environment: inquiries })
    await bank.platform.start(bank.environment)
    const id = await bank.submit("copy", ["1.00", "EUR"], ["2.00", "EUR"])
    await eventually("a file is released", async () => bank.released.length === 1)
    const [about = ""] = bank.released
    await bank.says(about, "ACSP")
    for (let copy = 0; copy < 2; copy += 1) await bank.says(about, "RJCT", "TM01")
    for (const item of [1, 2]) await bank.hears(id, "TransferUnknown", { item })
    for (const item of [1, 2])
      await eventually("it is with the bank, or a person", async () =>
        ["unknown", "parked"].includes((await bank.stateOf(id, item)) ?? ""),
      )
    expect((await bank.events(id)).map(({ type }) => type)).not.toContain("TransferFailed")
    expect((await bank.ask(`${id}/items/1/retry`, { by: "olga" })).reason).toBe("not-failed")

    bank.carryOut()
    await eventually("the bank has said its last word", async () => {
      bank.carryBack()
      return (await bank.stateOf(id, 1)) === "settled" && (await bank.stateOf(id, 2)) === "settled"
    })
    expect((await bank.platform.closed(id)).state).toBe("settled")
    expect(await bank.paid()).toHaveLength(2)
    expect(new Set(await bank.paid()).size).toBe(2)
  })

  it("that refuses the second copy before it accepts the first pays it once, and nobody else does", async () => {
    await using bank = await CarriedFiles.open({ environment: inquiries })
    const service = await bank.platform.start(bank.environment)
    const id = await bank.submit("early", ["1.00", "EUR"])
    await eventually("a file is released", async () => bank.released.length === 1)
    const [about = ""] = bank.released
    await bank.says(about, "RJCT", "TM01")
    await bank.hears(id, "TransferUnknown")
    await service.stop()
    await bank.platform.start(bank.environment)
    await bank.says(about, "ACSP")
    bank.carryOut()
    await eventually("the bank has said its last word", async () => {
      bank.carryBack()
      return (await bank.stateOf(id)) === "settled"
    })
    expect(await bank.paid()).toHaveLength(1)
  })

  it("that refuses by name what would be too much with the first copy pays it once, and nobody tries again", async () => {
    await using bank = await CarriedFiles.open({ environment: inquiries })
    await bank.platform.start(bank.environment)
    const id = await bank.submit("limit", ["1.00", "EUR"], ["2.00", "EUR"], ["3.00", "EUR"])
    await eventually("a file is released", async () => bank.released.length === 1)
    const { transfers } = await bank.hears(id, "TransfersRequested")
    const [about = ""] = bank.released
    await bank.says(about, "ACSP")
    const codes = ["AM14", "MS03", "AM04"]
    for (const [index, { reference }] of (transfers as ReadonlyArray<{ reference: string }>).entries())
      await bank.refuses(about, reference, codes[index] ?? "")
    for (const item of [1, 2, 3]) {
      await bank.hears(id, "TransferUnknown", { item })
      await eventually("a table that is asked leaves it open", async () => {
        const told = (await bank.events(id)).filter((event) => event.item === item)
        return told.filter(({ type }) => type === "TransferUnknown" || type === "TransferParked").length > 1
      })
      expect((await bank.ask(`${id}/items/${item}/retry`, { by: "olga" })).reason).toBe("not-failed")
    }
    expect((await bank.events(id)).map(({ type }) => type)).not.toContain("TransferFailed")

    bank.carryOut()
    await eventually("the bank has said its last word", async () => {
      bank.carryBack()
      const states = await Promise.all([1, 2, 3].map((item) => bank.stateOf(id, item)))
      return states.every((state) => state === "settled")
    })
    expect(await bank.paid()).toHaveLength(3)
    expect(new Set(await bank.paid()).size).toBe(3)
  })
})

describe("a bank that is called", { timeout: TEST_MS_MAX }, () => {
  it("and calls back a refusal of what it has is asked before another bank gets it", async () => {
    await using banks = await CarriedFiles.open({
      sandbox: { paymentDelayMs: 600_000 },
      environment: inquiries,
    })
    await banks.platform.start(banks.environment)
    for (const code of ["TM01", "AG03", "AM04"]) {
      const id = await banks.submit(`liar ${code}`, ["1.00", "USD"])
      await banks.hears(id, "TransferAccepted")
      const { transfers } = await banks.hears(id, "TransfersRequested")
      const [{ reference }] = transfers as readonly [{ readonly reference: string }]
      const word = {
        id: code,
        bank: "north",
        reference,
        transferId: "t",
        at: "now",
        status: "rejected",
        code,
      }
      expect(await banks.callBack("/bank-callbacks/north", word)).toBe(202)
      await banks.hears(id, "TransferUnknown")
      await eventually("it says that it has it, when it is asked", async () => {
        const types = (await banks.events(id)).map(({ type }) => type)
        return types.lastIndexOf("TransferAccepted") > types.indexOf("TransferUnknown")
      })
      const types = (await banks.events(id)).map(({ type }) => type)
      expect(types).not.toContain("TransferFailed")
    }
    const orders = (await banks.platform.books()).map(({ transfers }) => transfers.length)
    expect(
      orders.reduce((sum, count) => sum + count, 0),
      "one order for each, at all banks together",
    ).toBe(3)
  })

  it("is believed what it says when it is asked, and the next bank pays", async () => {
    await using banks = await CarriedFiles.open({ environment: inquiries })
    await banks.platform.start(banks.environment)
    const id = await banks.platform.submit("rudi", {
      items: [
        {
          reference: "invoice-1",
          amount: { currency: "USD", value: "1.00" },
          beneficiary: { name: "Rudi Reroute", account: { scheme: "iban", iban: "DE89370400440532013000" } },
        },
      ],
    })
    expect((await banks.platform.closed(id)).state).toBe("settled")
    expect(await banks.hears(id, "TransferFailed")).toMatchObject({ code: "AG03", evidence: "inquiry" })
    expect(await banks.paid()).toHaveLength(1)
  })
})
