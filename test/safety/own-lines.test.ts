/** A call that stands in a line of ours is asked for again when its turn has come: the bank's books are the judge. */
import { expect, it } from "vitest"
import { CarriedFiles, eventually, TEST_MS_MAX } from "./carried-files.ts"

it(
  "what stands in our own line to a bank is not sent after compliance rejected it",
  async () => {
    await using banks = await CarriedFiles.open({ north: { policy: { ratePerSecond: 1, timeoutMs: 1_000 } } })
    await banks.platform.start(banks.environment)
    const amounts = Array.from({ length: 5 }, (_, index) => [`${index + 1}.00`, "USD"] as const)
    const id = await banks.submit("in-line", ...amounts)
    await banks.hears(id, "TransferAccepted")
    const { clearanceId } = await banks.hears(id, "ItemsScreened")
    const decisions = amounts.map((_, index) => ({ item: index + 1, decision: "rejected" }))
    await banks.callBack("/compliance-callbacks", { id: "c", clearanceId, listVersion: "newer", decisions })
    const states = () => Promise.all(decisions.map(({ item }) => banks.stateOf(id, item)))
    await eventually("everybody knows what became of each", async () =>
      (await states()).every((state) => ["settled", "parked", "rejected"].includes(state ?? "")),
    )
    const settled = (await states()).filter((state) => state === "settled")
    expect(settled.length, "some had been sent").toBeGreaterThan(0)
    expect(settled.length, "and some had not").toBeLessThan(amounts.length)
    expect(await banks.paid()).toHaveLength(settled.length)
  },
  TEST_MS_MAX,
)
